package ldapserver

import (
	"errors"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// errIDInUse is RFC 4511, section 4.1.1.1: with two requests of one message ID,
// nobody could tell their answers apart.
var errIDInUse = errors.New("the message ID belongs to a request that is outstanding")

// takeOver gives the reading to a goroutine of its own, since the request that
// was started at since is still in service.
func (c *Conn) takeOver(since int64) {
	c.mu.Lock()
	if !c.since.CompareAndSwap(since, handedOn) {
		c.mu.Unlock()
		return
	}
	// The request in service points into the buffer, so that the reader goes on
	// in another one.
	c.lent = c.in
	c.in = c.srv.buffers.holding(c.lent.unread())
	c.served = true
	c.roles++
	c.mu.Unlock()
	go c.loop(false)
}

// sendHeld writes the answers that the request in service keeps from being
// sent.
func (c *Conn) sendHeld() {
	c.mu.Lock()
	var held []byte
	var sent chan struct{}
	if c.busy != nil {
		held, sent = c.busy.w.takeHeld()
	}
	c.mu.Unlock()
	if sent == nil {
		return
	}
	// An error has ended the connection, which everybody notices.
	_ = c.write(held)
	close(sent)
}

// What becomes of the reading once a message was dealt with.
type reading uint8

const (
	readOn reading = iota
	readNoMore
	// serveIt says that the message is still to be served, by the reader: who served
	// before has found the queue empty, and will not look again.
	serveIt
)

// wait deals with a message while a request is in service on another
// goroutine.
func (c *Conn) wait(x *exchange, raw []byte) reading {
	switch op := operationOf(&x.msg); op {
	case opUnbind:
		c.unbind(x)
		return readNoMore
	case opAbandon:
		c.abandon(x)
	case opCancel:
		c.cancelRequest(x)
	case opStartTLS:
		c.refuse(x, opStartTLS, ldapwire.OperationsError, "StartTLS is not possible while requests are outstanding")
	default:
		return c.enqueue(x, op, raw)
	}
	return readOn
}

// enqueue lets a request wait for its turn. A client may send its next request as
// soon as it has the answer to the last one, just when the other goroutine is done: whether
// that still serves is asked under the lock that it takes to stop.
func (c *Conn) enqueue(x *exchange, op operation, raw []byte) reading {
	id := x.msg.ID
	c.mu.Lock()
	switch {
	case !c.served:
		c.mu.Unlock()
		return serveIt
	case c.outstanding(id):
		c.mu.Unlock()
		c.reject(x, errIDInUse, nil)
		return readNoMore
	case len(c.queue) >= c.limits.MaxPendingPerConnection, c.queued+len(raw) > c.limits.MaxMessageBytes.AfterBind:
		c.mu.Unlock()
		c.refuse(x, op, ldapwire.Busy, "too many requests are waiting on this connection")
	case c.srv.stopping.Load() && c.srv.now() > c.srv.partBy.Load():
		// Whoever sends on and on would keep the server from ending.
		c.mu.Unlock()
		c.refuse(x, op, ldapwire.Unavailable, "the server is stopping")
	default:
		c.queue = append(c.queue, pending{id, x.msg.Op, c.srv.buffers.holding(raw)})
		c.queued += len(raw)
		c.mu.Unlock()
	}
	clear(raw) // it may hold a password
	return readOn
}

// outstanding tells whether a request with this message ID is in service or
// waits. mu is held.
func (c *Conn) outstanding(id int32) bool {
	if c.busy != nil && c.busy.id == id && !c.busy.done && c.busy.flags.Load()&abandoned == 0 {
		return true
	}
	for _, p := range c.queue {
		if p.id == id {
			return true
		}
	}
	return false
}

// refuse answers a request that is not served.
func (c *Conn) refuse(x *exchange, op operation, code ldapwire.ResultCode, text string) {
	x.w.out = appendResult(x.w.out, x.msg.ID, x.msg.Op, code, "", text)
	c.srv.metrics.count(op, code)
	c.tell(Event{Kind: Served, Code: code, Text: text, Message: &x.msg})
}
