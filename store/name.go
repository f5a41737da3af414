package store

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// maxName bounds login names and source keys, in bytes: they are keys of the file, and a login
// arrives before anybody is known.
const maxName = 1024

// NormalizeName returns the canonical form of a login name: NFKC, case-folded, blanks at both ends
// removed, blanks inside kept. It is the key for users, devices and throttles, so that no spelling
// of a name counts as another account. It is false for a name that is empty, too long, not UTF-8 or holds a
// control character.
func NormalizeName(login string) (string, bool) {
	if len(login) > maxName {
		return "", false
	}
	plain := true // ASCII without capitals: already canonical, and what nearly every login is
	for i := range len(login) {
		switch c := login[i]; {
		case c < ' ' || c == 0x7f:
			return "", false
		case c >= utf8.RuneSelf:
			return normalizeUnicode(login)
		case 'A' <= c && c <= 'Z':
			plain = false
		}
	}
	if !plain {
		login = strings.ToLower(login)
	}
	login = strings.Trim(login, " ")
	return login, login != ""
}

func normalizeUnicode(login string) (string, bool) {
	if !utf8.ValidString(login) || strings.ContainsFunc(login, isControl) {
		return "", false
	}
	// Folding can undo the normal form and normalizing can bring capitals back (U+1D2C), so both are
	// repeated until nothing changes, as the Unicode Standard's toNFKC_Casefold does in two rounds.
	name := norm.NFKC.String(login)
	for range 4 {
		next := norm.NFKC.String(cases.Fold().String(name))
		if next == name {
			break
		}
		name = next
	}
	name = strings.TrimFunc(name, unicode.IsSpace)
	if len(name) > maxName {
		return "", false
	}
	return name, name != ""
}

// isControl tells what must not be in a value: C0, C1, DEL, and Unicode's line and paragraph separators.
func isControl(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029'
}

// NormalizeCode returns the form of a short code that is unique: what a phone would dial. It is false for one that is
// empty, too long or holds a control character.
func NormalizeCode(code string) (string, bool) {
	name, ok := NormalizeName(code)
	if !ok {
		return "", false
	}
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -/.()", r) {
			return -1
		}
		return r
	}, name)
	return name, name != ""
}

// validObjectName tells whether a name fits objects: they are part of DNs, metric labels and file names.
func validObjectName(name string) bool {
	if len(name) < 1 || len(name) > 64 {
		return false
	}
	for i := range len(name) {
		c := name[i]
		alnum := 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
		if !alnum && (i == 0 || c != '.' && c != '_' && c != '-') {
			return false
		}
	}
	return true
}
