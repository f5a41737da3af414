package ldapserver

import (
	"crypto/tls"
	"errors"
	"net"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// A Watcher is told what a Handler does not see: what becomes of connections, and of the requests that the server serves itself. It is for
// whoever must find out later, or is looking just now, why a client got no answer.
//
// Watch is called on the goroutines that serve, for many connections at once, and for one with requests in service, too: it returns at
// once. The event's slices and message are valid only until then.
type Watcher interface {
	Watch(c *Conn, e Event)
}

// An Event is something that happened to a connection.
type Event struct {
	Kind    EventKind
	Err     error               // why; nil where all is well
	Code    ldapwire.ResultCode // Served: of the answer
	Text    string              // Served: the diagnostic message of the answer
	Raw     []byte              // Malformed: what came, as far as it did
	Message *ldapwire.Message   // Served: the request
}

// An EventKind says what happened.
type EventKind uint8

// The kinds of events. Every connection that is Opened is Ended.
const (
	Refused   EventKind = iota // a connection was one too many; it has no ID
	Opened                     // a connection was accepted, and the client's address is known
	Secured                    // a TLS handshake is done, of LDAPS or StartTLS
	Failed                     // a TLS handshake or the header of the PROXY protocol was not as it must be
	Malformed                  // what came is no message, or none that may come
	Served                     // a request was served, or refused, before a Handler saw it
	Ended
)

// Why a connection ended, where it was not for an error.
var (
	errUnbound  = errors.New("the client unbound")
	errSmuggled = errors.New("something was sent behind a StartTLS request")
	errPanicked = errors.New("internal error")
)

func (c *Conn) tell(e Event) {
	if w := c.srv.watcher; w != nil {
		w.Watch(c, e)
	}
}

// because notes why the connection ends: the first reason counts.
func (c *Conn) because(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.why == nil {
		c.why = err
	}
}

// TLSState is what was agreed on for a connection that is protected by TLS; false without. It is for Serve and Watch.
func (c *Conn) TLSState() (state tls.ConnectionState, ok bool) {
	t, ok := c.nc.(*tls.Conn)
	if ok {
		state = t.ConnectionState()
	}
	return state, ok
}

// PeerAddr is the other end of the socket: a load balancer's where the PROXY protocol is spoken.
func (c *Conn) PeerAddr() net.Addr { return c.raw.RemoteAddr() }
