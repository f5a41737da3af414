package ldapserver_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/dialtree/dialtree/authproxy/ldapserver"
	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// A firstWrite puts a prefix before what is written first.
type firstWrite struct {
	net.Conn
	prefix []byte
}

func (c *firstWrite) Write(b []byte) (int, error) {
	if len(c.prefix) == 0 {
		return c.Conn.Write(b)
	}
	if _, err := c.Conn.Write(append(c.prefix, b...)); err != nil {
		return 0, err
	}
	c.prefix = nil
	return len(b), nil
}

// within fails unless what took from start until now took about want.
func within(t *testing.T, start time.Time, want time.Duration) {
	t.Helper()
	if took := time.Since(start); took < want || took > want+2*time.Second {
		t.Errorf("it took %v, want %v", took, want)
	}
}

func TestIdleTimeout(t *testing.T) {
	const idle = 300 * time.Millisecond
	limits := ldapserver.Limits{IdleTimeout: idle}
	t.Run("without a request", func(t *testing.T) {
		start := time.Now()
		run(t, ldapserver.Options{Limits: limits}).dial(t).expectEnd()
		within(t, start, idle)
	})
	t.Run("after requests", func(t *testing.T) {
		p := run(t, ldapserver.Options{Limits: limits}).dial(t)
		start := time.Now()
		for range 8 {
			p.send(bind(1))
			start = time.Now()
			p.expect(1, ldapwire.OpBindResponse, ldapwire.Success)
			time.Sleep(idle / 5)
		}
		p.expectEnd()
		within(t, start, idle)
	})
	t.Run("who waits for an answer is not idle", func(t *testing.T) {
		h := newStage()
		p := run(t, ldapserver.Options{Limits: limits, Handler: h}).dial(t)
		p.send(search(1, ""))
		h.expectEntered(t, 1)
		time.Sleep(3 * idle)
		start := time.Now()
		h.leave <- struct{}{}
		p.expect(1, ldapwire.OpSearchResultDone, ldapwire.Success)
		p.expectEnd()
		within(t, start, idle)
	})
}

func TestMessageTimeout(t *testing.T) {
	const limit = 150 * time.Millisecond
	for _, c := range []struct {
		name   string
		before [][]byte // sent, and answered, first
	}{
		{"the first message", nil},
		{"a later message", [][]byte{search(1, "")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := run(t, ldapserver.Options{Limits: ldapserver.Limits{MessageTimeout: limit}}).dial(t)
			for _, m := range c.before {
				p.send(m)
				p.expect(1, ldapwire.OpSearchResultDone, ldapwire.Success)
			}
			start := time.Now()
			go func() {
				for _, b := range bind(2) { // a byte now and then does not help
					if _, err := p.Write([]byte{b}); err != nil {
						return
					}
					time.Sleep(limit / 10)
				}
			}()
			if m := p.expect(0, ldapwire.OpExtendedResponse, ldapwire.ProtocolError); !strings.Contains(string(m.Result.Message), limit.String()) {
				t.Errorf("the notice says %q", m.Result.Message)
			}
			within(t, start, limit)
			p.expectEnd()
		})
	}
	t.Run("a message in time is followed by an idle wait", func(t *testing.T) {
		p := run(t, ldapserver.Options{Limits: ldapserver.Limits{MessageTimeout: limit}}).dial(t)
		m := bind(1)
		p.send(m[:5])
		time.Sleep(limit / 3)
		p.send(m[5:])
		p.expect(1, ldapwire.OpBindResponse, ldapwire.Success)
		time.Sleep(2 * limit)
		p.send(bind(2))
		p.expect(2, ldapwire.OpBindResponse, ldapwire.Success)
	})
}

func TestClientThatDoesNotRead(t *testing.T) {
	const limit = 200 * time.Millisecond
	entry := func(dst []byte, id int32) []byte {
		return ldapwire.AppendSearchResultEntry(dst, id, &ldapwire.Entry{DN: []byte(strings.Repeat("x", 4000))})
	}
	sent, failed := make(chan int, 1), make(chan time.Time, 1)
	s := run(t, ldapserver.Options{
		Limits: ldapserver.Limits{WriteTimeout: limit},
		Handler: handlerFunc(func(w *ldapserver.ResponseWriter, r *ldapserver.Request) {
			n := 0
			for ; n < 1<<20; n++ {
				if w.Entry(entry) != nil {
					break
				}
			}
			sent <- n
			failed <- time.Now()
			w.Result(ldapwire.Success, "", "")
		}),
	})
	p := s.dial(t)
	start := time.Now()
	p.send(search(1, ""))
	if n := <-sent; n > 10_000 { // 40 MB are more than the kernel's buffers hold
		t.Errorf("%d entries of 4 kB were taken for a client that does not read", n)
	}
	if took := (<-failed).Sub(start); took > limit+2*time.Second {
		t.Errorf("Entry went on for %v", took)
	}
	_ = p.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.Copy(io.Discard, p.Conn); err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the connection ended with %v", err)
	}
}

func TestClientThatPipelinesAndDoesNotRead(t *testing.T) {
	s := run(t, ldapserver.Options{Limits: ldapserver.Limits{WriteTimeout: 200 * time.Millisecond},
		Handler: handlerFunc(func(w *ldapserver.ResponseWriter, r *ldapserver.Request) {
			w.Result(ldapwire.Success, "", strings.Repeat("x", 10_000))
		})})
	p := s.dial(t)
	batch := []byte{}
	for i := range int32(100) {
		batch = append(batch, search(i+1, "")...)
	}
	_ = p.SetWriteDeadline(time.Now().Add(patience))
	for {
		if _, err := p.Write(batch); err != nil {
			if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
				return
			}
			t.Fatalf("the connection ended with %v, want a reset", err)
		}
	}
}

// shortOfRoom is a listener whose connections take little that is not read.
type shortOfRoom struct{ net.Listener }

func (l shortOfRoom) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		err = c.(*net.TCPConn).SetWriteBuffer(4 << 10)
	}
	return c, err
}

// A few KiB of requests can ask for megabytes of answers. They are not made before the client takes those
// that it has asked for already.
func TestAnswersToPipelinedRequestsAreNotPiledUp(t *testing.T) {
	const requests, answer = 2500, 8 << 10
	var served atomic.Int64
	long := strings.Repeat("x", answer)
	s := runOn(t, ldapserver.Options{
		Limits: ldapserver.Limits{WriteTimeout: 300 * time.Millisecond},
		Handler: handlerFunc(func(w *ldapserver.ResponseWriter, r *ldapserver.Request) {
			served.Add(1)
			w.Result(ldapwire.UnwillingToPerform, "", long)
		}),
	}, ldapserver.Listener{Listener: shortOfRoom{listen(t)}})
	p := s.dial(t)
	if err := p.Conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	// A large message makes the server's buffer large, and what comes behind it is read with it.
	all := ldapwire.AppendBindRequest(nil, 1, 3, "cn=x", make([]byte, 40<<10))
	for range requests {
		all = ldapwire.AppendDelRequest(all, 2, "")
	}
	p.send(all)
	time.Sleep(150 * time.Millisecond)
	if n := served.Load(); n > requests/10 {
		t.Errorf("%d requests were served, %d bytes of answers, while nothing was read", n, n*answer)
	}
}

func TestResetWhileAnswering(t *testing.T) {
	entered := make(chan error, 1)
	s := run(t, ldapserver.Options{Handler: handlerFunc(func(w *ldapserver.ResponseWriter, r *ldapserver.Request) {
		if r.Message.Op == ldapwire.OpBindRequest {
			w.Result(ldapwire.Success, "", "")
			return
		}
		var err error
		for err == nil {
			err = w.Entry(func(dst []byte, id int32) []byte {
				return ldapwire.AppendSearchResultEntry(dst, id, &ldapwire.Entry{DN: make([]byte, 4000)})
			})
		}
		entered <- err
	})})
	p := s.dial(t)
	p.send(search(1, ""))
	p.receive()
	_ = p.Conn.(*net.TCPConn).SetLinger(0)
	p.Close()
	select {
	case <-entered:
	case <-time.After(patience):
		t.Fatal("Entry did not notice that the client is gone")
	}
	p = s.dial(t)
	p.send(bind(1))
	p.expect(1, ldapwire.OpBindResponse, ldapwire.Success)
}

func TestConnectionLimits(t *testing.T) {
	for _, c := range []struct {
		name   string
		limits ldapserver.Limits
		text   string
	}{
		{"in total", ldapserver.Limits{MaxConnections: 3}, "too many connections"},
		{"per address", ldapserver.Limits{MaxConnectionsPerAddress: 3}, "too many connections from this address"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := run(t, ldapserver.Options{Limits: c.limits})
			var open []*peer
			for range 3 {
				p := s.dial(t)
				p.send(bind(1))
				p.expect(1, ldapwire.OpBindResponse, ldapwire.Success)
				open = append(open, p)
			}
			for range 3 {
				p := s.dial(t)
				_, _ = p.Write(bind(1)) // unread input must not lose the notice
				if m := p.expectNotice(ldapwire.Busy); string(m.Result.Message) != c.text {
					t.Errorf("the notice says %q, want %q", m.Result.Message, c.text)
				}
			}
			open[0].Close()
			eventually(t, "a place becomes free", func() bool {
				p := s.dial(t)
				_, _ = p.Write(bind(1))
				m, err := p.next(patience)
				return err == nil && m.Op == ldapwire.OpBindResponse
			})
			if err := s.SetLimits(ldapserver.Limits{}); err != nil {
				t.Fatal(err)
			}
			for range 10 {
				p := s.dial(t)
				p.send(bind(1))
				p.expect(1, ldapwire.OpBindResponse, ldapwire.Success)
			}
		})
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("in vain waited that %s", what)
		}
	}
}

// A flood from one address, which never reads, does not keep others out.
func TestFloodFromOneAddress(t *testing.T) {
	s := run(t, ldapserver.Options{Limits: ldapserver.Limits{MaxConnectionsPerAddress: 20}})
	var flood sync.WaitGroup
	for range 8 {
		flood.Go(func() {
			for range 100 {
				nc, err := net.Dial("tcp", s.addr)
				if err != nil {
					t.Error(err)
					return
				}
				t.Cleanup(func() { nc.Close() })
			}
		})
	}
	other := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}, Timeout: patience}
	for range 20 {
		nc, err := other.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		p := newPeer(t, nc)
		p.send(bind(1))
		p.expect(1, ldapwire.OpBindResponse, ldapwire.Success)
	}
	flood.Wait()
}

func TestOptionsAreChecked(t *testing.T) {
	h := handlerFunc(succeed)
	for _, c := range []struct {
		name    string
		options ldapserver.Options
		err     string
	}{
		{"no handler", ldapserver.Options{}, "no handler"},
		{"negative grace", ldapserver.Options{Handler: h, Grace: -1}, "grace period"},
		{"invalid network", ldapserver.Options{Handler: h, ProxyProtocolFrom: append(loopback()[:1:1], loopback()[0].Masked(), invalidPrefix)}, "number 3 of the networks"},
		{"negative connections", ldapserver.Options{Handler: h, Limits: ldapserver.Limits{MaxConnections: -1}}, "the limit of connections is -1"},
		{"negative per address", ldapserver.Options{Handler: h, Limits: ldapserver.Limits{MaxConnectionsPerAddress: -1}}, "connections per address"},
		{"negative pending", ldapserver.Options{Handler: h, Limits: ldapserver.Limits{MaxPendingPerConnection: -1}}, "pending requests"},
		{"messages too small for a bind", ldapserver.Options{Handler: h, Limits: ldapserver.Limits{MaxMessageBytes: ldapserver.MessageBytes{BeforeBind: 100}}}, "before a bind is 100; it must be from 1024"},
		{"messages too large", ldapserver.Options{Handler: h, Limits: ldapserver.Limits{MaxMessageBytes: ldapserver.MessageBytes{AfterBind: 1 << 30}}}, "after a bind"},
		{"negative idle timeout", ldapserver.Options{Handler: h, Limits: ldapserver.Limits{IdleTimeout: -1}}, "idle timeout"},
		{"negative write timeout", ldapserver.Options{Handler: h, Limits: ldapserver.Limits{WriteTimeout: -1}}, "write timeout"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ldapserver.New(c.options)
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("New: %v, want something of %q", err, c.err)
			}
			if c.options.Handler == nil || c.options.Grace != 0 || c.options.ProxyProtocolFrom != nil {
				return
			}
			s, err := ldapserver.New(ldapserver.Options{Handler: h})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.SetLimits(c.options.Limits); err == nil {
				t.Error("SetLimits took them")
			}
		})
	}
}

// While there is no room, a new connection is told so, and those that there are go on.
func TestNoRoom(t *testing.T) {
	var full atomic.Bool
	s := run(t, ldapserver.Options{Full: full.Load})
	first := s.dial(t)
	first.send(bind(1))
	first.expect(1, ldapwire.OpBindResponse, ldapwire.Success)
	full.Store(true)
	s.dial(t).expectNotice(ldapwire.Busy)
	first.send(bind(2))
	first.expect(2, ldapwire.OpBindResponse, ldapwire.Success)
	full.Store(false)
	p := s.dial(t)
	p.send(bind(1))
	p.expect(1, ldapwire.OpBindResponse, ldapwire.Success)
}
