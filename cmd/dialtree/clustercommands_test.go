package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/cmd/dialtree/internal/demoetcd"
)

// A testNode is a directory with a configuration of a cluster's node.
type testNode struct {
	t            *testing.T
	config, data string
}

func newTestNode(t *testing.T, name, endpoint, keyFile string) *testNode {
	t.Helper()
	dir, err := os.MkdirTemp("", "dialtree") // a test's own directory may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	n := &testNode{t: t, config: filepath.Join(dir, "dialtree.yaml"), data: filepath.Join(dir, "data")}
	text := fmt.Sprintf("data_dir: %s\nldap: {listen: '127.0.0.1:0'}\nadmin: {listen: ''}\ncluster:\n  node: %s\n  etcd: {endpoints: '%s'}\n  key_file: %s\n", n.data, name, endpoint, keyFile)
	if err := os.WriteFile(n.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return n
}

// does runs a command of the node, which must end with a code and say something.
func (n *testNode) does(code int, says string, args ...string) {
	n.t.Helper()
	out, errs, got := runCommand(n.t, "", append([]string{"--config", n.config}, args...)...)
	if got != code || !strings.Contains(out+errs, says) {
		n.t.Errorf("%s: exit code %d, want %d and %q:\n%s%s", strings.Join(args, " "), got, code, says, out, errs)
	}
}

// soon runs a command of the node until it says something.
func (n *testNode) soon(says string, args ...string) {
	n.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		out, errs, _ := runCommand(n.t, "", append([]string{"--config", n.config}, args...)...)
		if strings.Contains(out, says) {
			return
		}
		if time.Now().After(deadline) {
			n.t.Fatalf("%s does not say %q:\n%s%s", strings.Join(args, " "), says, out, errs)
		}
	}
}

// serves starts its server and waits until it is ready.
func (n *testNode) serves() (stop func() int) {
	n.t.Helper()
	_, stderr, stop := startCommand(n.t, "--config", n.config, "serve")
	waitFor(n.t, "serve", stderr, `"msg":"ready"`)
	return stop
}

// The commands of a cluster, from the first node to the last, with what they refuse.
func TestClusterCommands(t *testing.T) {
	address, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	etcd := demoetcd.New(t.TempDir(), address)
	if err := etcd.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer etcd.Stop()
	key := filepath.Join(t.TempDir(), "cluster.key")
	one, two := newTestNode(t, "one", etcd.Endpoint(), key), newTestNode(t, "two", etcd.Endpoint(), key)

	one.does(exitFailed, "there is no key of the cluster in "+key, "cluster", "join")
	one.does(exitDone, "one is its first node\n"+key+" is new and seals what goes to etcd: copy it to the other nodes", "cluster", "init")
	if info, err := os.Stat(key); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key: %v, %v", info, err)
	}
	one.does(exitFailed, "this store is a node of the cluster ", "cluster", "init")
	if os.Geteuid() != 0 { // who may read everything
		if err := os.Chmod(key, 0); err != nil {
			t.Fatal(err)
		}
		two.does(exitFailed, "the key of the cluster in "+key+" cannot be read: it must belong to the user that the server runs as", "cluster", "join")
		if err := os.Chmod(key, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	two.does(exitFailed, "there is no store of it in "+two.data, "serve")
	two.does(exitDone, "two is a node of cluster ", "cluster", "join")
	two.does(exitDone, "the store that was there before is now "+two.data+"/dialtree.db.before-join", "cluster", "join")
	two.does(exitDone, "is sound", "check")

	stop := one.serves()
	one.soon("one runs them", "cluster", "status")
	one.does(exitDone, "ready\n", "health")
	backup := filepath.Join(t.TempDir(), "a.backup")
	one.does(exitDone, "wrote ", "backup", backup)
	one.does(exitFailed, "stop it first", "cluster", "leave")
	stop()

	other := newTestNode(t, "three", etcd.Endpoint(), filepath.Join(t.TempDir(), "other.key"))
	other.does(exitFailed, "the key does not open the cluster ", "cluster", "init")
	if _, err := os.Stat(filepath.Join(filepath.Dir(other.config), "other.key")); !os.IsNotExist(err) {
		t.Errorf("a key that seals nothing is left behind: %v", err)
	}

	one.does(exitDone, "to give all nodes the content of this backup instead: dialtree cluster init --replace", "restore", backup)
	one.does(exitDone, "is that of the cluster now", "cluster", "init", "--replace")
	stop = two.serves()
	two.soon("change 65", "cluster", "status", "--digest") // a replacement is far ahead of what there was
	stop()

	two.does(exitDone, "del --prefix /dialtree/", "cluster", "leave")
	two.does(exitFailed, "there is no cluster to leave", "cluster", "leave")
	two.does(exitFailed, "is alone: `dialtree cluster join`", "serve")
	alone := strings.TrimSuffix(one.config, "yaml") + "alone.yaml"
	if err := os.WriteFile(alone, []byte("data_dir: "+one.data+"\nldap: {listen: '127.0.0.1:0'}\nadmin: {listen: ''}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	with := *one
	with.config = alone
	with.does(exitFailed, "the configuration has no section cluster: put it back, or make the store one of its own with `dialtree cluster leave`", "serve")
	with.does(exitDone, "etcd was not told", "cluster", "leave")
}

// With etcd away a node starts, and serves what it has.
func TestStartWithoutEtcd(t *testing.T) {
	address, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	etcd := demoetcd.New(t.TempDir(), address)
	if err := etcd.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer etcd.Stop()
	n := newTestNode(t, "one", etcd.Endpoint(), filepath.Join(t.TempDir(), "cluster.key"))
	n.does(exitDone, "made cluster", "cluster", "init")
	etcd.Stop()
	n.does(exitFailed, ": look whether etcd runs at "+etcd.Endpoint()+", and at cluster.etcd.endpoints in the configuration\n", "cluster", "join")
	stop := n.serves()
	n.does(exitDone, "ready: serving, not changing: etcd does not answer", "health")
	n.does(exitFailed, "serving, not changing: etcd does not answer", "cluster", "status")
	users := filepath.Join(t.TempDir(), "users.yaml")
	if err := os.WriteFile(users, []byte("kind: user\nusername: alice\ndisplayname: Alice\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	n.does(exitFailed, "dialtree: nothing was changed: the content that this node shares with others cannot be changed now (etcd does not answer", "apply", "-f", users)
	if err := etcd.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	n.soon("ready\n", "health")
	n.does(exitDone, "created user alice", "apply", "-f", users)
	if code := stop(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
}
