package ldapserver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// reluctance is how long after the grace period Run waits for handlers whose
// contexts have ended.
const reluctance = time.Second

// A Server accepts LDAP connections. See Options.
type Server struct {
	handler   Handler
	watcher   Watcher
	log       *slog.Logger
	proxyFrom []netip.Prefix
	noRoom    func() bool // nil: there is always room
	grace     time.Duration
	metrics   *metrics
	tls       *tls.Config

	limits      atomic.Pointer[Limits]
	certificate atomic.Pointer[tls.Certificate]

	started  time.Time // what now counts from
	running  atomic.Bool
	stopping atomic.Bool
	partBy   atomic.Int64    // set before stopping: until when requests are taken from whoever still sends some
	base     context.Context // the parent of every connection's; ends after the grace period
	watchdog *watchdog

	buffers   buffers
	exchanges sync.Pool
	refusals  chan struct{} // a place for each refused connection that is told why
	full      burst

	mu         sync.Mutex
	conns      map[*Conn]struct{} // guarded by mu
	perAddress map[netip.Addr]int // guarded by mu
	lastID     uint64             // guarded by mu
	empty      chan struct{}      // guarded by mu; closed when stopping and the last connection has ended
}

// A Listener is where clients connect.
type Listener struct {
	net.Listener
	// TLS says that connections begin with a TLS handshake (LDAPS).
	TLS bool
}

// New makes a server. It touches no network and starts nothing.
func New(o Options) (*Server, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	s := &Server{
		handler:    o.Handler,
		watcher:    o.Watcher,
		log:        o.Logger,
		proxyFrom:  o.ProxyProtocolFrom,
		noRoom:     o.Full,
		grace:      o.Grace,
		started:    time.Now(),
		base:       context.Background(),
		watchdog:   newWatchdog(),
		refusals:   make(chan struct{}, mostRefusals),
		conns:      make(map[*Conn]struct{}),
		perAddress: make(map[netip.Addr]int),
	}
	s.tls = s.tlsConfig()
	s.limits.Store(&o.Limits)
	s.certificate.Store(o.Certificate)
	var err error
	if s.metrics, err = newMetrics(o.Registerer, s.connections, func() float64 { return float64(s.limits.Load().MaxConnections) }); err != nil {
		return nil, fmt.Errorf("ldapserver: register metrics: %w", err)
	}
	return s, nil
}

// SetLimits changes the limits for connections that are accepted from now on.
// Zeros mean the defaults, as in Options.
func (s *Server) SetLimits(l Limits) error {
	l, err := l.checked()
	if err != nil {
		return err
	}
	s.limits.Store(&l)
	return nil
}

// SetCertificate changes the certificate for handshakes that begin from now
// on. nil turns StartTLS off, and lets handshakes of LDAPS fail.
func (s *Server) SetCertificate(certificate *tls.Certificate) { s.certificate.Store(certificate) }

// Run serves the listeners' connections until ctx ends, and closes the
// listeners. It then answers what was sent, tells each client that has nothing
// outstanding that it is leaving, and answers for a moment longer what crossed
// that notice on its way (parting.go). Requests in service may go on for the
// grace period; then it ends their contexts, closes what is left, and returns
// when all that it started has ended; at the latest a second after the grace
// period, with an error that says how many requests did not heed the end of
// their context. A server runs once.
func (s *Server) Run(ctx context.Context, listeners ...Listener) error {
	if err := s.mayRun(listeners); err != nil {
		return err
	}
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	s.base = base

	var background sync.WaitGroup
	stopWatchdog := make(chan struct{})
	background.Go(func() { s.watchdog.run(s.now, stopWatchdog) })

	var accepting sync.WaitGroup
	failed := make(chan error, len(listeners))
	stopAccepting := make(chan struct{})
	for _, l := range listeners {
		accepting.Go(func() {
			if err := s.accept(l, stopAccepting, &background); err != nil {
				failed <- err
			}
		})
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	s.partBy.Store(s.now() + int64(parting))
	s.stopping.Store(true)
	close(stopAccepting)
	for _, l := range listeners {
		l.Close()
	}
	accepting.Wait()

	err = errors.Join(err, s.disconnect(cancel))
	close(stopWatchdog)
	background.Wait()
	return err
}

func (s *Server) mayRun(listeners []Listener) error {
	if len(listeners) == 0 {
		return errors.New("ldapserver: no listener given")
	}
	for _, l := range listeners {
		if l.TLS && s.certificate.Load() == nil {
			return fmt.Errorf("ldapserver: listen on %v with TLS: %w", l.Addr(), errNoCertificate)
		}
	}
	if s.running.Swap(true) {
		return errors.New("ldapserver: the server was run before")
	}
	return nil
}

// disconnect ends all connections. stopping is set, and nothing is accepted
// any more.
func (s *Server) disconnect(cancel context.CancelFunc) error {
	s.mu.Lock()
	s.empty = make(chan struct{})
	if len(s.conns) == 0 {
		close(s.empty)
	}
	s.mu.Unlock()
	// Whoever waits for input wakes up, sees that the server is stopping and
	// says goodbye on its own goroutine: nobody waits for anybody else.
	for _, c := range s.open() {
		c.wake()
	}
	if s.emptyWithin(s.grace) {
		return nil
	}
	cancel()
	for _, c := range s.open() {
		c.because(errStopping)
		c.end()
	}
	if s.emptyWithin(reluctance) {
		return nil
	}
	return fmt.Errorf("ldapserver: %d connections had a request that did not end within %v of being told to", len(s.open()), reluctance)
}

func (s *Server) emptyWithin(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-s.empty:
		return true
	case <-timer.C:
		return false
	}
}

func (s *Server) open() []*Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	open := make([]*Conn, 0, len(s.conns))
	for c := range s.conns {
		open = append(open, c)
	}
	return open
}

func (s *Server) connections() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return float64(len(s.conns))
}

// now is the time in nanoseconds; it is never 0, and never jumps.
func (s *Server) now() int64 { return int64(time.Since(s.started)) + 1 }

// at is the time that now counts as n.
func (s *Server) at(n int64) time.Time { return s.started.Add(time.Duration(n)) }
