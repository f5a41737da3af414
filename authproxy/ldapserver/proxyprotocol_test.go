package ldapserver_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/authproxy/ldapserver"
	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

const v2 = "\r\n\r\n\x00\r\nQUIT\n"

// tellAddress answers with the client's address.
func tellAddress(w *ldapserver.ResponseWriter, r *ldapserver.Request) {
	w.Result(ldapwire.Success, "", r.Conn.RemoteAddr().String())
}

func loopback() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }

func TestProxyProtocol(t *testing.T) {
	s := run(t, ldapserver.Options{
		ProxyProtocolFrom: loopback(),
		Handler:           handlerFunc(tellAddress),
		Limits:            ldapserver.Limits{HandshakeTimeout: 100 * time.Millisecond},
	})
	for _, c := range []struct {
		name, header, client string // client "": refused; "-": the peer's own
	}{
		{"version 1, IPv4", "PROXY TCP4 192.0.2.1 192.0.2.2 1234 389\r\n", "192.0.2.1:1234"},
		{"version 1, IPv6", "PROXY TCP6 2001:db8::1 2001:db8::2 65535 389\r\n", "[2001:db8::1]:65535"},
		{"version 1, mapped IPv4", "PROXY TCP6 ::ffff:192.0.2.1 ::1 1 389\r\n", "192.0.2.1:1"},
		{"version 1, unknown", "PROXY UNKNOWN\r\n", "-"},
		{"version 1, unknown with more", "PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", "-"},
		{"version 1, wrong family", "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n", ""},
		{"version 1, no address", "PROXY TCP4 alice bob 1 2\r\n", ""},
		{"version 1, port too large", "PROXY TCP4 192.0.2.1 192.0.2.2 65536 389\r\n", ""},
		{"version 1, signed port", "PROXY TCP4 192.0.2.1 192.0.2.2 +1 389\r\n", ""},
		{"version 1, too few fields", "PROXY TCP4 192.0.2.1\r\n", ""},
		{"version 1, no end", "PROXY TCP4 " + strings.Repeat("1", 200), ""},
		{"version 2, IPv4", v2 + "\x21\x11\x00\x0c\xc0\x00\x02\x01\x7f\x00\x00\x02\x04\xd2\x01\x85", "192.0.2.1:1234"},
		{"version 2, IPv4 with TLVs", v2 + "\x21\x11\x00\x10\xc0\x00\x02\x01\x7f\x00\x00\x02\x04\xd2\x01\x85\x04\x00\x01x", "192.0.2.1:1234"},
		{"version 2, IPv6", v2 + "\x21\x21\x00\x24\x20\x01\x0d\xb8" + strings.Repeat("\x00", 11) + "\x01" + strings.Repeat("\x00", 16) + "\x04\xd2\x01\x85", "[2001:db8::1]:1234"},
		{"version 2, local", v2 + "\x20\x00\x00\x00", "-"},
		{"version 2, unspecified", v2 + "\x21\x00\x00\x00", "-"},
		{"version 2, unix socket", v2 + "\x21\x31\x00\xd8" + strings.Repeat("\x00", 216), "-"},
		{"version 2, 4000 bytes of TLVs", v2 + "\x21\x00\x0f\xa0" + strings.Repeat("\x00", 4000), "-"},
		{"version 2, longer than is read", v2 + "\x21\x00\xff\xff" + strings.Repeat("\x00", 70000), ""},
		{"version 2, too short for its addresses", v2 + "\x21\x11\x00\x04\xc0\x00\x02\x01", ""},
		{"version 2, UDP", v2 + "\x21\x12\x00\x0c\xc0\x00\x02\x01\x7f\x00\x00\x02\x04\xd2\x01\x85", ""},
		{"version 3", v2 + "\x31\x11\x00\x00", ""},
		{"an unknown command", v2 + "\x22\x11\x00\x00", ""},
		{"none", "", ""},
		{"half of one", "PROXY TCP4 192.0.", ""},
	} {
		for _, split := range []bool{false, true} {
			name := c.name
			if split {
				name += ", in parts"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				p := s.dial(t)
				want := c.client
				if want == "-" {
					want = p.LocalAddr().String()
				}
				message := append([]byte(c.header), bind(1)...)
				if strings.HasPrefix(c.name, "half") {
					message = []byte(c.header)
				}
				// What is refused may be closed while it is still sent.
				if split && len(message) < 300 {
					for _, b := range message {
						_, _ = p.Write([]byte{b})
					}
				} else {
					_, _ = p.Write(message)
				}
				if want == "" {
					if m, err := p.next(patience); err == nil {
						t.Fatalf("received %+v, want the end", m)
					}
					return
				}
				if m := p.expect(1, ldapwire.OpBindResponse, ldapwire.Success); string(m.Result.Message) != want {
					t.Errorf("the client's address is %s, want %s", m.Result.Message, want)
				}
			})
		}
	}
}

func TestProxyProtocolIsNotBelievedFromOthers(t *testing.T) {
	p := run(t, ldapserver.Options{ProxyProtocolFrom: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}).dial(t)
	p.send([]byte("PROXY TCP4 192.0.2.1 192.0.2.2 1234 389\r\n"), bind(1))
	p.expectNotice(ldapwire.ProtocolError)
}

func TestProxyProtocolBeforeTLS(t *testing.T) {
	s := runOn(t, ldapserver.Options{
		ProxyProtocolFrom: loopback(),
		Handler:           handlerFunc(tellAddress),
		Certificate:       certificate(t, "a"),
	}, ldapserver.Listener{Listener: listen(t), TLS: true})
	p := s.dial(t)
	p.Conn = &firstWrite{Conn: p.Conn, prefix: []byte("PROXY TCP4 192.0.2.1 192.0.2.2 1234 636\r\n")}
	p, _ = p.secure()
	p.send(bind(1))
	if m := p.expect(1, ldapwire.OpBindResponse, ldapwire.Success); string(m.Result.Message) != "192.0.2.1:1234" {
		t.Errorf("the client's address is %s", m.Result.Message)
	}
}

func TestLimitPerAddressCountsTheClientBehindTheProxy(t *testing.T) {
	s := run(t, ldapserver.Options{ProxyProtocolFrom: loopback(), Limits: ldapserver.Limits{MaxConnectionsPerAddress: 2}})
	dial := func(client string) *peer {
		p := s.dial(t)
		p.send([]byte("PROXY TCP4 " + client + " 192.0.2.9 1234 389\r\n"))
		return p
	}
	for range 2 {
		p := dial("192.0.2.1")
		p.send(bind(1))
		p.expect(1, ldapwire.OpBindResponse, ldapwire.Success)
	}
	dial("192.0.2.1").expectNotice(ldapwire.Busy)
	p := dial("192.0.2.2")
	p.send(bind(1))
	p.expect(1, ldapwire.OpBindResponse, ldapwire.Success)
}
