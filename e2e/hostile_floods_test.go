//go:build e2e

package e2e_test

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
	"github.com/dialtree/dialtree/e2e/hostile"
	"github.com/dialtree/dialtree/e2e/torture"
)

// flood opens n connections at once, each from the address that source names, and returns those that are held and
// how many were told that there are too many, or closed.
func flood(t *testing.T, p *prey, n int, source func(i int) net.IP) (held []net.Conn, told, closed int) {
	t.Helper()
	var mu sync.Mutex
	var crowd sync.WaitGroup
	next := make(chan int)
	for range 64 {
		crowd.Go(func() {
			for i := range next {
				conn, err := p.target.Dial(t.Context(), hostile.Plain, source(i))
				if err != nil {
					mu.Lock()
					closed++
					mu.Unlock()
					continue
				}
				// Who is served gets an answer; who is not, a notice or the end.
				_, _ = conn.Write(fixture.WhoAmIRequest(7))
				replies, _, err := hostile.Listen(conn, time.Now().Add(10*time.Second), (*hostile.Reply).Final)
				mu.Lock()
				switch {
				case err == nil && len(replies) == 1 && replies[0].ID == 7:
					_ = conn.SetDeadline(time.Time{})
					held = append(held, conn)
				case err == nil && len(replies) == 1 && replies[0].Notice() && replies[0].Code == 51:
					told++
				case err == nil && len(replies) == 0:
					closed++
				default:
					t.Errorf("a client of a flood heard %v, %v", replies, err)
				}
				mu.Unlock()
				if len(replies) != 1 || replies[0].Notice() {
					conn.Close()
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	crowd.Wait()
	t.Cleanup(func() { closeAll(held) })
	return held, told, closed
}

func closeAll(conns []net.Conn) {
	for _, c := range conns {
		c.Close()
	}
}

// More connections than are allowed, from one address and from many: who is within the limits is served, and when the
// flood is over the limits are where they were.
func TestTortureHostileConnectionFloods(t *testing.T) {
	perAddress, all := torture.Pick(200, 1000), torture.Pick(800, 8000)
	p := preyProduct(t, hostileOptions(t, fmt.Sprintf("max_connections_per_address: %d", perAddress), fmt.Sprintf("max_connections: %d", all)), 200)
	before := p.footprint(t)
	none := func(t *testing.T) {
		t.Helper()
		if n := p.open(t, func(n float64) bool { return n == 0 }, 10*time.Second); n != 0 {
			t.Errorf("%v connections are counted when all have ended", n)
		}
	}
	attacker := net.IPv4(127, 200, 0, 1)
	for round := range 3 {
		t.Run(fmt.Sprintf("from one address, %d", round), func(t *testing.T) {
			held, told, closed := flood(t, p, 2*perAddress, func(int) net.IP { return attacker })
			if len(held) != perAddress {
				t.Errorf("%d connections of one address are held (%d told, %d closed), want %d", len(held), told, closed, perAddress)
			}
			p.fresh(t) // from another address
			closeAll(held[:1])
			if n := p.open(t, func(n float64) bool { return n < float64(perAddress) }, 5*time.Second); n >= float64(perAddress) {
				t.Errorf("%v connections are counted after one has ended", n)
			}
			if again, _, _ := flood(t, p, 5, func(int) net.IP { return attacker }); len(again) != 1 {
				t.Errorf("%d of 5 were served when one place was free", len(again))
			} else {
				closeAll(again)
			}
			closeAll(held)
			none(t)
		})
	}
	var worst time.Duration
	t.Run("from many addresses", func(t *testing.T) {
		inside := connect(t, p.product, plain)
		held, told, closed := flood(t, p, all+300, func(i int) net.IP { return hostile.Source(i % 500) })
		if len(held) != all-1 {
			t.Errorf("%d connections are held (%d told, %d closed), want %d", len(held), told, closed, all-1)
		}
		// Whoever was inside before does not notice.
		start := time.Now()
		r := must[fixture.Result](t)(inside.Bind("alice", alicePassword))
		if worst = time.Since(start); r.Code != 0 || worst > time.Second {
			t.Errorf("a client from before the flood logs in after %v: %d %s", worst, r.Code, r.Diagnostic)
		}
		inside.Close()
		closeAll(held)
		none(t)
		p.fresh(t)
	})
	t.Run("that come and go", func(t *testing.T) {
		storm := torture.Pick(4000, 60_000)
		var crowd sync.WaitGroup
		for w := range 16 {
			crowd.Go(func() {
				for i := range storm / 16 {
					conn, err := p.target.Dial(t.Context(), hostile.Plain, hostile.Source(w*31+i%31))
					if err != nil {
						continue
					}
					if i%3 == 0 {
						_, _ = conn.Write([]byte{0x30, 0x84})
					}
					conn.Close()
				}
			})
		}
		p.fresh(t)
		crowd.Wait()
		none(t)
	})
	took := p.settled(t, before, 15*time.Second)
	if n := strings.Count(p.process.Output(), "a connection was refused"); n > 10 {
		t.Errorf("the floods left %d lines in the log", n)
	}
	torture.Note(t, clientsPart, "floods beyond max_connections and max_connections_per_address", p.server,
		"%d and %d held to the last one; a client from before logs in in %.0f ms, a fresh one afterwards in %.1f ms", all, perAddress, worst.Seconds()*1000, took.Seconds()*1000)
}

// Thousands of binds on one connection without waiting for an answer. Default throttling: what a flood of wrong ones
// costs others is the point.
func TestTortureHostilePipelinedBinds(t *testing.T) {
	p := preyProduct(t, options(t), 200)
	before := p.footprint(t)
	binds := torture.Pick(3000, 60_000)
	p.fresh(t) // from 127.0.0.1, alice has logged in before

	// pipeline sends n binds at once and returns how often each result came. Each has one, in no more than one place.
	pipeline := func(t *testing.T, source net.IP, name func(i int) string, password string) map[int]int {
		t.Helper()
		conn := must[net.Conn](t)(p.target.Dial(t.Context(), hostile.Plain, source))
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(2 * time.Minute))
		go func() {
			for i := range binds {
				if _, err := conn.Write(fixture.BindRequest(i+1, name(i), password)); err != nil {
					return
				}
			}
		}()
		codes, left := map[int]int{}, binds
		answered := make([]bool, binds+1)
		replies, over, err := hostile.Listen(conn, time.Now().Add(2*time.Minute), func(*hostile.Reply) bool { left--; return left == 0 })
		if err != nil || over {
			t.Fatalf("%d of %d answers came: %v", len(replies), binds, err)
		}
		for _, r := range replies {
			if r.ID < 1 || r.ID > int64(binds) || answered[r.ID] {
				t.Fatalf("an answer to message %d, which has had one or was not sent", r.ID)
			}
			answered[r.ID] = true
			codes[r.Code]++
		}
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		_, _ = conn.Write(fixture.WhoAmIRequest(binds + 2))
		who, _, err := hostile.Listen(conn, time.Now().Add(10*time.Second), (*hostile.Reply).Final)
		if err != nil || len(who) != 1 || (len(who[0].Value) > 0) != (replies[len(replies)-1].Code == 0) && codes[0] == 0 {
			t.Errorf("who am I afterwards: %v, %v", who, err)
		}
		return codes
	}
	only := func(t *testing.T, codes map[int]int, allowed ...int) {
		t.Helper()
		for code, n := range codes {
			if !slices.Contains(allowed, code) {
				t.Errorf("%d of %d binds were answered with %d; only %v may be", n, binds, code, allowed)
			}
		}
	}
	alice := fixture.DialtreeDN("alice")
	t.Run("right", func(t *testing.T) {
		accepted := p.rightBinds()
		codes := pipeline(t, net.IPv4(127, 0, 0, 1), func(int) string { return alice }, alicePassword)
		only(t, codes, 0, 51)
		if got := p.rightBinds() - accepted; got != codes[0] {
			t.Errorf("%d binds were accepted, and the upstream accepted %d", codes[0], got)
		}
		t.Logf("right: %v", codes)
		p.settled(t, before, 10*time.Second)
	})
	for n, c := range []struct {
		what string
		name func(i int) string
	}{
		{"wrong", func(int) string { return alice }},
		{"wrong, in all spellings", func(i int) string {
			return []string{"alice", "ALICE", "alice@example.com", `EXAMPLE\alice`, alice, strings.ToUpper(alice)}[i%6]
		}},
		{"of nobody", func(i int) string { return fmt.Sprintf("nobody-%d", i) }},
	} {
		t.Run(c.what, func(t *testing.T) {
			asked, lines := len(p.wire.Binds()), strings.Count(p.process.Output(), "\n")
			codes := pipeline(t, hostile.Source(400+n), c.name, "wrong-"+c.what)
			only(t, codes, 49, 51)
			if got := len(p.wire.Binds()) - asked; got > 5 {
				t.Errorf("%d wrong binds reached the upstream", got)
			}
			if got := strings.Count(p.process.Output(), "\n") - lines; got > 700 {
				t.Errorf("%d wrong binds left %d lines in the log", binds, got)
			}
			t.Logf("%s: %v", c.what, codes)
			p.settled(t, before, 10*time.Second) // alice logs in, from where she did before
		})
	}
	torture.Note(t, clientsPart, "binds pipelined on one connection: right, wrong, of nobody", p.server, "%d each; none accepted that was wrong, at most 5 wrong ones reached the upstream", binds)
}
