package authproxy_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/dialtree/dialtree/authproxy"
	"github.com/dialtree/dialtree/authproxy/ldapserver"
	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/store"
)

// A wire takes what one node tells to the others, in order, after a delay.
type wire struct {
	delay time.Duration
	mu    sync.Mutex // guards what follows
	cut   bool       // nothing gets through
	all   []*node
	told  [][]byte
}

// A node is a bench among others.
type node struct {
	*bench
	wire *wire
	out  chan wired
}

type wired struct {
	event []byte
	at    time.Time
}

// Nodes implements authproxy.Caution.
func (n *node) Nodes() int {
	n.wire.mu.Lock()
	defer n.wire.mu.Unlock()
	return len(n.wire.all)
}

// Tell implements authproxy.Caution.
func (n *node) Tell(event []byte, _ bool) {
	event = slices.Clone(event)
	n.wire.mu.Lock()
	defer n.wire.mu.Unlock()
	n.wire.told = append(n.wire.told, event)
	if n.wire.cut {
		return
	}
	select {
	case n.out <- wired{event, time.Now()}:
	default:
	}
}

func (n *node) run(done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		case x := <-n.out:
			time.Sleep(time.Until(x.at.Add(n.wire.delay)))
			n.wire.mu.Lock()
			all := n.wire.all
			n.wire.mu.Unlock()
			for _, other := range all {
				if other == n {
					continue
				}
				if err := other.front.Hear(x.event, 0); err != nil {
					n.t.Error(err)
				}
			}
		}
	}
}

func (w *wire) set(cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = cut
}

var sharedKey = [32]byte{1, 2, 3}

// newNodes starts so many fronts with the same content before one directory, which hear each other within 5 ms.
func newNodes(t testing.TB, n int, change func(*authproxy.Options, *store.Upstream)) ([]*node, *directory, *wire) {
	t.Helper()
	d := &directory{passwords: map[string]string{"uid=alice" + people: "right"}}
	d.address, d.stop = serveLDAP(t, ldapserver.Options{Handler: d}, false)
	w := &wire{delay: 5 * time.Millisecond}
	done := make(chan struct{})
	var running sync.WaitGroup
	nodes := make([]*node, n)
	for i := range nodes {
		x := &node{wire: w, out: make(chan wired, 10000)}
		x.bench = newBench(t, func(o *authproxy.Options, u *store.Upstream) {
			o.Caution, o.CautionKey = x, sharedKey
			u.URLs = []string{"ldap://" + d.address}
			if change != nil {
				change(o, u)
			}
		})
		nodes[i] = x
	}
	w.mu.Lock()
	w.all = nodes
	w.mu.Unlock()
	for _, x := range nodes {
		running.Go(func() { x.run(done) })
	}
	t.Cleanup(func() { close(done); running.Wait() })
	return nodes, d, w
}

// A phone with an old password that is sent from one node to the next costs one attempt upstream.
func TestAStalePhoneThatRoamsCostsOneAttempt(t *testing.T) {
	t.Parallel()
	nodes, d, _ := newNodes(t, 10, nil)
	for i, n := range nodes {
		if code := n.dial().bind("alice", "old"); code != ldapwire.InvalidCredentials {
			t.Errorf("node %d: %v", i, code)
		}
	}
	if got := d.count(); got != 1 {
		t.Errorf("%d attempts upstream, want 1", got)
	}
	if code := nodes[7].dial().bind("alice", "right"); code != ldapwire.Success {
		t.Errorf("the right password: %v", code)
	}
}

// As many nodes as it is sent to at once ask at once, while there are few; where there are many, one does.
func TestAStalePhoneAtEveryNodeAtOnce(t *testing.T) {
	t.Parallel()
	for n, most := range map[int]int{4: 4, 10: 1} {
		nodes, d, _ := newNodes(t, n, nil)
		var all sync.WaitGroup
		for _, x := range nodes {
			c := x.dial()
			all.Go(func() {
				if code := c.bind("alice", "old"); code != ldapwire.InvalidCredentials {
					t.Error(code)
				}
			})
		}
		all.Wait()
		t.Logf("%d nodes: %d attempts upstream", n, d.count())
		if got := d.count(); got > most {
			t.Errorf("%d nodes: %d attempts upstream, want at most %d", n, got, most)
		}
	}
}

// Somebody who goes from node to node has the guesses of one.
func TestGuessesAtManyNodesAreCountedTogether(t *testing.T) {
	t.Parallel()
	nodes, d, _ := newNodes(t, 4, nil)
	var codes []ldapwire.ResultCode
	for i := range 12 {
		codes = append(codes, nodes[i%4].dial().bind("alice", fmt.Sprint("guess ", i)))
	}
	if got := d.count(); got != 4 {
		t.Errorf("%d attempts upstream, want 4: %v", got, codes)
	}
	if codes[3] != ldapwire.InvalidCredentials || codes[4] != ldapwire.Busy {
		t.Errorf("%v", codes)
	}
}

// atOnce binds at every node with several passwords of each at the same time.
func atOnce(nodes []*node, each int) {
	var all sync.WaitGroup
	for i, n := range nodes {
		for j := range each {
			c := n.dial()
			all.Go(func() { c.bind("alice", fmt.Sprintf("at once %d %d", i, j)) })
		}
	}
	all.Wait()
}

// As many nodes as an account may have failures ask at once; where there are more, or a failure is known, they ask in turn.
func TestGuessesAtOnce(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		nodes, known, most int
	}{
		{2, 0, 4}, {4, 0, 4}, {10, 0, 4}, {2, 3, 4}, {10, 1, 4},
	} {
		t.Run(fmt.Sprintf("%d nodes, %d known", tt.nodes, tt.known), func(t *testing.T) {
			nodes, d, _ := newNodes(t, tt.nodes, nil)
			d.set(func(d *directory) { d.delay = 30 * time.Millisecond })
			for i := range tt.known {
				nodes[0].dial().bind("alice", fmt.Sprint("before ", i))
			}
			atOnce(nodes, 3)
			t.Logf("%d attempts upstream", d.count())
			if got := d.count(); got > tt.most {
				t.Errorf("%d attempts upstream, want at most %d", got, tt.most)
			}
			before := d.count()
			atOnce(nodes, 1)
			if got := d.count() - before; got > max(0, 4-before) {
				t.Errorf("%d more a moment later", got)
			}
		})
	}
}

// An attempt whose answer takes long is waited for by who knows of a failure that came after it.
func TestASlowAnswerIsWaitedFor(t *testing.T) {
	t.Parallel()
	nodes, d, _ := newNodes(t, 4, nil)
	d.set(func(d *directory) { d.delay = 1500 * time.Millisecond })
	var slow sync.WaitGroup
	for i, n := range nodes[1:] {
		c := n.dial()
		slow.Go(func() { c.bind("alice", fmt.Sprint("slow ", i)) })
	}
	for d.count() < 3 {
		time.Sleep(10 * time.Millisecond)
	}
	d.set(func(d *directory) { d.delay = 0 })
	for i := range 4 {
		nodes[0].dial().bind("alice", fmt.Sprint("fast ", i))
	}
	slow.Wait()
	if got := d.count(); got != 4 {
		t.Errorf("%d attempts upstream, want 4", got)
	}
}

// Asking in turn takes a moment, which no login waits for where there are few nodes, and only the first one of an account where there are many.
func TestFirstLoginsAmongNodes(t *testing.T) {
	t.Parallel()
	for _, n := range []int{4, 5} {
		nodes, _, w := newNodes(t, n, nil)
		c := nodes[0].dial()
		var took []time.Duration
		for range 4 {
			begin := time.Now()
			if code := c.bind("alice", "right"); code != ldapwire.Success {
				t.Fatal(code)
			}
			took = append(took, time.Since(begin))
		}
		w.mu.Lock()
		told := len(w.told)
		w.mu.Unlock()
		const notice = 100 * time.Millisecond
		loaded := took[0] >= notice/2   // the machine: such an answer is told of
		again := took[0] >= time.Second // the same: it is told of once more
		if n == 5 && (took[0] < notice || told != 2 && !again) || n == 4 && !loaded && told != 0 || slices.Min(took[1:]) >= notice {
			t.Errorf("%d nodes: logins took %v, and %d events", n, took, told)
		}
	}
}

// While the others are out of reach a node goes on with its own, and nothing waits for them but the notice before an account with failures is asked about.
func TestNodesThatDoNotHearEachOtherGoOnAlone(t *testing.T) {
	t.Parallel()
	nodes, d, w := newNodes(t, 2, nil)
	w.set(true)
	for _, n := range nodes {
		for range 3 {
			n.dial().bind("alice", "old")
		}
	}
	if got := d.count(); got != 2 {
		t.Errorf("%d attempts upstream, want one of each node", got)
	}
	begin := time.Now()
	if code := nodes[0].dial().bind("alice", "right"); code != ldapwire.Success {
		t.Errorf("the right password: %v", code)
	}
	if took := time.Since(begin); took > time.Second {
		t.Errorf("the right password took %v", took)
	}
	for i := range 6 {
		nodes[1].dial().bind("alice", fmt.Sprint("guess ", i))
	}
	if got := d.count(); got != 2+1+3 {
		t.Errorf("%d attempts upstream, want 6: a node alone has its own limit", got)
	}
}

// A right password takes back at every node what its own phone has got wrong.
func TestARightPasswordClearsAtEveryNode(t *testing.T) {
	t.Parallel()
	nodes, d, _ := newNodes(t, 2, nil)
	for i := range 5 { // one mistyped and the right one, five times, at two nodes in turn
		if code := nodes[i%2].dial().bind("alice", fmt.Sprint("typo ", i)); code != ldapwire.InvalidCredentials {
			t.Fatalf("typo %d: %v", i, code)
		}
		time.Sleep(20 * time.Millisecond)
		if code := nodes[(i+1)%2].dial().bind("alice", "right"); code != ldapwire.Success {
			t.Fatalf("after typo %d: %v", i, code)
		}
		time.Sleep(20 * time.Millisecond)
	}
	if got := d.count(); got != 10 {
		t.Errorf("%d attempts upstream, want 10", got)
	}
}

// An administrator resets a user, or an address, at one node for all.
func TestAResetWorksAtEveryNode(t *testing.T) {
	t.Parallel()
	nodes, _, _ := newNodes(t, 2, func(o *authproxy.Options, _ *store.Upstream) { o.Throttle.AddressFailures = 8 })
	for i := range 6 {
		nodes[i%2].dial().bind("alice", fmt.Sprint("guess ", i))
	}
	if code := nodes[1].dial().bind("alice", "right"); code != ldapwire.Busy {
		t.Fatalf("before the reset: %v", code)
	}
	if !nodes[0].front.ResetUser("ALICE") {
		t.Error("nothing was reset")
	}
	time.Sleep(50 * time.Millisecond)
	if code := nodes[1].dial().bind("alice", "right"); code != ldapwire.Success {
		t.Errorf("after the reset: %v", code)
	}
	for i := range 5 { // with the 4 of alice more than 8
		nodes[0].dial().bind(fmt.Sprint("nobody", i), "x")
	}
	time.Sleep(50 * time.Millisecond)
	if code := nodes[1].dial().bind("inge", "inge's own"); code != ldapwire.Busy {
		t.Fatalf("an address that is shut out: %v", code)
	}
	nodes[0].front.ResetAddress("127.0.0.1")
	time.Sleep(50 * time.Millisecond)
	if code := nodes[1].dial().bind("inge", "inge's own"); code != ldapwire.Success {
		t.Errorf("after the address was reset: %v", code)
	}
}

// What counts at another node is listed by name where the name is stored.
func TestThrottledNamesOfOtherNodes(t *testing.T) {
	t.Parallel()
	nodes, _, _ := newNodes(t, 2, nil)
	c := nodes[0].dial()
	for _, name := range []string{"alice", "inge", "reception", "mallory"} {
		c.bind(name, "wrong")
	}
	time.Sleep(50 * time.Millisecond)
	got := nodes[1].front.Throttled()
	var names []string
	for _, u := range got.Users {
		names = append(names, u.Name)
	}
	slices.Sort(names)
	if want := []string{"a name tried at another node", "alice", "inge", "reception"}; !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
	if len(got.Addresses) != 1 || got.Addresses[0].Name != "127.0.0.1" || got.Addresses[0].Failures != 4 {
		t.Errorf("%+v", got.Addresses)
	}
	nodes[1].dial().bind("mallory", "wrong")
	for _, u := range nodes[1].front.Throttled().Users {
		if u.Name == "a name tried at another node" {
			t.Error("the name was tried here, too")
		}
	}
}

// Whoever tries one name at many nodes gets the same answers, whether there is such a user or not.
func TestNamesAreNotToldByGoingFromNodeToNode(t *testing.T) {
	t.Parallel()
	nodes, _, _ := newNodes(t, 3, func(o *authproxy.Options, _ *store.Upstream) { o.Throttle.AddressFailures = 1000 })
	answers := func(name string) []ldapwire.ResultCode {
		var codes []ldapwire.ResultCode
		for i := range 9 {
			codes = append(codes, nodes[i%3].dial().bind(name, fmt.Sprint("guess ", i/2)))
		}
		return codes
	}
	want := answers("alice")
	for _, name := range []string{"mallory", "dora", "otto", "inge"} {
		if got := answers(name); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want as for a user: %v", name, got, want)
		}
	}
}

// A bind that is accepted costs the same on a node among others, also while they tell of failures.
func BenchmarkBindAmongNodes(b *testing.B) {
	for _, nodes := range []int{0, 2} {
		b.Run(fmt.Sprint("nodes=", nodes), func(b *testing.B) {
			cache := func(_ *authproxy.Options, u *store.Upstream) { u.Cache.Success = store.Duration(time.Hour) }
			var c *client
			if nodes == 0 {
				c = newBench(b, cache).dial()
			} else {
				all, _, _ := newNodes(b, nodes, cache)
				all[1].dial().bind("inge", "wrong")
				c = all[0].dial()
			}
			benchmarkBinds(b, c)
		})
	}
}
