package directory

import (
	"bytes"
	"strings"
	"unicode"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/store"
)

// maxWords bounds the words that are looked for; those behind them are left out.
const maxWords = 8

// present is a filter that is True on every entry.
var present = ldapwire.Filter{Kind: ldapwire.FilterPresent, Attribute: []byte("objectClass")}

// words returns what an entry is asked for that has the words of a text, nil where there are none,
// and a filter of the same meaning, or a wider one, that the indexes help with.
//
// A text that is a telephone number is one, whatever blanks it has: 030 1234 is looked for in
// numbers as a whole, and in texts word by word.
func (t *Tree) words(text string) (*cond, *ldapwire.Filter) {
	words := strings.Fields(text)
	if len(words) == 0 {
		return nil, &present
	}
	words = words[:min(len(words), maxWords)]
	asOne := len(words) > 1 && isNumber(text)
	all := &cond{op: opAnd}
	filter := ldapwire.Filter{Kind: ldapwire.FilterAnd}
	for _, w := range words {
		all.kids = append(all.kids, t.word(w, !asOne && isNumber(w)))
		filter.Children = append(filter.Children, anywhere(w, !asOne && isNumber(w)))
	}
	if !asOne {
		return all, &filter
	}
	number := t.word("", false)
	t.numberWord(&number, text)
	return &cond{op: opOr, kids: []cond{*all, number}}, &ldapwire.Filter{Kind: ldapwire.FilterOr,
		Children: []ldapwire.Filter{filter, {Kind: ldapwire.FilterOr, Children: inNumbers(text)}}}
}

// isNumber tells whether a text is one that a phone would dial.
func isNumber(text string) bool {
	return strings.ContainsAny(text, "0123456789") && !strings.ContainsFunc(text, unicode.IsLetter)
}

// word is True on an entry with the text in one of its values.
func (t *Tree) word(text string, number bool) cond {
	c := cond{op: opWord, numbers: &t.numbers}
	if text != "" {
		c.text, c.marked, _ = appendText(nil, text, middle)
	}
	if number {
		t.numberWord(&c, text)
	}
	return c
}

// numberWord has a word also be looked for in numbers.
func (t *Tree) numberWord(c *cond, text string) {
	if part := appendDialled(nil, &t.numbers, text); len(part) > 0 {
		c.digits = numberSubstrings{any: [][]byte{part}}
		if part[0] == '+' || bytes.HasPrefix(part, []byte(t.numbers.International)) {
			c.begins = numberSubstrings{initial: t.numbers.beginning(bytes.Clone(part))}
		}
	}
}

// anyWord tells whether a value of the entry has the word.
func (c *cond) anyWord(d *doc) bool {
	for items := d.prepared(); len(items) > 0; {
		var tag byte
		var text []byte
		tag, text, items = nextItem(items)
		switch id := store.FieldID(tag & fieldMask); {
		case numberFields&(1<<id) != 0:
			if c.digits.any != nil && (c.digits.matches(c.numbers, text) || c.begins.initial != nil && c.begins.matches(c.numbers, text)) {
				return true
			}
		case len(c.text) == 0:
		case (id == store.Username || c.wants(form(tag>>formShift))) && bytes.Contains(text, c.text):
			return true
		}
	}
	return false
}

// numberFields are those that hold telephone numbers.
var numberFields = func() (set uint64) {
	for _, f := range store.Fields() {
		if f.Matching == store.MatchNumber {
			set |= 1 << f.ID
		}
	}
	return set
}()

// anywhere is the filter for a word in any field.
func anywhere(word string, number bool) ldapwire.Filter {
	f := ldapwire.Filter{Kind: ldapwire.FilterOr}
	for _, field := range store.Fields() {
		if field.Matching == store.MatchText || field.Matching == store.MatchName {
			f.Children = append(f.Children, substring(field, word))
		}
	}
	if number {
		f.Children = append(f.Children, inNumbers(word)...)
	}
	return f
}

func substring(field store.Field, part string) ldapwire.Filter {
	return ldapwire.Filter{Kind: ldapwire.FilterSubstrings, Attribute: []byte(field.Attributes[0]), Any: [][]byte{[]byte(part)}}
}

// inNumbers are the filters for a number, or its beginning, in any field.
func inNumbers(text string) []ldapwire.Filter {
	var filters []ldapwire.Filter
	for _, field := range store.Fields() {
		if field.Matching != store.MatchNumber {
			continue
		}
		begins := ldapwire.Filter{Kind: ldapwire.FilterSubstrings, Attribute: []byte(field.Attributes[0]), Initial: []byte(text)}
		filters = append(filters, substring(field, text), begins) // only where it begins can it have an international prefix
	}
	return filters
}
