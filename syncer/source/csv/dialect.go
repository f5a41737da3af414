package csv

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// candidates are the delimiters that auto chooses among; of equals, the first.
var candidates = [...]string{",", ";", "\t", "|"}

// sampleRows is how many rows auto looks at to choose the delimiter.
const sampleRows = 20

// guessDelimiter returns the candidate that every row at the beginning of the text has, and has most
// often. Numbers with a decimal comma or names with a comma do not mislead it, since not all rows have them.
func guessDelimiter(text []byte, all bool, enclosure string, ends lineEnds) (string, bool) {
	best, most := candidates[0], 0
	for _, c := range candidates {
		if c == enclosure {
			continue
		}
		if n := leastDelimiters(text, all, c, enclosure, ends); n > most {
			best, most = c, n
		}
	}
	return best, most > 0
}

// leastDelimiters returns how many delimiters the row with the fewest has.
func leastDelimiters(text []byte, all bool, delimiter, enclosure string, ends lineEnds) int {
	least := -1
	p := newParser(bytes.NewReader(text), delimiter, enclosure, ends)
	for range sampleRows {
		if p.next() != nil {
			break
		}
		if p.empty() {
			continue
		}
		// The last row may go on behind the text.
		if cut := !all && !p.have(1); cut && least >= 0 {
			break
		}
		if n := len(p.cells) - 1; least < 0 || n < least {
			least = n
		}
	}
	return max(least, 0)
}

// excelDelimiter reads the line "sep=;" with which Excel lets a file name its delimiter, and returns its
// length.
func excelDelimiter(text []byte) (delimiter string, length int) {
	rest, ok := bytes.CutPrefix(text, []byte("sep="))
	if !ok {
		return "", 0
	}
	c, size := utf8.DecodeRune(rest)
	if c == utf8.RuneError || strings.ContainsRune("\r\n\"", c) {
		return "", 0
	}
	for _, end := range []string{"\r\n", "\n", "\r"} {
		if bytes.HasPrefix(rest[size:], []byte(end)) {
			return string(rest[:size]), len("sep=") + size + len(end)
		}
	}
	return "", 0
}
