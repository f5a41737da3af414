package ldapwire

import "unicode/utf8"

// What the string forms of filters (RFC 4515) and DNs (RFC 4514) share.

func isControl(c byte) bool { return c < ' ' || c == 0x7f }

func isAlpha(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isKeyChar(c byte) bool { return isAlpha(c) || isDigit(c) || c == '-' }

// oidPrefix tells how long the oid (RFC 4512, section 1.4: a name or dotted
// numbers) at the head of s is; 0 when there is none.
func oidPrefix(s string) int {
	if s == "" {
		return 0
	}
	if isAlpha(s[0]) {
		n := 1
		for n < len(s) && isKeyChar(s[n]) {
			n++
		}
		return n
	}
	return numericOIDPrefix(s)
}

// numericOIDPrefix wants two numbers or more and none with a leading zero.
func numericOIDPrefix(s string) int {
	n, numbers := 0, 0
	for {
		start := n
		for n < len(s) && isDigit(s[n]) {
			n++
		}
		if n == start || s[start] == '0' && n-start > 1 {
			return 0
		}
		numbers++
		if n == len(s) || s[n] != '.' {
			break
		}
		n++
	}
	if numbers < 2 {
		return 0
	}
	return n
}

// hexPair reads two hex digits at the head of s.
func hexPair(s string) (octet byte, ok bool) {
	if len(s) < 2 {
		return 0, false
	}
	high, ok1 := hexDigit(s[0])
	low, ok2 := hexDigit(s[1])
	return high<<4 | low, ok1 && ok2
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case isDigit(c):
		return c - '0', true
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	}
	return 0, false
}

// appendHexPair appends the octet as \xx, the escape of both forms.
func appendHexPair(dst []byte, c byte) []byte {
	const digits = "0123456789abcdef"
	return append(dst, '\\', digits[c>>4], digits[c&15])
}

// runeLen tells how long the UTF-8 character at the head of s is: 0 when it is
// no UTF-8.
func runeLen[S string | []byte](s S) int {
	if s[0] < utf8.RuneSelf {
		return 1
	}
	var head [utf8.UTFMax]byte
	r, size := utf8.DecodeRune(head[:copy(head[:], s)])
	if r == utf8.RuneError && size == 1 {
		return 0
	}
	return size
}
