package directory

import (
	"bytes"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/store"
)

// Truth is what a filter is on an entry (RFC 4511, section 4.5.1.7).
type Truth int8

// The truth values. Only True returns an entry.
const (
	False Truth = iota
	True
	Undefined
)

func truthOf(b bool) Truth {
	if b {
		return True
	}
	return False
}

func (t Truth) not() Truth {
	switch t {
	case True:
		return False
	case False:
		return True
	}
	return Undefined
}

// A cond is a filter, read and prepared: what its attributes are has been looked
// up, its assertions are in the form that values are kept in.
type cond struct {
	op   condOp
	attr *attribute
	kids []cond // of and, or, not

	marked bool     // the assertion has marks: they count
	text   []byte   // prepared; of equality and ordering
	parts  textPart // of substrings

	numbers *Numbering       // of conditions on numbers
	number  numberAssertion  // of equality on numbers
	digits  numberSubstrings // of substrings on numbers; of ordering, what is dialled is in text
	begins  numberSubstrings // of a word: the digits as the beginning of a number

	exact []byte // the assertion as it came, for what is compared as it is
	time  int64  // of timestamps
	names bool   // also match the attributes of the entry's name (:dn)
}

// textPart are the prepared parts of a substrings assertion.
type textPart struct {
	initial, final []byte // nil: none
	any            [][]byte
}

type condOp uint8

const (
	opUndefined condOp = iota
	opFalse
	opAnd
	opOr
	opNot
	opPresent
	opEqual
	opSubstrings
	opAtLeast
	opAtMost
	opExact // case counts: caseExactMatch
	opAnyText
	opWord // of Find: the text, or the digits, in any value
)

// A doc is an entry in a segment, with the parts that conditions look at.
type doc struct {
	home   *container
	record record
	fields uint64
	items  []byte // of the record, once one was needed: a look at it is slow when memory is cold
}

func (d *doc) prepared() []byte {
	if d.items == nil {
		d.items = d.record.items()
	}
	return d.items
}

// eval tells what the condition is on an entry.
func (c *cond) eval(d *doc) Truth {
	switch c.op {
	case opUndefined:
		return Undefined
	case opFalse:
		return False
	case opAnd:
		result := True
		for i := range c.kids {
			switch c.kids[i].eval(d) {
			case False:
				return False
			case Undefined:
				result = Undefined
			}
		}
		return result
	case opOr:
		result := False
		for i := range c.kids {
			switch c.kids[i].eval(d) {
			case True:
				return True
			case Undefined:
				result = Undefined
			}
		}
		return result
	case opNot:
		return c.kids[0].eval(d).not()
	case opAnyText:
		return truthOf(c.anyItem(d, fieldMask, false))
	case opWord:
		return truthOf(c.anyWord(d))
	}
	if c.names && d.home.nameMatches(c) {
		return True
	}
	if c.attr.field == 0 {
		return c.evalOwn(d)
	}
	if d.fields&(1<<c.attr.field) == 0 {
		if c.attr.field == store.Username {
			return c.evalID(d)
		}
		return False
	}
	switch c.op {
	case opPresent:
		return True
	case opExact:
		return truthOf(c.anyExact(d.record))
	}
	if c.attr.syntax == syntaxOctets {
		return Undefined
	}
	return truthOf(c.anyItem(d, byte(c.attr.field), true))
}

// anyItem tells whether a prepared value matches: one of the field, or of any.
func (c *cond) anyItem(d *doc, field byte, only bool) bool {
	for items := d.prepared(); len(items) > 0; {
		var tag byte
		var text []byte
		tag, text, items = nextItem(items)
		if only && tag&fieldMask != field {
			continue
		}
		if !only && groupOf(store.FieldID(tag&fieldMask)) == gramNumbers {
			continue
		}
		if c.value(form(tag>>formShift), text) {
			return true
		}
	}
	return false
}

// value tells whether one form of a value matches.
func (c *cond) value(f form, text []byte) bool {
	if c.attr != nil && c.attr.syntax == syntaxNumber {
		return c.numberValue(text)
	}
	switch c.op {
	case opEqual, opAnyText:
		return c.wants(f) && bytes.Equal(text, c.text)
	case opSubstrings:
		return c.wants(f) && c.parts.in(text)
	case opAtLeast:
		return f == formBase && bytes.Compare(text, c.text) >= 0
	case opAtMost:
		return f == formBase && (c.text == nil || bytes.Compare(text, c.text) <= 0)
	}
	return false
}

// wants tells whether the assertion is looked for in a form: what was typed with
// marks in the one that has them, the rest in the others.
func (c *cond) wants(f form) bool { return c.marked == (f == formMarked) }

func (c *cond) numberValue(canonical []byte) bool {
	switch c.op {
	case opEqual:
		return c.number.matches(canonical)
	case opSubstrings:
		return c.digits.matches(c.numbers, canonical)
	case opAtLeast:
		return c.numbers.spelled(canonical, func(s []byte) bool { return bytes.Compare(s, c.text) >= 0 })
	case opAtMost:
		return c.text == nil || c.numbers.spelled(canonical, func(s []byte) bool { return bytes.Compare(s, c.text) <= 0 })
	}
	return false
}

// in tells whether a prepared text has the parts in their order.
func (p *textPart) in(s []byte) bool {
	ok := true
	if p.initial != nil {
		if s, ok = bytes.CutPrefix(s, p.initial); !ok {
			return false
		}
	}
	if p.final != nil {
		if s, ok = bytes.CutSuffix(s, p.final); !ok {
			return false
		}
	}
	for _, part := range p.any {
		at := bytes.Index(s, part)
		if at < 0 {
			return false
		}
		s = s[at+len(part):]
	}
	return true
}

// evalID is about the uid of what has none of its own: its ID. It is opaque, so
// that a part of it never matches: somebody who types two letters does not look
// for entries that have them in their IDs.
func (c *cond) evalID(d *doc) Truth {
	switch c.op {
	case opPresent:
		return True
	case opEqual:
		return truthOf(len(c.text) == idLen+2 && bytes.Equal(c.text[1:1+idLen], d.record.id()))
	case opExact:
		return truthOf(bytes.Equal(c.exact, d.record.id()))
	}
	return False
}

// evalOwn is about attributes that are in no field.
func (c *cond) evalOwn(d *doc) Truth {
	if !d.home.has(c.attr) {
		return False
	}
	if c.op == opPresent {
		return True
	}
	switch c.attr.syntax {
	case syntaxTime:
		at := d.record.modified()
		if c.attr.name() == "createTimestamp" {
			at = d.record.created()
		}
		return c.evalTime(at)
	case syntaxOID, syntaxUUID, syntaxDN, syntaxBoolean:
		if c.op != opEqual {
			return Undefined
		}
		for _, v := range d.home.ownValues(c.attr, d.record) {
			if c.sameOwn(v) {
				return True
			}
		}
		return False
	}
	return Undefined
}

func (c *cond) evalTime(at int64) Truth {
	switch c.op {
	case opEqual:
		return truthOf(at == c.time)
	case opAtLeast:
		return truthOf(at >= c.time)
	case opAtMost:
		return truthOf(at <= c.time)
	}
	return Undefined
}

// sameOwn compares a value that is in no field with an equality assertion.
func (c *cond) sameOwn(value string) bool {
	if c.attr.syntax == syntaxDN {
		a, err := ldapwire.ParseDN(value)
		b, err2 := ldapwire.ParseDN(string(c.exact))
		return err == nil && err2 == nil && a.Equal(b)
	}
	return bytes.EqualFold([]byte(value), c.exact)
}

// always tells whether the condition is True on every entry, without a look at it.
func (c *cond) always() bool {
	switch c.op {
	case opAnd:
		for i := range c.kids {
			if !c.kids[i].always() {
				return false
			}
		}
		return true
	case opOr:
		for i := range c.kids {
			if c.kids[i].always() {
				return true
			}
		}
		return false
	case opPresent:
		return c.attr.required()
	case opEqual:
		return c.attr.name() == "objectClass" && isEntryClass(string(c.exact))
	}
	return false
}
