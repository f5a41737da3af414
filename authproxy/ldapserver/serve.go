package ldapserver

import (
	"runtime/debug"
	"time"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// serve deals with a request while nothing else is outstanding. It tells
// whether the goroutine is still the reader.
func (c *Conn) serve(x *exchange, raw []byte) bool {
	op := operationOf(&x.msg)
	switch op {
	case opUnbind:
		c.unbind(x)
		return false
	case opAbandon:
		// Everything before it has been answered: there is nothing to abandon.
		c.srv.metrics.countPlain(opAbandon)
		c.tell(Event{Kind: Served, Message: &x.msg})
		return true
	case opCancel:
		c.cancelNothing(x)
		return true
	case opStartTLS:
		return c.startTLS(x)
	}
	c.busy = x
	x.kind = op
	x.begin(x.msg.ID, x.msg.Op)
	x.w.start()
	start := c.lastActive.Load()
	c.since.Store(start)
	if !c.watched.Load() {
		c.srv.watchdog.watch(c)
	}
	ok := c.call(x)
	clear(raw) // it may hold a password
	if c.since.CompareAndSwap(start, 0) {
		c.finish(x, start, false)
		return ok
	}
	// The reading was taken over, and with it the buffer that raw is part of.
	c.mu.Lock()
	lent := c.lent
	c.lent = nil
	c.mu.Unlock()
	c.srv.buffers.put(lent)
	c.finish(x, start, true)
	if !ok || !c.drain(x) {
		// The connection is over. The reader may still look for what is in
		// service, which x is not any more.
		c.mu.Lock()
		c.busy = nil
		c.mu.Unlock()
	}
	return false
}

// drain serves what has been queued while the reading is another goroutine's.
// Each answer is written at once, since the next request may take long, too.
// It tells whether the queue became empty, so that the reader is alone now.
func (c *Conn) drain(x *exchange) bool {
	for !c.over.Load() && x.w.flush() == nil {
		p, ok := c.next(x)
		if !ok {
			if c.srv.stopping.Load() {
				// The reader was woken up while somebody else served: again.
				_ = c.raw.SetReadDeadline(time.Unix(1, 0))
			}
			return true
		}
		start := c.srv.now()
		raw := p.raw.unread()
		// It was decoded before: that cannot fail now.
		if err := x.msg.Decode(raw, &c.limits.Decode); err != nil {
			c.reject(x, err, raw)
			return false
		}
		x.kind = operationOf(&x.msg)
		x.w.start()
		served := c.call(x)
		c.srv.buffers.put(p.raw)
		c.finish(x, start, true)
		if !served {
			return false
		}
	}
	return false
}

// next takes the next request from the queue and makes it the one in service.
// Without one, the reader is alone from here on.
func (c *Conn) next(x *exchange) (p pending, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 {
		c.queue, c.busy, c.served = nil, nil, false
		c.since.Store(0)
		return p, false
	}
	p = c.queue[0]
	c.queue = c.queue[:copy(c.queue, c.queue[1:])]
	c.queued -= len(p.raw.unread())
	x.begin(p.id, p.op)
	return p, true
}

// call calls the handler. A panic in it ends this connection and no other.
func (c *Conn) call(x *exchange) (ok bool) {
	defer func() {
		if ok {
			return
		}
		c.srv.log.Error("a handler panicked; its connection was closed",
			"operation", x.kind.String(), "client", c.remote, "panic", recover(), "stack", string(debug.Stack()))
		x.w.code, x.w.final = ldapwire.Other, true
		c.because(errPanicked)
		c.goodbye(x, ldapwire.Other, "internal error; the server's log has more")
	}()
	if x.op == ldapwire.OpBindRequest {
		c.SetIdentity(nil)
	}
	c.srv.handler.Serve(&x.w, &x.req)
	return true
}

// finish ends a request whose handler has returned.
func (c *Conn) finish(x *exchange, start int64, shared bool) {
	gone := x.flags.Load()&abandoned != 0
	if !x.w.final && !gone {
		if !c.over.Load() {
			c.srv.log.Error("a handler did not answer a request", "operation", x.kind.String())
		}
		x.w.Result(ldapwire.Other, "", "internal error; the server's log has more")
	}
	if shared {
		c.mu.Lock()
		x.done = true
		cancels := x.cancels
		x.cancels = nil
		c.mu.Unlock()
		c.answerCancels(x, cancels)
	}
	x.endContext()
	end := c.srv.now()
	c.lastActive.Store(end)
	c.srv.metrics.served(x.kind, x.w.code, gone, end-start)
}
