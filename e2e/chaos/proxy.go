package chaos

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
)

// A Layer is what a Proxy sees of a connection.
type Layer uint8

// The layers.
const (
	Clear   Layer = iota // LDAP in clear: it works on messages
	TLS                  // TLS from the first byte, between others: it works on bytes
	Upgrade              // StartTLS and then TLS, between others: it works on bytes
)

// Options describe a Proxy.
type Options struct {
	Target   string // host:port of the directory
	Listen   string // host:port; empty: a free port of 127.0.0.1
	Layer    Layer
	Seed     uint64
	Patience time.Duration // of the client for an answer; what is to come late comes after it
	// Certificate makes the proxy end TLS itself, on LDAPS with Layer TLS and after StartTLS with Layer Upgrade; the
	// target is then reached in clear. It may be changed at any time by SetCertificate.
	Certificate *tls.Certificate
}

// A Bind is a simple bind as it went to the directory.
type Bind struct{ Name, Password string }

// A Proxy is one such place. It is safe for concurrent use.
type Proxy struct {
	// Address is where clients connect to, and stays so while the proxy is down.
	Address string

	o           Options
	dice        *dice
	done        sync.WaitGroup
	certificate atomic.Pointer[tls.Certificate]
	target      atomic.Pointer[string]
	ending      chan struct{}

	mu        sync.Mutex // guards what follows
	listener  net.Listener
	mix       Mix
	rewrite   func(answer []byte) []byte // nil: none
	conns     map[net.Conn]bool
	injected  map[Fault]int
	delivered map[Bind]int
	accepted  int
	closed    bool
	history   [][]byte // answers of the past, for Replay
	parked    *swapper // who waits for a partner for Swap
}

// NewProxy starts a calm proxy.
func NewProxy(o Options) (*Proxy, error) {
	p := &Proxy{o: o, dice: newDice(o.Seed), ending: make(chan struct{}), conns: map[net.Conn]bool{}, injected: map[Fault]int{}, delivered: map[Bind]int{}}
	p.certificate.Store(o.Certificate)
	p.target.Store(&o.Target)
	if err := p.listen(cmp.Or(o.Listen, "127.0.0.1:0")); err != nil {
		return nil, fmt.Errorf("start proxy: %w", err)
	}
	return p, nil
}

func (p *Proxy) listen(address string) error {
	l, err := net.Listen("tcp", address)
	for range 50 { // an outgoing connection may have the port for a moment
		if err == nil {
			break
		}
		p.sleep(100 * time.Millisecond)
		l, err = net.Listen("tcp", address)
	}
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.listener, p.Address = l, l.Addr().String()
	p.done.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.done.Go(func() { p.serve(c) })
		}
	})
	return nil
}

// Set makes the faults those of the mix from now on. What hangs already hangs on.
func (p *Proxy) Set(m Mix) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mix = m
}

// Mix is what Set was told last.
func (p *Proxy) Mix() Mix {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mix
}

// Rewrite has every answer pass through f before anything else is done to it; nil: none does.
func (p *Proxy) Rewrite(f func(answer []byte) []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rewrite = f
}

// Retarget makes further connections end at another directory: one in which a password is another one, say.
func (p *Proxy) Retarget(target string) { p.target.Store(&target) }

// SetCertificate is what is shown to further connections.
func (p *Proxy) SetCertificate(c *tls.Certificate) { p.certificate.Store(c) }

// Down refuses connections and cuts those there are, as a machine does whose server was killed.
func (p *Proxy) Down() {
	p.mu.Lock()
	l := p.listener
	p.mu.Unlock()
	l.Close()
	p.Cut()
}

// Up ends Down, on the same port.
func (p *Proxy) Up() error { return p.listen(p.Address) }

// Cut ends every connection.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
	}
}

// Close ends the proxy.
func (p *Proxy) Close() {
	p.mu.Lock()
	if !p.closed {
		p.closed = true
		close(p.ending)
	}
	p.mu.Unlock()
	p.Down()
	p.done.Wait()
}

// Injected tells how often each fault was.
func (p *Proxy) Injected() map[Fault]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.injected)
}

// Delivered tells how often each bind went, whole and readable here, to the directory.
func (p *Proxy) Delivered() map[Bind]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.delivered)
}

// Accepted is the number of connections so far.
func (p *Proxy) Accepted() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.accepted
}

// draw draws a fault of those that are possible and counts it.
func (p *Proxy) draw(possible []Fault) Fault {
	p.mu.Lock()
	m := p.mix
	p.mu.Unlock()
	f := p.dice.fault(m, possible)
	if f != "" {
		p.mu.Lock()
		p.injected[f]++
		p.mu.Unlock()
	}
	return f
}

// track notes a connection that Cut has to end; false when it is too late.
func (p *Proxy) track(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[c] = true
	return !p.closed
}

func (p *Proxy) forget(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

// sleep waits, or less when the proxy ends.
func (p *Proxy) sleep(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.ending:
	}
}

// serve does a connection from its beginning to its end.
func (p *Proxy) serve(client net.Conn) {
	defer client.Close()
	if !p.track(client) {
		return
	}
	defer p.forget(client)
	p.mu.Lock()
	p.accepted++
	p.mu.Unlock()

	var possible []Fault
	switch {
	case p.o.Layer == Upgrade:
		possible = UpgradeFaults
	case p.o.Layer == TLS:
		possible = TLSFaults
	default:
		possible = ConnectionFaults
	}
	fault := p.draw(possible)
	switch fault {
	case HangConnect:
		hang(client)
		return
	case DelayConnect:
		p.sleep(p.briefly())
	}
	server, err := net.Dial("tcp", *p.target.Load())
	if err != nil {
		reset(client)
		return
	}
	defer server.Close()
	if !p.track(server) {
		return
	}
	defer p.forget(server)
	line := &line{Conn: client, p: p, fault: fault, at: p.somewhere()}
	switch {
	case p.certificate.Load() != nil:
		p.serveSecured(line, server)
	case p.o.Layer == Clear:
		p.serveMessages(line, server)
	case p.o.Layer == Upgrade && fault == StripTLS:
		p.strip(client, p.dice.n(3))
	default:
		p.serveBytes(line, server)
	}
}

// serveSecured ends TLS here and works on messages.
func (p *Proxy) serveSecured(client net.Conn, server net.Conn) {
	if p.o.Layer == Upgrade {
		request, err := fixture.ReadMessage(client, mostOfMessage)
		if err != nil {
			return
		}
		if _, err := client.Write(upgraded(request)); err != nil {
			return
		}
	}
	secured := tls.Server(client, &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		return p.certificate.Load(), nil
	}})
	_ = client.SetDeadline(time.Now().Add(10 * time.Second))
	if secured.Handshake() != nil {
		return
	}
	_ = client.SetDeadline(time.Time{})
	p.serveMessages(secured, server)
}

// serveBytes copies both ways.
func (p *Proxy) serveBytes(client *line, server net.Conn) {
	p.done.Go(func() {
		if _, err := io.Copy(server, client); errors.Is(err, errEnded) {
			client.end()
		}
		server.Close()
	})
	_, _ = io.Copy(client, server)
	if client.hung.Load() {
		hang(client.Conn)
	}
}

// briefly is a delay that no client minds.
func (p *Proxy) briefly() time.Duration { return time.Duration(5+p.dice.n(120)) * time.Millisecond }

// somewhere is a byte of a connection: in the handshake as often as behind it.
func (p *Proxy) somewhere() int {
	if p.dice.n(2) == 0 {
		return p.dice.n(3000)
	}
	return 2000 + p.dice.n(4000)
}

// hang takes what comes and says nothing until the client leaves.
func hang(client net.Conn) { _, _ = io.Copy(io.Discard, client) }

// reset ends a connection by RST.
func reset(c net.Conn) {
	if tcp, ok := bottom(c).(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	bottom(c).Close()
}

// halfClose ends what is sent to c, and nothing else.
func halfClose(c net.Conn) {
	if tcp, ok := bottom(c).(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
}

// bottom is the socket below.
func bottom(c net.Conn) net.Conn {
	for {
		switch above := c.(type) {
		case *tls.Conn:
			c = above.NetConn()
		case *line:
			c = above.Conn
		default:
			return c
		}
	}
}

var errEnded = errors.New("the proxy ended the connection")
