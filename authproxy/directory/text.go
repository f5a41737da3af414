package directory

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// How text is compared.
//
// Both sides are prepared after RFC 4518: controls and invisible characters go,
// case is folded (ß becomes ss), then NFKC; a value begins and ends with one
// blank, and a run of blanks inside becomes two, so that blanks match as the RFC
// has it and a part that begins with one matches only where a word does.
//
// A value with marks has two more forms: its base letters (müller: muller) and
// its digraphs (mueller). What was typed without marks is looked for in those,
// what was typed with marks in the form that has them: a mark that was typed
// counts.

// A place says where in a value an assertion stands, which decides what becomes
// of the blanks at its ends (RFC 4518, section 2.6.1).
type place uint8

const (
	whole place = iota
	initial
	middle
	final
)

// appendText appends s prepared, with its marks. marked tells whether it has any;
// ok is false for what is no text.
func appendText[S string | []byte](dst []byte, s S, at place) (out []byte, marked, ok bool) {
	start := len(dst)
	if at == whole || at == initial {
		dst = append(dst, ' ')
	}
	dst, ascii := appendASCII(dst, s, start)
	if !ascii {
		text := string(s)
		if !utf8.ValidString(text) {
			return dst[:start], false, false
		}
		folded := foldText(text)
		dst, marked = appendSqueezed(dst[:start], folded, at), hasMarks(folded)
	}
	return endText(dst, start, at), marked, true
}

// appendASCII appends an ASCII text folded and squeezed. It gives up at the first
// character that is more than that.
func appendASCII[S string | []byte](dst []byte, s S, start int) ([]byte, bool) {
	for i := range len(s) {
		c := s[i]
		switch {
		case 'A' <= c && c <= 'Z':
			c |= 0x20
		case c > ' ' && c < 0x7f:
		case c == ' ' || '\t' <= c && c <= '\r':
			dst = appendBlank(dst, start)
			continue
		case c >= utf8.RuneSelf:
			return dst, false
		default: // RFC 4518, section 2.2: controls are mapped to nothing
			continue
		}
		dst = append(appendAfterBlank(dst, start), c)
	}
	return dst, true
}

// appendBlank appends one blank of a run.
func appendBlank(dst []byte, start int) []byte {
	if len(dst) > start && dst[len(dst)-1] == ' ' {
		return dst
	}
	return append(dst, ' ')
}

// appendAfterBlank makes dst ready for a character: a blank that is not the first
// one is doubled, since it turns out to be a run of blanks inside.
func appendAfterBlank(dst []byte, start int) []byte {
	if n := len(dst); n > start+1 && dst[n-1] == ' ' {
		return append(dst, ' ')
	}
	return dst
}

// appendSqueezed appends folded text with its blanks squeezed.
func appendSqueezed(dst []byte, folded string, at place) []byte {
	start := len(dst)
	if at == whole || at == initial {
		dst = append(dst, ' ')
	}
	for i := 0; i < len(folded); {
		_, size := utf8.DecodeRuneInString(folded[i:])
		if folded[i] == ' ' {
			dst = appendBlank(dst, start)
		} else {
			dst = append(appendAfterBlank(dst, start), folded[i:i+size]...)
		}
		i += size
	}
	return dst
}

// endText settles the blanks at the end.
func endText(dst []byte, start int, at place) []byte {
	if at != whole && at != final {
		return dst
	}
	if len(dst) == start || dst[len(dst)-1] != ' ' || at == whole && len(dst) == start+1 {
		dst = append(dst, ' ')
	}
	return dst
}

// A letter is what becomes of a character: folded, its base letters, its digraph.
type letter struct{ folded, base, digraph string }

// latin are the letters of the languages that are written in Latin, which nearly
// all names are: one look here is what several walks through Unicode's tables are
// otherwise. What follows a character does not change what becomes of it, save for
// combining marks, which are not among them.
var latin = func() (table [0x180]letter) {
	for r := range table {
		folded := foldSlowly(string(rune(r)))
		table[r] = letter{folded, baseSlowly(folded), digraphSlowly(folded)}
	}
	return table
}()

// allLatin tells whether a text consists of these letters.
func allLatin(s string) bool {
	for _, r := range s {
		if int(r) >= len(latin) {
			return false
		}
	}
	return true
}

// foldText maps, folds and normalizes (RFC 4518, sections 2.2 and 2.3). Characters
// that are newer than the RFC are taken as they are.
func foldText(s string) string {
	if !allLatin(s) {
		return foldSlowly(s)
	}
	return spell(s, func(l *letter) string { return l.folded })
}

// spell writes a text of Latin letters in one of their forms.
func spell(s string, form func(*letter) string) string {
	b := make([]byte, 0, len(s)+8)
	for _, r := range s {
		b = append(b, form(&latin[r])...)
	}
	return string(b)
}

func foldSlowly(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case '\t' <= r && r <= '\r' || r == 0x85 || unicode.In(r, unicode.Zs, unicode.Zl, unicode.Zp):
			return ' '
		case unicode.In(r, unicode.Cc, unicode.Cf) || r == 0x034f || r == 0xfffc || 0xfe00 <= r && r <= 0xfe0f:
			return -1
		}
		return r
	}, s)
	// Folding can undo the normal form and normalizing can bring capitals back.
	s = norm.NFKC.String(cases.Fold().String(s))
	if again := norm.NFKC.String(cases.Fold().String(s)); again != s {
		s = norm.NFKC.String(cases.Fold().String(again))
	}
	return s
}

// baseLetters are letters whose mark is not a character of its own in Unicode.
var baseLetters = map[rune]string{
	'ø': "o", 'đ': "d", 'ð': "d", 'ħ': "h", 'ı': "i", 'ł': "l", 'ŋ': "n", 'ŧ': "t", 'æ': "ae", 'œ': "oe", 'þ': "th",
}

// digraphs are how letters with marks are written where there are none.
var digraphs = map[rune]string{'ä': "ae", 'ö': "oe", 'ü': "ue", 'å': "aa", 'ø': "oe"}

// hasMarks tells whether base would change a folded text.
func hasMarks(folded string) bool {
	if allLatin(folded) {
		for _, r := range folded {
			if l := &latin[r]; l.base != l.folded {
				return true
			}
		}
		return false
	}
	for _, r := range folded {
		if r < utf8.RuneSelf {
			continue
		}
		if baseLetters[r] != "" || unicode.Is(unicode.Mn, r) {
			return true
		}
		if p := norm.NFD.PropertiesString(string(r)).Decomposition(); p != nil && strings.ContainsFunc(string(p), isMark) {
			return true
		}
	}
	return false
}

func isMark(r rune) bool { return unicode.Is(unicode.Mn, r) }

// base takes the marks off a folded text.
func base(folded string) string {
	if allLatin(folded) {
		return spell(folded, func(l *letter) string { return l.base })
	}
	return baseSlowly(folded)
}

func baseSlowly(folded string) string {
	var b strings.Builder
	for _, r := range norm.NFD.String(folded) {
		switch letters := baseLetters[r]; {
		case isMark(r):
		case letters != "":
			b.WriteString(letters)
		default:
			b.WriteRune(r)
		}
	}
	return norm.NFC.String(b.String())
}

// digraph writes a folded text with digraphs, and base letters where there are none.
func digraph(folded string) string {
	if allLatin(folded) {
		return spell(folded, func(l *letter) string { return l.digraph })
	}
	return digraphSlowly(folded)
}

func digraphSlowly(folded string) string {
	var b strings.Builder
	for _, r := range norm.NFC.String(folded) {
		if letters := digraphs[r]; letters != "" {
			b.WriteString(letters)
		} else {
			b.WriteRune(r)
		}
	}
	return baseSlowly(b.String())
}
