package upstream_test

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/authproxy/upstream"
)

// A network is servers in memory, so that time can be the test's.
type network struct {
	mu      sync.Mutex
	handle  map[string]func(*peer) // by address; nil: connections are refused
	dials   []string
	f       *fake
	running sync.WaitGroup
}

func newNetwork(t *testing.T) *network {
	return &network{handle: make(map[string]func(*peer)), f: &fake{t: t, stopped: make(chan struct{})}}
}

func (n *network) set(address string, handle func(*peer)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.handle[address] = handle
}

func (n *network) dial(_ context.Context, _, address string) (net.Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dials = append(n.dials, address)
	handle := n.handle[address]
	if handle == nil {
		return nil, errors.New("connection refused")
	}
	ours, theirs := net.Pipe()
	n.running.Go(func() {
		defer theirs.Close()
		handle(&peer{Conn: theirs, f: n.f})
	})
	return ours, nil
}

// dialled tells what was dialled since the last call.
func (n *network) dialled() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	defer func() { n.dials = nil }()
	return strings.ReplaceAll(strings.Join(n.dials, " "), ":389", "")
}

// inBubble runs a test with an upstream of the servers a and b, in virtual time.
func inBubble(t *testing.T, change func(*upstream.Options), test func(t *testing.T, n *network, u *upstream.Upstream)) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		o := options("ldap://a", "ldap://b")
		o.ConnectTimeout, o.BindTimeout = 2*time.Second, 10*time.Second
		o.Dial = n.dial
		if change != nil {
			change(&o)
		}
		u, err := upstream.New(o)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		var running sync.WaitGroup
		running.Go(func() { u.Run(ctx) })
		test(t, n, u)
		cancel()
		running.Wait()
		n.running.Wait()
	})
}

func expect(t *testing.T, n *network, u *upstream.Upstream, outcome, server, dialled string) {
	t.Helper()
	res, err := u.Bind(t.Context(), "alice", "", []byte(rightPassword))
	if class(err) != outcome {
		t.Fatalf("%s, want %s: %v", class(err), outcome, err)
	}
	if err == nil && res.Server != server+":389" {
		t.Errorf("answered by %s, want %s", res.Server, server)
	}
	if got := n.dialled(); got != dialled {
		t.Errorf("dialled %q, want %q", got, dialled)
	}
}

func TestFailover(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, n *network, u *upstream.Upstream) {
		n.set("b:389", directory)
		expect(t, n, u, "accepted", "b", "a b")
		expect(t, n, u, "accepted", "b", "")
		health := u.Health()
		if health[0].Up || !health[1].Up || !strings.Contains(health[0].LastError, "refused") || health[0].QuarantinedUntil.IsZero() {
			t.Errorf("health %+v", health)
		}
		// a is back: new connections prefer it, the old one stays until it is idle for too long.
		n.set("a:389", directory)
		time.Sleep(7 * time.Second)
		if got := n.dialled(); got != "a" {
			t.Errorf("probes %q, want one of a", got)
		}
		if health := u.Health(); !health[0].Up {
			t.Errorf("health %+v", health)
		}
		expect(t, n, u, "accepted", "b", "")
		time.Sleep(upstream.DefaultIdleTimeout + 2*time.Second)
		expect(t, n, u, "accepted", "a", "a")
	})
}

// One answer is final: a refusal is not tried on the second server.
func TestNoFailoverOnAnAnswer(t *testing.T) {
	for name, code := range map[string]ldapwire.ResultCode{
		"refused": ldapwire.InvalidCredentials, "busy": ldapwire.Busy, "unavailable": ldapwire.Unavailable, "other": ldapwire.Other,
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, n *network, u *upstream.Upstream) {
				n.set("a:389", reply(func(id int32) []byte { return ldapwire.AppendBindResponse(nil, id, code, "", nil) }))
				n.set("b:389", directory)
				want := "unavailable"
				if code == ldapwire.InvalidCredentials {
					want = "refused"
				}
				for range 3 {
					expect(t, n, u, want, "a", map[bool]string{true: "a", false: ""}[len(n.f.binds) == 0])
				}
			})
		})
	}
}

// A server that answers every bind with its own trouble, or with nonsense, keeps none for itself while another is up. Without another
// it is asked again and again: one answer in four may be of use.
func TestServerInTrouble(t *testing.T) {
	code := func(code ldapwire.ResultCode) func(int32) []byte {
		return func(id int32) []byte { return ldapwire.AppendBindResponse(nil, id, code, "", nil) }
	}
	for name, test := range map[string]struct {
		answer func(id int32) []byte
		left   bool
	}{
		"busy":                 {code(ldapwire.Busy), true},
		"unavailable":          {code(ldapwire.Unavailable), true},
		"operationsError":      {code(ldapwire.OperationsError), true},
		"another message's ID": {func(id int32) []byte { return ldapwire.AppendBindResponse(nil, id+1, 0, "", nil) }, true},
		"another kind": {func(id int32) []byte {
			return ldapwire.AppendResult(nil, id, ldapwire.OpSearchResultDone, ldapwire.Success, "", "")
		}, true},
		"the end of the connection": {func(int32) []byte { return ldapwire.AppendNoticeOfDisconnection(nil, ldapwire.Unavailable, "") }, true},
		"a refusal":                 {code(ldapwire.InvalidCredentials), false},
		"unwilling":                 {code(ldapwire.UnwillingToPerform), false}, // perhaps for this user only
		"stronger auth wanted":      {code(ldapwire.StrongerAuthRequired), false},
		"a name it cannot read":     {code(ldapwire.InvalidDNSyntax), false},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, n *network, u *upstream.Upstream) {
				n.set("a:389", reply(test.answer))
				n.set("b:389", directory)
				for range 5 {
					u.Bind(t.Context(), "alice", "", []byte(rightPassword))
				}
				_, err := u.Bind(t.Context(), "alice", "", []byte(rightPassword))
				if left := err == nil; left != test.left || u.Health()[0].Up == test.left {
					t.Errorf("%v; health %+v", err, u.Health()[0])
				}
			})
			inBubble(t, func(o *upstream.Options) { o.URLs = o.URLs[:1] }, func(t *testing.T, n *network, u *upstream.Upstream) {
				n.set("a:389", reply(test.answer))
				for range 5 {
					u.Bind(t.Context(), "alice", "", []byte(rightPassword))
				}
				if !u.Health()[0].Up {
					t.Errorf("the only server was left: %+v", u.Health()[0])
				}
			})
		})
	}
}

// While no server is up each is probed every second: what comes back is noticed at once.
func TestNoServerIsUp(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, n *network, u *upstream.Upstream) {
		expect(t, n, u, "unavailable", "", "a b")
		time.Sleep(5 * time.Minute)
		if got := strings.Count(n.dialled(), "b"); got < 140 || got > 300 {
			t.Errorf("%d probes of b in five minutes", got)
		}
		n.set("b:389", directory)
		time.Sleep(2 * time.Second)
		n.dialled()
		expect(t, n, u, "accepted", "b", "b")
	})
}

func TestQuarantine(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, n *network, u *upstream.Upstream) {
		n.set("b:389", directory)
		begin := time.Now()
		expect(t, n, u, "accepted", "b", "a b")
		expect(t, n, u, "accepted", "b", "") // at once: nothing is dialled
		if time.Since(begin) != 0 {
			t.Errorf("took %v", time.Since(begin))
		}
		// Probes come after 5, 15, 60 and 60 seconds, and at most a tick later.
		var probes []time.Duration
		last := begin
		for time.Since(begin) < 150*time.Second {
			time.Sleep(time.Second / 2)
			if n.dialled() != "" {
				probes = append(probes, time.Since(last).Round(time.Second))
				last = time.Now()
			}
		}
		if len(probes) != 4 {
			t.Fatalf("probes after %v, want four", probes)
		}
		for i, want := range []time.Duration{5, 15, 60, 60} {
			if want *= time.Second; probes[i] < want || probes[i] > want+2*time.Second {
				t.Errorf("probe %d after %v, want %v", i, probes[i], want)
			}
		}
		// A success clears it, and the next failure starts from the first step.
		n.set("a:389", directory)
		time.Sleep(upstream.DefaultIdleTimeout + 2*time.Second)
		n.dialled()
		expect(t, n, u, "accepted", "a", "a")
		if h := u.Health()[0]; !h.Up || !h.QuarantinedUntil.IsZero() {
			t.Errorf("health %+v", h)
		}
	})
}

// A frozen server accepts connections and says nothing. Binds on it cannot be
// saved, but the next ones go elsewhere, until it answers a probe.
func TestFrozenServer(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, n *network, u *upstream.Upstream) {
		n.set("a:389", hang)
		n.set("b:389", directory)
		for range 3 {
			begin := time.Now()
			expect(t, n, u, "unavailable", "", "a")
			if took := time.Since(begin); took != 10*time.Second {
				t.Errorf("took %v, want the bind timeout", took)
			}
		}
		expect(t, n, u, "accepted", "b", "b")
		time.Sleep(10 * time.Second)
		if got := n.dialled(); got != "a" || u.Health()[0].Up {
			t.Errorf("probes %q, up %v; want one that fails", got, u.Health()[0].Up)
		}
		n.set("a:389", directory)
		time.Sleep(20 * time.Second)
		if !u.Health()[0].Up {
			t.Errorf("health %+v", u.Health()[0])
		}
	})
}

// Without Run a bind probes, when no other server is left.
func TestBindProbesWhenNothingElseIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		o := options("ldap://a")
		o.Dial = n.dial
		u, err := upstream.New(o)
		if err != nil {
			t.Fatal(err)
		}
		expect(t, n, u, "unavailable", "", "a")
		time.Sleep(5 * time.Second)
		var wg sync.WaitGroup
		for range 4 { // one of them probes
			wg.Go(func() { u.Bind(t.Context(), "alice", "", []byte("x")) })
		}
		wg.Wait()
		if got := n.dialled(); got != "a" {
			t.Errorf("dialled %q, want one probe", got)
		}
		n.set("a:389", directory)
		expect(t, n, u, "unavailable", "", "")
		time.Sleep(15 * time.Second)
		expect(t, n, u, "accepted", "a", "a")
		u.Close()
		n.running.Wait()
	})
}

// A server is killed while binds are under way: none of them reads as refused,
// and no more of them are lost than were under way at that moment.
func TestServerKilledUnderLoad(t *testing.T) {
	slow := func(p *peer) {
		for {
			m, err := p.next()
			if err != nil {
				return
			}
			time.Sleep(time.Millisecond)
			p.answer(m.ID, ldapwire.Success, "")
		}
	}
	a, b := start(t, slow), start(t, slow)
	o := options("ldap://"+a.address, "ldap://"+b.address)
	o.ConnectTimeout, o.BindTimeout = 5*time.Second, 5*time.Second
	u := open(t, o)
	var accepted, unavailable atomic.Int32
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 60 {
				switch err := bind(u, rightPassword); class(err) {
				case "accepted":
					accepted.Add(1)
				case "unavailable":
					unavailable.Add(1)
				default:
					t.Errorf("%v", err)
				}
			}
		})
	}
	eventually(t, "the first server is busy", func() bool { _, binds := a.seen(); return len(binds) > 100 })
	a.kill()
	wg.Wait()
	// At most one bind of each goroutine may have been under way.
	if _, binds := b.seen(); len(binds) == 0 || accepted.Load() < 16*60-16 {
		t.Errorf("%d accepted, %d unavailable; the second server saw %d", accepted.Load(), unavailable.Load(), len(binds))
	}
}

// A server is not to blame when this machine has no descriptor left: it is asked again at once, not after a quarantine.
func TestOwnLackIsNoOutageOfTheServer(t *testing.T) {
	for _, lack := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.ENOBUFS, syscall.EADDRNOTAVAIL} {
		t.Run(lack.Error(), func(t *testing.T) {
			var short atomic.Bool
			var dial func(context.Context, string, string) (net.Conn, error)
			change := func(o *upstream.Options) {
				dial = o.Dial
				o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
					if short.Load() {
						return nil, &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("socket", lack)}
					}
					return dial(ctx, network, address)
				}
			}
			inBubble(t, change, func(t *testing.T, n *network, u *upstream.Upstream) {
				n.set("a:389", directory)
				short.Store(true)
				expect(t, n, u, "unavailable", "", "")
				short.Store(false)
				expect(t, n, u, "accepted", "a", "a")
			})
		})
	}
}

// Requests that were lost on the way come to their end together, long after others were answered: that is no server that hangs.
func TestLostRequestsAreNoHungServer(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, n *network, u *upstream.Upstream) {
		n.set("a:389", func(p *peer) {
			for {
				m, err := p.next()
				if err != nil {
					return
				}
				if string(m.Bind.Password) != "lost" {
					p.answer(m.ID, ldapwire.Success, "")
				}
			}
		})
		var lost sync.WaitGroup
		for range 5 {
			lost.Go(func() { u.Bind(t.Context(), "alice", "", []byte("lost")) })
		}
		time.Sleep(time.Second)
		if err := bind(u, rightPassword); err != nil {
			t.Fatal(err)
		}
		lost.Wait()
		if h := u.Health()[0]; !h.Up {
			t.Errorf("health %+v", h)
		}
		// Without an answer in between it is one.
		for range 3 {
			lost.Go(func() { u.Bind(t.Context(), "alice", "", []byte("lost")) })
		}
		lost.Wait()
		if h := u.Health()[0]; h.Up {
			t.Errorf("health %+v", h)
		}
	})
}

// One connection that cannot be made in time, while the server answers on others, is not held against it; three in a row are.
func TestALostConnectionIsNoDeadServer(t *testing.T) {
	var slow atomic.Bool
	inBubble(t, func(o *upstream.Options) {
		dial := o.Dial
		o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			if slow.Load() && address == "a:389" {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return dial(ctx, network, address)
		}
	}, func(t *testing.T, n *network, u *upstream.Upstream) {
		for _, server := range []string{"a:389", "b:389"} {
			n.set(server, func(p *peer) {
				for {
					m, err := p.next()
					if err != nil {
						return
					}
					time.Sleep(time.Second)
					p.answer(m.ID, ldapwire.Success, "")
				}
			})
		}
		var wg sync.WaitGroup
		binds := func(count int) {
			for range count {
				wg.Go(func() {
					if err := bind(u, rightPassword); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
		}
		binds(3)
		slow.Store(true)
		for i := range 3 {
			binds(3 + i + 1) // there is a connection for each but one, and that one ends up at b
			if up := u.Health()[0].Up; up != (i < 2) {
				t.Errorf("after %d lost connections: up %v", i+1, up)
			}
		}
	})
}

// The last server that is up is not left for a connection that ended while it was made: the next one may not. For three in a row it is.
func TestTheLastServerAndConnectionsThatEnd(t *testing.T) {
	for name, test := range map[string]struct {
		fails int
		up    bool
	}{"once": {1, true}, "three times": {3, false}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(o *upstream.Options) { o.URLs, o.TLS.StartTLS = o.URLs[:1], true }, func(t *testing.T, n *network, u *upstream.Upstream) {
				n.set("a:389", func(p *peer) { p.next() }) // ends instead of an answer to StartTLS
				for range test.fails {
					time.Sleep(time.Second / 4)
					if err := bind(u, rightPassword); class(err) != "unavailable" {
						t.Error(err)
					}
				}
				if up := u.Health()[0].Up; up != test.up {
					t.Errorf("up %v, want %v", up, test.up)
				}
			})
			inBubble(t, func(o *upstream.Options) { o.URLs, o.TLS.StartTLS = o.URLs[:1], true }, func(t *testing.T, n *network, u *upstream.Upstream) {
				n.set("a:389", func(p *peer) { p.next(); time.Sleep(time.Second) })
				var together sync.WaitGroup
				for range 5 {
					together.Go(func() { bind(u, rightPassword) })
				}
				together.Wait()
				if !u.Health()[0].Up {
					t.Error("connections that ended together are more than one failure")
				}
			})
		})
	}
}
