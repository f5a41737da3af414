package trace

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Dump describes bytes that are no LDAP message: what they look like, or the identifiers and lengths down to the operation. It shows none of
// the content: in a message that cannot be understood, anything may be a password.
func Dump(raw []byte) string {
	n := strconv.Itoa(len(raw)) + " bytes"
	switch {
	case len(raw) == 0:
		return ""
	case len(raw) > 2 && raw[0] == 0x16 && raw[1] == 3:
		return n + " that look like the begin of TLS: the client expects LDAPS where there is none"
	case bytes.HasPrefix(raw, []byte("PROXY ")), bytes.HasPrefix(raw, []byte("\r\n\r\n\x00\r\nQUIT\n")):
		return n + " that look like a header of the PROXY protocol, which is not expected from this address"
	case isHTTP(raw):
		return n + " that look like HTTP"
	}
	shown, rest := headers(raw)
	if len(rest) == 0 {
		return n + ": " + shown
	}
	return n + ": " + shown + " … the other " + strconv.Itoa(len(rest)) + " are not shown: they may hold a password"
}

func isHTTP(raw []byte) bool {
	for _, method := range []string{"GET ", "POST ", "HEAD ", "PUT ", "OPTIONS ", "CONNECT ", "DELETE "} {
		if bytes.HasPrefix(raw, []byte(method)) {
			return true
		}
	}
	return false
}

// headers shows the identifier and length octets of the message, its message ID and its operation, as far as they are such, and returns what
// comes behind them.
func headers(raw []byte) (shown string, rest []byte) {
	var parts []string
	for _, element := range []struct {
		is   func(tag byte) bool
		skip bool // its content
	}{
		{func(tag byte) bool { return tag == 0x30 }, false},
		{func(tag byte) bool { return tag == 0x02 }, true},
		{func(tag byte) bool { return tag&0xc0 == 0x40 }, false},
	} {
		size, length := header(raw)
		if size == 0 || !element.is(raw[0]) {
			break
		}
		parts = append(parts, fmt.Sprintf("% x", raw[:size]))
		raw = raw[size:]
		if element.skip {
			skipped := min(length, len(raw), 4)
			parts = append(parts, strings.TrimSpace(strings.Repeat("·· ", skipped)))
			raw = raw[skipped:]
		}
	}
	if len(parts) == 0 {
		return "not begun as LDAP is", raw
	}
	return strings.Join(parts, " "), raw
}

// header is the size of the identifier and length octets at the head of b, and the length; 0 where there are none.
func header(b []byte) (size, length int) {
	switch {
	case len(b) < 2:
		return 0, 0
	case b[1] < 0x80:
		return 2, int(b[1])
	}
	octets := int(b[1] & 0x7f)
	if octets == 0 || octets > 4 || len(b) < 2+octets {
		return 0, 0
	}
	for _, o := range b[2 : 2+octets] {
		length = length<<8 | int(o)
	}
	return 2 + octets, length
}
