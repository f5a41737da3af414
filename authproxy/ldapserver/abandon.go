package ldapserver

import (
	"slices"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// abandon ends the request that an AbandonRequest names (RFC 4511, section
// 4.11), whether it is in service or waits. There is no answer to either. What
// cannot be abandoned, or is not there, is ignored.
func (c *Conn) abandon(x *exchange) {
	c.srv.metrics.countPlain(opAbandon)
	c.tell(Event{Kind: Served, Message: &x.msg})
	if criticalControl(&x.msg) {
		return
	}
	c.mu.Lock()
	if p, ok := c.unqueue(x.msg.Abandon); ok {
		c.mu.Unlock()
		c.srv.buffers.put(p.raw)
		return
	}
	stop := c.interrupt(x.msg.Abandon, abandoned)
	c.mu.Unlock()
	if stop != nil {
		stop()
	}
}

// unqueue takes a request that waits and can be abandoned from the queue. mu
// is held.
func (c *Conn) unqueue(id int32) (pending, bool) {
	for i, p := range c.queue {
		if p.id == id && p.op != ldapwire.OpBindRequest {
			c.queue = slices.Delete(c.queue, i, i+1)
			c.queued -= len(p.raw.unread())
			return p, true
		}
	}
	return pending{}, false
}

// interrupt sets a flag on the request in service, if it is the one meant and
// can be abandoned. It returns what ends the request's context, if there is
// one. mu is held.
func (c *Conn) interrupt(id int32, flag uint32) (stop func()) {
	b := c.busy
	if b == nil || b.id != id || b.done || b.op == ldapwire.OpBindRequest {
		return nil
	}
	b.flags.Or(flag)
	return b.cancel
}
