package refusals

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxName   = 256
	maxReason = 300
)

// Shown makes what a client sent fit for a line: what is not printed, as line breaks, the controls of terminals and those that turn the
// direction of writing around, is written as \x0a or \u202e.
func Shown(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && size == 1, r < utf8.RuneSelf && !unicode.IsPrint(r):
			b.WriteString(`\x` + hex(uint64(text[i]), 2))
		case !unicode.IsPrint(r):
			b.WriteString(`\u` + hex(uint64(r), 4))
		default:
			b.WriteRune(r)
		}
		i += size
	}
	return b.String()
}

func hex(n uint64, digits int) string {
	s := strconv.FormatUint(n, 16)
	return strings.Repeat("0", max(digits-len(s), 0)) + s
}

// cut bounds a text without breaking a character.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	end := most
	for end > most-utf8.UTFMax && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}
