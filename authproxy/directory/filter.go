package directory

import (
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

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

// Match evaluates a filter on the node. An attribute that nothing here has is
// Undefined, never an error.
func (n *Node) Match(f *ldapwire.Filter) Truth {
	switch f.Kind {
	case ldapwire.FilterAnd:
		result := True
		for i := range f.Children {
			switch n.Match(&f.Children[i]) {
			case False:
				return False
			case Undefined:
				result = Undefined
			}
		}
		return result
	case ldapwire.FilterOr:
		result := False
		for i := range f.Children {
			switch n.Match(&f.Children[i]) {
			case True:
				return True
			case Undefined:
				result = Undefined
			}
		}
		return result
	case ldapwire.FilterNot:
		switch n.Match(&f.Children[0]) {
		case True:
			return False
		case False:
			return True
		}
		return Undefined
	}
	name, _, _ := strings.Cut(string(f.Attribute), ";")
	a := n.attribute(name)
	if a == nil {
		if known(name) {
			return False
		}
		return Undefined
	}
	return a.match(f)
}

// Compare tells whether the node has the attribute, and the value in it.
func (n *Node) Compare(attribute string, value []byte) (found bool, truth Truth) {
	a := n.attribute(attribute)
	if a == nil {
		return false, False
	}
	return true, a.match(&ldapwire.Filter{Kind: ldapwire.FilterEqualityMatch, Value: value})
}

// known tells whether some entry could have the attribute.
func known(name string) bool {
	if _, ok := store.FieldByAttribute(name); ok {
		return true
	}
	for canonical, oid := range oids {
		if strings.EqualFold(canonical, name) || oid == name {
			return true
		}
	}
	return false
}

func (a *Attribute) match(f *ldapwire.Filter) Truth {
	switch f.Kind {
	case ldapwire.FilterPresent:
		return True
	case ldapwire.FilterEqualityMatch, ldapwire.FilterApproxMatch:
		want := a.prepare(string(f.Value))
		return a.any(func(v string) bool { return v == want })
	case ldapwire.FilterGreaterOrEqual:
		want := a.prepare(string(f.Value))
		return a.any(func(v string) bool { return v >= want })
	case ldapwire.FilterLessOrEqual:
		want := a.prepare(string(f.Value))
		return a.any(func(v string) bool { return v <= want })
	case ldapwire.FilterSubstrings:
		return a.any(func(v string) bool { return a.substrings(v, f) })
	}
	return Undefined
}

func (a *Attribute) any(test func(string) bool) Truth {
	if a.Matching == store.MatchBytes {
		return Undefined
	}
	for _, v := range a.Values {
		if test(a.prepare(v)) {
			return True
		}
	}
	return False
}

func (a *Attribute) substrings(v string, f *ldapwire.Filter) bool {
	ok := true
	if f.Initial != nil {
		if v, ok = strings.CutPrefix(v, a.prepare(string(f.Initial))); !ok {
			return false
		}
	}
	if f.Final != nil {
		if v, ok = strings.CutSuffix(v, a.prepare(string(f.Final))); !ok {
			return false
		}
	}
	for _, part := range f.Any {
		_, after, found := strings.Cut(v, a.prepare(string(part)))
		if !found {
			return false
		}
		v = after
	}
	return true
}

// prepare brings a value into the form that is compared: folded text with single
// blanks, or the digits of a number.
func (a *Attribute) prepare(s string) string {
	if a.Matching == store.MatchNumber {
		return strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' || r == '+' || r == '*' || r == '#' {
				return r
			}
			return -1
		}, s)
	}
	return strings.Join(strings.Fields(norm.NFKC.String(cases.Fold().String(s))), " ")
}
