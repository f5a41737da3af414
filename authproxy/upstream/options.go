package upstream

import (
	"context"
	"log/slog"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Defaults of Options.
const (
	DefaultConnectTimeout = 2 * time.Second
	DefaultBindTimeout    = 10 * time.Second
	DefaultIdleTimeout    = 4 * time.Minute // Active Directory closes after 15 minutes, firewalls often after 5
	DefaultLifetime       = time.Hour
	DefaultMaxConnections = 8
	DefaultMaxPending     = 1024
)

// Options describe one upstream. Exactly one of BindDN and Search is given;
// neither is allowed where every bind comes with a recorded DN.
type Options struct {
	Name string
	// URLs are the servers, tried in order: ldap://host[:port] or ldaps://host[:port].
	URLs []string
	// BindDN is the template of the bind name, with exactly one %: a DN, or
	// %@domain, or DOMAIN\%.
	BindDN string
	Search *Search
	TLS    TLSOptions

	// ConnectTimeout bounds resolving, connecting and TLS together, per server.
	ConnectTimeout time.Duration
	// BindTimeout bounds all of a bind: waiting for a connection, connecting,
	// searching, binding.
	BindTimeout time.Duration
	IdleTimeout time.Duration // an idle connection is closed after this
	Lifetime    time.Duration // a connection is closed this long after it was made, give or take a tenth

	MaxConnections int // over all servers of this upstream
	MaxPending     int // binds that may wait for a connection; one more is ErrBusy at once

	Registerer prometheus.Registerer // nil: no metrics
	Logger     *slog.Logger          // nil: no log
	// Dial replaces the network, for tests.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Search finds the DN to bind as: exactly one entry under Base must match Filter.
type Search struct {
	Base     string
	Filter   string // RFC 4515, with % in the place of the login
	BindDN   string // the account that searches; empty: anonymous
	Password func() (string, error)
}

// TLSOptions say how connections are protected. TLS 1.2 is the least.
type TLSOptions struct {
	// StartTLS asks for TLS on ldap:// URLs. A server that does not offer it is
	// not used: there is no falling back to clear text.
	StartTLS bool
	// CAFile is a PEM file of the authorities to trust instead of the system's.
	// It is read by New, and again before a connection when it has changed.
	CAFile string
	// ServerName is the name in the certificate; empty: the host of the URL.
	ServerName string
	// PinnedKey is "sha256/" and the base64 SHA-256 of the server's public key
	// (SubjectPublicKeyInfo). With a CAFile both must agree; without one the key
	// is all that is checked, so that a self-signed certificate can be used
	// safely: neither its name nor its dates matter then.
	PinnedKey string
	// InsecureSkipVerify accepts every certificate. A PinnedKey is checked all the same.
	InsecureSkipVerify bool
}

func (o *Options) setDefaults() {
	orDefault(&o.ConnectTimeout, DefaultConnectTimeout)
	orDefault(&o.BindTimeout, DefaultBindTimeout)
	orDefault(&o.IdleTimeout, DefaultIdleTimeout)
	orDefault(&o.Lifetime, DefaultLifetime)
	orDefault(&o.MaxConnections, DefaultMaxConnections)
	orDefault(&o.MaxPending, DefaultMaxPending)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Dial == nil {
		o.Dial = dialTCP
	}
}

// orDefault sets what is zero, or makes no sense.
func orDefault[T time.Duration | int](v *T, def T) {
	if *v <= 0 {
		*v = def
	}
}
