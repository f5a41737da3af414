package store

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// ObjectKind implements Object.
func (*Phonebook) ObjectKind() ObjectKind { return ObjectPhonebook }

// ObjectName implements Object.
func (p *Phonebook) ObjectName() string { return p.Name }

// Validate implements Object.
func (p *Phonebook) Validate() error {
	if err := firstError(validateName(p.Name), validateTitle(p.Title)); err != nil {
		return err
	}
	return validateReaders(p.Readers)
}

func validateReaders(readers []string) error {
	if len(readers) > 1000 {
		return fieldErrorf("readers", "holds more than 1000 readers: use a group")
	}
	for i, r := range readers {
		if _, err := ParseReader(r); err != nil {
			return fieldErrorf(fmt.Sprintf("readers[%d]", i), "%v", err)
		}
	}
	return nil
}

// WithDefaults returns a copy with the defaults in place of what was left out.
func (p Phonebook) WithDefaults() Phonebook {
	if p.Title == "" {
		p.Title = p.Name
	}
	if len(p.Readers) == 0 {
		p.Readers = []string{string(ReaderAuthenticated)}
	}
	return p
}

// ReaderKind is who a line of a phonebook's readers speaks of.
type ReaderKind string

// The kinds of readers.
const (
	ReaderEveryone      ReaderKind = "everyone"
	ReaderAuthenticated ReaderKind = "authenticated"
	ReaderUser          ReaderKind = "user"
	ReaderGroup         ReaderKind = "group"
	ReaderDevice        ReaderKind = "device"
)

// A Reader is one line of a phonebook's readers.
type Reader struct {
	Kind ReaderKind
	Name string // normalised; of a user, group or device
}

// ParseReader reads everyone, authenticated, user:NAME, group:NAME or device:NAME.
func ParseReader(text string) (Reader, error) {
	kind, name, named := strings.Cut(text, ":")
	switch k := ReaderKind(kind); {
	case !named && (k == ReaderEveryone || k == ReaderAuthenticated):
		return Reader{Kind: k}, nil
	case named && (k == ReaderUser || k == ReaderGroup || k == ReaderDevice):
		if normal, ok := NormalizeName(name); ok {
			return Reader{Kind: k, Name: normal}, nil
		}
	}
	return Reader{}, fmt.Errorf("%q is not a reader: write everyone, authenticated, user:NAME, group:NAME or device:NAME", text)
}

// validateTitle checks a text that only people read.
func validateTitle(title string) error {
	if len(title) > 256 || !utf8.ValidString(title) || strings.ContainsFunc(title, isControl) {
		return fieldErrorf("title", "must be UTF-8 of at most 256 bytes, without control characters")
	}
	return nil
}
