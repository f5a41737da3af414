package directory

import (
	"bytes"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nyaruka/phonenumbers"
)

// How telephone numbers are compared.
//
// A number is brought into one form: "+" and the digits of E.164 where it says
// which country it is of (+49…, 0049…, or 0… in the home country), otherwise what
// a phone would dial (201, *97, 1234567). An assertion is read in every spelling
// it may be of, and a part of a number is looked for in the spellings that people
// write: +49301234, 0301234 and 49301234, and 0049301234 where it begins.

const (
	// maxInternal is how many digits an internal number has at most: 0123 is one
	// in the home country, not an area.
	maxInternal = 4
	// minBare is how many digits tell a number that begins with the country code
	// but no + from an internal one, while it is typed.
	minBare = 6
)

// Numbering says how numbers are dialled where the phones are.
type Numbering struct {
	Country       string // calling code, such as "49"
	Trunk         string // before an area code, such as "0"; may be empty
	International string // before a country code, such as "00"
}

// canonical appends the one form of a stored number; nothing where nothing of it
// is dialled.
func (n *Numbering) canonical(dst []byte, s string) []byte { return appendCanonical(dst, n, s) }

// Dialled is the one form of a number; empty where nothing of it is dialled.
func (t *Tree) Dialled(number string) string { return string(t.numbers.canonical(nil, number)) }

func appendCanonical[S string | []byte](dst []byte, n *Numbering, s S) []byte {
	start := len(dst)
	return n.toInternational(appendDialled(dst, n, s), start)
}

// appendDialled appends what of s is dialled: digits, * and #, and a + that comes
// first. Letters stay, in lower case: they make it another number, such as
// 0800FLOWERS. A trunk prefix in brackets behind a country code is not dialled.
func appendDialled[S string | []byte](dst []byte, n *Numbering, s S) []byte {
	start := len(dst)
	if len(s) >= 4 && strings.EqualFold(string(s[:4]), "tel:") {
		s = s[4:]
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '(' && i+3 <= len(s) && string(s[i:i+3]) == "(0)" && n.isAbroad(dst[start:]):
			i += 2
		case '0' <= c && c <= '9' || c == '*' || c == '#' || c == '+' && len(dst) == start:
			dst = append(dst, c)
		case 'A' <= c && c <= 'Z':
			dst = append(dst, c|0x20)
		case 'a' <= c && c <= 'z':
			dst = append(dst, c)
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
			if digit := foldDigit(r); digit != 0 {
				dst = append(dst, digit)
			} else if unicode.IsLetter(r) {
				dst = utf8.AppendRune(dst, unicode.ToLower(r))
			}
			i += size - 1
		}
	}
	return dst
}

// foldDigit returns the ASCII digit of a fullwidth or Arabic-Indic one; 0 for others.
func foldDigit(r rune) byte {
	for _, zero := range [...]rune{'０', '٠', '۰'} {
		if zero <= r && r <= zero+9 {
			return byte('0' + r - zero)
		}
	}
	return 0
}

// isAbroad tells whether the number begins as one with a country code does.
func (n *Numbering) isAbroad(dialled []byte) bool {
	return len(dialled) > 1 && (dialled[0] == '+' || bytes.HasPrefix(dialled, []byte(n.International)))
}

// toInternational rewrites dst[start:] in place where it says of which country it
// is.
func (n *Numbering) toInternational(dst []byte, start int) []byte {
	d := dst[start:]
	prefix, keep := 0, ""
	switch {
	case len(d) > 1 && d[0] == '+':
		prefix = 1
	case len(d) > len(n.International)+maxInternal && bytes.HasPrefix(d, []byte(n.International)):
		prefix = len(n.International)
	case len(d) > maxInternal && n.Trunk != "" && bytes.HasPrefix(d, []byte(n.Trunk)):
		prefix, keep = len(n.Trunk), n.Country
	}
	if prefix == 0 || !allDigits(d[prefix:]) {
		// Not a number of any country: a + says nothing.
		if len(d) > 0 && d[0] == '+' {
			return slices.Delete(dst, start, start+1)
		}
		return dst
	}
	dst = slices.Insert(dst, start+prefix, []byte("+"+keep)...)
	return n.dropTrunk(slices.Delete(dst, start, start+prefix), start)
}

// beginning brings the beginning of a number, as dialled, into the form in which
// numbers begin: a trunk prefix behind the home country's code goes.
func (n *Numbering) beginning(part []byte) []byte {
	for _, abroad := range [...]string{"+", n.International} {
		if bytes.HasPrefix(part, []byte(abroad+n.Country)) {
			return n.dropTrunk(part, len(abroad)-1)
		}
	}
	return part
}

// dropTrunk takes the trunk prefix out of a number that has the home country's
// code and then the prefix, as +49 0711 has: no area begins with it.
func (n *Numbering) dropTrunk(dst []byte, start int) []byte {
	at := start + 1 + len(n.Country)
	if n.Trunk == "" || !bytes.HasPrefix(dst[start+1:], []byte(n.Country)) {
		return dst
	}
	end := at
	for bytes.HasPrefix(dst[end:], []byte(n.Trunk)) {
		end += len(n.Trunk)
	}
	return slices.Delete(dst, at, end)
}

func allDigits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// format writes a stored number as it is sent. What does not say of which country
// it is stays as it is.
func (n *Numbering) format(s string, o Output) string {
	if o == AsStored {
		return s
	}
	canonical := string(n.canonical(nil, s))
	if !strings.HasPrefix(canonical, "+") {
		return s
	}
	if o == International {
		if number, err := phonenumbers.Parse(canonical, ""); err == nil {
			return phonenumbers.Format(number, phonenumbers.INTERNATIONAL)
		}
	}
	return canonical
}

// A numberAssertion is the assertion of an equality match on a number.
type numberAssertion struct {
	canonical []byte // of the assertion
	bare      []byte // "+" before it: digits that may begin with a country code; nil: it says which it is
}

// assertion prepares the assertion of an equality match; ok is false for what
// nothing can be equal to.
func (n *Numbering) assertion(dst []byte, s []byte) (a numberAssertion, out []byte, ok bool) {
	start := len(dst)
	dst = appendCanonical(dst, n, s)
	end := len(dst)
	if end == start {
		return a, dst, false
	}
	a.canonical = dst[start:end:end]
	if allDigits(a.canonical) && len(a.canonical) > maxInternal {
		dst = append(append(dst, '+'), a.canonical...)
		a.bare = dst[end:]
	}
	return a, dst, true
}

func (a *numberAssertion) matches(canonical []byte) bool {
	return bytes.Equal(a.canonical, canonical) || a.bare != nil && bytes.Equal(a.bare, canonical)
}

// numberSubstrings is a substrings assertion on a number.
type numberSubstrings struct {
	initial, final []byte // nil: none
	any            [][]byte
}

// matches tells whether one spelling of the number has the parts in their order.
func (a *numberSubstrings) matches(n *Numbering, canonical []byte) bool {
	if a.in(canonical) {
		return true
	}
	if canonical[0] != '+' {
		return false
	}
	digits := canonical[1:]
	if (a.initial == nil || len(a.initial) >= minBare) && a.in(digits) {
		return true
	}
	var room [80]byte
	if national, ok := bytes.CutPrefix(digits, []byte(n.Country)); ok && a.in(append(append(room[:0], n.Trunk...), national...)) {
		return true
	}
	return a.initial != nil && a.in(append(append(room[:0], n.International...), digits...))
}

// spelled tells whether f holds for one spelling of a number.
func (n *Numbering) spelled(canonical []byte, f func([]byte) bool) bool {
	if f(canonical) {
		return true
	}
	if canonical[0] != '+' {
		return false
	}
	digits := canonical[1:]
	var room [80]byte
	if national, ok := bytes.CutPrefix(digits, []byte(n.Country)); ok && f(append(append(room[:0], n.Trunk...), national...)) {
		return true
	}
	return f(digits) || f(append(append(room[:0], n.International...), digits...))
}

// in tells whether a spelling has the parts.
func (a *numberSubstrings) in(s []byte) bool {
	ok := true
	if a.initial != nil {
		if s, ok = bytes.CutPrefix(s, a.initial); !ok {
			return false
		}
	}
	if a.final != nil {
		if s, ok = bytes.CutSuffix(s, a.final); !ok {
			return false
		}
	}
	for _, part := range a.any {
		at := bytes.Index(s, part)
		if at < 0 {
			return false
		}
		s = s[at+len(part):]
	}
	return true
}
