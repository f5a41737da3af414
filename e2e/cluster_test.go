//go:build e2e

package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
)

// clusterTests are what several nodes do together, that which takes longest first.
var clusterTests = []struct {
	name string
	test func(*testing.T)
}{
	{"mixed versions", mixedVersions},
	{"schedules", clusterSchedules},
	{"paused on duty", pausedOnDuty},
	{"behind HAProxy", behindHAProxy},
	{"strangers", clusterStrangers},
	{"etcd away", etcdAway},
	{"together", clusterTogether},
	{"the claim of the dead", claimOfTheDead},
	{"without a member", withoutAMember},
	{"etcd is full", etcdFull},
	{"access to etcd", etcdAccess},
	{"one run at a time", runsOnce},
	{"the demo", clusterDemo},
	{"init, join and leave", initJoinLeave},
}

// Most of it is waiting for leases to end and schedules to come, so that several go on at a time, more than there are processors: t.Parallel
// would not do that.
func TestCluster(t *testing.T) {
	free := make(chan struct{}, 6)
	var running sync.WaitGroup
	for _, one := range clusterTests {
		free <- struct{}{}
		running.Go(func() {
			defer func() { <-free }()
			t.Run(one.name, one.test)
		})
	}
	running.Wait()
}

// One server becomes the first node of a cluster, others join, leave, and the first is a server of its own again: each by one command, and
// nobody loses anything.
func initJoinLeave(t *testing.T) {
	o := nodesOptions(t)
	first := newNode(t, "node1", o)
	check(t, first.Configure(false))
	check(t, first.Start(t.Context()))
	owner(first.Dialtree).apply(t, townObjects)
	put(t, first, "Alone")
	first.Stop()

	check(t, first.Configure(true))
	if err := first.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "cluster init") {
		t.Fatalf("a store that is alone, with a cluster in the configuration: %v", err)
	}
	check(t, first.Init(t.Context()))
	if err := first.Init(t.Context()); err == nil {
		t.Error("a cluster was made twice")
	}
	check(t, first.Start(t.Context()))
	second := joinNode(t, "node2", o, first)
	third := joinNode(t, "node3", o, first)
	all := []*fixture.Node{first, second, third}
	together(t, all...)
	everywhere(t, "Alone", 1, all...)
	put(t, third, "Together")
	everywhere(t, "Together", 1, all...)
	status := command(t, second.Dialtree, 0, "", "cluster", "status").Stdout
	for _, want := range []string{"node1", "node2", "node3", "etcd1", "etcd2", "etcd3", "leader"} {
		if !strings.Contains(status, want) {
			t.Errorf("the status does not tell of %s:\n%s", want, status)
		}
	}

	third.Stop()
	out := command(t, third.Dialtree, 0, "", "cluster", "leave")
	if !strings.Contains(out.Stdout, "has left cluster") {
		t.Errorf("left: %s", out.Stdout)
	}
	check(t, third.Configure(false))
	check(t, third.Start(t.Context()))
	put(t, third, "Parted")
	put(t, first, "Without the third")
	everywhere(t, "Without the third", 1, first, second)
	everywhere(t, "Parted", 1, third)
	everywhere(t, "Together", 1, third)
	if n := sees(t, third, townBase, fixture.Equal("cn", "Without the third")) + sees(t, first, townBase, fixture.Equal("cn", "Parted")); n != 0 {
		t.Error("a node that left still shares")
	}
	eventually(t, "the third is gone from the list", func() bool {
		s, err := first.Cluster(t.Context(), "")
		return err == nil && len(s.Nodes) == 2
	})
	// It comes back: what it had on its own is kept beside.
	third.Stop()
	check(t, third.Configure(true))
	check(t, third.Join(t.Context(), first))
	if _, err := os.Stat(filepath.Join(third.DataDir, "dialtree.db.before-join")); err != nil {
		t.Errorf("the store of before: %v", err)
	}
	check(t, third.Start(t.Context()))
	together(t, all...)

	for _, n := range []*fixture.Node{third, second, first} {
		n.Stop()
		command(t, n.Dialtree, 0, "", "cluster", "leave")
	}
	check(t, first.Configure(false))
	check(t, first.Start(t.Context()))
	put(t, first, "Alone again")
	for _, name := range []string{"Alone", "Together", "Without the third", "Alone again"} {
		everywhere(t, name, 1, first)
	}
	command(t, first.Dialtree, 0, "", "check")
}

// What is changed on one node is so on the others: edits, imports at once, plans, runs, sessions, refusals of passwords.
func clusterTogether(t *testing.T) {
	o := nodesOptions(t)
	s := slapd(t, fixture.User{UID: "alice", Password: "right"}, fixture.User{UID: "bob", Password: "right"})
	wire := tap(t, s.Address)
	nodes := startNodes(t, 3, o, upstream(t, plain, wire.Address, "", template)+user("alice")+user("bob")+"---\n"+townObjects)
	t.Run("an edit", func(t *testing.T) { clusterEdit(t, nodes) })
	t.Run("an import at once", func(t *testing.T) { clusterImport(t, nodes) })
	t.Run("a plan, its confirmation and its undoing", func(t *testing.T) { clusterPlan(t, nodes) })
	t.Run("a session", func(t *testing.T) { clusterSession(t, nodes) })
	t.Run("an old password", func(t *testing.T) { clusterOldPassword(t, nodes, wire) })
	t.Run("guesses", func(t *testing.T) { clusterGuesses(t, nodes, wire) })
	t.Run("nothing in clear", func(t *testing.T) { clusterSealed(t, o, nodes) })
	together(t, nodes...)
}

func clusterEdit(t *testing.T, nodes []*fixture.Node) {
	program := must[string](t)(exec.LookPath("ldapsearch"))
	for i, n := range nodes {
		name := fmt.Sprintf("Zoë from node %d", i+1)
		put(t, n, name)
		for _, other := range nodes {
			eventually(t, other.Name+" finds "+name+" by ldapsearch", func() bool {
				out, err := exec.CommandContext(t.Context(), program, "-x", "-LLL", "-H", "ldap://"+other.Address, "-b", fixture.DialtreeBase, "(cn=zoe from node "+fmt.Sprint(i+1)+")", "cn").Output()
				return err == nil && strings.Count(string(out), "dn: ") == 1
			})
		}
	}
	// The same thing changed everywhere at the same time: one after the other, and none is lost.
	apply(t, nodes[0], "---\nkind: phonebook\nname: crowded\n")
	together(t, nodes...)
	var done sync.WaitGroup
	var failed atomic.Int64
	for i, n := range nodes {
		done.Go(func() {
			for j := range 20 {
				if a := putAgain(t, n, fmt.Sprintf("Crowd %d-%d", i, j)); a.status >= 300 {
					failed.Add(1)
					t.Errorf("%s: %d %s", n.Name, a.status, a.body)
				}
			}
		})
	}
	done.Wait()
	together(t, nodes...)
	for _, n := range nodes {
		eventually(t, n.Name+" finds all", func() bool { return sees(t, n, townBase, fixture.Prefix("cn", "Crowd ")) == 60-int(failed.Load()) })
	}
}

const importedAtOnce = 20_000

func clusterImport(t *testing.T, nodes []*fixture.Node) {
	file := filepath.Join(t.TempDir(), "many.csv")
	write := func(generation int) {
		var b strings.Builder
		b.WriteString("displayname,phone,organisation\n")
		for i := range importedAtOnce {
			fmt.Fprintf(&b, "Person %d,+49 30 %d,Generation %d\n", i, 1_000_000+i, generation)
		}
		check(t, os.WriteFile(file, []byte(b.String()), 0o600))
	}
	apply(t, nodes[0], fmt.Sprintf("kind: phonebook\nname: many\nreaders: [everyone]\n---\nkind: connector\nname: many\ntemplate: csv-phonebook\ntarget: phonebook/many\nkey: displayname\nsource: {csv: {path: %q}}\n", file))
	together(t, nodes...)
	ends := make(chan struct{})
	var counters sync.WaitGroup
	var seen [3]atomic.Int64
	for i, n := range nodes {
		c := connect(t, n.Dialtree, plain)
		// What searches read is brought up to date behind the store.
		eventually(t, n.Name+" shows the phonebook", func() bool {
			return must[fixture.Found](t)(c.Search(fixture.Search{Base: "ou=many,ou=phonebook," + fixture.DialtreeBase})).Code == 0
		})
		counters.Go(func() {
			last := 0
			for {
				select {
				case <-ends:
					return
				default:
				}
				c.SetDeadline(time.Now().Add(time.Minute))
				found, err := c.Search(fixture.Search{Base: "ou=many,ou=phonebook," + fixture.DialtreeBase, Scope: fixture.SingleLevel, Attributes: []string{"o"}})
				if err != nil || found.Code != 0 {
					t.Errorf("%s: %d %s, %v", n.Name, found.Code, found.Diagnostic, err)
					return
				}
				generations := map[string]int{}
				for _, e := range found.Entries {
					generations[e.Get("o")]++
				}
				generation := 0
				for text, count := range generations {
					_, _ = fmt.Sscanf(text, "Generation %d", &generation)
					if count != importedAtOnce || len(generations) != 1 {
						t.Errorf("%s sees a part of an import: %v", n.Name, generations)
						return
					}
				}
				if generation < last {
					t.Errorf("%s: generation %d after %d", n.Name, generation, last)
					return
				}
				last = generation
				seen[i].Store(int64(last))
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
	for generation := 1; generation <= 2; generation++ {
		write(generation)
		changing(t, nodes[generation], 0, "connector", "run", "many")
		for i, n := range nodes {
			eventually(t, fmt.Sprintf("%s shows generation %d", n.Name, generation), func() bool { return t.Failed() || seen[i].Load() == int64(generation) })
		}
	}
	close(ends)
	counters.Wait()
}

// clusterRun is a run as the history of a connector has it.
type clusterRun struct {
	ID, Result, By string
	Started        time.Time
	Created        int
	Removed        int
}

func history(t *testing.T, n *fixture.Node, connector string) (runs []clusterRun) {
	t.Helper()
	check(t, json.Unmarshal([]byte(command(t, n.Dialtree, 0, "", "connector", "history", connector, "-o", "json").Stdout), &runs))
	return runs
}

// A run that is stopped at one node is confirmed at a second and undone at a third.
func clusterPlan(t *testing.T, nodes []*fixture.Node) {
	file := filepath.Join(t.TempDir(), "few.csv")
	write := func(count int) {
		var b strings.Builder
		b.WriteString("displayname,phone\n")
		for i := range count {
			fmt.Fprintf(&b, "Few %d,+49 30 %d\n", i, 1_000_000+i)
		}
		check(t, os.WriteFile(file, []byte(b.String()), 0o600))
	}
	few := func(n *fixture.Node, want int) {
		t.Helper()
		eventually(t, fmt.Sprintf("%s finds %d", n.Name, want), func() bool { return sees(t, n, townBase, fixture.Prefix("cn", "Few ")) == want })
	}
	write(100)
	apply(t, nodes[0], fmt.Sprintf("kind: connector\nname: few\ntemplate: csv-phonebook\ntarget: phonebook/town\nkey: displayname\nsource: {csv: {path: %q}}\n", file))
	together(t, nodes...)
	changing(t, nodes[0], 0, "connector", "run", "few")
	write(40)
	together(t, nodes...)
	changing(t, nodes[0], 3, "connector", "run", "few")
	together(t, nodes...)
	changing(t, nodes[1], 0, "connector", "run", "few", "--confirm")
	for _, n := range nodes {
		few(n, 40)
	}
	runs := history(t, nodes[2], "few")
	if len(runs) < 3 || runs[0].Removed != 60 {
		t.Fatalf("the third node has the runs %+v", runs)
	}
	changing(t, nodes[2], 0, "connector", "undo", runs[0].ID)
	for _, n := range nodes {
		few(n, 100)
	}
}

// Who signed in at one node is signed in at each, and signed out at each.
func clusterSession(t *testing.T, nodes []*fixture.Node) {
	first := signedIn(t, nodes[0].Dialtree, adminName, adminPassword, "admin")
	together(t, nodes...)
	at := func(n *fixture.Node) answer {
		return network(n.Dialtree).browser().with("Cookie", first.header.Get("Cookie")).ask(t, http.MethodGet, "/api/v1/me", nil)
	}
	for _, n := range nodes {
		if a := at(n); a.status != http.StatusOK || !strings.Contains(a.body, adminName) {
			t.Errorf("%s: %d %s", n.Name, a.status, a.body)
		}
	}
	network(nodes[1].Dialtree).browser().with("Cookie", first.header.Get("Cookie")).done(t, http.MethodDelete, "/api/v1/session", nil, nil)
	for _, n := range nodes {
		eventually(t, n.Name+" knows that the session has ended", func() bool { return at(n).status == http.StatusUnauthorized })
	}
}

// hearsay is how long what logins at one node say may take to be told.
const hearsay = time.Second

// heard waits for a while, and then until each node has heard all that the others have told of logins, as far as they count it: what etcd took and gave no
// answer to is heard and not told.
func heard(t *testing.T, nodes []*fixture.Node, after time.Duration) {
	t.Helper()
	time.Sleep(after)
	eventually(t, "all nodes have heard of these logins", func() bool {
		told, known := 0.0, make([]float64, len(nodes))
		for i, n := range nodes {
			// There is no series before the first.
			own, _ := n.Metric(t.Context(), `dialtree_cluster_caution_events_total{direction="told",result="sent"}`)
			others, _ := n.Metric(t.Context(), `dialtree_cluster_caution_events_total{direction="heard",result="noted"}`)
			told += own
			known[i] = own + others
		}
		return slices.Min(known) >= told
	})
}

// A phone with an old password that roams over all nodes costs one attempt at the directory.
func clusterOldPassword(t *testing.T, nodes []*fixture.Node, wire *fixture.Tap) {
	wire.Reset()
	for i := range 10 {
		if r := bind(t, nodes[i%len(nodes)].Dialtree, plain, "alice", "old"); r.Code != 49 && r.Code != 51 {
			t.Errorf("attempt %d: %d %s", i+1, r.Code, r.Diagnostic)
		}
		if i == 0 {
			heard(t, nodes, hearsay)
		}
	}
	if sent := wire.Binds(); len(sent) != 1 {
		t.Errorf("%d binds reached the directory, want 1: %+v", len(sent), sent)
	}
	for _, n := range nodes {
		if r := bind(t, n.Dialtree, plain, "alice", "right"); r.Code != 0 && r.Code != 51 {
			t.Errorf("%s: the right password after that: %d %s", n.Name, r.Code, r.Diagnostic)
		}
	}
}

// Who guesses passwords at one node after the other is throttled as if they were one.
func clusterGuesses(t *testing.T, nodes []*fixture.Node, wire *fixture.Tap) {
	wire.Reset()
	for i := range 12 {
		if r := bind(t, nodes[i%len(nodes)].Dialtree, plain, "bob", fmt.Sprintf("guess %d", i)); r.Code != 49 && r.Code != 51 {
			t.Errorf("guess %d: %d %s", i+1, r.Code, r.Diagnostic)
		}
		heard(t, nodes, hearsay/4)
	}
	if sent := len(wire.Binds()); sent < 3 || sent > 6 {
		t.Errorf("%d of 12 guesses reached the directory, want 5 or so, as at one node", sent)
	}
	for _, n := range nodes {
		if r := bind(t, n.Dialtree, plain, "bob", "another guess"); r.Code != 51 {
			t.Errorf("%s: a guess after that: %d %s, want 51", n.Name, r.Code, r.Diagnostic)
		}
	}
}

// Nothing that anybody may not know is in etcd.
func clusterSealed(t *testing.T, o fixture.NodesOptions, nodes []*fixture.Node) {
	put(t, nodes[0], "Conspicuous Name")
	apply(t, nodes[0], "kind: device\nname: conspicuous-device\npassword: conspicuous-secret\n")
	together(t, nodes...)
	out := must[string](t)(o.Etcd.Ctl(t.Context(), "get", "--prefix", o.Prefix))
	if !strings.Contains(out, "log/head") || !strings.Contains(out, "node1") {
		t.Fatalf("etcd has %d bytes, and no head or no node", len(out))
	}
	key := strings.Fields(string(must[[]byte](t)(os.ReadFile(nodes[0].KeyFile))))
	for _, secret := range []string{"onspicuous", "alice", "Person 1", "Generation", "1000001", adminPassword, key[len(key)-1]} {
		if strings.Contains(out, secret) {
			t.Errorf("etcd holds %q in clear", secret)
		}
	}
}
