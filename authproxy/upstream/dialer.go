package upstream

import (
	"context"
	"net"
	"time"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// A Dialer makes connections to the servers of one directory for those who do
// more than bind. It keeps no connections and no health. It is safe for use by
// many goroutines at once.
type Dialer struct {
	servers []*server
	network *network
	timeout time.Duration
}

// NewDialer checks what it is given; it touches no network, but reads the CA
// file. timeout bounds resolving, connecting and TLS together, per server; 0 is
// DefaultConnectTimeout.
func NewDialer(urls []string, o TLSOptions, timeout time.Duration) (*Dialer, error) {
	orDefault(&timeout, DefaultConnectTimeout)
	servers, err := parseURLs(urls)
	if err != nil {
		return nil, err
	}
	network, err := newNetwork(dialTCP, o)
	if err != nil {
		return nil, err
	}
	return &Dialer{servers: servers, network: network, timeout: timeout}, nil
}

// Dial connects to the first server that can be reached, under TLS where that is
// wanted. The connection has no deadline and is the caller's to close. The error
// is an *UnavailableError and names every server that was tried.
func (d *Dialer) Dial(ctx context.Context) (c net.Conn, server string, err error) {
	var failures []*UnavailableError
	for _, s := range d.servers {
		c, failure := d.dial(ctx, s)
		if failure == nil {
			return c, s.address, nil
		}
		failures = append(failures, failure)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, "", together(failures)
}

func (d *Dialer) dial(ctx context.Context, s *server) (net.Conn, *UnavailableError) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	c, failure := d.network.dial(ctx, s, nil)
	if failure != nil {
		return nil, failure
	}
	_ = c.rw.SetDeadline(time.Time{})
	return c.rw, nil
}

// InClear tells whether passwords would travel to a server of another machine
// unprotected.
func (d *Dialer) InClear() bool {
	for _, s := range d.servers {
		if !s.tls && !d.network.startTLS && !isLoopback(s.host) {
			return true
		}
	}
	return false
}

// BindError is the error for the answer to a bind that somebody else sent: nil
// for success, a *RefusedError or an *UnavailableError.
func BindError(server string, code int, diagnostic string) error {
	return bindError(server, &ldapwire.Message{Result: ldapwire.Result{
		Code: ldapwire.ResultCode(code), Message: []byte(diagnostic)}})
}

// Answered says what a server answered instead of what was hoped for: the code's
// name and the server's own text, printable and bounded.
func Answered(code int, diagnostic string) error {
	return answered(&ldapwire.Result{Code: ldapwire.ResultCode(code), Message: []byte(diagnostic)})
}
