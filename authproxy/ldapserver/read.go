package ldapserver

import (
	"errors"
	"os"
	"strconv"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// Why a connection is read no further, besides what the socket says.
var (
	errStopping = errors.New("the server is stopping") // there is one thing to say first: not the end yet
	errParted   = errors.New("the server is stopping, as the client was told")
	errIdle     = errors.New("idle for too long")
	errSlow     = errors.New("a message took too long to arrive")
)

// loop reads messages and deals with them until the connection is over or the
// reading was taken over. alone says that the goroutine serves, too; one that
// does not becomes alone as soon as the other is done.
func (c *Conn) loop(alone bool) {
	var x *exchange
	defer func() {
		if x != nil {
			c.srv.release(x)
		}
		c.leave()
	}()
	if !alone {
		c.sendHeld()
	}
	for !c.over.Load() {
		if alone && c.parted() {
			if x != nil {
				_ = x.w.flush()
			}
			c.end()
			return
		}
		size, err := ldapwire.Size(c.in.unread(), int(c.maxMessage.Load()))
		if err != nil {
			c.reject(x, err, c.in.unread())
			return
		}
		if size == 0 || size > c.in.w-c.in.r {
			parts := alone && c.partBy == 0 && c.srv.stopping.Load()
			if parts {
				x = c.part(x)
			}
			if x != nil {
				err = x.w.flush()
				if parts { // on a busy machine the write may have come late
					c.partBy = c.srv.now() + int64(parting)
				}
				c.srv.release(x)
				x = nil
			}
			if err == nil {
				err = c.fill(alone)
			}
			if err == errStopping {
				alone = true
				continue
			}
			if err != nil {
				c.unreadable(err)
				return
			}
			continue
		}
		raw := c.in.take(size)
		c.messageSince = 0
		if x == nil {
			x = c.srv.borrow(c)
		}
		if err := x.msg.Decode(raw, &c.limits.Decode); err != nil {
			c.reject(x, err, raw)
			return
		}
		if err := admissible(&x.msg); err != nil {
			c.reject(x, err, raw)
			return
		}
		if !alone {
			alone = c.rejoin()
		}
		if !alone {
			switch c.wait(x, raw) {
			case readOn:
				continue
			case readNoMore:
				return
			}
			alone = true
		}
		if !c.serve(x, raw) {
			return
		}
		// A few bytes of requests ask for many of answers: no more are made before
		// the client takes these.
		if len(x.w.out) >= flushAt && x.w.flush() != nil {
			return
		}
	}
}

// rejoin tells whether nobody serves any more, which makes the reader alone.
func (c *Conn) rejoin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.served
}

// fill reads what the socket has into the buffer; it waits for something.
//
// A deadline is set when there is none yet, or when it comes too late for a
// message that is under way. Otherwise the one from before is left: when it
// fires too early it is set anew, which for a busy connection happens once per
// IdleTimeout, where setting it for each read would cost every request.
func (c *Conn) fill(alone bool) error {
	c.in = c.srv.buffers.room(c.in)
	if due := c.due(alone); c.readBy == 0 || due < c.readBy {
		c.setReadDeadline(due)
	}
	for {
		// Run sets stopping before it makes the deadline fire, so that one of
		// the two is seen here.
		if c.partBy == 0 && c.srv.stopping.Load() && (alone || c.rejoin()) {
			return errStopping
		}
		n, err := c.nc.Read(c.in.b[c.in.w:])
		if n > 0 {
			c.in.w += n
			c.lastActive.Store(c.srv.now())
			return nil
		}
		switch {
		case err == nil:
			continue
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		}
		due := c.due(alone)
		if due <= c.srv.now() {
			switch {
			case c.partBy != 0:
				if c.looked {
					return errParted
				}
				// A deadline that has passed keeps from looking into the socket, where on a busy machine something may lie.
				c.looked = true
				c.setReadDeadline(c.srv.now() + int64(lastLook))
				continue
			case c.messageSince != 0:
				return errSlow
			}
			return errIdle
		}
		c.setReadDeadline(due)
	}
}

// due is when the reader has waited for long enough.
func (c *Conn) due(alone bool) int64 {
	if c.partBy != 0 && (alone || c.rejoin()) {
		return c.partBy
	}
	if !c.in.empty() {
		if c.messageSince == 0 {
			c.messageSince = c.srv.now()
		}
		return c.messageSince + int64(c.limits.MessageTimeout)
	}
	if !alone && !c.rejoin() {
		// A client that waits for its answer is not idle.
		return c.srv.now() + int64(c.limits.IdleTimeout)
	}
	return c.lastActive.Load() + int64(c.limits.IdleTimeout)
}

func (c *Conn) setReadDeadline(by int64) {
	c.readBy = by
	// An error means that the socket is closed, which the next read says, too.
	_ = c.raw.SetReadDeadline(c.srv.at(by))
}

// unreadable ends a connection that nothing more comes from.
func (c *Conn) unreadable(err error) {
	switch {
	case errors.Is(err, errSlow):
		c.goodbye(nil, ldapwire.ProtocolError, "the rest of a message did not arrive within "+c.limits.MessageTimeout.String())
	default:
		c.srv.log.Debug("connection ended", "client", c.remote, "reason", err)
		c.because(err)
		c.end()
	}
}

// admissible says what is wrong with a message that was decoded, as far as its
// connection is concerned.
func admissible(m *ldapwire.Message) error {
	switch m.Op {
	case ldapwire.OpBindRequest, ldapwire.OpUnbindRequest, ldapwire.OpSearchRequest, ldapwire.OpModifyRequest,
		ldapwire.OpAddRequest, ldapwire.OpDelRequest, ldapwire.OpModifyDNRequest, ldapwire.OpCompareRequest,
		ldapwire.OpAbandonRequest, ldapwire.OpExtendedRequest:
	default:
		return errors.New("a response came where only requests are understood")
	}
	// RFC 4511, section 4.1.1.1: the message ID of a request is not zero.
	if m.ID == 0 {
		return errors.New("message ID 0 is not for requests")
	}
	return nil
}

// reject answers what cannot be understood with a Notice of Disconnection
// (RFC 4511, section 4.1.1) and closes. raw is what came.
func (c *Conn) reject(x *exchange, err error, raw []byte) {
	if looksProxied(raw) {
		err = errProxyUnexpected
	}
	text := err.Error()
	var large *ldapwire.TooLargeError
	if errors.As(err, &large) {
		text = "a message of " + strconv.FormatUint(large.Size, 10) + " bytes is larger than the limit of " + strconv.Itoa(large.Max)
		if c.maxMessage.Load() < int64(c.limits.MaxMessageBytes.AfterBind) {
			text += " that holds before a bind"
		}
	}
	c.srv.metrics.count(opInvalid, ldapwire.ProtocolError)
	c.srv.log.Debug("a message was not understood", "client", c.remote, "reason", err)
	c.tell(Event{Kind: Malformed, Err: err, Raw: raw})
	c.because(err)
	c.goodbye(x, ldapwire.ProtocolError, text)
}
