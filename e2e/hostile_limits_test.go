//go:build e2e

package e2e_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
	"github.com/dialtree/dialtree/e2e/hostile"
	"github.com/dialtree/dialtree/e2e/torture"
)

// Each limit of a connection at what it allows, one below and one above.
func TestTortureHostileLimits(t *testing.T) {
	t.Parallel() // it is mostly waiting
	const beforeBind, afterBind, pending, idle = 2000, 5000, 4, 2 * time.Second
	p := preyProduct(t, hostileOptions(t, fmt.Sprintf("max_message_bytes: {before_bind: %d, after_bind: %d}", beforeBind, afterBind),
		fmt.Sprintf("max_pending_per_connection: %d", pending), "idle_timeout: "+idle.String()), 200, "bind_timeout: 3s")
	before := p.footprint(t)
	dial := func(t *testing.T, transport hostile.Transport) net.Conn {
		t.Helper()
		conn := must[net.Conn](t)(p.target.Dial(t.Context(), transport, hostile.Source(3)))
		t.Cleanup(func() { conn.Close() })
		_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
		return conn
	}
	heard := func(t *testing.T, conn net.Conn, n int) []*hostile.Reply {
		t.Helper()
		replies, _, err := hostile.Listen(conn, time.Now().Add(10*time.Second), func(*hostile.Reply) bool { n--; return n == 0 })
		check(t, err)
		return replies
	}
	login := func(t *testing.T, conn net.Conn, name, password string, code int) {
		t.Helper()
		_, _ = conn.Write(fixture.BindRequest(1, name, password))
		if r := heard(t, conn, 1); len(r) != 1 || r[0].Code != code {
			t.Fatalf("bind: %v, want %d", r, code)
		}
	}
	t.Run("max_message_bytes", func(t *testing.T) {
		for _, transport := range []hostile.Transport{hostile.Plain, hostile.StartTLS, hostile.LDAPS} {
			for _, size := range []int{beforeBind - 1, beforeBind, beforeBind + 1, afterBind - 1, afterBind, afterBind + 1} {
				for _, as := range []string{"nobody", "a user", "who failed"} {
					limit := beforeBind
					conn := dial(t, transport)
					switch as {
					case "a user":
						login(t, conn, "alice", alicePassword, 0)
						limit = afterBind
					case "who failed":
						login(t, conn, "alice", alicePassword, 0)
						login(t, conn, "attacker", "wrong", 49)
					}
					_, _ = conn.Write(sized(size))
					r := heard(t, conn, 1)
					if fits := size <= limit; len(r) != 1 || r[0].Notice() == fits || fits && r[0].ID != 9 {
						t.Errorf("%v, %s: %d bytes: %v", transport, as, size, r)
					}
				}
			}
		}
	})
	t.Run("idle_timeout", func(t *testing.T) {
		conns := []net.Conn{dial(t, hostile.Plain), dial(t, hostile.StartTLS), dial(t, hostile.LDAPS)}
		time.Sleep(idle - 300*time.Millisecond) // just before is early enough
		for i, conn := range conns {
			_, _ = conn.Write(fixture.WhoAmIRequest(5))
			if r := heard(t, conn, 1); len(r) != 1 || r[0].ID != 5 {
				t.Errorf("connection %d, before it was idle for long: %v", i, r)
			}
		}
		start := time.Now()
		for i, conn := range conns {
			_, over, err := hostile.Listen(conn, time.Now().Add(10*time.Second), nil)
			check(t, err)
			if took := time.Since(start); !over || took < idle-100*time.Millisecond {
				t.Errorf("connection %d ended after %v of idleness: %t; the limit is %v", i, took, over, idle)
			}
		}
	})
	t.Run("cookies of others", func(t *testing.T) { foreignCookies(t, p) })
	t.Run("max_pending_per_connection", func(t *testing.T) {
		// The directory hangs: binds are in service until it wakes up.
		p.wire.Silence(true)
		counts := []int{pending - 1, pending, pending + 1}
		var conns []net.Conn
		for range counts {
			conns = append(conns, dial(t, hostile.Plain))
		}
		other := dial(t, hostile.Plain)
		for _, conn := range append(conns, other) {
			_, _ = conn.Write(fixture.BindRequest(1, "alice", "a wrong one"))
		}
		time.Sleep(50 * time.Millisecond)
		for i, n := range counts {
			var all []byte
			for i := range n {
				all = append(all, fixture.WhoAmIRequest(10+i)...)
			}
			_, _ = conns[i].Write(all)
		}
		// An ID that is in use is refused, whoever uses it.
		_, _ = other.Write(fixture.WhoAmIRequest(1))
		if r := heard(t, other, 1); len(r) != 1 || !r[0].Notice() {
			t.Errorf("an ID that is outstanding: %v, want a notice", r)
		}
		for i, n := range counts {
			early, _, err := hostile.Listen(conns[i], time.Now().Add(200*time.Millisecond), nil)
			check(t, err)
			over := max(0, n-pending)
			if len(early) != over || over > 0 && (early[0].Code != 51 || early[0].ID != int64(10+pending)) {
				t.Errorf("%d requests behind one that hangs: %v were answered, want %d", n, early, over)
			}
		}
		// A bind that was sent is waited for until bind_timeout, whether its client is still there or not.
		closeAll(append(conns, other))
		p.wire.Silence(false)
		if n := p.open(t, func(n float64) bool { return n == 0 }, 10*time.Second); n != 0 {
			t.Errorf("%v connections are held after their clients have gone", n)
		}
		for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
			if _, err := p.login(t.Context()); err == nil {
				break // the directory is known to be back
			}
		}
	})
	p.settled(t, before, 10*time.Second)
	torture.Note(t, clientsPart, "limits of a connection at, below and above what they allow", p.server, "message size before and after a bind, pending requests, idle time: exact")
}

// sized is a whole message of exactly so many bytes that is answered, with the message ID 9.
func sized(n int) []byte {
	for pad := n; ; pad-- {
		m := fixture.Search{Base: "", Attributes: []string{strings.Repeat("a", max(0, pad))}}.Request(9)
		if len(m) == n {
			return m
		}
	}
}

// foreignCookies carries the cookie of a page to where it does not belong: another connection, another identity on the
// same one, another search.
func foreignCookies(t *testing.T, p *prey) {
	ask := func(c *hostile.PagedClient, cookie, attribute string) (int, string) {
		t.Helper()
		code, _, next, err := c.Page(fixture.DialtreeBase, 5, cookie, attribute)
		check(t, err)
		return code, next
	}
	open := func(name, password string) *hostile.PagedClient {
		t.Helper()
		c, err := hostile.NewPagedClient(must[net.Conn](t)(p.target.Dial(t.Context(), hostile.Plain, hostile.Source(5))), name, password)
		check(t, err)
		return c
	}
	mine := open("attacker", attackerPassword)
	defer mine.Close()
	code, cookie := ask(mine, "", "cn")
	if code != 0 || cookie == "" {
		t.Fatalf("the first page: result %d, cookie %q", code, cookie)
	}
	same := open("attacker", attackerPassword)
	defer same.Close()
	if code, _ := ask(same, cookie, "cn"); code != 53 {
		t.Errorf("on another connection: result %d, want 53", code)
	}
	other := open("alice", alicePassword)
	defer other.Close()
	if code, _ := ask(other, cookie, "cn"); code != 53 {
		t.Errorf("of another identity on another connection: result %d, want 53", code)
	}
	if code, _ := ask(mine, cookie, "telephoneNumber"); code != 53 {
		t.Errorf("for another search: result %d, want 53", code)
	}
	for i := range len(cookie) { // each bit of it counts
		b := []byte(cookie)
		b[i] ^= 1 << (i % 8)
		if code, _ := ask(mine, string(b), "cn"); code != 53 {
			t.Errorf("with bit %d of byte %d turned: result %d, want 53", i%8, i, code)
		}
	}
	if code, _ := ask(mine, cookie, "cn"); code != 0 {
		t.Errorf("where it belongs, in spite of all that: result %d", code)
	}
	check(t, mine.Bind("alice", alicePassword))
	if code, _ := ask(mine, cookie, "cn"); code != 53 {
		t.Errorf("of another identity on the same connection: result %d, want 53", code)
	}
}
