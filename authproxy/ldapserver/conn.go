package ldapserver

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// A Conn is a client's connection.
//
// It has two roles: to read, and to serve. In the common case one goroutine
// has both: it reads a request, serves it and reads the next, with no hand-off,
// no lock and no timer (loop, in read.go). When a request takes long, the
// watchdog gives the reading to a second goroutine (takeOver), which handles
// Abandon and Cancel, notices that the client is gone and queues what comes
// next. The first one goes on serving until the queue is empty and then ends;
// the reader is alone from there on.
type Conn struct {
	srv    *Server
	limits *Limits
	id     uint64
	raw    net.Conn // as accepted: deadlines are set and ends are made here
	nc     net.Conn // raw, or TLS over it; replaced only while one goroutine is alone
	remote netip.AddrPort
	tls    bool

	counted    netip.Addr // the address that this connection counts for
	identity   any        // the server role's
	maxMessage atomic.Int64

	over    atomic.Bool  // nothing is read or served any more
	writeBy atomic.Int64 // the write deadline

	// since is when the request in service was started, if the goroutine that
	// serves it also has the reading; 0 while none is; handedOn when the
	// reading was taken over. It decides who reads.
	since   atomic.Int64
	watched atomic.Bool // on the watchdog's list

	// The reader's.
	in           *buffer
	readBy       int64 // the read deadline; 0: none yet
	messageSince int64 // when a message that is not complete began to arrive; 0: none
	partBy       int64 // the client was told that the server is leaving, and is served until then; 0: not
	looked       bool  // for the last time, after partBy

	lastActive atomic.Int64 // when something was read or served last

	mu      sync.Mutex
	opening bool // guarded by mu: what comes before the first message, or a handshake, is under way
	// Guarded by mu, save that the one goroutine of a connection that has both
	// roles changes busy without it.
	busy   *exchange // the request in service
	served bool      // another goroutine than the reader serves
	queue  []pending // requests that wait for their turn
	queued int       // their bytes
	lent   *buffer   // what the request in service points into, once the reading was taken over
	roles  int       // goroutines
	why    error     // the connection ends
	opened bool      // the watcher was told of the connection
	ctx    context.Context
	cancel context.CancelFunc
	gone   chan struct{} // closed when over is set; nil until somebody waits for that
}

const handedOn = -1

// A pending request is a copy of its bytes that waits for its turn.
type pending struct {
	id  int32
	op  ldapwire.Op
	raw *buffer
}

// ID is the connection's number, from 1, in the order of their acceptance.
func (c *Conn) ID() uint64 { return c.id }

// RemoteAddr is the client's address: what the PROXY protocol says where it is
// spoken, and the peer's otherwise. It is the zero AddrPort for sockets that
// have none.
func (c *Conn) RemoteAddr() netip.AddrPort { return c.remote }

// LocalAddr is the server's end of the connection.
func (c *Conn) LocalAddr() net.Addr { return c.raw.LocalAddr() }

// TLS tells whether the connection is protected by TLS, either way.
func (c *Conn) TLS() bool { return c.tls }

// Identity is what SetIdentity was given last: nil on a new connection, and
// again from the moment a bind starts (RFC 4511, section 4.2.1). It is for
// Serve, on the goroutine that calls it.
func (c *Conn) Identity() any { return c.identity }

// SetIdentity tells who the client is. With an identity its messages may be as
// large as MaxMessageBytes.AfterBind. It is for Serve, like Identity.
func (c *Conn) SetIdentity(identity any) {
	c.identity = identity
	most := c.limits.MaxMessageBytes.BeforeBind
	if identity != nil {
		most = c.limits.MaxMessageBytes.AfterBind
	}
	c.maxMessage.Store(int64(most))
}

// A bindContext is the context of a bind: the connection itself, so that a
// connection which does nothing but bind, as most do, keeps no context of its own.
type bindContext Conn

// Deadline is none.
func (c *bindContext) Deadline() (deadline time.Time, ok bool) { return time.Time{}, false }

// Value is none.
func (c *bindContext) Value(any) any { return nil }

// Err tells whether the connection is over.
func (c *bindContext) Err() error {
	if c.over.Load() {
		return context.Canceled
	}
	return nil
}

// Done is closed when the connection is over.
func (c *bindContext) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone == nil {
		c.gone = make(chan struct{})
		if c.over.Load() {
			close(c.gone)
		}
	}
	return c.gone
}

// contextLocked is what the contexts of requests are made from. mu is held.
func (c *Conn) contextLocked() context.Context {
	if c.ctx == nil {
		c.ctx, c.cancel = context.WithCancel(c.srv.base)
		if c.over.Load() {
			c.cancel()
		}
	}
	return c.ctx
}

// quit makes the connection's goroutines end: what is served is told to stop,
// what waits is dropped.
func (c *Conn) quit() {
	c.mu.Lock()
	if !c.over.Swap(true) && c.gone != nil {
		close(c.gone)
	}
	cancel := c.cancel
	for _, p := range c.queue {
		c.srv.buffers.put(p.raw)
	}
	c.queue, c.queued = nil, 0
	c.mu.Unlock()
	if cancel != nil {
		cancel()
	}
}

// end closes the connection at once.
func (c *Conn) end() {
	c.quit()
	c.raw.Close()
}

// leave gives a role up. The last one to leave clears away.
func (c *Conn) leave() {
	c.mu.Lock()
	c.roles--
	last := c.roles == 0
	c.mu.Unlock()
	if !last {
		return
	}
	c.end()
	c.srv.buffers.put(c.in)
	c.srv.remove(c)
	if c.opened {
		c.tell(Event{Kind: Ended, Err: c.why})
	}
}
