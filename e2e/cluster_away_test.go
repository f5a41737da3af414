//go:build e2e

package e2e_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
)

// While etcd is away logins and searches go on, also where a node is started anew, changes are refused with a sentence, and all is as it was
// when it is back.
func etcdAway(t *testing.T) {
	o := nodesOptions(t)
	s := slapd(t, fixture.User{UID: "alice", Password: "right"})
	nodes := startNodes(t, 2, o, upstream(t, plain, s.Address, "", template)+user("alice")+"---\n"+townObjects)
	put(t, nodes[0], "Before")
	signedIn(t, nodes[0].Dialtree, adminName, adminPassword, "admin")
	together(t, nodes...)
	for _, n := range nodes {
		n.Part(fixture.Silent)
	}
	for _, n := range nodes {
		eventually(t, n.Name+" says that it cannot be changed", func() bool {
			a := network(n.Dialtree).ask(t, http.MethodGet, "/readyz", nil)
			return a.status == http.StatusOK && strings.Contains(a.body, "serving, not changing")
		})
		refusedAway(t, n, "Refused")
		if r := bind(t, n.Dialtree, plain, "alice", "right"); r.Code != 0 {
			t.Errorf("%s: a login: %d %s", n.Name, r.Code, r.Diagnostic)
		}
		if sees(t, n, townBase, fixture.Equal("cn", "Before")) != 1 {
			t.Errorf("%s: a search does not find what there is", n.Name)
		}
		browser := signIn(t, n.Dialtree, adminName, adminPassword)
		if a := browser.ask(t, http.MethodGet, "/", nil); a.status != http.StatusOK || !strings.Contains(a.body, "serving") && !strings.Contains(a.body, "cannot be changed") {
			t.Errorf("%s: the page: %d, and does not say that nothing can be changed", n.Name, a.status)
		}
		browser.done(t, http.MethodDelete, "/api/v1/session", nil, nil)
		if a := browser.ask(t, http.MethodGet, "/api/v1/me", nil); a.status != http.StatusUnauthorized {
			t.Errorf("%s: after signing out: %d", n.Name, a.status)
		}
		if out := command(t, n.Dialtree, 1, "", "cluster", "status"); !strings.Contains(out.Stdout, "serving, not changing") {
			t.Errorf("%s: the status:\n%s%s", n.Name, out.Stdout, out.Stderr)
		}
	}
	nodes[1].Stop()
	check(t, nodes[1].Start(t.Context()))
	if r := bind(t, nodes[1].Dialtree, plain, "alice", "right"); r.Code != 0 {
		t.Errorf("a node that started meanwhile: %d %s", r.Code, r.Diagnostic)
	}
	refusedAway(t, nodes[1], "Refused")
	for _, n := range nodes {
		n.Part(fixture.Open)
	}
	t.Logf("changes work again after %v", changeable(t, "etcd is back", nodes))
	put(t, nodes[1], "After")
	everywhere(t, "After", 1, nodes...)
	everywhere(t, "Before", 1, nodes...)
	everywhere(t, "Refused", 0, nodes...)
	together(t, nodes...)
	for _, n := range nodes {
		eventually(t, n.Name+" says that it can be changed", func() bool {
			return !strings.Contains(network(n.Dialtree).ask(t, http.MethodGet, "/readyz", nil).body, "not changing")
		})
	}
}

// A node with the store of a backup takes the content of the others; one with another cluster's, another key or another node's name refuses,
// and says what to do.
func clusterStrangers(t *testing.T) {
	o := nodesOptions(t)
	nodes := startNodes(t, 2, o, townObjects)
	backup := filepath.Join(t.TempDir(), "backup")
	command(t, nodes[1].Dialtree, 0, "", "backup", backup)
	for i := range 3 {
		put(t, nodes[0], fmt.Sprintf("After the backup %d", i))
	}
	together(t, nodes...)
	t.Run("a backup", func(t *testing.T) {
		n := nodes[1]
		n.Stop()
		command(t, n.Dialtree, 0, "", "restore", backup)
		check(t, n.Start(t.Context()))
		for i := range 3 {
			everywhere(t, fmt.Sprintf("After the backup %d", i), 1, nodes...)
		}
		put(t, n, "From the restored node")
		everywhere(t, "From the restored node", 1, nodes...)
		together(t, nodes...)
	})
	refuses := func(t *testing.T, n *fixture.Node, want string) {
		t.Helper()
		// It may begin to serve before it has heard of the others; then it ends.
		err := n.Start(t.Context())
		if err == nil {
			select {
			case <-n.Done():
			case <-time.After(time.Minute):
				t.Fatalf("it serves")
			}
		}
		if code := n.ExitCode(); code == 0 || !strings.Contains(n.Output(), want) {
			t.Errorf("exit code %d, %q is missing in: %s", code, want, withoutBinds(n.Output(), 6))
		}
	}
	t.Run("another cluster", func(t *testing.T) {
		other := nodesOptions(t)
		stranger := startNodes(t, 1, other, townObjects)[0]
		stranger.Stop()
		config := must[[]byte](t)(os.ReadFile(stranger.ConfigFile))
		check(t, os.WriteFile(stranger.ConfigFile, bytes.ReplaceAll(config, []byte(other.Prefix), []byte(o.Prefix)), 0o600))
		key := must[[]byte](t)(os.ReadFile(nodes[0].KeyFile))
		check(t, os.WriteFile(stranger.KeyFile, key, 0o600))
		refuses(t, stranger, "cluster")
	})
	t.Run("another key", func(t *testing.T) {
		other := nodesOptions(t)
		stranger := startNodes(t, 1, other, "")[0]
		n := nodes[1]
		n.Stop()
		right := must[[]byte](t)(os.ReadFile(n.KeyFile))
		check(t, os.WriteFile(n.KeyFile, must[[]byte](t)(os.ReadFile(stranger.KeyFile)), 0o600))
		refuses(t, n, "key")
		check(t, os.WriteFile(n.KeyFile, right, 0o600))
		check(t, n.Start(t.Context()))
		together(t, nodes...)

		late := newNode(t, "node3", o)
		if err := late.Join(t.Context(), stranger); err == nil || !strings.Contains(err.Error(), "key") {
			t.Errorf("join with the wrong key: %v", err)
		}
		if _, err := os.Stat(filepath.Join(late.DataDir, "dialtree.db")); err == nil {
			t.Error("a join that was refused left a store")
		}
	})
	t.Run("a taken name", func(t *testing.T) {
		again := o
		again.Dialtree.Dir = t.TempDir()
		twin := newNode(t, "node2", again)
		if err := twin.Join(t.Context(), nodes[0]); err == nil {
			refuses(t, twin, "node2")
		} else if !strings.Contains(err.Error(), "node2") {
			t.Errorf("join: %v", err)
		}
		put(t, nodes[1], "From the one that was there first")
		everywhere(t, "From the one that was there first", 1, nodes...)
	})
}

// A member of etcd that is gone is missed by nobody.
func withoutAMember(t *testing.T) {
	o := nodesOptionsAt(t, ownEtcd(t, fixture.EtcdOptions{}))
	nodes := startNodes(t, 2, o, townObjects)
	for i, m := range o.Etcd.Members {
		m.Kill()
		start := time.Now()
		for j, n := range nodes {
			name := fmt.Sprintf("Without %s %d", m.Name, j)
			eventually(t, n.Name+" takes a change", func() bool { return putContact(t, n, name).status < 300 })
		}
		t.Logf("without %s (the leader was %d): changes on all nodes after %v", m.Name, i, time.Since(start))
		together(t, nodes...)
		check(t, m.Start(t.Context()))
	}
}

// Certificates on both sides, and a user with a password who may no more than he must.
func etcdAccess(t *testing.T) {
	a := must[*fixture.Authority](t)(authority())
	cert := must[fixture.Certificate](t)(a.Issue(anotherName("etcd"), "127.0.0.1"))
	client := must[fixture.Certificate](t)(a.Issue(anotherName("etcd-client")))
	e := ownEtcd(t, fixture.EtcdOptions{Members: 1, TLS: &cert, Authority: a, Client: &client})
	o := nodesOptionsAt(t, e)
	o.Username, o.Password, o.Certificate = "dialtree", "secret-at-etcd", &client
	for _, args := range [][]string{
		{"user", "add", "root:secret-of-root"}, {"user", "grant-role", "root", "root"},
		{"role", "add", "dialtree"}, {"role", "grant-permission", "dialtree", "readwrite", "--prefix=true", o.Prefix},
		{"user", "add", "dialtree:secret-at-etcd"}, {"user", "grant-role", "dialtree", "dialtree"}, {"auth", "enable"},
	} {
		must[string](t)(e.Ctl(t.Context(), args...))
	}
	nodes := startNodes(t, 2, o, townObjects)
	put(t, nodes[0], "Certified")
	everywhere(t, "Certified", 1, nodes...)
	together(t, nodes...)

	for name, change := range map[string]func(*fixture.NodesOptions){
		"the wrong password": func(o *fixture.NodesOptions) { o.Password = "wrong-at-etcd" },
		"no certificate":     func(o *fixture.NodesOptions) { o.Certificate = nil },
	} {
		t.Run(name, func(t *testing.T) {
			wrong := o
			wrong.Dialtree.Dir = t.TempDir()
			change(&wrong)
			n := newNode(t, "node3", wrong)
			err := n.Join(t.Context(), nodes[0])
			if err == nil {
				t.Fatal("it joined")
			}
			if strings.Contains(err.Error(), wrong.Password) {
				t.Errorf("the password is told: %v", err)
			}
		})
	}
}

// An etcd without space left takes no changes: that is said, logins and searches go on, and all is well when there is space again.
func etcdFull(t *testing.T) {
	e := ownEtcd(t, fixture.EtcdOptions{Members: 1, Quota: 8 << 20})
	o := nodesOptionsAt(t, e)
	nodes := startNodes(t, 2, o, townObjects)
	put(t, nodes[0], "Before")
	everywhere(t, "Before", 1, nodes...)
	filler := strings.Repeat("x", 100<<10)
	for i := 0; ; i++ {
		if _, err := e.Ctl(t.Context(), "put", fmt.Sprintf("somebody-else/%d", i), filler); err != nil {
			break
		}
		if i == 200 {
			t.Fatal("etcd is never full")
		}
	}
	for _, n := range nodes {
		a := putContact(t, n, "Refused")
		if a.status != http.StatusServiceUnavailable || !strings.Contains(a.body, "no space") {
			t.Errorf("%s: a change: %d %s", n.Name, a.status, a.body)
		}
		if out := command(t, n.Dialtree, 1, "", "cluster", "status"); !strings.HasPrefix(out.Stdout, "serving, not changing: etcd is full: ") {
			t.Errorf("%s: the status does not tell that etcd is full:\n%s", n.Name, out.Stdout)
		}
		everywhere(t, "Before", 1, n)
		if a := network(n.Dialtree).ask(t, http.MethodGet, "/readyz", nil); a.status != http.StatusOK || !strings.Contains(a.body, "serving, not changing: etcd has no space left") {
			t.Errorf("%s: %d %s", n.Name, a.status, a.body)
		}
	}
	must[string](t)(e.Ctl(t.Context(), "del", "--prefix", "somebody-else/"))
	revision := must[fixture.EtcdStatus](t)(e.Members[0].Status(t.Context())).Header.Revision
	must[string](t)(e.Ctl(t.Context(), "compact", revision))
	must[string](t)(e.Ctl(t.Context(), "defrag"))
	must[string](t)(e.Ctl(t.Context(), "alarm", "disarm"))
	t.Logf("changes work again after %v", changeable(t, "etcd has space again", nodes))
	put(t, nodes[1], "After")
	everywhere(t, "After", 1, nodes...)
	everywhere(t, "Refused", 0, nodes...)
	together(t, nodes...)
}
