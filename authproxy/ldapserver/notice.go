package ldapserver

import (
	"errors"
	"io"
	"net"
	"time"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

const (
	// noticeTimeout is how long a client may take to accept the last words,
	// which a client that reads at all does at once.
	noticeTimeout = 250 * time.Millisecond

	// lingerTimeout and mostLingering bound what is read and thrown away after
	// the last words. To close a socket with unread input resets the
	// connection, and the client may lose what it was told.
	lingerTimeout = 500 * time.Millisecond
	mostLingering = 1 << 20
)

// goodbye writes the answers in x, if any, and a Notice of Disconnection
// (RFC 4511, section 4.4.1), and closes.
func (c *Conn) goodbye(x *exchange, code ldapwire.ResultCode, text string) {
	c.because(errors.New(text))
	c.quit()
	var out []byte
	if x != nil {
		out = x.w.unsent()
		x.w.out = x.w.out[:0]
	}
	out = ldapwire.AppendNoticeOfDisconnection(out, code, text)
	_ = c.raw.SetWriteDeadline(time.Now().Add(noticeTimeout))
	if _, err := c.nc.Write(out); err == nil && !c.srv.stopping.Load() {
		c.raw.SetWriteDeadline(time.Now().Add(noticeTimeout))
		linger(c.nc, c.raw)
	}
	c.raw.Close()
}

// linger ends the writing and waits for the client to do the same.
func linger(nc, raw net.Conn) {
	half, ok := nc.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	if nc != raw {
		// TLS says close_notify; the end of the stream is the socket's.
		if half, ok := raw.(interface{ CloseWrite() error }); ok && half.CloseWrite() != nil {
			return
		}
	}
	_ = raw.SetReadDeadline(time.Now().Add(lingerTimeout))
	_, _ = io.CopyN(io.Discard, raw, mostLingering)
}

// write writes complete messages. What the client does not take in time ends
// the connection.
//
// Two goroutines of a connection may write at once; net.Conn keeps each write
// in one piece.
func (c *Conn) write(b []byte) error {
	c.timeWrite()
	_, err := c.nc.Write(b)
	if err != nil {
		c.srv.log.Debug("a client did not take its answer", "client", c.remote, "reason", err)
		c.because(err)
		c.end()
	}
	return err
}

// timeWrite gives what is written next WriteTimeout.
func (c *Conn) timeWrite() {
	// The deadline is moved once per quarter of WriteTimeout, not with each
	// write, which would cost every request.
	timeout := int64(c.limits.WriteTimeout)
	if c.srv.stopping.Load() {
		timeout = min(timeout, int64(lastWrite))
	}
	if now := c.srv.now(); c.writeBy.Load() < now+timeout {
		by := now + timeout + timeout/4
		c.writeBy.Store(by)
		_ = c.raw.SetWriteDeadline(c.srv.at(by))
	}
}

// A timely connection is what TLS writes to. It writes of its own accord, too: to a client that asks for new keys
// (RFC 8446, section 4.6.3), perhaps long after the last answer, when the deadline of that is past. A write
// that misses its deadline is the end of a TLS connection.
type timely struct {
	net.Conn
	c    *Conn
	open bool // the handshake, which has a deadline of its own, is over
}

func (t *timely) Write(b []byte) (int, error) {
	if t.open && !t.c.over.Load() { // the last words have one, too
		t.c.timeWrite()
	}
	return t.Conn.Write(b)
}
