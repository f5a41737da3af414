package directory

import (
	"bytes"
	"cmp"
	"context"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// Compare tells whether an entry has a value (RFC 4511, section 4.10).
func (t *Tree) Compare(ctx context.Context, q *Query, description, value []byte) (Result, error) {
	snap, err := t.snapshot(ctx)
	if err != nil {
		return Result{Code: ldapwire.Busy}, nil
	}
	s := t.searcher()
	defer t.searchers.Put(s)
	q.Scope = ldapwire.ScopeBaseObject
	s.query = q
	defer s.forget()
	at, _, refused, err := s.locate(snap)
	if refused != nil || err != nil {
		return *cmp.Or(refused, &Result{}), err
	}
	attribute := bytes.Clone(description)
	has := func(kind ldapwire.FilterKind) Truth {
		c := s.compiler.compile(&ldapwire.Filter{Kind: kind, Attribute: attribute, Value: value})
		if at.kind == spotEntry {
			d := at.entry.home.doc(at.entry.record)
			return c.eval(&d)
		}
		return c.evalNode(at.node)
	}
	switch {
	case t.schema.find(description) == nil:
		return Result{Code: ldapwire.UndefinedAttributeType}, nil
	case has(ldapwire.FilterPresent) != True:
		return Result{Code: ldapwire.NoSuchAttribute}, nil
	}
	switch has(ldapwire.FilterEqualityMatch) {
	case True:
		return Result{Code: ldapwire.CompareTrue}, nil
	case False:
		return Result{Code: ldapwire.CompareFalse}, nil
	}
	return Result{Code: ldapwire.InappropriateMatching}, nil
}
