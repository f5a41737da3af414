package store

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds of an entry.
const (
	maxValue  = 64 << 10
	maxPhoto  = 1 << 20
	maxValues = 100 // of one field
)

// checkEntry checks what can be checked without other entries. It returns the field at fault, 0 for none, and what is wrong with it, "" for nothing.
// Values must be ordered by field.
func checkEntry(e *Entry) (FieldID, string) {
	if e.Kind < KindUser || e.Kind > KindSpeedDial {
		return 0, fmt.Sprintf("%d is not a kind of entry", uint8(e.Kind))
	}
	for _, check := range [...]func(*Entry) string{checkPlace, checkSource, checkAuth} {
		if message := check(e); message != "" {
			return 0, message
		}
	}
	for i := 0; i < len(e.Values); {
		n := 1
		for i+n < len(e.Values) && e.Values[i+n].Field == e.Values[i].Field {
			n++
		}
		if message := checkField(e.Kind, e.Values[i:i+n]); message != "" {
			return e.Values[i].Field, message
		}
		i += n
	}
	for i := range table {
		if u := table[i].UsedBy(e.Kind); (u == Required || u == Key) && !e.Values.Has(table[i].ID) {
			return table[i].ID, "is missing"
		}
	}
	return 0, ""
}

func checkPlace(e *Entry) string {
	switch {
	case e.Kind == KindContact && e.Phonebook == "":
		return "a contact must be in a phonebook"
	case e.Kind != KindContact && e.Phonebook != "":
		return "only contacts are in a phonebook"
	case e.Phonebook != "" && !validObjectName(e.Phonebook):
		return fmt.Sprintf("%q is not the name of a phonebook", e.Phonebook)
	}
	for _, f := range e.Local.Fields() {
		if fieldOf(f) == nil || fieldOf(f).UsedBy(e.Kind) == Unused {
			return fmt.Sprintf("field %d cannot be local: a %s does not have it", f, e.Kind)
		}
	}
	if e.Local.Has(0) {
		return "field 0 cannot be local: there is none"
	}
	return ""
}

func checkSource(e *Entry) string {
	switch {
	case e.Owner == "" && e.Key != "":
		return "it has a key of a source but no connector"
	case e.Owner != "" && e.Key == "":
		return "it belongs to a connector but has no key of the source"
	case e.Owner != "" && !validObjectName(e.Owner):
		return fmt.Sprintf("%q is not the name of a connector", e.Owner)
	case len(e.Key) > maxName:
		return fmt.Sprintf("the key of the source is longer than %d bytes", maxName)
	case !utf8.ValidString(e.Key):
		return "the key of the source is not UTF-8"
	case e.Owner == "" && e.Hidden():
		return "it is hidden but belongs to no connector that could bring it back"
	case e.Hidden() && !e.Removed.Equal(e.Removed.Truncate(time.Second)):
		return "the time of its removal must be whole seconds"
	}
	return ""
}

func checkAuth(e *Entry) string {
	a := &e.Auth
	switch {
	case e.Kind != KindUser:
		if *a != (Auth{}) || e.LocalAuth {
			return "only users log in"
		}
		return ""
	case a.Method > AuthUpstream:
		return fmt.Sprintf("%d is not a login method", uint8(a.Method))
	case a.Method == AuthUpstream && a.Upstream == "":
		return "the login method upstream needs the name of the upstream"
	case a.Method != AuthUpstream && a.Upstream != "":
		return fmt.Sprintf("the login method %s takes no upstream", a.Method)
	case a.Upstream != "" && !validObjectName(a.Upstream):
		return fmt.Sprintf("%q is not the name of an upstream", a.Upstream)
	case a.Hash.from != secretNone && a.Hash.from != secretLiteral:
		return "the password hash must be given as such"
	case len(a.Hash.text) > 1024:
		return "the password hash is longer than 1024 bytes"
	case len(a.DN) > 4096:
		return "the DN is longer than 4096 bytes"
	case !utf8.ValidString(a.DN) || strings.ContainsFunc(a.DN, isControl):
		return "the DN must be UTF-8 without control characters"
	}
	return ""
}

// checkField checks the values of one field.
func checkField(k Kind, values []Value) string {
	f := fieldOf(values[0].Field)
	switch {
	case f == nil:
		return "is not a field"
	case f.Matching == MatchNone:
		return "is never stored as a value"
	case f.UsedBy(k) == Unused:
		return fmt.Sprintf("is not a field of a %s", k)
	case len(values) > 1 && !f.Many:
		return "holds one value only"
	case len(values) > maxValues:
		return fmt.Sprintf("holds more than %d values", maxValues)
	}
	for i := range values {
		if message := checkText(f, values[i].Text); message != "" {
			return message
		}
	}
	return ""
}

func checkText(f *Field, text string) string {
	limit := maxValue
	if f.Matching == MatchBytes {
		limit = maxPhoto
	}
	switch {
	case text == "":
		return "is empty: leave it out"
	case len(text) > limit:
		return fmt.Sprintf("is longer than %d bytes", limit)
	case f.Matching == MatchBytes:
		return ""
	case !utf8.ValidString(text):
		return "is not UTF-8"
	case strings.ContainsFunc(text, func(r rune) bool { return isControl(r) && !(f.ID == Notes && (r == '\n' || r == '\r' || r == '\t')) }):
		return "holds a control character"
	}
	if f.ID == Username {
		if _, ok := NormalizeName(text); !ok {
			return fmt.Sprintf("is blank or longer than %d bytes", maxName)
		}
	}
	if f.ID == ShortCode {
		if _, ok := NormalizeCode(text); !ok {
			return fmt.Sprintf("holds nothing to dial, or more than %d bytes", maxName)
		}
	}
	return ""
}

// Name returns what people call the entry: the user name of a user, else the display name.
func (e *Entry) Name() string {
	if e.Kind == KindUser {
		return e.Values.First(Username)
	}
	return e.Values.First(DisplayName)
}

// Ref returns the reference of the entry.
func (e *Entry) Ref() Ref { return Ref{Kind: e.Kind, ID: e.ID} }

func (e *Entry) describe() EntryName {
	return EntryName{Kind: e.Kind, ID: e.ID, Owner: e.Owner, Key: e.Key, Name: e.Name()}
}

// sameContent tells whether two entries differ in nothing but what Apply sets.
func (e *Entry) sameContent(f *Entry) bool {
	if e.Kind != f.Kind || e.Phonebook != f.Phonebook || e.Owner != f.Owner || e.Key != f.Key ||
		e.Auth != f.Auth || e.Local != f.Local || e.LocalAuth != f.LocalAuth || !e.Removed.Equal(f.Removed) || len(e.Values) != len(f.Values) {
		return false
	}
	for i := range e.Values {
		if e.Values[i] != f.Values[i] {
			return false
		}
	}
	return true
}

// names returns the keys of an entry in the indexes; nil where it has none.
func (e *Entry) names(x id) (name, code, key, book []byte) {
	switch e.Kind {
	case KindUser:
		normal, _ := NormalizeName(e.Values.First(Username))
		name = []byte(normal)
	case KindSpeedDial:
		normal, _ := NormalizeCode(e.Values.First(ShortCode))
		code = []byte(normal)
	case KindContact:
		book = bookKey(e.Phonebook, x)
	}
	if e.Owner != "" {
		key = ownerKey(e.Owner, e.Key)
	}
	return name, code, key, book
}
