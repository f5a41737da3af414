package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptrace"
	"os"
	"syscall"
	"time"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

const oidStartTLS = "1.3.6.1.4.1.1466.20037"

// dialTCP is what dials when Options name nothing else. It resolves the name
// anew each time and tries all addresses within the context's deadline.
func dialTCP(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, network, address)
}

// A network makes connections that are ready for LDAP. It is all that knows how
// servers are reached and how connections are protected.
type network struct {
	dialTCP  func(ctx context.Context, network, address string) (net.Conn, error)
	startTLS bool
	trust    *trust
}

func newNetwork(dial func(ctx context.Context, network, address string) (net.Conn, error), o TLSOptions) (*network, error) {
	trust, err := newTrust(o)
	if err != nil {
		return nil, err
	}
	return &network{dialTCP: dial, startTLS: o.StartTLS, trust: trust}, nil
}

// dial makes a connection to s that is ready for LDAP: resolved, connected and,
// where wanted, under TLS, all before the deadline of ctx.
func (n *network) dial(ctx context.Context, s *server, observe func(Step)) (*conn, *UnavailableError) {
	nc, failure := n.connect(ctx, s, observe)
	if failure != nil {
		return nil, failure
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = nc.SetDeadline(deadline)
	}
	sock := newSocket(nc)
	// A caller that gives up ends whatever waits below.
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })
	rw, failure := n.secure(sock, s, observe)
	if !stop() && failure == nil {
		failure = &UnavailableError{Server: s.address, Phase: PhaseConnect, Err: context.Cause(ctx)}
	}
	if failure != nil {
		_ = nc.Close()
		return nil, failure
	}
	return newConn(sock, rw, s), nil
}

func (n *network) connect(ctx context.Context, s *server, observe func(Step)) (net.Conn, *UnavailableError) {
	begin := time.Now()
	if observe != nil {
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
			DNSDone: func(info httptrace.DNSDoneInfo) {
				observe(Step{Phase: PhaseResolve, Server: s.address, Detail: fmt.Sprint(info.Addrs), Duration: time.Since(begin), Err: info.Err})
				begin = time.Now()
			},
		})
	}
	nc, err := n.dialTCP(ctx, "tcp", s.address)
	if err != nil {
		failure := &UnavailableError{Server: s.address, Phase: PhaseConnect, Err: err}
		var dns *net.DNSError
		switch {
		case errors.As(err, &dns):
			failure.Phase = PhaseResolve
			failure.Hint = "check the host name in the URL and the name server of this machine"
		case errors.Is(err, syscall.ECONNREFUSED):
			failure.Hint = "check that the server runs, and the port"
		case isTimeout(err):
			failure.Err = fmt.Errorf("no connection in time: %w", err)
			failure.Hint = "check the port and firewalls in between"
		}
		if failure.Phase == PhaseConnect {
			report(observe, Step{Phase: PhaseConnect, Server: s.address, Duration: time.Since(begin), Err: err})
		}
		return nil, failure
	}
	report(observe, Step{Phase: PhaseConnect, Server: s.address, Detail: nc.RemoteAddr().String(), Duration: time.Since(begin)})
	return nc, nil
}

// secure puts TLS over sock where it is wanted.
func (n *network) secure(sock *socket, s *server, observe func(Step)) (net.Conn, *UnavailableError) {
	switch {
	case s.tls:
	case n.startTLS:
		begin := time.Now()
		failure := startTLS(sock, s)
		report(observe, Step{Phase: PhaseStartTLS, Server: s.address, Duration: time.Since(begin), Err: asError(failure)})
		if failure != nil {
			return nil, failure
		}
	default:
		return sock, nil
	}
	begin := time.Now()
	tc, failure := n.handshake(sock, s)
	step := Step{Phase: PhaseTLS, Server: s.address, Err: asError(failure)}
	if failure == nil {
		state := tc.ConnectionState()
		step.Detail = tls.VersionName(state.Version) + ", " + tls.CipherSuiteName(state.CipherSuite)
	}
	step.Duration = time.Since(begin)
	report(observe, step)
	if failure != nil {
		return nil, failure
	}
	return tc, nil
}

func (n *network) handshake(sock *socket, s *server) (*tls.Conn, *UnavailableError) {
	config, err := n.trust.config(s.host)
	if err != nil {
		return nil, &UnavailableError{Server: s.address, Phase: PhaseTLS, Err: err}
	}
	tc := tls.Client(sock, config)
	if err := tc.Handshake(); err != nil {
		hint, failed := explainTLS(err)
		return nil, &UnavailableError{Server: s.address, Phase: PhaseTLS, Err: failed, Hint: hint}
	}
	return tc, nil
}

// startTLS asks for TLS (RFC 4511, section 4.14). Whatever the server says but
// yes ends the connection: someone in between who strips the offer must not get
// passwords in clear text.
func startTLS(sock *socket, s *server) *UnavailableError {
	fail := func(err error, hint string) *UnavailableError {
		return &UnavailableError{Server: s.address, Phase: PhaseStartTLS, Err: err, Hint: hint}
	}
	c := newConn(sock, sock, s)
	c.out = ldapwire.AppendExtendedRequest(c.out, c.nextID(), oidStartTLS, nil)
	if err := c.send(); err != nil {
		return fail(err, "")
	}
	m, err := c.receive()
	switch {
	case err != nil:
		return fail(err, "")
	case m.Op != ldapwire.OpExtendedResponse:
		return fail(errWrongOp, "")
	case m.Result.Code != ldapwire.Success:
		return fail(fmt.Errorf("the server answered %s %q", m.Result.Code, printable(m.Result.Message)),
			"it does not offer StartTLS: use ldaps://, or give the server a certificate")
	case !c.drained():
		// CVE-2011-0411: what was sent in clear must not become the head of what
		// is read under TLS.
		return fail(errTrailing, "")
	}
	return nil
}

func report(observe func(Step), s Step) {
	if observe != nil {
		observe(s)
	}
}

// asError keeps a nil *UnavailableError from becoming an error that is not nil.
func asError(e *UnavailableError) error {
	if e == nil {
		return nil
	}
	return e
}

// endedEarly tells whether a connection ended, or was spoilt, while it was made. A certificate that is not trusted is no such thing: the
// next connection will see it, too.
func endedEarly(err error) bool {
	var alert *net.OpError
	var header tls.RecordHeaderError
	return isSilence(err) || errors.Is(err, errCutOff) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) ||
		errors.As(err, &header) || errors.As(err, &alert) && (alert.Op == "remote error" || alert.Op == "local error")
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &t) && t.Timeout()
}
