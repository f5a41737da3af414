package syncer

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer/source"
)

// A key says what identifies a record, so that it stays the same entry when it changes.
type key struct {
	from   keyFrom
	column int           // of keyColumn
	field  store.FieldID // of keyField; of keyColumn the name that is just this column, if any
}

type keyFrom uint8

const (
	keyColumn keyFrom = iota
	keyField
	// keyDerived is for contacts of a source without a column that identifies them, as address books are: the key is made
	// from the names, the organisation and the first number (see derivedKey).
	keyDerived
)

// setKey finds the column or else the field that identifies a record.
func (m *mapping) setKey(columns *source.Columns) error {
	name := m.job.key
	if name == "" {
		m.key.from = keyDerived
		return nil
	}
	if i, ok := columns.Index(name); ok {
		if columns.Repeated(i) {
			return ambiguous(name)
		}
		m.key = key{from: keyColumn, column: i}
		for _, f := range m.fields {
			if f.expression.column == i && f.field.UsedBy(m.job.kind) == store.Key {
				m.key.field = f.field.ID
			}
		}
		return nil
	}
	if f, ok := store.FieldByName(name); ok && slices.ContainsFunc(m.fields, func(x mappedField) bool { return x.field.ID == f.ID }) {
		m.key = key{from: keyField, field: f.ID}
		return nil
	}
	return fmt.Errorf("key: %s", unknownColumn(name, columns))
}

// ambiguous refuses to guess which of several columns of one name identifies a record. Other
// columns that occur twice are numbered.
func ambiguous(column string) error {
	return fmt.Errorf("there are several columns %q, and this one must be unique because it identifies the records: rename the others", column)
}

// keyOf returns what identifies the record's entry, "" where that cannot be told.
func (m *mapping) keyOf(r *source.Record, values store.Values) string {
	switch m.key.from {
	case keyDerived:
		return m.derivedKey(values)
	case keyField:
		return fold(m.key.field, values.First(m.key.field))
	}
	if v := r.Values[m.key.column]; len(v) > 0 {
		return fold(m.key.field, strings.TrimSpace(v[0]))
	}
	return ""
}

// fold returns the form of a name that is the same for all its spellings. Other keys are what they are.
func fold(f store.FieldID, text string) string {
	switch f {
	case store.Username:
		text, _ = store.NormalizeName(text)
	case store.ShortCode:
		text, _ = store.NormalizeCode(text)
	}
	return text
}

// derivedKey makes a key of what people tell contacts apart by; "" where there is nothing of that. Notes, job titles and further numbers
// are not in it, nor how a name or a number is written, so that a contact stays the same entry when these change.
func (m *mapping) derivedKey(values store.Values) string {
	h := sha256.New()
	blank := true
	write := func(text string) {
		blank = blank && text == ""
		h.Write([]byte(strconv.Itoa(len(text)) + " " + text))
	}
	for _, f := range [...]store.FieldID{store.DisplayName, store.GivenName, store.Surname, store.Organisation} {
		write(foldText(values.First(f)))
	}
	write(m.firstAddress(values))
	if blank {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// firstAddress is how one reaches a contact: the digits of the first number, else the first e-mail address.
func (m *mapping) firstAddress(values store.Values) string {
	for _, f := range [...]store.FieldID{store.Phone, store.Mobile, store.HomePhone, store.Fax} {
		if number := values.First(f); number != "" {
			if d := digits(m.numbers.e164(number)); d != "" {
				return d
			}
			return foldText(number)
		}
	}
	return foldText(values.First(store.Email))
}

// foldText drops what does not make another name: case, form and blanks.
func foldText(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if name, ok := store.NormalizeName(text); ok {
		return name
	}
	return strings.ToLower(text)
}

// numbered tells records of one derived key apart by their order: they are alike in all that matters.
func (p *plan) numbered(key string) string {
	if key == "" {
		return ""
	}
	p.alike[key]++
	if n := p.alike[key]; n > 1 {
		return fmt.Sprintf("%s-%d", key, n)
	}
	return key
}
