package ldapwire

import "unicode/utf8"

// EscapeDNValue escapes s so that it stands for itself as an attribute value in
// the string form of a DN (RFC 4514, section 2.4). Control characters, NUL
// among them, and octets that are not UTF-8 become hex pairs, so that the
// result is one line of text.
func EscapeDNValue(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf || isControl(s[i]) || isDNSpecial(s, i) {
			return string(appendDNValue(make([]byte, 0, len(s)+8), s))
		}
	}
	return s
}

// isDNSpecial tells whether s[i] must be escaped. RFC 4514 would let an equals
// sign stand, but parsers of RFC 2253, which would not, are still about.
func isDNSpecial(s string, i int) bool {
	switch s[i] {
	case '"', '+', ',', ';', '<', '>', '\\', '=':
		return true
	case '#':
		return i == 0
	case ' ':
		return i == 0 || i == len(s)-1
	}
	return false
}

func appendDNValue(dst []byte, s string) []byte {
	for i := 0; i < len(s); {
		size := runeLen(s[i:])
		switch {
		case size == 0 || isControl(s[i]):
			dst = appendHexPair(dst, s[i])
			size = 1
		case isDNSpecial(s, i):
			dst = append(dst, '\\', s[i])
		default:
			dst = append(dst, s[i:i+size]...)
		}
		i += size
	}
	return dst
}
