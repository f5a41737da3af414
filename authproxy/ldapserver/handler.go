package ldapserver

import (
	"context"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// A Handler answers requests.
//
// Serve is called for one request of a connection at a time, in the order in
// which they came, and for requests of many connections at once. When it
// returns it has sent the final response to w; if it has not, the server
// answers other (80) in its place. r, its message and every slice in that are
// valid only until Serve returns.
//
// Serve returns soon after r.Context() has ended. When r.Canceled() says so, a
// handler answers ldapwire.Canceled, unless what was asked has been done; an
// answer to a request that was abandoned is discarded.
//
// StartTLS, Cancel, Abandon and Unbind never reach a handler.
type Handler interface {
	Serve(w *ResponseWriter, r *Request)
}

// A Request is a request that a Handler has to answer.
type Request struct {
	Message *ldapwire.Message
	Conn    *Conn

	state *exchange
}

// Context ends when the request was abandoned or cancelled, when the client is
// gone, and when the server can wait no longer. It is made at the first call.
// A bind cannot be abandoned (RFC 4511, section 4.11), so that its context is
// the connection's and costs nothing.
func (r *Request) Context() context.Context {
	if r.Message.Op == ldapwire.OpBindRequest {
		return (*bindContext)(r.Conn)
	}
	return r.state.context()
}

// Canceled tells whether nobody waits for the answer any more: the request was
// abandoned or cancelled, or the client is gone. It is cheap: a handler with
// much to send asks it between entries.
func (r *Request) Canceled() bool { return r.state.flags.Load() != 0 || r.Conn.over.Load() }
