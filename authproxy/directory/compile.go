package directory

import (
	"bytes"
	"strings"
	"time"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/store"
)

// A compiler turns filters into conditions. Its memory is used again for the next
// filter.
type compiler struct {
	schema  *schema
	numbers *Numbering

	conds []cond
	bytes []byte
	parts [][]byte
}

// compile prepares a filter. What it returns is valid until the next one.
func (k *compiler) compile(f *ldapwire.Filter) *cond {
	k.conds, k.bytes, k.parts = k.conds[:0], k.bytes[:0], k.parts[:0]
	root := k.take(1)
	k.filter(&root[0], f)
	return &root[0]
}

// take returns n fresh conditions in a row.
func (k *compiler) take(n int) []cond {
	if len(k.conds)+n > cap(k.conds) {
		k.conds = make([]cond, 0, max(16, n, 2*cap(k.conds)))
	}
	start := len(k.conds)
	k.conds = k.conds[:start+n]
	clear(k.conds[start:])
	return k.conds[start : start+n : start+n]
}

func (k *compiler) filter(c *cond, f *ldapwire.Filter) {
	switch f.Kind {
	case ldapwire.FilterAnd, ldapwire.FilterOr, ldapwire.FilterNot:
		c.op = opOf(f.Kind)
		c.kids = k.take(len(f.Children))
		for i := range f.Children {
			k.filter(&c.kids[i], &f.Children[i])
		}
		return
	}
	c.attr = k.schema.find(f.Attribute)
	switch {
	case f.Kind == ldapwire.FilterExtensibleMatch:
		k.extensible(c, f)
	case c.attr == nil:
	case f.Kind == ldapwire.FilterPresent:
		c.op = opPresent
	case c.attr.syntax == syntaxNumber:
		k.number(c, f)
	case c.attr.syntax == syntaxText || c.attr.syntax == syntaxName:
		k.text(c, f)
	default:
		k.own(c, f)
	}
}

func opOf(k ldapwire.FilterKind) condOp {
	switch k {
	case ldapwire.FilterAnd:
		return opAnd
	case ldapwire.FilterOr:
		return opOr
	case ldapwire.FilterNot:
		return opNot
	case ldapwire.FilterSubstrings:
		return opSubstrings
	case ldapwire.FilterGreaterOrEqual:
		return opAtLeast
	case ldapwire.FilterLessOrEqual:
		return opAtMost
	}
	return opEqual
}

// text prepares a condition on text. An assertion that is no text leaves it
// Undefined, as RFC 4511 has it.
func (k *compiler) text(c *cond, f *ldapwire.Filter) {
	op := opOf(f.Kind)
	ok := true
	switch op {
	case opSubstrings:
		ok = k.textParts(c, f)
	case opAtLeast, opAtMost:
		ok = k.bound(c, op, f.Value)
	default:
		c.text, ok = k.prepared(f.Value, whole, &c.marked)
	}
	if c.attr.syntax == syntaxName {
		c.marked = false // its one form has the marks
	}
	c.exact = f.Value
	if ok {
		c.op = op
	}
}

// prepared prepares one text. marked is set, never cleared.
func (k *compiler) prepared(text []byte, at place, marked *bool) ([]byte, bool) {
	start := len(k.bytes)
	out, m, ok := appendText(k.bytes, text, at)
	k.bytes = out
	*marked = *marked || m
	return out[start:len(out):len(out)], ok
}

func (k *compiler) textParts(c *cond, f *ldapwire.Filter) bool {
	ok := true
	one := func(text []byte, at place) []byte {
		p, good := k.prepared(text, at, &c.marked)
		ok = ok && good
		return p
	}
	if f.Initial != nil {
		c.parts.initial = one(f.Initial, initial)
	}
	start := len(k.parts)
	for _, part := range f.Any {
		k.parts = append(k.parts, one(part, middle))
	}
	c.parts.any = k.parts[start:len(k.parts):len(k.parts)]
	if f.Final != nil {
		c.parts.final = one(f.Final, final)
	}
	return ok
}

// bound prepares the assertion of >= and <=, which go by base letters. An upper
// bound of nothing but z stands for the end of the alphabet: Poly phones send zz,
// and names in other scripts come behind it.
func (k *compiler) bound(c *cond, op condOp, value []byte) bool {
	if op == opAtMost && isEndOfAlphabet(value) {
		return true // without a text, there is no bound
	}
	var marked, ok bool
	if c.text, ok = k.prepared(value, whole, &marked); marked {
		c.text = appendSettled(nil, base(foldText(string(value))))
	}
	return ok
}

func isEndOfAlphabet(value []byte) bool {
	return len(value) > 1 && len(bytes.Trim(value, "zZ")) == 0
}

// number prepares a condition on telephone numbers. An assertion of which nothing is
// dialled is no number: Undefined.
func (k *compiler) number(c *cond, f *ldapwire.Filter) {
	c.numbers = k.numbers
	op := opOf(f.Kind)
	ok := true
	switch op {
	case opSubstrings:
		ok = k.numberParts(c, f)
	case opAtLeast, opAtMost:
		if op == opAtLeast || !isEndOfAlphabet(f.Value) {
			c.text, ok = k.dialled(f.Value)
		}
	default:
		c.number, k.bytes, ok = k.numbers.assertion(k.bytes, f.Value)
	}
	c.exact = f.Value
	if ok {
		c.op = op
	}
}

func (k *compiler) dialled(text []byte) ([]byte, bool) {
	start := len(k.bytes)
	k.bytes = appendDialled(k.bytes, k.numbers, text)
	part := k.bytes[start:len(k.bytes):len(k.bytes)]
	return part, len(part) > 0
}

func (k *compiler) numberParts(c *cond, f *ldapwire.Filter) bool {
	ok := true
	one := func(text []byte) []byte {
		p, good := k.dialled(text)
		ok = ok && good
		return p
	}
	if f.Initial != nil {
		c.digits.initial = k.numbers.beginning(one(f.Initial))
	}
	start := len(k.parts)
	for _, part := range f.Any {
		if len(part) == 0 { // the grammar has an empty part between two asterisks
			continue
		}
		k.parts = append(k.parts, one(part))
	}
	c.digits.any = k.parts[start:len(k.parts):len(k.parts)]
	if f.Final != nil {
		c.digits.final = one(f.Final)
	}
	return ok
}

// own prepares a condition on what is in no field of the table.
func (k *compiler) own(c *cond, f *ldapwire.Filter) {
	op := opOf(f.Kind)
	c.exact = f.Value
	switch c.attr.syntax {
	case syntaxTime:
		at, ok := parseTime(string(f.Value))
		if c.time = at; ok && op != opSubstrings {
			c.op = op
		}
	case syntaxOID:
		if op == opEqual {
			c.op, c.exact = opEqual, []byte(classOf(string(f.Value)))
		}
	case syntaxUUID, syntaxDN, syntaxBoolean:
		if op == opEqual {
			c.op = opEqual
		}
	}
}

// parseTime reads a generalized time (RFC 4517, section 3.3.13), to the second.
func parseTime(s string) (int64, bool) {
	zone := strings.IndexAny(s, "Z+-")
	if zone < 0 {
		return 0, false
	}
	digits, _, _ := strings.Cut(strings.ReplaceAll(s[:zone], ",", "."), ".")
	const full = "20060102150405"
	if len(digits) < 10 || len(digits) > len(full) || len(digits)%2 != 0 {
		return 0, false
	}
	layout := full[:len(digits)]
	if zone := s[zone:]; zone != "Z" {
		layout += "-0700"
		if len(zone) == 3 {
			zone += "00"
		}
		digits += zone
	}
	t, err := time.Parse(layout, digits)
	return t.Unix(), err == nil
}

// extensible prepares an extensible match (RFC 4511, section 4.5.1.7.7). A rule
// that is not served, such as Active Directory's bitwise ones, leaves it
// Undefined.
func (k *compiler) extensible(c *cond, f *ldapwire.Filter) {
	rule := matchingRule(string(f.Rule))
	if f.Rule != nil && rule == nil || f.Attribute != nil && c.attr == nil {
		return
	}
	equality := ldapwire.Filter{Kind: ldapwire.FilterEqualityMatch, Value: f.Value}
	switch {
	case c.attr == nil && rule.syntax == syntaxText && !rule.exact && rule.kind == opEqual:
		var ok bool
		if c.text, ok = k.prepared(f.Value, whole, &c.marked); ok {
			c.op = opAnyText
		}
		return
	case c.attr == nil || rule != nil && !rule.fits(c.attr):
		return
	case rule != nil && rule.kind == opAtLeast:
		// The ordering rules are True where the value comes before the assertion
		// (RFC 4517, section 4.2).
		equality.Kind = ldapwire.FilterGreaterOrEqual
	}
	switch c.attr.syntax {
	case syntaxNumber:
		k.number(c, &equality)
	case syntaxText, syntaxName:
		k.text(c, &equality)
	default:
		k.own(c, &equality)
	}
	if rule != nil && rule.exact && c.op == opEqual {
		c.op = opExact
	}
	if rule != nil && rule.kind == opAtLeast {
		k.before(c)
	}
	c.names = f.DNAttributes
}

// before turns >= into its contrary.
func (k *compiler) before(c *cond) {
	if c.op != opAtLeast {
		return
	}
	inner := k.take(1)
	inner[0] = *c
	*c = cond{op: opNot, kids: inner}
}

// anyExact tells whether a value of the field is the assertion, case and marks
// included (caseExactMatch): blanks alone are squeezed.
func (c *cond) anyExact(r record) bool {
	want := strings.Join(strings.Fields(string(c.exact)), " ")
	for v := range r.values(c.attr.field) {
		if strings.Join(strings.Fields(v), " ") == want {
			return true
		}
	}
	return false
}

// required tells whether every entry has the attribute.
func (a *attribute) required() bool {
	switch a.field {
	case 0:
		return a.name() == "objectClass" || entryHas(a)
	case store.DisplayName, store.Surname, store.Username:
		return true
	}
	return false
}
