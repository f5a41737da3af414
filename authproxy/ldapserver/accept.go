package ldapserver

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

const (
	firstPause = 5 * time.Millisecond
	mostPause  = time.Second

	// mostRefusals is how many refused clients at a time are told why. The
	// others are closed at once: a flood must not be answered with a flood.
	mostRefusals = 64
	// leastRefusals and refusalShare bound them where few connections are allowed,
	// since each holds a descriptor: one for every eight.
	leastRefusals = 4
	refusalShare  = 8
)

// accept serves a listener until stop is closed. Errors such as a lack of
// descriptors pass: it waits, longer each time, and goes on.
func (s *Server) accept(l Listener, stop <-chan struct{}, refusals *sync.WaitGroup) error {
	pause := time.Duration(0)
	for {
		nc, err := l.Accept()
		if err == nil {
			if pause > 0 {
				s.log.Info("connections are accepted again", "listener", l.Addr())
				pause = 0
			}
			s.take(nc, l.TLS, refusals)
			continue
		}
		if s.stopping.Load() {
			return nil
		}
		if errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("ldapserver: listen on %v: %w", l.Addr(), err)
		}
		if pause == 0 {
			s.log.Error("connections cannot be accepted; trying again until they can", "listener", l.Addr(), "error", err)
		}
		pause = min(max(2*pause, firstPause), mostPause)
		select {
		case <-stop:
			return nil
		case <-time.After(pause):
		}
	}
}

// take makes a connection of what was accepted, or refuses it. It does not
// block.
func (s *Server) take(nc net.Conn, overTLS bool, refusals *sync.WaitGroup) {
	c := &Conn{srv: s, limits: s.limits.Load(), raw: nc, nc: nc, remote: addressOf(nc.RemoteAddr()), roles: 1}
	c.lastActive.Store(s.now())
	c.SetIdentity(nil)
	proxied := s.fromProxy(c.remote.Addr())
	if why := s.admit(c, !proxied); why != "" {
		s.logFull(c, why)
		c.tell(Event{Kind: Refused, Err: errors.New(why)})
		s.refuse(c, overTLS || proxied, why, refusals)
		return
	}
	go c.run(overTLS, proxied)
}

// run is the life of a connection, until its reading is taken over. It and
// loop are on the stack of every idle connection, which has room for little
// more before it takes twice the memory: what needs a large frame is elsewhere.
func (c *Conn) run(overTLS, proxied bool) {
	c.in = c.srv.buffers.get(0)
	if err := c.open(overTLS, proxied); err != nil {
		c.unopened(err)
		return
	}
	c.loop(true)
}

func (c *Conn) unopened(err error) {
	c.srv.log.Debug("a connection did not open", "client", c.remote, "reason", err)
	if !c.over.Load() && !errors.Is(err, errStopping) { // else it was refused, or nobody's fault
		c.tell(Event{Kind: Failed, Err: err})
	}
	c.because(err)
	c.end()
	c.leave()
}

// open does what comes before the first message.
func (c *Conn) open(overTLS, proxied bool) error {
	if proxied {
		if err := c.readProxyHeader(); err != nil {
			return err
		}
		if why := c.srv.admitAddress(c); why != "" {
			c.srv.logFull(c, why)
			err := errors.New(why)
			c.tell(Event{Kind: Refused, Err: err})
			if !overTLS {
				c.goodbye(nil, ldapwire.Busy, why)
			}
			c.quit()
			return err
		}
	}
	c.opened = true
	c.tell(Event{Kind: Opened})
	if !overTLS {
		return nil
	}
	plain := c.raw
	if !c.in.empty() {
		plain = &prefixed{c.raw, append([]byte(nil), c.in.take(c.in.w-c.in.r)...)}
	}
	return c.handshake(plain)
}

func (s *Server) fromProxy(a netip.Addr) bool {
	for _, p := range s.proxyFrom {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// admit counts a new connection, and also its address where that is known to
// be the client's. Where a limit forbids it, it says why.
func (s *Server) admit(c *Conn, address bool) (why string) {
	if s.noRoom != nil && s.noRoom() {
		return "the server is short of memory"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.conns) >= c.limits.MaxConnections {
		return "too many connections"
	}
	if address {
		if why := s.countAddress(c); why != "" {
			return why
		}
	}
	s.lastID++
	c.id = s.lastID
	s.conns[c] = struct{}{}
	return ""
}

// admitAddress counts the address of a connection that was counted before.
func (s *Server) admitAddress(c *Conn) (why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.countAddress(c)
}

// countAddress counts c for its client's address. mu is held. What has no
// address, as on a unix socket, is not counted.
func (s *Server) countAddress(c *Conn) (why string) {
	a := c.remote.Addr()
	if !a.IsValid() {
		return ""
	}
	if s.perAddress[a] >= c.limits.MaxConnectionsPerAddress {
		return "too many connections from this address"
	}
	s.perAddress[a]++
	c.counted = a
	return ""
}

// remove takes back what admit has counted.
func (s *Server) remove(c *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	if a := c.counted; a.IsValid() {
		if s.perAddress[a]--; s.perAddress[a] == 0 {
			delete(s.perAddress, a)
		}
	}
	if len(s.conns) == 0 && s.empty != nil {
		close(s.empty)
	}
}

// refuse closes a connection that is too many. A client that can understand it
// is told why, on a goroutine of its own, as long as there are few of those.
func (s *Server) refuse(c *Conn, silently bool, why string, refusals *sync.WaitGroup) {
	if silently || len(s.refusals) >= max(leastRefusals, c.limits.MaxConnections/refusalShare) {
		c.raw.Close()
		return
	}
	select {
	case s.refusals <- struct{}{}:
	default:
		c.raw.Close()
		return
	}
	refusals.Go(func() {
		defer func() { <-s.refusals }()
		c.goodbye(nil, ldapwire.Busy, why)
	})
}

// logFull logs that a limit was met, once per burst.
func (s *Server) logFull(c *Conn, why string) {
	if n, ok := s.full.next(time.Now()); ok {
		s.log.Warn("a connection was refused", "client", c.remote, "reason", why, "refused_since_last_line", n)
	}
}

// A burst tells the first of many like events in ten seconds from the others.
type burst struct {
	mu    sync.Mutex
	last  time.Time // guarded by mu
	count int       // guarded by mu
}

// next counts an event. It tells whether to speak of it, and of how many since
// that was so last.
func (b *burst) next(now time.Time) (count int, speak bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.count++
	if now.Sub(b.last) < 10*time.Second {
		return 0, false
	}
	count, b.count, b.last = b.count, 0, now
	return count, true
}

// addressOf is the address of a TCP peer in its shortest form, and the zero
// AddrPort for anything else.
func addressOf(a net.Addr) netip.AddrPort {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := tcp.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
