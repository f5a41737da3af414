package ldapserver_test

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/dialtree/dialtree/authproxy/ldapserver"
	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// A server that leaves answers whatever was sent before its client could know.
func TestParting(t *testing.T) {
	t.Run("what crosses the notice is answered", func(t *testing.T) {
		s := run(t, ldapserver.Options{})
		p := s.dial(t)
		p.send(bind(1))
		p.expect(1, ldapwire.OpBindResponse, ldapwire.Success)
		s.stop()
		p.expect(0, ldapwire.OpExtendedResponse, ldapwire.Unavailable)
		p.send(search(2, ""), bind(3))
		p.expect(2, ldapwire.OpSearchResultDone, ldapwire.Success)
		p.expect(3, ldapwire.OpBindResponse, ldapwire.Success)
		p.expectEnd()
		if took := s.ended(t); took > time.Second {
			t.Errorf("it took %v", took)
		}
	})
	t.Run("a slow request that crosses the notice is answered", func(t *testing.T) {
		h := newStage()
		s := run(t, ldapserver.Options{Handler: h, Grace: patience})
		p := s.dial(t)
		p.send(search(1, "quick"))
		p.expect(1, ldapwire.OpSearchResultDone, ldapwire.Success)
		s.stop()
		p.expect(0, ldapwire.OpExtendedResponse, ldapwire.Unavailable)
		p.send(search(2, ""))
		h.expectEntered(t, 2)
		time.Sleep(30 * held) // longer than the time of parting, and than a write may take then
		h.leave <- struct{}{}
		p.expect(2, ldapwire.OpSearchResultDone, ldapwire.Success)
		p.expectEnd()
	})
	t.Run("many requests in one segment", func(t *testing.T) {
		const requests = 200
		h := newStage()
		s := run(t, ldapserver.Options{Handler: h})
		p := s.dial(t)
		p.send(search(1, ""))
		h.expectEntered(t, 1)
		var all []byte
		for id := int32(2); id <= requests; id++ {
			all = append(all, search(id, "quick")...)
		}
		s.stop()
		h.leave <- struct{}{}
		p.send(all)
		// One that finds too many waiting is told so at once, before those that wait.
		for answered := make(map[int32]bool); len(answered) < requests; {
			m := p.receive()
			if m.ID == 0 {
				continue
			}
			if answered[m.ID] || m.Result.Code != ldapwire.Success && m.Result.Code != ldapwire.Busy {
				t.Fatalf("received ID %d, %v", m.ID, m.Result.Code)
			}
			answered[m.ID] = true
		}
	})
	t.Run("a handshake that has begun goes on", func(t *testing.T) {
		s := runOn(t, ldapserver.Options{Certificate: certificate(t, "a")}, ldapserver.Listener{Listener: listen(t), TLS: true})
		p := s.dial(t)
		waitUntil(t, func() bool { return s.Connections() > 0 })
		s.stop()
		time.Sleep(held)
		secured, _ := p.secure()
		secured.expectNotice(ldapwire.Unavailable)
	})
	t.Run("whoever never begins one, or sends on and on, is not waited for", func(t *testing.T) {
		overTLS := listen(t)
		s := runOn(t, ldapserver.Options{Certificate: certificate(t, "a"), Grace: time.Minute},
			ldapserver.Listener{Listener: listen(t)}, ldapserver.Listener{Listener: overTLS, TLS: true})
		for range 10 {
			(&running{addr: overTLS.Addr().String()}).dial(t)
		}
		for range 4 {
			p := s.dial(t)
			go func() {
				var err error
				for id := int32(1); err == nil; id++ {
					_, err = p.Write(bind(id))
				}
			}()
			go io.Copy(io.Discard, p)
		}
		time.Sleep(held)
		s.stop()
		if took := s.ended(t); took > 3*time.Second {
			t.Errorf("it took %v", took)
		}
	})
	t.Run("the notice is behind the answer in one segment", func(t *testing.T) {
		h := newStage()
		s := run(t, ldapserver.Options{Handler: h})
		p := s.dial(t)
		p.send(search(1, ""))
		h.expectEntered(t, 1)
		s.stop()
		waitUntil(t, s.Stopping)
		h.leave <- struct{}{}
		got := make([]byte, 4096)
		n, err := p.Read(got)
		size, serr := ldapwire.Size(got[:n], len(got))
		if err = errors.Join(err, serr); err != nil || size == n {
			t.Errorf("read %d bytes, of which %d are the answer, %v; want the notice behind it", n, size, err)
		}
	})
}

func waitUntil(t *testing.T, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited for too long")
		}
	}
}
