package ldapserver

import (
	"time"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

const (
	// parting is how long a client that was told that the server is leaving is
	// still served: its next request may have been on its way when the notice
	// was. A phone across the country is 50 ms away.
	parting = 200 * time.Millisecond

	// lastLook is how long a socket is looked into at the end of that.
	lastLook = 10 * time.Millisecond

	// lastWrite is how long a client may take to accept an answer while the
	// server is leaving: whoever does not read must not hold up the others.
	lastWrite = 500 * time.Millisecond

	// latecomers is how long a TLS handshake or a PROXY protocol header may
	// take once the server is leaving: whoever began one is told, too. It is also
	// for how much longer than parting a client is answered that was told and
	// sends on and on.
	latecomers = time.Second
)

// wake makes whoever waits for input see that the server is stopping. What
// comes before the first message is not interrupted, but may not take long.
func (c *Conn) wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.opening {
		_ = c.raw.SetDeadline(time.Now().Add(min(latecomers, c.limits.HandshakeTimeout)))
		return
	}
	_ = c.raw.SetReadDeadline(time.Unix(1, 0))
}

// beginOpening sets the deadline of a handshake, or of what comes before the
// first message; the function that it returns ends that.
func (c *Conn) beginOpening() (end func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	nested := c.opening
	c.opening = true
	timeout := c.limits.HandshakeTimeout
	if c.srv.stopping.Load() {
		timeout = min(timeout, latecomers)
	}
	// An error means that the socket is closed, which the next read says, too.
	_ = c.raw.SetDeadline(time.Now().Add(timeout))
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.opening = nested
		c.readBy = 0
		c.writeBy.Store(0)
	}
}

// part puts a Notice of Disconnection behind the answers in x (RFC 4511,
// section 4.4.1): in the same write, so that a client which waits for its
// answers before it goes on has read the notice by then. It is served until
// the time of parting is over all the same.
func (c *Conn) part(x *exchange) *exchange {
	if x == nil {
		x = c.srv.borrow(c)
	}
	x.w.out = ldapwire.AppendNoticeOfDisconnection(x.w.out, ldapwire.Unavailable, "the server is stopping")
	c.partBy = c.srv.now() + int64(parting)
	c.writeBy.Store(0) // this and later writes have a shorter deadline
	return x
}

// parted tells whether a client that was told that the server is leaving sends on and on.
func (c *Conn) parted() bool { return c.partBy != 0 && c.srv.now() > c.partBy+int64(latecomers) }
