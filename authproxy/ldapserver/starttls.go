package ldapserver

import (
	"crypto/tls"
	"errors"
	"net"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// oidStartTLS is the StartTLS operation of RFC 4511, section 4.14.
const oidStartTLS = "1.3.6.1.4.1.1466.20037"

var errNoCertificate = errors.New("no certificate is configured")

// tlsConfig makes the one configuration of a server. Its session ticket keys
// are made and rotated by crypto/tls; the certificate is looked up for each
// handshake, so that SetCertificate holds from the next one on.
func (s *Server) tlsConfig() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			if cert := s.certificate.Load(); cert != nil {
				return cert, nil
			}
			return nil, errNoCertificate
		},
	}
}

// handshake makes c a TLS connection; plain is what it speaks so far.
func (c *Conn) handshake(plain net.Conn) error {
	defer c.beginOpening()()
	wire := &timely{Conn: scrubbed{plain}, c: c}
	t := tls.Server(wire, c.srv.tls)
	if err := t.Handshake(); err != nil {
		if record := (tls.RecordHeaderError{}); errors.As(err, &record) && looksProxied(record.RecordHeader[:]) {
			return errProxyUnexpected
		}
		return err
	}
	wire.open = true
	c.nc, c.tls = t, true
	c.lastActive.Store(c.srv.now())
	c.tell(Event{Kind: Secured})
	return nil
}

// startTLS serves the StartTLS operation, which is possible while nothing is
// outstanding. It tells whether to read on.
//
// Nothing that was sent before the handshake survives it: what came in the
// same segment as the request is refused and the connection closed, since the
// client, or somebody in between, may have meant it to be taken for something
// that was said under TLS (CVE-2011-0411). What is still in the socket is part
// of the handshake, and fails it.
func (c *Conn) startTLS(x *exchange) bool {
	behind := !c.in.empty()
	code, text := c.startTLSRefusal(x, behind)
	x.w.out = ldapwire.AppendExtendedResponse(x.w.out, x.msg.ID, code, text, oidStartTLS, nil)
	c.srv.metrics.count(opStartTLS, code)
	c.tell(Event{Kind: Served, Code: code, Text: text, Message: &x.msg})
	if behind {
		_ = x.w.flush()
		c.because(errSmuggled)
		c.end()
		return false
	}
	if code != ldapwire.Success {
		return true
	}
	if x.w.flush() != nil {
		return false
	}
	if err := c.handshake(c.raw); err != nil {
		c.srv.log.Debug("a StartTLS handshake failed", "client", c.remote, "reason", err)
		c.tell(Event{Kind: Failed, Err: err})
		c.because(err)
		c.end()
		return false
	}
	return true
}

func (c *Conn) startTLSRefusal(x *exchange, behind bool) (ldapwire.ResultCode, string) {
	switch {
	case behind:
		return ldapwire.OperationsError, "something was sent behind the StartTLS request without waiting for its answer"
	case len(x.w.out) > 0:
		// Their answers have not been sent: for the client they are outstanding.
		return ldapwire.OperationsError, "StartTLS is not possible while requests are outstanding"
	case c.tls:
		return ldapwire.OperationsError, "the connection is protected by TLS already"
	case c.srv.certificate.Load() == nil:
		// RFC 4511, section 4.14.2: a server that does not support TLS,
		// whether by design or by configuration, says protocolError.
		return ldapwire.ProtocolError, "StartTLS is not available: " + errNoCertificate.Error()
	case criticalControl(&x.msg):
		return ldapwire.UnavailableCriticalExtension, "StartTLS takes no critical controls"
	case x.msg.Extended.Value != nil:
		return ldapwire.ProtocolError, "a StartTLS request has no value"
	}
	return ldapwire.Success, ""
}

// criticalControl tells whether a message has a critical control. The
// operations that are served here take none.
func criticalControl(m *ldapwire.Message) bool {
	for i := range m.Controls {
		if m.Controls[i].Critical {
			return true
		}
	}
	return false
}
