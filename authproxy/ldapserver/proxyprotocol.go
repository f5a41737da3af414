package ldapserver

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// The PROXY protocol, versions 1 and 2, as
// https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt has it.

const (
	// mostProxyV1 is the longest header of version 1, CR LF included.
	mostProxyV1 = 107
	// mostProxyV2 is the longest header of version 2 that is read: addresses
	// need 52 bytes, the rest is for TLVs, which are skipped.
	mostProxyV2 = 4096
)

const (
	proxyV1Prefix = "PROXY "
	proxyV2Prefix = "\r\n\r\n\x00\r\nQUIT\n"
)

// errProxyUnexpected is of a load balancer that was not named: without it, all that is told is that bytes are no LDAP, or no TLS.
var errProxyUnexpected = errors.New("a PROXY protocol header came where none is taken from this address (ldap.proxy_protocol_from)")

// looksProxied tells whether the first bytes of a connection are those of a header.
func looksProxied(b []byte) bool {
	return len(b) >= 5 && (hasPrefix(b, proxyV2Prefix) || hasPrefix(b, proxyV1Prefix))
}

var errProxyHeader = errors.New("the connection does not begin with a PROXY protocol header")

// parseProxyHeader reads the header at the head of b and returns the client's
// address and the header's length. The length is 0 while b holds only a part
// of it. The address is the zero AddrPort where the header names none, as in a
// balancer's health checks.
func parseProxyHeader(b []byte) (client netip.AddrPort, n int, err error) {
	switch {
	case hasPrefix(b, proxyV2Prefix):
		return parseProxyV2(b)
	case hasPrefix(b, proxyV1Prefix):
		return parseProxyV1(b)
	}
	return client, 0, errProxyHeader
}

// hasPrefix tells whether b begins with prefix, as far as it goes.
func hasPrefix(b []byte, prefix string) bool {
	n := min(len(b), len(prefix))
	return string(b[:n]) == prefix[:n]
}

func parseProxyV1(b []byte) (client netip.AddrPort, n int, err error) {
	line, _, found := bytes.Cut(b[:min(len(b), mostProxyV1)], []byte("\r\n"))
	if !found {
		if len(b) >= mostProxyV1 {
			return client, 0, errors.New("the PROXY protocol header has no end")
		}
		return client, 0, nil
	}
	n = len(line) + 2
	fields := strings.Split(string(line), " ")
	if fields[1] == "UNKNOWN" {
		return client, n, nil
	}
	if len(fields) != 6 || (fields[1] != "TCP4" && fields[1] != "TCP6") {
		return client, 0, errors.New("the PROXY protocol header is not of the form PROXY TCP4|TCP6 SOURCE DESTINATION PORT PORT")
	}
	source, err := proxyV1Address(fields[1], fields[2], fields[4])
	if err != nil {
		return client, 0, err
	}
	if _, err := proxyV1Address(fields[1], fields[3], fields[5]); err != nil {
		return client, 0, err
	}
	return source, n, nil
}

func proxyV1Address(family, address, port string) (netip.AddrPort, error) {
	a, err := netip.ParseAddr(address)
	if err != nil || a.Is4() != (family == "TCP4") || a.Zone() != "" {
		return netip.AddrPort{}, errors.New("the PROXY protocol header has an address that is not " + family)
	}
	p, err := strconv.ParseUint(port, 10, 16)
	if err != nil || (len(port) > 1 && port[0] == '0') || port[0] == '+' {
		return netip.AddrPort{}, errors.New("the PROXY protocol header has a port that is none")
	}
	return netip.AddrPortFrom(a.Unmap(), uint16(p)), nil
}

func parseProxyV2(b []byte) (client netip.AddrPort, n int, err error) {
	const (
		fixed   = 16
		local   = 0x20
		proxied = 0x21
	)
	if len(b) < fixed {
		return client, 0, nil
	}
	command, family := b[12], b[13]
	n = fixed + int(binary.BigEndian.Uint16(b[14:fixed]))
	if n > mostProxyV2 {
		return client, 0, errors.New("the PROXY protocol header is longer than " + strconv.Itoa(mostProxyV2) + " bytes")
	}
	if command != local && command != proxied {
		return client, 0, errors.New("the PROXY protocol header has an unknown version or command")
	}
	if len(b) < n {
		return client, 0, nil
	}
	if command == local {
		return client, n, nil
	}
	addresses := b[fixed:n]
	switch family {
	case 0x11: // TCP over IPv4
		if len(addresses) < 12 {
			return client, 0, errors.New("the PROXY protocol header is too short for its addresses")
		}
		a := netip.AddrFrom4([4]byte(addresses[:4]))
		return netip.AddrPortFrom(a, binary.BigEndian.Uint16(addresses[8:])), n, nil
	case 0x21: // TCP over IPv6
		if len(addresses) < 36 {
			return client, 0, errors.New("the PROXY protocol header is too short for its addresses")
		}
		a := netip.AddrFrom16([16]byte(addresses[:16]))
		return netip.AddrPortFrom(a.Unmap(), binary.BigEndian.Uint16(addresses[32:])), n, nil
	case 0x00, 0x31: // not told; a unix socket, which has no address to tell
		return client, n, nil
	}
	return client, 0, errors.New("the PROXY protocol header is for something else than a TCP connection")
}

// readProxyHeader reads the header that the connection has to begin with. What
// came behind it stays in the buffer.
func (c *Conn) readProxyHeader() error {
	defer c.beginOpening()()
	for {
		n, err := c.nc.Read(c.in.b[c.in.w:])
		c.in.w += n
		client, size, perr := parseProxyHeader(c.in.unread())
		switch {
		case perr != nil:
			return perr
		case size > 0:
			c.in.take(size)
			if client.IsValid() {
				c.remote = client
			}
			c.lastActive.Store(c.srv.now())
			return nil
		case err != nil:
			return err
		}
		c.in = c.srv.buffers.room(c.in)
	}
}

// A prefixed connection is one of whose input something was read already.
type prefixed struct {
	net.Conn
	rest []byte
}

func (p *prefixed) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		return p.Conn.Read(b)
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}
