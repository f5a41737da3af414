package ldapserver

import (
	"net/netip"
	"testing"
)

// FuzzProxyHeader holds parseProxyHeader to this: it decides on a prefix of
// its input, which is no longer than a header may be; less than that prefix is
// never enough; what follows it changes nothing; and a port comes with an
// address.
func FuzzProxyHeader(f *testing.F) {
	for _, seed := range []string{
		"PROXY TCP4 192.0.2.1 192.0.2.2 1234 389\r\n",
		"PROXY TCP6 2001:db8::1 2001:db8::2 1234 389\r\n0\f",
		"PROXY UNKNOWN\r\n",
		"PROXY UNKNOWN anything at all\r\n",
		proxyV2Prefix + "\x21\x11\x00\x0c\x7f\x00\x00\x01\x7f\x00\x00\x02\x04\xd2\x01\x85",
		proxyV2Prefix + "\x20\x00\x00\x00rest",
		proxyV2Prefix + "\x21\x31\x00\x01x",
		"GET / HTTP/1.1\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		client, n, err := parseProxyHeader(b)
		if err != nil {
			if n != 0 || client != (netip.AddrPort{}) {
				t.Fatalf("%v, with the address %v and the length %d", err, client, n)
			}
			return
		}
		if n > len(b) || n > mostProxyV2 {
			t.Fatalf("%d bytes of %d", n, len(b))
		}
		if n == 0 {
			if len(b) >= mostProxyV2 {
				t.Fatalf("wants more than %d bytes", len(b))
			}
			return
		}
		for _, less := range []int{0, n / 2, n - 1} {
			if _, m, err := parseProxyHeader(b[:less]); m != 0 || err != nil {
				t.Fatalf("%d bytes of %d: length %d, %v", less, n, m, err)
			}
		}
		if c, m, err := parseProxyHeader(b[:n]); c != client || m != n || err != nil {
			t.Fatalf("without what follows: %v, %d, %v; with it: %v, %d", c, m, err, client, n)
		}
		if client.Port() != 0 && !client.Addr().IsValid() || client.Addr().Is4In6() {
			t.Fatalf("the address is %v", client)
		}
	})
}
