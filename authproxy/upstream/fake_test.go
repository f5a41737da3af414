package upstream_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/authproxy/upstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A fake is a directory server on loopback that does what a test wants.
type fake struct {
	t       *testing.T
	address string
	ln      net.Listener
	handle  func(*peer)
	wg      sync.WaitGroup
	stopped chan struct{}

	mu       sync.Mutex
	conns    []net.Conn
	accepted int
	binds    []string // the names that came
}

// A peer is a connection as the fake sees it.
type peer struct {
	net.Conn
	f      *fake
	number int // of the connection, from 0
	buf    []byte
}

func start(t *testing.T, handle func(*peer)) *fake {
	t.Helper()
	f := &fake{t: t, handle: handle, stopped: make(chan struct{})}
	f.listen("127.0.0.1:0")
	t.Cleanup(func() {
		close(f.stopped)
		f.kill()
	})
	return f
}

func (f *fake) listen(address string) {
	f.t.Helper()
	ln, err := net.Listen("tcp", address)
	if err != nil {
		f.t.Fatal(err)
	}
	f.ln, f.address = ln, ln.Addr().String()
	f.wg.Go(func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			p := &peer{Conn: nc, f: f, number: f.accepted}
			f.accepted++
			f.conns = append(f.conns, nc)
			f.mu.Unlock()
			f.wg.Go(func() {
				defer nc.Close()
				f.handle(p)
			})
		}
	})
}

// kill ends the server and every connection at once.
func (f *fake) kill() {
	f.ln.Close()
	f.cut()
	f.wg.Wait()
}

// cut ends the connections.
func (f *fake) cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.conns {
		c.Close()
	}
	f.conns = nil
}

func (f *fake) seen() (accepted int, binds []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.accepted, slices.Clone(f.binds)
}

// next reads a message; what it points to is its own.
func (p *peer) next() (*ldapwire.Message, error) {
	b := make([]byte, 4096)
	for {
		size, err := ldapwire.Size(p.buf, 64<<20)
		if err != nil {
			return nil, err
		}
		if size > 0 && len(p.buf) >= size {
			m := new(ldapwire.Message)
			err := m.Decode(slices.Clone(p.buf[:size]), nil)
			p.buf = p.buf[size:]
			if m.Op == ldapwire.OpBindRequest {
				p.f.mu.Lock()
				p.f.binds = append(p.f.binds, string(m.Bind.Name))
				p.f.mu.Unlock()
			}
			return m, err
		}
		n, err := p.Read(b)
		if err != nil {
			return nil, err
		}
		p.buf = append(p.buf, b[:n]...)
	}
}

func (p *peer) answer(id int32, code ldapwire.ResultCode, text string) {
	p.Write(ldapwire.AppendBindResponse(nil, id, code, text, nil))
}

const (
	rightPassword = "right"
	aliceDN       = "uid=alice,ou=people,dc=example,dc=com"
)

// directory answers as a directory does: every password but one is wrong. It finds nothing.
func directory(p *peer) { directoryThatFinds(p, nil) }

// directoryThatFinds is a directory whose searches find one entry with these attributes; none: nothing.
func directoryThatFinds(p *peer, attributes []ldapwire.Attribute) {
	for {
		m, err := p.next()
		if err != nil {
			return
		}
		switch m.Op {
		case ldapwire.OpBindRequest:
			code := ldapwire.InvalidCredentials
			if string(m.Bind.Password) == rightPassword {
				code = ldapwire.Success
			}
			p.answer(m.ID, code, "")
		case ldapwire.OpSearchRequest:
			if attributes != nil {
				p.Write(ldapwire.AppendSearchResultEntry(nil, m.ID, &ldapwire.Entry{Attributes: attributes}))
			}
			p.Write(ldapwire.AppendResult(nil, m.ID, ldapwire.OpSearchResultDone, ldapwire.Success, "", ""))
		default:
			return
		}
	}
}

// reply answers each bind with what make returns.
func reply(make func(id int32) []byte) func(*peer) {
	return func(p *peer) {
		for {
			m, err := p.next()
			if err != nil || m.Op == ldapwire.OpUnbindRequest {
				return
			}
			p.Write(make(m.ID))
		}
	}
}

// hang takes what comes and says nothing.
func hang(p *peer) { io.Copy(io.Discard, p) }

// deaf does not even read.
func deaf(p *peer) { <-p.f.stopped }

// secured puts TLS in front of a behaviour.
func secured(config *tls.Config, then func(*peer)) func(*peer) {
	return func(p *peer) {
		tc := tls.Server(p.Conn, config)
		if tc.Handshake() != nil {
			return
		}
		p.Conn = tc
		then(p)
	}
}

func options(urls ...string) upstream.Options {
	return upstream.Options{
		Name:           "corp",
		URLs:           urls,
		BindDN:         "uid=%,ou=people,dc=example,dc=com",
		ConnectTimeout: 300 * time.Millisecond,
		BindTimeout:    600 * time.Millisecond,
	}
}

func open(t *testing.T, o upstream.Options) *upstream.Upstream {
	t.Helper()
	u, err := upstream.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(u.Close)
	return u
}

func bind(u *upstream.Upstream, password string) error {
	_, err := u.Bind(context.Background(), "alice", "", []byte(password))
	return err
}

// class names the kind of an error.
func class(err error) string {
	classes := map[string]error{
		"refused": upstream.ErrRefused, "unavailable": upstream.ErrUnavailable, "busy": upstream.ErrBusy,
		"bad login": upstream.ErrBadLogin, "empty password": upstream.ErrEmptyPassword,
	}
	var found []string
	for name, sentinel := range classes {
		if errors.Is(err, sentinel) {
			found = append(found, name)
		}
	}
	switch {
	case err == nil:
		return "accepted"
	case len(found) != 1:
		return "not exactly one class: " + err.Error()
	}
	return found[0]
}
