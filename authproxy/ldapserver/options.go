package ldapserver

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// Options are what a Server is made of. Handler is required; for everything
// else the zero value means the documented default.
type Options struct {
	// Handler answers the requests.
	Handler Handler
	// Watcher is told what the Handler does not see. Default: nobody is.
	Watcher Watcher
	// Logger takes what an operator acts on. Default: nothing is logged.
	Logger *slog.Logger
	// Registerer takes the metrics. Default: they are not registered.
	Registerer prometheus.Registerer
	// Certificate serves LDAPS and StartTLS. Without one there is no StartTLS,
	// and Run refuses a listener with TLS.
	Certificate *tls.Certificate
	// ProxyProtocolFrom are the load balancers that send the PROXY protocol,
	// version 1 or 2. A connection from one of these addresses has to begin
	// with it; from anywhere else it is not understood.
	ProxyProtocolFrom []netip.Prefix
	// Grace is how long requests may go on once Run's context has ended: 5 s.
	Grace time.Duration
	// Full is asked about each new connection: true refuses it, so that those that there
	// are can go on. Default: there is room.
	Full func() bool
	// Limits hold until SetLimits changes them.
	Limits Limits
}

// Limits bound what clients may use. The zero value of each field means the
// default that its comment names.
type Limits struct {
	MaxConnections           int // open at a time: 20000
	MaxConnectionsPerAddress int // open at a time from one client address: 1000

	// MaxPendingPerConnection is how many requests of a connection wait while
	// one is served: 16. What comes beyond is answered with busy (51). Together
	// they hold no more bytes than the largest message.
	MaxPendingPerConnection int

	MaxMessageBytes MessageBytes

	IdleTimeout      time.Duration // without a request, before the connection is closed: 5 min
	HandshakeTimeout time.Duration // for a TLS handshake, and for a PROXY protocol header: 10 s
	MessageTimeout   time.Duration // from the first byte of a message to its last: 10 s
	WriteTimeout     time.Duration // until a client has taken what is written to it: 10 s

	// Decode bounds what the parts of a message may be.
	Decode ldapwire.Limits
}

// MessageBytes bounds the size of a message.
type MessageBytes struct {
	BeforeBind int // while the connection has no identity: 65536
	AfterBind  int // while it has one: 262144
}

// The bounds on Limits: a message below the least could not hold a bind, and
// one above the largest is no request to a directory of people.
const (
	leastMessageBytes = 1 << 10
	mostMessageBytes  = 64 << 20
)

func (o *Options) check() error {
	if o.Handler == nil {
		return errors.New("ldapserver: no handler given")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Grace < 0 {
		return fmt.Errorf("ldapserver: the grace period is %v; it cannot be negative", o.Grace)
	}
	if o.Grace == 0 {
		o.Grace = 5 * time.Second
	}
	for i, p := range o.ProxyProtocolFrom {
		if !p.IsValid() {
			return fmt.Errorf("ldapserver: number %d of the networks that send the PROXY protocol is not valid", i+1)
		}
	}
	var err error
	o.Limits, err = o.Limits.checked()
	return err
}

// checked returns l with the defaults in place of zeros.
func (l Limits) checked() (Limits, error) {
	for _, n := range []struct {
		name  string
		value *int
		def   int
		least int
		most  int
	}{
		{"connections", &l.MaxConnections, 20000, 1, 1 << 24},
		{"connections per address", &l.MaxConnectionsPerAddress, 1000, 1, 1 << 24},
		{"pending requests per connection", &l.MaxPendingPerConnection, 16, 1, 1 << 16},
		{"message bytes before a bind", &l.MaxMessageBytes.BeforeBind, 65536, leastMessageBytes, mostMessageBytes},
		{"message bytes after a bind", &l.MaxMessageBytes.AfterBind, 262144, leastMessageBytes, mostMessageBytes},
	} {
		if *n.value == 0 {
			*n.value = n.def
		}
		if *n.value < n.least || *n.value > n.most {
			return l, fmt.Errorf("ldapserver: the limit of %s is %d; it must be from %d to %d", n.name, *n.value, n.least, n.most)
		}
	}
	for _, d := range []struct {
		name  string
		value *time.Duration
		def   time.Duration
	}{
		{"idle", &l.IdleTimeout, 5 * time.Minute},
		{"handshake", &l.HandshakeTimeout, 10 * time.Second},
		{"message", &l.MessageTimeout, 10 * time.Second},
		{"write", &l.WriteTimeout, 10 * time.Second},
	} {
		if *d.value == 0 {
			*d.value = d.def
		}
		if *d.value < 0 {
			return l, fmt.Errorf("ldapserver: the %s timeout is %v; it cannot be negative", d.name, *d.value)
		}
	}
	return l, nil
}
