package ldapserver_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/dialtree/dialtree/authproxy/ldapserver"
	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// patience is how long a test waits for what must happen.
const patience = 5 * time.Second

func TestMain(m *testing.M) {
	if os.Getenv(fewDescriptors) != "" {
		os.Exit(serveWithFewDescriptors())
	}
	goleak.VerifyTestMain(m)
}

// A handlerFunc is a handler made of a function.
type handlerFunc func(w *ldapserver.ResponseWriter, r *ldapserver.Request)

func (f handlerFunc) Serve(w *ldapserver.ResponseWriter, r *ldapserver.Request) { f(w, r) }

// succeed answers everything with success.
func succeed(w *ldapserver.ResponseWriter, _ *ldapserver.Request) {
	w.Result(ldapwire.Success, "", "")
}

// A running server, and how to end it.
type running struct {
	*ldapserver.Server
	addr string
	stop context.CancelFunc
	done chan error // what Run returned
}

// run starts a server on a listener of its own and ends it with the test.
func run(t testing.TB, o ldapserver.Options) *running {
	t.Helper()
	return runOn(t, o, ldapserver.Listener{Listener: listen(t)})
}

func runOn(t testing.TB, o ldapserver.Options, listeners ...ldapserver.Listener) *running {
	t.Helper()
	if o.Handler == nil {
		o.Handler = handlerFunc(succeed)
	}
	if o.Grace == 0 {
		o.Grace = time.Second
	}
	s, err := ldapserver.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{Server: s, addr: listeners[0].Addr().String(), stop: cancel, done: make(chan error, 1)}
	go func() { r.done <- s.Run(ctx, listeners...) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-r.done:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(o.Grace + patience):
			t.Error("Run did not return")
		}
	})
	return r
}

// ended waits for Run to return and tells how long that took.
func (r *running) ended(t *testing.T) time.Duration {
	t.Helper()
	start := time.Now()
	select {
	case err := <-r.done:
		r.done <- err
	case <-time.After(2 * patience):
		t.Fatal("Run did not return")
	}
	return time.Since(start)
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// A peer is a client made of a socket and the wire format.
type peer struct {
	t testing.TB
	net.Conn
	in []byte
}

func (r *running) dial(t testing.TB) *peer {
	t.Helper()
	nc, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	return newPeer(t, nc)
}

func newPeer(t testing.TB, nc net.Conn) *peer {
	t.Cleanup(func() { nc.Close() })
	return &peer{t: t, Conn: nc}
}

func (p *peer) send(b ...[]byte) {
	p.t.Helper()
	var all []byte
	for _, m := range b {
		all = append(all, m...)
	}
	if _, err := p.Write(all); err != nil {
		p.t.Fatalf("send: %v", err)
	}
}

// receive returns the next message, which belongs to the caller.
func (p *peer) receive() *ldapwire.Message {
	p.t.Helper()
	m, err := p.next(patience)
	if err != nil {
		p.t.Fatalf("receive: %v", err)
	}
	return m
}

func (p *peer) next(within time.Duration) (*ldapwire.Message, error) {
	_ = p.SetReadDeadline(time.Now().Add(within))
	for {
		n, err := ldapwire.Size(p.in, 1<<24)
		if err != nil {
			return nil, err
		}
		if n > 0 && n <= len(p.in) {
			m := &ldapwire.Message{}
			err := m.Decode(p.in[:n:n], nil)
			p.in = p.in[n:]
			return m, err
		}
		b := make([]byte, 64<<10)
		n, err = p.Read(b)
		p.in = append(p.in, b[:n]...)
		if n == 0 && err != nil {
			return nil, err
		}
	}
}

// expect receives a response to the request id with the code given.
func (p *peer) expect(id int32, op ldapwire.Op, code ldapwire.ResultCode) *ldapwire.Message {
	p.t.Helper()
	m := p.receive()
	if m.ID != id || m.Op != op || m.Result.Code != code {
		p.t.Fatalf("received ID %d, operation %#x, %v (%s); want ID %d, operation %#x, %v",
			m.ID, m.Op, m.Result.Code, m.Result.Message, id, op, code)
	}
	return m
}

// expectNotice receives a Notice of Disconnection and the end.
func (p *peer) expectNotice(code ldapwire.ResultCode) *ldapwire.Message {
	p.t.Helper()
	m := p.expect(0, ldapwire.OpExtendedResponse, code)
	if string(m.ResponseName) != "1.3.6.1.4.1.1466.20036" {
		p.t.Fatalf("the notice is called %q", m.ResponseName)
	}
	p.expectEnd()
	return m
}

// expectEnd reads nothing but the end of the stream.
func (p *peer) expectEnd() {
	p.t.Helper()
	m, err := p.next(patience)
	if err == nil {
		p.t.Fatalf("received ID %d, operation %#x, %v (%s); want the end", m.ID, m.Op, m.Result.Code, m.Result.Message)
	}
	if !errors.Is(err, io.EOF) {
		p.t.Fatalf("received %v, want the end", err)
	}
}

// expectNothing receives nothing for a while.
func (p *peer) expectNothing(during time.Duration) {
	p.t.Helper()
	m, err := p.next(during)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		p.t.Fatalf("received %+v, %v; want nothing", m, err)
	}
}

// Requests.

func bind(id int32) []byte {
	return ldapwire.AppendBindRequest(nil, id, 3, "uid=alice,ou=users,dc=dialtree", []byte("secret"))
}

func search(id int32, base string) []byte {
	return ldapwire.AppendSearchRequest(nil, id, &ldapwire.SearchRequest{
		BaseObject: []byte(base),
		Filter:     ldapwire.Filter{Kind: ldapwire.FilterPresent, Attribute: []byte("objectClass")},
	})
}

func extended(id int32, name string, value []byte) []byte {
	return ldapwire.AppendExtendedRequest(nil, id, name, value)
}

func cancelOf(id, target int32) []byte {
	return extended(id, "1.3.6.1.1.8", []byte{0x30, 0x03, 0x02, 0x01, byte(target)})
}

const oidStartTLS = "1.3.6.1.4.1.1466.20037"

// certificate makes a self-signed one for name.
func certificate(t testing.TB, name string) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: name},
		DNSNames:     []string{name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// secure puts TLS over p.
func (p *peer) secure() (*peer, string) {
	p.t.Helper()
	c := tls.Client(p.Conn, &tls.Config{InsecureSkipVerify: true})
	_ = c.SetDeadline(time.Now().Add(patience))
	if err := c.Handshake(); err != nil {
		p.t.Fatalf("handshake: %v", err)
	}
	return newPeer(p.t, c), c.ConnectionState().PeerCertificates[0].Subject.CommonName
}
