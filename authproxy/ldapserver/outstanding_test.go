package ldapserver_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/dialtree/dialtree/authproxy/ldapserver"
	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// A stage is a handler whose requests are held until the test lets them go.
// Requests with the base "quick" are answered at once.
type stage struct {
	entered chan int32    // message IDs, as they come into service
	ended   chan error    // why a context has ended
	leave   chan struct{} // lets one request go
}

func newStage() *stage {
	return &stage{entered: make(chan int32, 100), ended: make(chan error, 100), leave: make(chan struct{}, 100)}
}

func (s *stage) Serve(w *ldapserver.ResponseWriter, r *ldapserver.Request) {
	if string(r.Message.Search.BaseObject) == "quick" {
		w.Result(ldapwire.Success, "", "")
		return
	}
	s.entered <- r.Message.ID
	select {
	case <-r.Context().Done():
		s.ended <- context.Cause(r.Context())
		if !r.Canceled() {
			w.Result(ldapwire.Unavailable, "", "")
			return
		}
		w.Result(ldapwire.Canceled, "", "")
	case <-s.leave:
		w.Result(ldapwire.Success, "", "")
	}
}

func (s *stage) expectEntered(t *testing.T, id int32) {
	t.Helper()
	select {
	case got := <-s.entered:
		if got != id {
			t.Fatalf("request %d came into service, want %d", got, id)
		}
	case <-time.After(patience):
		t.Fatalf("request %d did not come into service", id)
	}
}

func (s *stage) expectStopped(t *testing.T) {
	t.Helper()
	select {
	case <-s.ended:
	case <-time.After(patience):
		t.Fatal("the context of the request in service did not end")
	}
}

// held is longer than it takes for the reading to be taken over.
const held = 30 * time.Millisecond

func TestAbandon(t *testing.T) {
	abandon := func(target int32) []byte { return ldapwire.AppendAbandonRequest(nil, 90, target) }
	critical := ldapwire.AppendAbandonRequest(nil, 90, 1, ldapwire.Control{OID: []byte("1.2.3"), Critical: true})
	t.Run("in service", func(t *testing.T) {
		h := newStage()
		p := run(t, ldapserver.Options{Handler: h}).dial(t)
		p.send(search(1, ""))
		h.expectEntered(t, 1)
		time.Sleep(held)
		p.send(abandon(1))
		h.expectStopped(t)
		p.send(search(2, "quick"))
		p.expect(2, ldapwire.OpSearchResultDone, ldapwire.Success)
	})
	t.Run("in the same segment", func(t *testing.T) {
		h := newStage()
		p := run(t, ldapserver.Options{Handler: h}).dial(t)
		p.send(search(1, ""), abandon(1), search(2, "quick"))
		h.expectEntered(t, 1)
		h.expectStopped(t)
		p.expect(2, ldapwire.OpSearchResultDone, ldapwire.Success)
	})
	t.Run("waiting", func(t *testing.T) {
		h := newStage()
		p := run(t, ldapserver.Options{Handler: h}).dial(t)
		p.send(search(1, ""), search(2, "quick"), search(3, "quick"), abandon(2))
		h.expectEntered(t, 1)
		time.Sleep(held)
		h.leave <- struct{}{}
		p.expect(1, ldapwire.OpSearchResultDone, ldapwire.Success)
		p.expect(3, ldapwire.OpSearchResultDone, ldapwire.Success)
	})
	for _, c := range []struct {
		name    string
		request []byte
		op      ldapwire.Op
		abandon []byte
	}{
		{"what is not there", search(1, ""), ldapwire.OpSearchResultDone, abandon(7)},
		{"itself", search(1, ""), ldapwire.OpSearchResultDone, abandon(90)},
		{"with a critical control", search(1, ""), ldapwire.OpSearchResultDone, critical},
		{"a bind", bind(1), ldapwire.OpBindResponse, abandon(1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newStage()
			p := run(t, ldapserver.Options{Handler: h}).dial(t)
			p.send(c.abandon, c.request)
			h.expectEntered(t, 1)
			time.Sleep(held)
			p.send(c.abandon)
			p.expectNothing(held)
			h.leave <- struct{}{}
			p.expect(1, c.op, ldapwire.Success)
		})
	}
}

func TestCancel(t *testing.T) {
	serve := func(t *testing.T) (*stage, *peer) {
		h := newStage()
		return h, run(t, ldapserver.Options{Handler: h}).dial(t)
	}
	t.Run("in service", func(t *testing.T) {
		h, p := serve(t)
		p.send(search(1, ""))
		h.expectEntered(t, 1)
		time.Sleep(held)
		p.send(cancelOf(2, 1))
		p.expect(1, ldapwire.OpSearchResultDone, ldapwire.Canceled)
		p.expect(2, ldapwire.OpExtendedResponse, ldapwire.Success)
	})
	t.Run("waiting", func(t *testing.T) {
		h, p := serve(t)
		p.send(search(1, ""), search(2, ""), cancelOf(3, 2))
		h.expectEntered(t, 1)
		p.expect(2, ldapwire.OpSearchResultDone, ldapwire.Canceled)
		p.expect(3, ldapwire.OpExtendedResponse, ldapwire.Success)
		h.leave <- struct{}{}
		p.expect(1, ldapwire.OpSearchResultDone, ldapwire.Success)
	})
	t.Run("what changes something and was done", func(t *testing.T) {
		entered, leave := make(chan struct{}), make(chan struct{})
		p := run(t, ldapserver.Options{Handler: handlerFunc(func(w *ldapserver.ResponseWriter, r *ldapserver.Request) {
			close(entered)
			<-leave
			w.Result(ldapwire.Success, "", "")
		})}).dial(t)
		p.send(ldapwire.AppendDelRequest(nil, 1, "cn=x"))
		<-entered
		time.Sleep(held)
		p.send(cancelOf(2, 1))
		p.expectNothing(held)
		close(leave)
		p.expect(1, ldapwire.OpDelResponse, ldapwire.Success)
		p.expect(2, ldapwire.OpExtendedResponse, ldapwire.TooLate)
	})
	for _, c := range []struct {
		name    string
		request []byte
		op      ldapwire.Op
		cancel  []byte
		code    ldapwire.ResultCode
	}{
		{"what is not there", search(1, ""), ldapwire.OpSearchResultDone, cancelOf(2, 9), ldapwire.NoSuchOperation},
		{"a bind", bind(1), ldapwire.OpBindResponse, cancelOf(2, 1), ldapwire.CannotCancel},
		{"without a value", bind(1), ldapwire.OpBindResponse, extended(2, "1.3.6.1.1.8", nil), ldapwire.ProtocolError},
		{"with a value that is none", bind(1), ldapwire.OpBindResponse, extended(2, "1.3.6.1.1.8", []byte{0x30, 0x04, 0x02, 0x01, 0x01, 0x00}), ldapwire.ProtocolError},
		{"with an ID too large", bind(1), ldapwire.OpBindResponse, extended(2, "1.3.6.1.1.8", []byte{0x30, 0x07, 0x02, 0x05, 0x01, 0, 0, 0, 0}), ldapwire.ProtocolError},
		{"with a critical control", bind(1), ldapwire.OpBindResponse, ldapwire.AppendExtendedRequest(nil, 2, "1.3.6.1.1.8",
			[]byte{0x30, 0x03, 0x02, 0x01, 0x01}, ldapwire.Control{OID: []byte("1.2.3"), Critical: true}), ldapwire.UnavailableCriticalExtension},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, p := serve(t)
			p.send(c.request)
			h.expectEntered(t, 1)
			time.Sleep(held)
			p.send(c.cancel)
			p.expect(2, ldapwire.OpExtendedResponse, c.code)
			h.leave <- struct{}{}
			p.expect(1, c.op, ldapwire.Success)
		})
	}
	t.Run("with nothing outstanding", func(t *testing.T) {
		_, p := serve(t)
		p.send(cancelOf(2, 1), extended(3, "1.3.6.1.1.8", nil))
		p.expect(2, ldapwire.OpExtendedResponse, ldapwire.NoSuchOperation)
		p.expect(3, ldapwire.OpExtendedResponse, ldapwire.ProtocolError)
	})
}

func TestBindIsAlone(t *testing.T) {
	h := newStage()
	p := run(t, ldapserver.Options{Handler: h}).dial(t)
	p.send(search(1, ""), bind(2), search(3, ""))
	for id, op := range map[int32]ldapwire.Op{1: ldapwire.OpSearchResultDone} {
		h.expectEntered(t, id)
		time.Sleep(held)
		p.expectNothing(held)
		h.leave <- struct{}{}
		p.expect(id, op, ldapwire.Success)
	}
	h.expectEntered(t, 2)
	p.expectNothing(held)
	select {
	case id := <-h.entered:
		t.Fatalf("request %d is served while a bind is", id)
	default:
	}
	h.leave <- struct{}{}
	p.expect(2, ldapwire.OpBindResponse, ldapwire.Success)
	h.expectEntered(t, 3)
	h.leave <- struct{}{}
	p.expect(3, ldapwire.OpSearchResultDone, ldapwire.Success)
}

func TestTooManyPendingRequestsAreAnsweredWithBusy(t *testing.T) {
	h := newStage()
	p := run(t, ldapserver.Options{Handler: h, Limits: ldapserver.Limits{MaxPendingPerConnection: 3}}).dial(t)
	p.send(search(1, ""))
	h.expectEntered(t, 1)
	time.Sleep(held)
	p.send(search(2, "quick"), bind(3), search(4, "quick"), search(5, "quick"), bind(6), ldapwire.AppendDelRequest(nil, 7, "cn=x"), extended(8, "1.2.3", nil))
	p.expect(5, ldapwire.OpSearchResultDone, ldapwire.Busy)
	p.expect(6, ldapwire.OpBindResponse, ldapwire.Busy)
	p.expect(7, ldapwire.OpDelResponse, ldapwire.Busy)
	p.expect(8, ldapwire.OpExtendedResponse, ldapwire.Busy)
	h.leave <- struct{}{}
	p.expect(1, ldapwire.OpSearchResultDone, ldapwire.Success)
	p.expect(2, ldapwire.OpSearchResultDone, ldapwire.Success)
	h.expectEntered(t, 3)
	h.leave <- struct{}{}
	p.expect(3, ldapwire.OpBindResponse, ldapwire.Success)
	p.expect(4, ldapwire.OpSearchResultDone, ldapwire.Success)
	p.send(search(9, "quick"))
	p.expect(9, ldapwire.OpSearchResultDone, ldapwire.Success)
}

// A client may ask for a cancel as often as it likes; what waits for the end of a request is no more than may wait.
func TestTooManyCancelsAreAnsweredWithBusy(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	p := run(t, ldapserver.Options{
		Limits: ldapserver.Limits{MaxPendingPerConnection: 3},
		Handler: handlerFunc(func(w *ldapserver.ResponseWriter, r *ldapserver.Request) {
			close(entered)
			<-leave
			w.Result(ldapwire.Success, "", "")
		}),
	}).dial(t)
	p.send(ldapwire.AppendDelRequest(nil, 1, "cn=x"))
	<-entered
	time.Sleep(held)
	for id := range int32(5) {
		p.send(cancelOf(10+id, 1))
	}
	p.expect(13, ldapwire.OpExtendedResponse, ldapwire.Busy)
	p.expect(14, ldapwire.OpExtendedResponse, ldapwire.Busy)
	p.expectNothing(held)
	close(leave)
	p.expect(1, ldapwire.OpDelResponse, ldapwire.Success)
	for id := range int32(3) {
		p.expect(10+id, ldapwire.OpExtendedResponse, ldapwire.TooLate)
	}
}

func TestMessageIDInUse(t *testing.T) {
	for _, c := range []struct {
		name string
		id   int32
	}{{"in service", 1}, {"waiting", 2}} {
		t.Run(c.name, func(t *testing.T) {
			h := newStage()
			p := run(t, ldapserver.Options{Handler: h}).dial(t)
			p.send(search(1, ""), search(2, ""), search(c.id, ""))
			p.expectNotice(ldapwire.ProtocolError)
			h.expectStopped(t)
		})
	}
	t.Run("again, after its answer", func(t *testing.T) {
		p := run(t, ldapserver.Options{}).dial(t)
		p.send(search(1, ""), search(1, ""))
		p.expect(1, ldapwire.OpSearchResultDone, ldapwire.Success)
		p.expect(1, ldapwire.OpSearchResultDone, ldapwire.Success)
	})
}

func TestAnswersDoNotWaitForALongRequestBehindThem(t *testing.T) {
	h := newStage()
	p := run(t, ldapserver.Options{Handler: h}).dial(t)
	p.send(search(1, "quick"), search(2, "quick"), search(3, ""))
	p.expect(1, ldapwire.OpSearchResultDone, ldapwire.Success)
	p.expect(2, ldapwire.OpSearchResultDone, ldapwire.Success)
	h.expectEntered(t, 3)
	h.leave <- struct{}{}
	p.expect(3, ldapwire.OpSearchResultDone, ldapwire.Success)
}

func TestRequestStopsWhenItsClientIsGone(t *testing.T) {
	for _, c := range []struct {
		name  string
		leave func(p *peer)
	}{
		{"closes", func(p *peer) { p.Close() }},
		{"resets", func(p *peer) {
			_ = p.Conn.(*net.TCPConn).SetLinger(0)
			p.Close()
		}},
		{"unbinds", func(p *peer) { p.send(ldapwire.AppendUnbindRequest(nil, 2)) }},
		{"sends what is no LDAP", func(p *peer) { p.send([]byte("GET / HTTP/1.1\r\n\r\n")) }},
	} {
		for name, request := range map[string][]byte{"search": search(1, ""), "bind": bind(1)} {
			t.Run(name+" "+c.name, func(t *testing.T) {
				h := newStage()
				p := run(t, ldapserver.Options{Handler: h}).dial(t)
				p.send(request)
				h.expectEntered(t, 1)
				time.Sleep(held)
				c.leave(p)
				h.expectStopped(t)
			})
		}
	}
}

func TestUnbindBehindAnAnswerDoesNotLoseIt(t *testing.T) {
	p := run(t, ldapserver.Options{}).dial(t)
	p.send(bind(1), ldapwire.AppendUnbindRequest(nil, 2), search(3, ""))
	p.expect(1, ldapwire.OpBindResponse, ldapwire.Success)
	if m, err := p.next(patience); err == nil {
		t.Fatalf("received %+v after an unbind", m)
	}
}

// Requests that take long and short by turns hand the roles of a connection
// back and forth.
func TestLongAndShortRequestsByTurns(t *testing.T) {
	s := run(t, ldapserver.Options{Handler: handlerFunc(func(w *ldapserver.ResponseWriter, r *ldapserver.Request) {
		if r.Message.ID%7 == 0 {
			time.Sleep(time.Duration(r.Message.ID%4) * 5 * time.Millisecond)
		}
		w.Result(ldapwire.Success, "", "")
	})})
	for range 8 {
		t.Run("connection", func(t *testing.T) {
			t.Parallel()
			p := s.dial(t)
			var id int32
			for range 30 {
				first := id + 1
				for range 5 {
					id++
					p.send(search(id, ""))
				}
				for i := first; i <= id; i++ {
					p.expect(i, ldapwire.OpSearchResultDone, ldapwire.Success)
				}
			}
		})
	}
}
