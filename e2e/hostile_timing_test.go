//go:build e2e

package e2e_test

import (
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
	"github.com/dialtree/dialtree/e2e/hostile"
	"github.com/dialtree/dialtree/e2e/torture"
)

// messageTime is how long the product waits for the rest of a message, and for a handshake; slowest is when it
// has to be over with it on a machine that is busy.
const (
	messageTime = 10 * time.Second
	overTime    = messageTime + 6*time.Second
)

// Clients that take their time: everything here is slow at the same time, on hundreds of connections, while somebody
// logs in all along.
func TestTortureHostileSlowClients(t *testing.T) {
	t.Parallel() // it is mostly waiting
	p := preyProduct(t, hostileOptions(t, "idle_timeout: 30s"), 200)
	before := p.footprint(t)
	slow := torture.Pick(100, 900)

	var crowd sync.WaitGroup
	var ended, misjudged atomic.Int64
	// Messages of which the rest never comes.
	unfinished := hostile.Unfinished(p.target.Subject)
	patient := *p.target
	patient.Patience, patient.Parallel = overTime, len(unfinished)
	tally := &hostile.Tally{}
	crowd.Go(func() { tally = patient.Drive(t.Context(), hostile.Plain, unfinished) })
	// A byte a second, of a message that would need a minute.
	long := fixture.BindRequest(1, fixture.DialtreeDN("alice"), alicePassword)
	for n := range slow {
		crowd.Go(func() {
			if over := trickle(t, p, n, hostile.Plain, long); over < messageTime-time.Second || over > overTime {
				misjudged.Add(1)
				t.Errorf("a client that sends a byte a second was served for %v", over)
			}
			ended.Add(1)
		})
	}
	// Handshakes that stop half-way, before a hello and in it.
	for n := range slow {
		transport := []hostile.Transport{hostile.LDAPS, hostile.StartTLS}[n%2]
		crowd.Go(func() {
			if over := stallHandshake(t, p, n, transport, n%3); over > overTime {
				t.Errorf("a handshake that stalls was waited for %v", over)
			}
			ended.Add(1)
		})
	}
	done := make(chan struct{})
	go func() {
		crowd.Wait()
		close(done)
	}()
	// Meanwhile, others come and go.
	worst, logins := time.Duration(0), 0
	for busy := true; busy; {
		worst, logins = max(worst, p.fresh(t)), logins+1
		select {
		case <-done:
			busy = false
		case <-time.After(100 * time.Millisecond):
		}
	}
	if tally.Notices != len(unfinished) {
		t.Errorf("messages cut off: %v", tally)
	}
	p.judge(t, hostile.Cut, tally)
	p.settled(t, before, 10*time.Second)
	torture.Note(t, clientsPart, "messages that stop half-way, then silence", p.server, "%d clients, each told after 10 s", tally.Notices)
	torture.Note(t, clientsPart, "one byte a second, and handshakes that stall", p.server, "%d clients at once, each ended after 10 s", ended.Load())
	torture.Note(t, clientsPart, "longest of the logins meanwhile", p.server, "%.0f ms of %d", worst.Seconds()*1000, logins)
}

// trickle sends a message a byte a second until the server has enough of it.
func trickle(t *testing.T, p *prey, n int, transport hostile.Transport, b []byte) time.Duration {
	conn, err := p.target.Dial(t.Context(), transport, hostile.Source(n%97))
	if err != nil {
		t.Errorf("connect: %v", err)
		return messageTime
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(2 * overTime))
	start := time.Now()
	heard := make(chan time.Duration, 1)
	go func() {
		_, _, _ = hostile.Listen(conn, start.Add(2*overTime), nil)
		heard <- time.Since(start)
	}()
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for i := range b {
		if _, err := conn.Write(b[i : i+1]); err != nil {
			break
		}
		select {
		case over := <-heard:
			return over
		case <-second.C:
		}
	}
	return <-heard
}

// stallHandshake begins a handshake and does not go on.
func stallHandshake(t *testing.T, p *prey, n int, transport hostile.Transport, sent int) time.Duration {
	address := p.target.TLSAddress
	if transport == hostile.StartTLS {
		address = p.target.Address
	}
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: hostile.Source(n % 97)}, Timeout: 5 * time.Second}
	conn, err := dialer.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Errorf("connect: %v", err)
		return 0
	}
	defer conn.Close()
	start := time.Now()
	_ = conn.SetDeadline(start.Add(2 * overTime))
	if transport == hostile.StartTLS {
		_, _ = conn.Write(hostile.StartTLSRequest(1))
		replies, _, err := hostile.Listen(conn, start.Add(5*time.Second), (*hostile.Reply).Final)
		if err != nil || len(replies) != 1 || replies[0].Code != 0 {
			t.Errorf("StartTLS: %v, %v", replies, err)
			return 0
		}
	}
	hello := hostile.ClientHello()
	_, _ = conn.Write(hello[:[]int{0, 3, len(hello) - 1}[sent]])
	_, _ = conn.Read(make([]byte, 1)) // the end, or an alert before it
	return time.Since(start)
}

// Clients that close their side and wait, in every state that a connection can be in. Nothing of them stays.
func TestTortureHostileHalfOpen(t *testing.T) {
	p := preyProduct(t, hostileOptions(t), 200)
	before := p.footprint(t)
	bind := fixture.BindRequest(1, fixture.DialtreeDN("alice"), alicePassword)
	search := fixture.Search{Base: fixture.DialtreeBase, Scope: fixture.WholeSubtree}.Request(2)
	clients := torture.Pick(100, 1000)
	for _, c := range []struct {
		name string
		sent []byte
	}{
		{"nothing", nil},
		{"half a message", bind[:len(bind)/2]},
		{"a bind", bind},
		{"a bind and a search", slices.Concat(bind, search)},
		{"a bind and half a search", slices.Concat(bind, search[:len(search)/2])},
		{"junk", []byte("GET / HTTP/1.0\r\n\r\n")},
	} {
		t.Run(c.name, func(t *testing.T) {
			conns := make([]net.Conn, clients)
			for i := range conns {
				conns[i] = must[net.Conn](t)(p.target.Dial(t.Context(), hostile.Plain, hostile.Source(i%97)))
				defer conns[i].Close()
				if _, err := conns[i].Write(c.sent); err != nil {
					t.Fatal(err)
				}
				check(t, conns[i].(*net.TCPConn).CloseWrite())
			}
			// They stay as they are; the server does not.
			if n := p.open(t, func(n float64) bool { return n == 0 }, 5*time.Second); n != 0 {
				t.Errorf("%v of %d connections are still held", n, clients)
			}
			p.settled(t, before, 5*time.Second)
		})
	}
	torture.Note(t, clientsPart, "half-open connections, in six states", p.server, "%d, all let go of", 6*clients)
}

// A client resets its connection in the middle of what it asked for.
func TestTortureHostileResets(t *testing.T) {
	p := preyProduct(t, hostileOptions(t, "size_limit: 20000"), 10_000)
	before := p.footprint(t)
	rounds := torture.Pick(150, 3000)
	everything := fixture.Search{Base: fixture.DialtreeBase, Scope: fixture.WholeSubtree}
	var crowd sync.WaitGroup
	next := make(chan int)
	for range 16 {
		crowd.Go(func() {
			for n := range next {
				conn, err := p.target.Dial(t.Context(), []hostile.Transport{hostile.Plain, hostile.LDAPS}[n%2], hostile.Source(n%97))
				if err != nil {
					t.Errorf("connect: %v", err)
					continue
				}
				_, _ = conn.Write(slices.Concat(fixture.BindRequest(1, "attacker", attackerPassword), everything.Request(2), everything.Request(3)))
				_, _ = conn.Read(make([]byte, 1+n*n%50_000))
				conn.Close() // a reset: Dial sees to that
			}
		})
	}
	for n := range rounds {
		next <- n
	}
	close(next)
	crowd.Wait()
	if n := p.open(t, func(n float64) bool { return n == 0 }, 10*time.Second); n != 0 {
		t.Errorf("%v connections are still held", n)
	}
	p.settled(t, before, 10*time.Second)
	torture.Note(t, clientsPart, "resets in the middle of an answer of 10,000 entries", p.server, "%d; nothing kept", rounds)
}

// Clients that ask for everything, again and again, and read nothing of it.
func TestTortureHostileClientsThatDoNotRead(t *testing.T) {
	t.Parallel() // it is mostly waiting
	const clients, most = 30, 96 << 20
	entries := torture.Pick(10_000, 50_000)
	p := preyProduct(t, hostileOptions(t, "size_limit: 100000"), entries)
	before := p.footprint(t)
	everything := fixture.Search{Base: fixture.DialtreeBase, Scope: fixture.WholeSubtree}
	sorted := everything
	sorted.Controls = []fixture.Control{fixture.Sort("telephoneNumber")}
	asked := fixture.BindRequest(1, "attacker", attackerPassword)
	for i := range 200 {
		asked = append(asked, everything.Request(10+2*i)...)
		asked = append(asked, sorted.Request(11+2*i)...)
		asked = append(asked, fixture.WhoAmIRequest(5000+i)...)
	}
	begun := time.Now()
	for i := range clients {
		conn := must[net.Conn](t)(p.target.Dial(t.Context(), []hostile.Transport{hostile.Plain, hostile.LDAPS, hostile.StartTLS}[i%3], hostile.Source(i)))
		defer conn.Close()
		_ = conn.SetWriteDeadline(time.Now().Add(2 * time.Second))
		_, _ = conn.Write(asked)
	}
	peak, worst := int64(0), time.Duration(0)
	for {
		peak = max(peak, must[int64](t)(p.process.AnonymousRSS()))
		worst = max(worst, p.fresh(t))
		if n := must[float64](t)(p.product.Metric(t.Context(), "dialtree_ldap_connections")); n == 0 {
			break
		}
		if time.Since(begun) > 40*time.Second {
			t.Fatalf("after %v, clients that read nothing still have their connections", time.Since(begun))
		}
		time.Sleep(100 * time.Millisecond)
	}
	gone := time.Since(begun)
	if peak > before.Resident+most {
		t.Errorf("%d clients that do not read made the product hold %d MiB more", clients, (peak-before.Resident)>>20)
	}
	p.settled(t, before, 10*time.Second)
	torture.Note(t, clientsPart, fmt.Sprintf("%d clients that ask for %d entries 400 times and do not read", clients, entries), p.server,
		"%d MiB more at most, %.0f ms the longest login meanwhile, ended after %.0f s", (peak-before.Resident)>>20, worst.Seconds()*1000, gone.Seconds())
}
