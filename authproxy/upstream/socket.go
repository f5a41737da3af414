package upstream

import (
	"net"
	"syscall"
)

// errQuiet is what a probing read gives when nothing has arrived. It is a
// temporary net.Error, because crypto/tls gives a connection up after any other.
var errQuiet net.Error = quietError{}

type quietError struct{}

func (quietError) Error() string   { return "nothing to read" }
func (quietError) Timeout() bool   { return true }
func (quietError) Temporary() bool { return true }

// A socket is the TCP connection below everything, TLS included. While probing
// is set, a read takes what has arrived and never waits.
//
// A peek at the raw bytes would not do for TLS: a TLS 1.3 server sends session
// tickets after the handshake, and the bytes of a ticket look like those of a
// farewell. Reading through the TLS layer in this mode lets it digest tickets
// and key updates, and what comes out at the top is what matters.
type socket struct {
	net.Conn
	raw     syscall.RawConn // nil: the connection cannot be probed
	probing bool
	attempt func(fd uintptr) bool // made once, so that a probe allocates nothing
	into    []byte                // what attempt reads into, and what came of it
	n       int
	err     error
}

func newSocket(nc net.Conn) *socket {
	s := &socket{Conn: nc}
	if sc, ok := nc.(syscall.Conn); ok && canProbe {
		if raw, err := sc.SyscallConn(); err == nil {
			s.raw = raw
		}
	}
	s.attempt = func(fd uintptr) bool {
		s.n, s.err = readNow(fd, s.into)
		return true
	}
	return s
}

func (s *socket) Read(b []byte) (int, error) {
	if !s.probing {
		return s.Conn.Read(b)
	}
	s.into = b
	err := s.raw.Read(s.attempt)
	s.into = nil
	if err != nil {
		return 0, err
	}
	return s.n, s.err
}
