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

// guessDelimiter returns the candidate that every row at the beginning of the text has: the one that leaves the fewest
// rows with text behind a closing enclosure, and of those the one that there is most often. So neither numbers with a
// decimal comma nor names with a comma mislead it: not all rows have them, or they are enclosed.
func guessDelimiter(text []byte, all bool, enclosure string, ends lineEnds) (string, bool) {
	best := candidates[0]
	var bestFit fit
	for _, c := range candidates {
		if c == enclosure {
			continue
		}
		if f := fitOf(text, all, c, enclosure, ends); f.betterThan(bestFit) {
			best, bestFit = c, f
		}
	}
	return best, bestFit.least > 0
}

// A fit is how well a delimiter goes with a text.
type fit struct {
	least     int // delimiters in the row with the fewest
	malformed int // rows with text behind a closing enclosure
}

func (f fit) betterThan(other fit) bool {
	if f.least == 0 || other.least == 0 {
		return f.least > 0
	}
	if f.malformed != other.malformed {
		return f.malformed < other.malformed
	}
	return f.least > other.least
}

func fitOf(text []byte, all bool, delimiter, enclosure string, ends lineEnds) fit {
	f := fit{least: -1}
	p := newParser(bytes.NewReader(text), delimiter, enclosure, ends)
	for range sampleRows {
		if p.next() != nil {
			break
		}
		if p.empty() {
			continue
		}
		// The last row may go on behind the text.
		if cut := !all && !p.have(1); cut && f.least >= 0 {
			break
		}
		if n := len(p.cells) - 1; f.least < 0 || n < f.least {
			f.least = n
		}
		if p.after > 0 {
			f.malformed++
		}
	}
	f.least = max(f.least, 0)
	return f
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
