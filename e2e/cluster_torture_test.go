//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
	"github.com/dialtree/dialtree/e2e/torture"
)

// A harm is something that goes wrong, for a while.
type harm struct {
	name string
	long bool // of the long form only
	do   func(w *warfare)
	undo func(w *warfare)
}

// A warfare is what harms are done to.
type warfare struct {
	t      *testing.T
	etcd   *fixture.Etcd
	nodes  []*fixture.Node
	i      int // which one is meant
	random *rand.Rand
}

func (w *warfare) node() *fixture.Node         { return w.nodes[w.i%len(w.nodes)] }
func (w *warfare) member() *fixture.EtcdMember { return w.etcd.Members[w.i%len(w.etcd.Members)] }
func (w *warfare) startNode()                  { check(w.t, w.node().Start(w.t.Context())) }
func (w *warfare) startMember()                { check(w.t, w.member().Start(w.t.Context())) }

func (w *warfare) signal(p *fixture.Process, sig syscall.Signal) { check(w.t, p.Signal(sig)) }

func (w *warfare) links(t fixture.Traffic, nodes ...*fixture.Node) {
	for _, n := range nodes {
		n.Part(t)
	}
}

// leader is the number of the member that leads.
func (w *warfare) leader() int { return max(0, w.etcd.Leader(w.t.Context())) }

// isolate parts a member from the other members.
func (w *warfare) isolate(member int) {
	for i := range w.etcd.Members {
		if i != member {
			w.etcd.Part(member, i, fixture.Silent)
		}
	}
}

func (w *warfare) heal() {
	w.etcd.Heal()
	w.links(fixture.Open, w.nodes...)
}

var harms = []harm{
	{"a node is killed", false, func(w *warfare) { w.node().Kill() }, (*warfare).startNode},
	{"a member is killed", false, func(w *warfare) { w.member().Kill() }, (*warfare).startMember},
	{"a node is paused", false, func(w *warfare) { w.signal(w.node().Process, syscall.SIGSTOP) }, func(w *warfare) { w.signal(w.node().Process, syscall.SIGCONT) }},
	{"a member is paused", false, func(w *warfare) { w.signal(w.member().Process, syscall.SIGSTOP) }, func(w *warfare) { w.signal(w.member().Process, syscall.SIGCONT) }},
	{"a member is parted from the others, and not from the nodes", false, func(w *warfare) { w.isolate(w.i % 3) }, (*warfare).heal},
	{"a node is parted from all members", false, func(w *warfare) { w.links(fixture.Silent, w.node()) }, (*warfare).heal},
	{"what all members answer is lost", false, func(w *warfare) { w.links(fixture.Mute, w.nodes...) }, (*warfare).heal},
	{"the member that leads is parted from the others", true, func(w *warfare) { w.isolate(w.leader()) }, (*warfare).heal},
	{"two members are parted, the third reaches both", true, func(w *warfare) { w.etcd.Part(w.i%3, (w.i+1)%3, fixture.Silent) }, (*warfare).heal},
	{"a member hears the others, which do not hear it", true, func(w *warfare) {
		w.etcd.PartOneWay(w.i%3, (w.i+1)%3, true)
		w.etcd.PartOneWay(w.i%3, (w.i+2)%3, true)
	}, (*warfare).heal},
	{"a node reaches one member, which is parted from the others", true, func(w *warfare) {
		w.isolate(w.i % 3)
		for i, l := range w.node().Links {
			if i != w.i%3 {
				l.Set(fixture.Silent)
			}
		}
	}, (*warfare).heal},
	{"each node reaches another member alone", true, func(w *warfare) {
		for i, n := range w.nodes {
			for j, l := range n.Links {
				if j != (i+w.i)%3 {
					l.Set(fixture.Silent)
				}
			}
		}
	}, (*warfare).heal},
	{"what a node asks is lost", true, func(w *warfare) { w.links(fixture.Deaf, w.node()) }, (*warfare).heal},
	{"what a node is answered is lost", true, func(w *warfare) { w.links(fixture.Mute, w.node()) }, (*warfare).heal},
	{"a node is refused by all members", true, func(w *warfare) { w.links(fixture.Refused, w.node()) }, (*warfare).heal},
	{"connections break and come back", true, func(w *warfare) {
		for range 10 {
			w.links(fixture.Refused, w.nodes...)
			w.links(fixture.Open, w.nodes...)
			time.Sleep(time.Duration(w.random.IntN(300)) * time.Millisecond)
		}
	}, (*warfare).heal},
	{"two members are killed", true, func(w *warfare) {
		for i := range 2 {
			w.etcd.Members[(w.i+i)%3].Kill()
		}
	}, func(w *warfare) {
		for i := range 2 {
			check(w.t, w.etcd.Members[(w.i+i)%3].Begin())
		}
		check(w.t, w.etcd.Members[w.i%3].AwaitLeader(w.t.Context()))
	}},
	{"all nodes are killed at once", true, func(w *warfare) {
		for _, n := range w.nodes {
			check(w.t, n.Signal(syscall.SIGKILL))
		}
		for _, n := range w.nodes {
			<-n.Done()
		}
	}, func(w *warfare) {
		for _, n := range w.nodes {
			check(w.t, n.Start(w.t.Context()))
		}
	}},
	{"everything is parted from everything", true, func(w *warfare) {
		for i := range w.etcd.Members {
			w.isolate(i)
		}
		w.links(fixture.Silent, w.nodes...)
	}, (*warfare).heal},
}

// Three nodes and three members under load, and whatever can happen to them happens: no login is answered wrongly, no search sees half a
// sync, and at the end all nodes have the same content, with every change that was acknowledged, once, and none that was refused.
func TestTortureCluster(t *testing.T) {
	seed := chaosSeed(t)
	o := nodesOptionsAt(t, ownEtcd(t, fixture.EtcdOptions{}))
	o.Dialtree.Config = []string{"throttle: {user_failures: 1000, address_failures: 1000000}"} // or the wrong passwords would hardly be asked for
	dir := t.TempDir()
	file := filepath.Join(dir, "changing.csv")
	check(t, writeSiegeFile(file, 1))
	s := must[*fixture.Slapd](t)(fixture.StartSlapd(t.Context(), fixture.SlapdOptions{Dir: t.TempDir(), Users: siegeAccounts()}))
	t.Cleanup(s.Stop)
	nodes := startNodes(t, 3, o, siegeObjects(t, s.Address, file), "changing")
	together(t, nodes...)

	ctx, stop := context.WithCancel(t.Context())
	attack := &siege{t: t, nodes: nodes, dir: dir, ctx: ctx}
	attack.begin()
	w := &warfare{t: t, etcd: o.Etcd, nodes: nodes, random: rand.New(rand.NewPCG(seed, 8))}
	begin, slowest := time.Now(), time.Duration(0)
	done := 0
	for round := range torture.Pick(1, 2) {
		for number, h := range harms {
			if h.long && !torture.Long() {
				continue
			}
			w.i = round + number
			h.do(w)
			time.Sleep(torture.Pick(time.Second, time.Duration(2+w.random.IntN(14))*time.Second))
			h.undo(w)
			done++
			back := changeable(t, h.name, nodes)
			slowest = max(slowest, back)
			t.Logf("%s (%d): all nodes take changes again after %v", h.name, w.i, back.Round(10*time.Millisecond))
		}
	}
	// The run of a node that was killed keeps the connector for as long as that node's lease lasts, which may be all of the short form.
	eventually(t, "syncs come through", func() bool { return attack.generations.Load() > 1 })
	stop()
	attack.workers.Wait()
	apply(t, nodes[0], fmt.Sprintf("kind: connector\nname: changing\ntemplate: csv-phonebook\ntarget: phonebook/changing\nkey: customernumber\nvariables: {customernumber: customernumber}\nlimits: {removals: 90%%}\nsource: {csv: {path: %q}}\n", file))
	end := together(t, nodes...)
	attack.judge()
	for _, n := range nodes {
		command(t, n.Dialtree, 0, "", "check")
	}
	note := func(what, format string, args ...any) {
		torture.Note(t, nodesPart, what, torture.Dialtree, format, args...)
	}
	title := fmt.Sprintf("three nodes and three members of etcd, %d kills, pauses and partings in %v: ", done, time.Since(begin).Round(time.Second))
	note(title+"binds, right and wrong", "%d accepted, %d refused, %d not found out, none wrong", attack.accepted.Load(), attack.refused.Load(), attack.unknown.Load())
	note("… searches of 5,000 contacts, half of which each sync replaces; generations seen; those that saw half", "%d; %d; none", attack.searches.Load(), attack.generations.Load())
	note("… edits that were acknowledged, refused, in doubt", "%d, %d, %d", attack.acknowledged.Load(), attack.denied.Load(), attack.doubtful.Load())
	note("… of these lost, doubled, made though refused; nodes that differ at the end", "none, none, none; none, at position %d", end.DigestIndex)
	note("… the longest until all nodes took changes again after the harm had ended", "%v", slowest.Round(10*time.Millisecond))
}
