package ldapserver_test

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dialtree/dialtree/authproxy/ldapserver"
	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

var invalidPrefix netip.Prefix

func TestShutdown(t *testing.T) {
	t.Run("idle clients are told at once", func(t *testing.T) {
		s := run(t, ldapserver.Options{Grace: time.Hour})
		var idle []*peer
		for range 1000 {
			idle = append(idle, s.dial(t))
		}
		for _, p := range idle {
			p.send(bind(1))
			p.expect(1, ldapwire.OpBindResponse, ldapwire.Success)
		}
		s.stop()
		if took := s.ended(t); took > time.Second {
			t.Errorf("it took %v", took)
		}
		for _, p := range idle {
			p.expectNotice(ldapwire.Unavailable)
		}
	})
	t.Run("an idle client whose last request took long", func(t *testing.T) {
		h := newStage()
		s := run(t, ldapserver.Options{Handler: h, Grace: time.Hour})
		p := s.dial(t)
		p.send(search(1, ""))
		h.expectEntered(t, 1)
		time.Sleep(held)
		h.leave <- struct{}{}
		p.expect(1, ldapwire.OpSearchResultDone, ldapwire.Success)
		s.stop()
		p.expectNotice(ldapwire.Unavailable)
	})
	t.Run("nothing is accepted any more", func(t *testing.T) {
		s := run(t, ldapserver.Options{})
		s.stop()
		s.ended(t)
		if nc, err := net.Dial("tcp", s.addr); err == nil {
			nc.Close()
			t.Error("a connection was made")
		}
	})
	t.Run("a request in service may end within the grace period", func(t *testing.T) {
		for _, wait := range []time.Duration{0, held} {
			h := newStage()
			s := run(t, ldapserver.Options{Handler: h, Grace: patience})
			p := s.dial(t)
			p.send(search(1, ""), search(2, ""))
			h.expectEntered(t, 1)
			time.Sleep(wait)
			s.stop()
			time.Sleep(held)
			for range 3 {
				h.leave <- struct{}{}
			}
			p.send(search(3, "")) // has crossed the news on its way
			for id, noticed := int32(1), false; id <= 3 || !noticed; {
				switch m := p.receive(); {
				case m.ID == id && m.Result.Code == ldapwire.Success:
					id++
				case m.ID == 0 && m.Result.Code == ldapwire.Unavailable:
					noticed = true
				default:
					t.Fatalf("received ID %d, %v; want %d", m.ID, m.Result.Code, id)
				}
			}
			p.expectEnd()
			if took := s.ended(t); took > time.Second {
				t.Errorf("it took %v", took)
			}
		}
	})
	t.Run("and is told to stop after it", func(t *testing.T) {
		h := newStage()
		s := run(t, ldapserver.Options{Handler: h, Grace: 200 * time.Millisecond})
		for _, request := range [][]byte{search(1, ""), bind(1)} {
			s.dial(t).send(request)
			h.expectEntered(t, 1)
		}
		s.stop()
		if took := s.ended(t); took < 150*time.Millisecond || took > 700*time.Millisecond {
			t.Errorf("it took %v, want the grace period of 200ms", took)
		}
		h.expectStopped(t)
		h.expectStopped(t)
	})
	t.Run("clients that never read, half-open ones and silent ones", func(t *testing.T) {
		s := run(t, ldapserver.Options{Certificate: certificate(t, "a"), Grace: 300 * time.Millisecond, Handler: handlerFunc(
			func(w *ldapserver.ResponseWriter, r *ldapserver.Request) {
				entry := make([]byte, 4000)
				for w.Entry(func(dst []byte, id int32) []byte {
					return ldapwire.AppendSearchResultEntry(dst, id, &ldapwire.Entry{DN: entry})
				}) == nil {
				}
			})})
		for range 100 {
			s.dial(t).send(search(1, ""))                  // never reads
			s.dial(t).send(search(1, "")[:5])              // half a message
			s.dial(t).send(extended(1, oidStartTLS, nil))  // no handshake
			_ = s.dial(t).Conn.(*net.TCPConn).CloseWrite() // half open
		}
		time.Sleep(100 * time.Millisecond)
		s.stop()
		if took := s.ended(t); took > 1300*time.Millisecond {
			t.Errorf("it took %v, want at most a second beyond the grace period", took)
		}
	})
	t.Run("a handler that does not heed its context", func(t *testing.T) {
		stuck := make(chan struct{})
		entered := make(chan struct{})
		h := handlerFunc(func(w *ldapserver.ResponseWriter, r *ldapserver.Request) {
			close(entered)
			<-stuck
		})
		s, err := ldapserver.New(ldapserver.Options{Handler: h, Grace: time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		l := listen(t)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- s.Run(ctx, ldapserver.Listener{Listener: l}) }()
		p := (&running{addr: l.Addr().String()}).dial(t)
		p.send(search(1, ""))
		<-entered
		cancel()
		if err := <-done; err == nil || !strings.Contains(err.Error(), "1 connections had a request that did not end") {
			t.Errorf("Run: %v", err)
		}
		close(stuck)
	})
}

func TestRunChecksItsListeners(t *testing.T) {
	s, err := ldapserver.New(ldapserver.Options{Handler: handlerFunc(succeed)})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "no listener") {
		t.Errorf("without a listener: %v", err)
	}
	l := listen(t)
	if err := s.Run(t.Context(), ldapserver.Listener{Listener: l, TLS: true}); err == nil || !strings.Contains(err.Error(), "no certificate") {
		t.Errorf("TLS without a certificate: %v", err)
	}
	l.Close()
	if err := s.Run(t.Context(), ldapserver.Listener{Listener: l}); err == nil || !strings.Contains(err.Error(), "use of closed") {
		t.Errorf("a closed listener: %v", err)
	}
	if err := s.Run(t.Context(), ldapserver.Listener{Listener: l}); err == nil || !strings.Contains(err.Error(), "run before") {
		t.Errorf("a second Run: %v", err)
	}
}

// Connections come, go and are cut off while the server stops.
func TestShutdownInTheMiddleOfEverything(t *testing.T) {
	for range 5 {
		s := run(t, ldapserver.Options{Grace: 100 * time.Millisecond, Handler: handlerFunc(func(w *ldapserver.ResponseWriter, r *ldapserver.Request) {
			if r.Message.ID%3 == 0 {
				select {
				case <-time.After(12 * time.Millisecond):
				case <-r.Context().Done():
				}
			}
			w.Result(ldapwire.Success, "", "")
		})})
		var clients sync.WaitGroup
		for i := range 20 {
			clients.Go(func() {
				for {
					nc, err := net.DialTimeout("tcp", s.addr, patience)
					if err != nil {
						return
					}
					p := &peer{t: t, Conn: nc}
					for id := int32(1); id < int32(10+i); id++ {
						if _, err := nc.Write(append(search(id, ""), bind(100+id)...)); err != nil {
							break
						}
						if _, err := p.next(patience); err != nil {
							break
						}
					}
					nc.Close()
				}
			})
		}
		time.Sleep(50 * time.Millisecond)
		s.stop()
		s.ended(t)
		clients.Wait()
	}
}
