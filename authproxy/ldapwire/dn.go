package ldapwire

import "unicode/utf8"

// EscapeDNValue escapes s so that it stands for itself as an attribute value in
// the string form of a DN (RFC 4514, section 2.4). Control characters, NUL
// among them, and octets that are not UTF-8 become hex pairs, so that the
// result is one line of text.
func EscapeDNValue(s string) string {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= utf8.RuneSelf || needsEscape(s, i) {
			return string(appendDNValue(make([]byte, 0, len(s)+8), s))
		}
	}
	return s
}

// needsEscape tells whether the ASCII octet s[i] must not stand as it is. The
// equals sign may by RFC 4514, but not in every directory's parser.
func needsEscape(s string, i int) bool {
	switch c := s[i]; c {
	case '"', '+', ',', ';', '<', '>', '\\', '=':
		return true
	case '#':
		return i == 0
	case ' ':
		return i == 0 || i == len(s)-1
	default:
		return isControl(c)
	}
}

func isControl(c byte) bool { return c < ' ' || c == 0x7f }

func appendDNValue(dst []byte, s string) []byte {
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				dst = appendHexPair(dst, c)
			} else {
				dst = append(dst, s[i:i+size]...)
			}
			i += size
			continue
		}
		switch {
		case isControl(c):
			dst = appendHexPair(dst, c)
		case needsEscape(s, i):
			dst = append(dst, '\\', c)
		default:
			dst = append(dst, c)
		}
		i++
	}
	return dst
}

// appendHexPair appends the octet as \XX, the escape of both DNs and filters.
func appendHexPair(dst []byte, c byte) []byte {
	const digits = "0123456789abcdef"
	return append(dst, '\\', digits[c>>4], digits[c&15])
}
