package terminal

import (
	"strings"

	"github.com/rivo/uniseg"
)

// Printable replaces what a terminal would obey rather than show: control characters, those that turn the direction
// of the text, and bytes that are no UTF-8. A line break becomes a blank, so that a value stays on its line.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t':
			return ' '
		case r < ' ', r >= 0x7f && r < 0xa0, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x2028, r == 0x2029:
			return '\uFFFD'
		}
		return r
	}, text)
}

// Width returns how many columns a printable text takes: wide characters take two, combining ones none.
func Width(text string) int { return uniseg.StringWidth(text) }

// Cut shortens a printable text to a width; one that is cut ends with "…". What looks like one character stays whole.
func Cut(text string, width int) string {
	if Width(text) <= width {
		return text
	}
	if width < 1 {
		return ""
	}
	end, room, state := 0, width-1, -1
	for rest := text; rest != ""; {
		var cluster string
		var taken int
		cluster, rest, taken, state = uniseg.FirstGraphemeClusterInString(rest, state)
		if taken > room {
			break
		}
		end, room = end+len(cluster), room-taken
	}
	return text[:end] + "…"
}
