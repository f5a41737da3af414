package ldapserver_test

import (
	"crypto/tls"
	"fmt"
	"testing"
	"time"

	"github.com/dialtree/dialtree/authproxy/ldapserver"
	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

func insecure() *tls.Config { return &tls.Config{InsecureSkipVerify: true} }

// tellTLS answers with whether the connection is protected.
func tellTLS(w *ldapserver.ResponseWriter, r *ldapserver.Request) {
	w.Result(ldapwire.Success, "", fmt.Sprint(r.Conn.TLS()))
}

func TestStartTLS(t *testing.T) {
	s := run(t, ldapserver.Options{Certificate: certificate(t, "first"), Handler: handlerFunc(tellTLS)})
	p := s.dial(t)
	p.send(bind(1))
	if m := p.expect(1, ldapwire.OpBindResponse, ldapwire.Success); string(m.Result.Message) != "false" {
		t.Errorf("TLS before StartTLS: %s", m.Result.Message)
	}
	p.send(extended(2, oidStartTLS, nil))
	if m := p.expect(2, ldapwire.OpExtendedResponse, ldapwire.Success); string(m.ResponseName) != oidStartTLS {
		t.Errorf("the response is called %q", m.ResponseName)
	}
	p, _ = p.secure()
	p.send(search(3, ""), search(4, ""))
	p.expect(3, ldapwire.OpSearchResultDone, ldapwire.Success)
	if m := p.expect(4, ldapwire.OpSearchResultDone, ldapwire.Success); string(m.Result.Message) != "true" {
		t.Errorf("TLS after StartTLS: %s", m.Result.Message)
	}
	p.send(extended(5, oidStartTLS, nil))
	p.expect(5, ldapwire.OpExtendedResponse, ldapwire.OperationsError)
	p.send(search(6, ""))
	p.expect(6, ldapwire.OpSearchResultDone, ldapwire.Success)
}

func TestStartTLSRefused(t *testing.T) {
	s := run(t, ldapserver.Options{Certificate: certificate(t, "a"), Handler: handlerFunc(tellTLS)})
	t.Run("with a request behind it", func(t *testing.T) {
		p := s.dial(t)
		p.send(extended(1, oidStartTLS, nil), search(2, ""))
		p.expect(1, ldapwire.OpExtendedResponse, ldapwire.OperationsError)
		p.expectEnd()
	})
	t.Run("with half a request behind it", func(t *testing.T) {
		p := s.dial(t)
		p.send(extended(1, oidStartTLS, nil), search(2, "")[:9])
		p.expect(1, ldapwire.OpExtendedResponse, ldapwire.OperationsError)
		p.expectEnd()
	})
	t.Run("with a request that follows before the handshake", func(t *testing.T) {
		p := s.dial(t)
		p.send(extended(1, oidStartTLS, nil))
		p.expect(1, ldapwire.OpExtendedResponse, ldapwire.Success)
		p.send(search(2, ""))
		for {
			m, err := p.next(patience)
			if err != nil {
				break
			}
			t.Fatalf("received %+v", m)
		}
	})
	t.Run("with a request before it in the same segment", func(t *testing.T) {
		p := s.dial(t)
		p.send(search(1, ""), extended(2, oidStartTLS, nil))
		p.expect(1, ldapwire.OpSearchResultDone, ldapwire.Success)
		p.expect(2, ldapwire.OpExtendedResponse, ldapwire.OperationsError)
		p.send(extended(3, oidStartTLS, nil))
		p.expect(3, ldapwire.OpExtendedResponse, ldapwire.Success)
		p.secure()
	})
	t.Run("with a value", func(t *testing.T) {
		p := s.dial(t)
		p.send(extended(1, oidStartTLS, []byte("x")))
		p.expect(1, ldapwire.OpExtendedResponse, ldapwire.ProtocolError)
	})
	t.Run("with a critical control", func(t *testing.T) {
		p := s.dial(t)
		p.send(ldapwire.AppendExtendedRequest(nil, 1, oidStartTLS, nil, ldapwire.Control{OID: []byte("1.2.3"), Critical: true}))
		p.expect(1, ldapwire.OpExtendedResponse, ldapwire.UnavailableCriticalExtension)
	})
	t.Run("while a request is in service", func(t *testing.T) {
		h := newStage()
		p := run(t, ldapserver.Options{Certificate: certificate(t, "a"), Handler: h}).dial(t)
		p.send(search(1, ""))
		h.expectEntered(t, 1)
		time.Sleep(held)
		p.send(extended(2, oidStartTLS, nil))
		p.expect(2, ldapwire.OpExtendedResponse, ldapwire.OperationsError)
		h.leave <- struct{}{}
		p.expect(1, ldapwire.OpSearchResultDone, ldapwire.Success)
	})
	t.Run("without a certificate", func(t *testing.T) {
		p := run(t, ldapserver.Options{}).dial(t)
		p.send(extended(1, oidStartTLS, nil))
		p.expect(1, ldapwire.OpExtendedResponse, ldapwire.ProtocolError)
		p.send(search(2, ""))
		p.expect(2, ldapwire.OpSearchResultDone, ldapwire.Success)
	})
}

func TestLDAPS(t *testing.T) {
	h := newStage()
	s := runOn(t, ldapserver.Options{Certificate: certificate(t, "a"), Handler: h}, ldapserver.Listener{Listener: listen(t), TLS: true})
	t.Run("long and short requests", func(t *testing.T) {
		p, _ := s.dial(t).secure()
		for i := range int32(3) {
			p.send(search(2*i+1, ""), search(2*i+2, "quick"))
			h.expectEntered(t, 2*i+1)
			time.Sleep(held)
			h.leave <- struct{}{}
			p.expect(2*i+1, ldapwire.OpSearchResultDone, ldapwire.Success)
			p.expect(2*i+2, ldapwire.OpSearchResultDone, ldapwire.Success)
		}
	})
	t.Run("plain LDAP", func(t *testing.T) {
		p := s.dial(t)
		p.send(bind(1))
		if m, err := p.next(patience); err == nil {
			t.Errorf("received %+v", m)
		}
	})
	t.Run("TLS 1.1", func(t *testing.T) {
		c := tls.Client(s.dial(t), &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
		if c.Handshake() == nil {
			t.Error("a handshake with TLS 1.1 succeeded")
		}
	})
	t.Run("session tickets", func(t *testing.T) {
		config := insecure()
		config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		config.ServerName = "a"
		for i, resumed := range []bool{false, true} {
			c := tls.Client(s.dial(t).Conn, config)
			p := newPeer(t, c)
			p.send(search(1, "quick"))
			p.expect(1, ldapwire.OpSearchResultDone, ldapwire.Success)
			if got := c.ConnectionState().DidResume; got != resumed {
				t.Errorf("connection %d: resumed %v, want %v", i+1, got, resumed)
			}
		}
	})
}

func TestCertificateIsReloaded(t *testing.T) {
	s := runOn(t, ldapserver.Options{Certificate: certificate(t, "first")}, ldapserver.Listener{Listener: listen(t), TLS: true})
	before, name := s.dial(t).secure()
	if name != "first" {
		t.Errorf("the certificate is %q, want first", name)
	}
	s.SetCertificate(certificate(t, "second"))
	if _, name := s.dial(t).secure(); name != "second" {
		t.Errorf("the certificate is %q, want second", name)
	}
	before.send(bind(1))
	before.expect(1, ldapwire.OpBindResponse, ldapwire.Success)
}

func TestHandshakeTimeout(t *testing.T) {
	o := ldapserver.Options{Certificate: certificate(t, "a"), Limits: ldapserver.Limits{HandshakeTimeout: 100 * time.Millisecond}}
	t.Run("LDAPS", func(t *testing.T) {
		p := runOn(t, o, ldapserver.Listener{Listener: listen(t), TLS: true}).dial(t)
		p.send([]byte{0x16, 0x03})
		p.expectEnd()
	})
	t.Run("StartTLS", func(t *testing.T) {
		p := run(t, o).dial(t)
		p.send(extended(1, oidStartTLS, nil))
		p.expect(1, ldapwire.OpExtendedResponse, ldapwire.Success)
		p.expectEnd()
	})
}
