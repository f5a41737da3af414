//go:build e2e

package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
)

// nodesPart is the mark of these tests' figures in docs/reliability.md.
const nodesPart = "nodes"

var startedEtcd *fixture.Etcd

// sharedEtcd is three members that all tests share which do no harm to them. Each has a prefix of its own there.
var sharedEtcd = sync.OnceValues(func() (*fixture.Etcd, error) {
	var err error
	startedEtcd, err = fixture.StartEtcd(context.Background(), fixture.EtcdOptions{Dir: filepath.Join(scratch, "etcd")})
	return startedEtcd, err
})

// ownEtcd is members for a test that does harm to them.
func ownEtcd(t *testing.T, o fixture.EtcdOptions) *fixture.Etcd {
	t.Helper()
	o.Dir = filepath.Join(t.TempDir(), "etcd")
	e := must[*fixture.Etcd](t)(fixture.StartEtcd(t.Context(), o))
	t.Cleanup(e.Close)
	return e
}

// nodesOptions are those of nodes that share content in an etcd that others use too.
func nodesOptions(t *testing.T) fixture.NodesOptions {
	t.Helper()
	return nodesOptionsAt(t, must[*fixture.Etcd](t)(sharedEtcd()))
}

func nodesOptionsAt(t *testing.T, e *fixture.Etcd) fixture.NodesOptions {
	t.Helper()
	return fixture.NodesOptions{
		Etcd:   e,
		Prefix: "/" + anotherName("test") + "/",
		Dialtree: fixture.DialtreeOptions{Binary: must[string](t)(binary()), Dir: t.TempDir(), StartTime: time.Minute,
			LDAP: []string{"size_limit: 100000", "anonymous_from: [127.0.0.0/8]", "max_connections_per_address: 20000"}},
	}
}

// newNode configures a node, which is started by whoever wants it so.
func newNode(t *testing.T, name string, o fixture.NodesOptions) *fixture.Node {
	t.Helper()
	n := must[*fixture.Node](t)(fixture.NewNode(name, o))
	t.Cleanup(func() {
		if t.Failed() && n.Process != nil && os.Getenv("DIALTREE_STACKS") != "" {
			_ = n.Signal(syscall.SIGQUIT) // which has Go print what every goroutine does
			<-n.Done()
			t.Logf("what %s was doing is in %s", n.Name, keepLog(t, n))
		}
		n.Close()
		if t.Failed() && n.Process != nil {
			t.Logf("the log of %s:\n%s", n.Name, withoutBinds(n.Output(), 40))
		}
	})
	return n
}

// keepLog copies a node's log to a place that outlives the test.
func keepLog(t *testing.T, n *fixture.Node) string {
	path := filepath.Join(os.Getenv("DIALTREE_STACKS"), n.Name+".log")
	check(t, os.WriteFile(path, []byte(n.Output()), 0o600))
	return path
}

// withoutBinds are the last lines of a log that are of no login.
func withoutBinds(log string, most int) string {
	lines := slices.DeleteFunc(strings.Split(log, "\n"), func(line string) bool { return strings.Contains(line, `"msg":"bind"`) })
	return strings.Join(lines[max(0, len(lines)-most):], "\n")
}

// startNodes starts nodes that share the content of objects, as is done for the first time: one server makes it, others join.
func startNodes(t *testing.T, count int, o fixture.NodesOptions, objects string, connectors ...string) []*fixture.Node {
	t.Helper()
	first := newNode(t, "node1", o)
	check(t, first.Configure(false))
	check(t, first.Start(t.Context()))
	if objects != "" {
		check(t, first.Apply(t.Context(), objects, connectors...))
	}
	first.Stop()
	check(t, first.Configure(true))
	answered(t, func() error { return first.Init(t.Context()) })
	check(t, first.Start(t.Context()))
	nodes := []*fixture.Node{first}
	for i := 2; i <= count; i++ {
		nodes = append(nodes, joinNode(t, fmt.Sprintf("node%d", i), o, first))
	}
	return nodes
}

func joinNode(t *testing.T, name string, o fixture.NodesOptions, other *fixture.Node) *fixture.Node {
	t.Helper()
	n := newNode(t, name, o)
	answered(t, func() error { return n.Join(t.Context(), other) })
	check(t, n.Start(t.Context()))
	return n
}

// answered repeats what etcd gave no answer to, as it may on a busy machine.
func answered(t *testing.T, try func() error) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
		err := try()
		if err == nil {
			return
		}
		if !strings.Contains(err.Error(), "etcd does not answer") || time.Now().After(deadline) {
			t.Fatal(err)
		}
		t.Log(err)
	}
}

// together waits until all nodes are where the first says that the head is, and compares what they have byte for byte.
func together(t *testing.T, nodes ...*fixture.Node) fixture.ClusterStatus {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		seen, why := compareNodes(t.Context(), nodes)
		if why == "" {
			return seen
		}
		if time.Now().After(deadline) {
			t.Fatalf("after a minute the nodes are not together: %s", why)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func compareNodes(ctx context.Context, nodes []*fixture.Node) (first fixture.ClusterStatus, why string) {
	for i, n := range nodes {
		s, err := n.Cluster(ctx, "digest=true")
		switch {
		case err != nil:
			return first, err.Error()
		case s.DigestIndex != s.Head || s.Digest == "":
			return first, fmt.Sprintf("%s is at %d of %d %s", n.Name, s.DigestIndex, s.Head, s.Trouble)
		case i == 0:
			first = s
		case s.DigestIndex != first.DigestIndex:
			return first, fmt.Sprintf("%s is at %d, %s at %d", n.Name, s.DigestIndex, nodes[0].Name, first.DigestIndex)
		case s.Digest != first.Digest:
			return first, fmt.Sprintf("at %d %s has %s, %s has %s", s.DigestIndex, n.Name, s.Digest, nodes[0].Name, first.Digest)
		}
	}
	return first, ""
}

// elected waits until the nodes have elected one of them.
func elected(t *testing.T, nodes ...*fixture.Node) (*fixture.Node, []*fixture.Node) {
	t.Helper()
	var on *fixture.Node
	var rest []*fixture.Node
	eventually(t, "a node is elected", func() bool {
		s, err := nodes[0].Cluster(t.Context(), "")
		if err != nil {
			return false
		}
		at := slices.IndexFunc(nodes, func(n *fixture.Node) bool { return n.Name == s.Elected })
		if at < 0 {
			return false
		}
		on, rest = nodes[at], slices.Concat(nodes[:at], nodes[at+1:])
		return true
	})
	return on, rest
}

// sees tells how many entries a node finds, as a phone.
func sees(t *testing.T, n *fixture.Node, base string, filter fixture.Filter) int {
	t.Helper()
	c := connect(t, n.Dialtree, plain)
	defer c.Close()
	found, err := c.Search(fixture.Search{Base: base, Scope: fixture.WholeSubtree, Filter: filter, Attributes: []string{"cn"}})
	if err != nil || found.Code != 0 && found.Code != 32 {
		t.Fatalf("%s: search for %v: %d %s, %v", n.Name, filter, found.Code, found.Diagnostic, err)
	}
	return len(found.Entries)
}

// townObjects are a phonebook that everyone reads.
const townObjects = "kind: phonebook\nname: town\nreaders: [everyone]\n"

const townBase = "ou=town,ou=phonebook," + fixture.DialtreeBase

// contact puts a contact by a node, and returns the answer.
func putContact(t *testing.T, n *fixture.Node, name string) answer {
	t.Helper()
	return owner(n.Dialtree).ask(t, http.MethodPost, "/api/v1/contacts", map[string]any{"phonebook": "town", "displayname": name, "phone": []string{"030 1234"}})
}

// everywhere waits until each node finds so many contacts of a name, and tells how long it took.
func everywhere(t *testing.T, name string, want int, nodes ...*fixture.Node) time.Duration {
	t.Helper()
	start := time.Now()
	for _, n := range nodes {
		eventually(t, fmt.Sprintf("%s finds %s %d times", n.Name, name, want), func() bool {
			return sees(t, n, townBase, fixture.Equal("cn", name)) == want
		})
	}
	return time.Since(start)
}

// insist tries again where a node says that this may be done, as nothing was changed: on a busy machine etcd may be silent for longer than a change waits.
func insist(t *testing.T, n *fixture.Node, try func() (said string)) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		if !mayBeTriedAgain(try()) {
			return
		}
		t.Logf("%s found etcd away for a moment", n.Name)
	}
}

func mayBeTriedAgain(said string) bool {
	return strings.Contains(said, "nothing was changed") && strings.Contains(said, "try again when etcd is back")
}

// putAgain is putContact, insisted on.
func putAgain(t *testing.T, n *fixture.Node, name string) (a answer) {
	t.Helper()
	insist(t, n, func() string { a = putContact(t, n, name); return a.body })
	return a
}

// put is putAgain that has to be done.
func put(t *testing.T, n *fixture.Node, name string) {
	t.Helper()
	if a := putAgain(t, n, name); a.status >= 300 {
		t.Fatalf("%s: put %s: %d %s", n.Name, name, a.status, a.body)
	}
}

// apply has a node apply objects.
func apply(t *testing.T, n *fixture.Node, objects string) {
	t.Helper()
	var a answer
	insist(t, n, func() string {
		files := []map[string]string{{"name": "documents.yaml", "text": objects}}
		a = owner(n.Dialtree).ask(t, http.MethodPost, "/api/v1/apply", map[string]any{"files": files})
		return a.body
	})
	if a.status >= 300 {
		t.Fatalf("%s: apply: %d %s", n.Name, a.status, a.body)
	}
}

// changing is command of one that changes something.
func changing(t *testing.T, n *fixture.Node, code int, args ...string) {
	t.Helper()
	var out fixture.Output
	insist(t, n, func() string {
		if out = must[fixture.Output](t)(n.Command(t.Context(), "", args...)); out.Code == code {
			return ""
		}
		return out.Stdout + out.Stderr
	})
	if out.Code != code {
		t.Fatalf("%s: dialtree %s: exit code %d, want %d\n%s%s", n.Name, strings.Join(args, " "), out.Code, code, out.Stdout, out.Stderr)
	}
}

// refusedAway expects the refusal of a change while etcd is away.
func refusedAway(t *testing.T, n *fixture.Node, name string) {
	t.Helper()
	if a := putContact(t, n, name); a.status != http.StatusServiceUnavailable || !strings.Contains(a.body, "logins and searches go on") {
		t.Errorf("%s: a change while etcd is away: %d %s", n.Name, a.status, a.body)
	}
}

// changeable waits until every node takes a change, and tells how long it took.
func changeable(t *testing.T, when string, nodes []*fixture.Node) time.Duration {
	t.Helper()
	start := time.Now()
	for _, n := range nodes {
		eventually(t, fmt.Sprintf("after this: %s: %s takes changes", when, n.Name), func() bool {
			// An answer may take longer than it does while nothing is wrong.
			status, _, err := ask(t.Context(), n, http.MethodPost, "/api/v1/contacts", map[string]any{"phonebook": "town", "displayname": anotherName("Probe")})
			return err == nil && status < 300
		})
	}
	return time.Since(start)
}

// ask sends a request to a node, as its owner. An error is no failure of the test.
func ask(ctx context.Context, n *fixture.Node, method, path string, body any) (status int, text string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	content, err := json.Marshal(body)
	if err != nil {
		return 0, "", err
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://dialtree"+path, bytes.NewReader(content))
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("Content-Type", "application/json")
	transport := n.SocketTransport()
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return response.StatusCode, string(answer), err
}
