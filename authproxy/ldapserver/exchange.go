package ldapserver

import (
	"context"
	"sync/atomic"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// An exchange is what it takes to serve requests: a decoded message, a request
// and a writer. A connection borrows one from the server while it is busy; an
// idle one has none.
type exchange struct {
	conn *Conn
	msg  ldapwire.Message
	req  Request
	w    ResponseWriter

	// kind is what the request asks for. It outlives the bytes of the message.
	kind operation

	flags atomic.Uint32

	// Guarded by conn.mu once the reading was taken over.
	id      int32
	op      ldapwire.Op
	done    bool    // the handler has returned
	cancels []int32 // message IDs of the Cancel operations that wait for this one

	// Guarded by conn.mu.
	ctx    context.Context
	cancel context.CancelFunc
}

// The flags of an exchange.
const (
	abandoned = 1 << iota // RFC 4511, section 4.11: no answer is sent
	canceled              // RFC 3909: the answer is canceled
)

// mostKeptOutput is up to which size a writer's buffer is kept for the next
// connection.
const mostKeptOutput = 64 << 10

// borrow takes an exchange for c from the pool.
func (s *Server) borrow(c *Conn) *exchange {
	x, ok := s.exchanges.Get().(*exchange)
	if !ok {
		x = &exchange{}
		x.w.x = x
		x.req.state = x
		x.req.Message = &x.msg
	}
	x.conn = c
	x.req.Conn = c
	return x
}

// release gives x back, with nothing unsent in it.
func (s *Server) release(x *exchange) {
	x.conn = nil
	x.req.Conn = nil
	x.w.out, x.w.held, x.w.heldSent = x.w.out[:0], nil, nil
	if cap(x.w.out) > mostKeptOutput {
		x.w.out = nil
	}
	s.exchanges.Put(x)
}

// begin makes x ready for the next request.
func (x *exchange) begin(id int32, op ldapwire.Op) {
	x.id, x.op = id, op
	x.done = false
	x.flags.Store(0)
}

func (x *exchange) context() context.Context {
	c := x.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if x.ctx == nil {
		x.ctx, x.cancel = context.WithCancel(c.contextLocked())
		if x.flags.Load() != 0 {
			x.cancel()
		}
	}
	return x.ctx
}

// endContext ends the request's context, if it was asked for.
func (x *exchange) endContext() {
	if x.cancel == nil { // set by Serve, which has returned
		return
	}
	x.conn.mu.Lock()
	cancel := x.cancel
	x.ctx, x.cancel = nil, nil
	x.conn.mu.Unlock()
	cancel()
}
