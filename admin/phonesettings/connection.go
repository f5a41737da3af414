package phonesettings

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Security is how a connection is protected.
type Security string

// The ways to connect.
const (
	LDAPS    Security = "ldaps"
	StartTLS Security = "starttls"
	Plain    Security = "plain"
)

// String names it as people do.
func (s Security) String() string {
	switch s {
	case LDAPS:
		return "LDAPS"
	case StartTLS:
		return "StartTLS"
	}
	return "no TLS"
}

// A Server is what phones need to know of the server.
type Server struct {
	Listeners  []Listener
	StartTLS   bool // there is a certificate for it
	RequireTLS bool // passwords are taken over TLS only
	// Host is the name that phones shall use; empty: the address of a listener, or
	// Hostname when none has one of its own.
	Host     string
	Hostname string
}

// A Listener is an address that the server listens on for LDAP.
type Listener struct {
	Address netip.AddrPort
	TLS     bool
}

// A Connection is where and how a phone connects.
type Connection struct {
	Host     string   `json:"host"`
	Port     int      `json:"port"`
	Security Security `json:"security"`
}

// URL returns ldap://HOST:PORT or ldaps://HOST:PORT.
func (c Connection) URL() string { return c.scheme() + "://" + c.HostPort() }

func (c Connection) scheme() string {
	if c.Security == LDAPS {
		return "ldaps"
	}
	return "ldap"
}

// HostPort returns HOST:PORT, an IPv6 address in brackets.
func (c Connection) HostPort() string { return c.bracketed() + ":" + strconv.Itoa(c.Port) }

func (c Connection) bracketed() string {
	if strings.Contains(c.Host, ":") {
		return "[" + c.Host + "]"
	}
	return c.Host
}

// How well phones reach a listener.
const (
	onLoopback = iota // not at all
	onAll             // by some address of the machine
	onOwn             // by this address
)

// reach tells how well phones reach a listener.
func (l Listener) reach() int {
	switch a := l.Address.Addr(); {
	case a.IsLoopback():
		return onLoopback
	case !a.IsValid(), a.IsUnspecified(), a.IsLinkLocalUnicast():
		return onAll
	}
	return onOwn
}

// connect chooses the safest way that both the vendor's devices and the server know,
// passing over listeners that only this machine reaches while there are others.
func (s Server) connect(v Vendor) (Connection, []string, error) {
	if s.Host != "" && !validHost(s.Host) {
		return Connection{}, nil, unfitf("%q is no host name or address: give the name that phones use for this server, such as ldap.example.com", s.Host)
	}
	var best *Listener
	var security Security
	for _, way := range v.Can {
		l := s.listener(way)
		if l != nil && (best == nil || best.reach() == onLoopback && l.reach() > onLoopback) {
			best, security = l, way
		}
	}
	if best == nil {
		return Connection{}, nil, s.unreachable(v)
	}
	c := Connection{Host: s.Host, Port: int(best.Address.Port()), Security: security}
	var notes []string
	if c.Host == "" {
		c.Host = s.Hostname
		if best.reach() == onOwn {
			c.Host = best.Address.Addr().Unmap().WithZone("").String()
		} else {
			notes = append(notes, fmt.Sprintf("No listener names an address that phones could use, so the settings name this machine, %s; --host NAME gives the name that phones know.", c.Host))
		}
	}
	if best.reach() == onLoopback {
		notes = append(notes, fmt.Sprintf("Phones cannot reach it yet: the server listens on %s, which is this machine alone. Set %s to an address of the network, such as 0.0.0.0:%d.", best.Address, best.key(), c.Port))
	}
	return c, append(notes, securityNotes(v, c)...), nil
}

// listener returns the one that phones reach best in this way.
func (s Server) listener(way Security) *Listener {
	if way == StartTLS && !s.StartTLS || way == Plain && s.RequireTLS {
		return nil
	}
	var fitting []Listener
	for _, l := range s.Listeners {
		if l.TLS == (way == LDAPS) {
			fitting = append(fitting, l)
		}
	}
	if len(fitting) == 0 {
		return nil
	}
	best := slices.MaxFunc(fitting, func(a, b Listener) int { return cmp.Compare(a.reach(), b.reach()) })
	return &best
}

// key is the configuration's name for the listener.
func (l Listener) key() string {
	if l.TLS {
		return "ldap.listen_tls"
	}
	return "ldap.listen"
}

// unreachable says what to change so that the vendor's devices can connect.
func (s Server) unreachable(v Vendor) error {
	ways := make([]string, len(v.Can))
	for i, way := range v.Can {
		ways[i] = way.String()
	}
	what := v.Title + " connects with " + strings.Join(ways, " or ")
	switch {
	case slices.Equal(v.Can, plainOnly) && s.RequireTLS:
		return unfitf("%s, and this server takes passwords over TLS only: set ldap.require_tls to false, or let such phones read without a login (ldap.anonymous_from)", what)
	case slices.Contains(v.Can, LDAPS):
		return unfitf("%s, and this server has no such listener that would keep the password safe: set ldap.cert_file and ldap.key_file, and ldap.listen_tls for LDAPS", what)
	case slices.Contains(v.Can, StartTLS) && !s.StartTLS:
		return unfitf("%s, and this server takes passwords over TLS only but has no certificate: set ldap.cert_file and ldap.key_file", what)
	}
	return unfitf("%s, for which this server has no listener: set ldap.listen", what)
}

// securityNotes tell what the connection protects, and what it asks of the phone.
func securityNotes(v Vendor, c Connection) []string {
	if c.Security != Plain {
		return []string{fmt.Sprintf("The connection is %s on port %d. The server's certificate must be for %s, and the device must trust who issued it; one that waits until it times out usually does not.", c.Security, c.Port, c.Host)}
	}
	if slices.Equal(v.Can, plainOnly) {
		return []string{fmt.Sprintf("WARNING: the password travels in clear: no setting of %s for TLS is known. Keep it in a network of its own, and give it a device of its own.", v.Title)}
	}
	return []string{fmt.Sprintf("WARNING: the password travels in clear, though %s could use %s: set ldap.cert_file and ldap.key_file, and ldap.listen_tls for LDAPS.", v.Title, v.Can[0])}
}

const lettersAndDigits = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// validHost tells whether text is a host name or an address. Underscores are no
// part of host names, and in use.
func validHost(text string) bool {
	if _, err := netip.ParseAddr(text); err == nil {
		return true
	}
	if len(text) > 253 {
		return false
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(text, "."), ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, lettersAndDigits+"-_") != "" {
			return false
		}
	}
	return true
}
