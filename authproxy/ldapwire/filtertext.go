package ldapwire

import (
	"bytes"
	"strings"
)

// ParseFilter parses the string form of a filter (RFC 4515, with RFC 4526's
// empty and and or). What it accepts, Decode accepts with the default Limits.
// Nothing that is not in the grammar is let pass, blanks between filters
// included. The error is a *SyntaxError.
func ParseFilter(text string) (Filter, error) {
	lim := (*Limits)(nil).orDefaults()
	p := filterParser{text: text, nodes: lim.FilterNodes}
	var f Filter
	if err := p.filter(&f, lim.FilterDepth); err != nil {
		return Filter{}, err
	}
	if p.pos < len(text) {
		return Filter{}, p.fail(p.pos, "text after the end of the filter")
	}
	return f, nil
}

type filterParser struct {
	text  string
	pos   int
	nodes int // filters and parts of substrings filters that may still follow
}

func (p *filterParser) fail(offset int, what string) error {
	return &SyntaxError{"filter", offset, what}
}

// skip steps over s if it is next.
func (p *filterParser) skip(s string) bool {
	if !strings.HasPrefix(p.text[p.pos:], s) {
		return false
	}
	p.pos += len(s)
	return true
}

// oneMore counts a filter or a part of one.
func (p *filterParser) oneMore() error {
	if p.nodes--; p.nodes < 0 {
		return p.fail(p.pos, "too many parts")
	}
	return nil
}

func (p *filterParser) filter(f *Filter, depth int) error {
	if depth == 0 {
		return p.fail(p.pos, "nested too deeply")
	}
	if !p.skip("(") {
		return p.fail(p.pos, `"(" missing`)
	}
	var err error
	switch {
	case p.skip("&"):
		f.Kind = FilterAnd
		err = p.list(f, depth)
	case p.skip("|"):
		f.Kind = FilterOr
		err = p.list(f, depth)
	case p.skip("!"):
		f.Kind = FilterNot
		err = p.child(f, depth)
	default:
		err = p.item(f)
	}
	if err != nil {
		return err
	}
	if !p.skip(")") {
		return p.fail(p.pos, `")" missing`)
	}
	return nil
}

func (p *filterParser) list(f *Filter, depth int) error {
	for strings.HasPrefix(p.text[p.pos:], "(") {
		if err := p.child(f, depth); err != nil {
			return err
		}
	}
	return nil
}

func (p *filterParser) child(f *Filter, depth int) error {
	if err := p.oneMore(); err != nil {
		return err
	}
	var child Filter
	err := p.filter(&child, depth-1)
	f.Children = append(f.Children, child)
	return err
}

func (p *filterParser) item(f *Filter) error {
	attribute, err := p.attribute()
	if err != nil {
		return err
	}
	f.Attribute = attribute
	switch {
	case p.skip("="):
		return p.equalityOrSubstrings(f)
	case p.skip("~="):
		f.Kind = FilterApproxMatch
	case p.skip(">="):
		f.Kind = FilterGreaterOrEqual
	case p.skip("<="):
		f.Kind = FilterLessOrEqual
	case strings.HasPrefix(p.text[p.pos:], ":"):
		f.Kind = FilterExtensibleMatch
		if err := p.extensible(f); err != nil {
			return err
		}
	case attribute == nil:
		return p.fail(p.pos, "no attribute")
	default:
		return p.fail(p.pos, `no "=", "~=", ">=", "<=" or ":=" after the attribute`)
	}
	if f.Value, err = p.value(); err != nil {
		return err
	}
	if strings.HasPrefix(p.text[p.pos:], "*") {
		return p.fail(p.pos, `"*" in this value must be written "\2a"`)
	}
	return nil
}

// attribute reads an attribute description: an oid and options (RFC 4512,
// section 2.5). It is nil where there is none, which only an extensible match
// allows.
func (p *filterParser) attribute() ([]byte, error) {
	start := p.pos
	p.pos += oidPrefix(p.text[p.pos:])
	if p.pos == start {
		if !strings.HasPrefix(p.text[p.pos:], ":") {
			return nil, p.fail(p.pos, "no attribute")
		}
		return nil, nil
	}
	for p.skip(";") {
		option := p.pos
		for p.pos < len(p.text) && isKeyChar(p.text[p.pos]) {
			p.pos++
		}
		if p.pos == option {
			return nil, p.fail(p.pos, `no attribute option after ";"`)
		}
	}
	return []byte(p.text[start:p.pos]), nil
}

// extensible reads [":dn"] [":" rule] ":=".
func (p *filterParser) extensible(f *Filter) error {
	start := p.pos
	if len(p.text)-p.pos > 3 && strings.EqualFold(p.text[p.pos:p.pos+3], ":dn") && p.text[p.pos+3] == ':' {
		f.DNAttributes = true
		p.pos += 3
	}
	if !p.skip(":=") {
		p.pos++
		n := oidPrefix(p.text[p.pos:])
		if n == 0 {
			return p.fail(p.pos, `no matching rule after ":"`)
		}
		f.Rule = []byte(p.text[p.pos : p.pos+n])
		p.pos += n
		if !p.skip(":=") {
			return p.fail(p.pos, `":=" missing after the matching rule`)
		}
	}
	if f.Attribute == nil && f.Rule == nil {
		return p.fail(start, "neither attribute nor matching rule")
	}
	return nil
}

// equalityOrSubstrings reads what follows "=": a value, or parts with asterisks
// between them.
func (p *filterParser) equalityOrSubstrings(f *Filter) error {
	first, err := p.value()
	if err != nil {
		return err
	}
	if !p.skip("*") {
		f.Kind, f.Value = FilterEqualityMatch, first
		return nil
	}
	if len(first) == 0 && strings.HasPrefix(p.text[p.pos:], ")") {
		f.Kind = FilterPresent
		return nil
	}
	f.Kind = FilterSubstrings
	if len(first) > 0 {
		if err := p.oneMore(); err != nil {
			return err
		}
		f.Initial = first
	}
	for {
		part, err := p.value()
		if err != nil {
			return err
		}
		last := !p.skip("*")
		if last && len(part) == 0 {
			return nil
		}
		if err := p.oneMore(); err != nil {
			return err
		}
		if last {
			f.Final = part
			return nil
		}
		// The grammar has an empty part between two asterisks.
		f.Any = append(f.Any, part)
	}
}

// value reads an assertion value, not nil, up to what must be escaped in one.
func (p *filterParser) value() ([]byte, error) {
	value := []byte{}
	for p.pos < len(p.text) {
		switch p.text[p.pos] {
		case '(':
			return nil, p.fail(p.pos, `"(" in a value must be written "\28"`)
		case 0:
			return nil, p.fail(p.pos, `NUL in a value must be written "\00"`)
		case ')', '*':
			return value, nil
		case '\\':
			octet, ok := hexPair(p.text[p.pos+1:])
			if !ok {
				return nil, p.fail(p.pos, `"\" must be followed by two hex digits`)
			}
			value = append(value, octet)
			p.pos += 3
		default:
			size := runeLen(p.text[p.pos:])
			if size == 0 {
				return nil, p.fail(p.pos, "not UTF-8")
			}
			value = append(value, p.text[p.pos:p.pos+size]...)
			p.pos += size
		}
	}
	return value, nil
}

// String is the string form of the filter (RFC 4515). Control characters are
// escaped too, so that it is one line of text. Parts of a decoded filter that
// no text can express, such as an empty attribute, come out as near as can be.
func (f *Filter) String() string { return string(f.appendText(nil)) }

func (f *Filter) appendText(dst []byte) []byte {
	dst = append(dst, '(')
	switch f.Kind {
	case FilterAnd, FilterOr, FilterNot:
		dst = append(dst, "&|!"[f.Kind])
		for i := range f.Children {
			dst = f.Children[i].appendText(dst)
		}
		return append(dst, ')')
	}
	dst = appendFilterValue(dst, f.Attribute)
	switch f.Kind {
	case FilterEqualityMatch:
		dst = append(dst, '=')
	case FilterGreaterOrEqual:
		dst = append(dst, ">="...)
	case FilterLessOrEqual:
		dst = append(dst, "<="...)
	case FilterApproxMatch:
		dst = append(dst, "~="...)
	case FilterPresent:
		return append(dst, "=*)"...)
	case FilterSubstrings:
		return append(f.appendSubstrings(append(dst, '=')), ')')
	case FilterExtensibleMatch:
		if f.DNAttributes {
			dst = append(dst, ":dn"...)
		}
		if f.Rule != nil {
			dst = appendFilterValue(append(dst, ':'), f.Rule)
		}
		dst = append(dst, ":="...)
	}
	return append(appendFilterValue(dst, f.Value), ')')
}

func (f *Filter) appendSubstrings(dst []byte) []byte {
	dst = append(appendFilterValue(dst, f.Initial), '*')
	for _, part := range f.Any {
		dst = append(appendFilterValue(dst, part), '*')
	}
	return appendFilterValue(dst, f.Final)
}

func appendFilterValue(dst, value []byte) []byte {
	for len(value) > 0 {
		size := runeLen(value)
		if size == 0 || isControl(value[0]) || bytes.IndexByte([]byte(`*()\`), value[0]) >= 0 {
			dst = appendHexPair(dst, value[0])
			size = 1
		} else {
			dst = append(dst, value[:size]...)
		}
		value = value[size:]
	}
	return dst
}

// EscapeFilterValue escapes s so that it stands for itself as an assertion value in
// the string form of a filter (RFC 4515).
func EscapeFilterValue(s string) string { return string(appendFilterValue(nil, []byte(s))) }
