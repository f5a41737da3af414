package store

import "slices"

// First returns the first value of a field, or "".
func (v Values) First(id FieldID) string {
	for i := range v {
		if v[i].Field == id {
			return v[i].Text
		}
	}
	return ""
}

// All returns the values of a field in their order.
func (v Values) All(id FieldID) []string {
	var texts []string
	for i := range v {
		if v[i].Field == id {
			texts = append(texts, v[i].Text)
		}
	}
	return texts
}

// Has tells whether the field has a value.
func (v Values) Has(id FieldID) bool {
	return slices.ContainsFunc(v, func(x Value) bool { return x.Field == id })
}

// With returns a copy in which the field has these values and no others; without values the field is gone.
func (v Values) With(id FieldID, texts ...string) Values {
	out := make(Values, 0, len(v)+len(texts))
	placed := false
	place := func() {
		if !placed {
			for _, t := range texts {
				out = append(out, Value{Field: id, Text: t})
			}
			placed = true
		}
	}
	for _, x := range v {
		if x.Field == id {
			continue
		}
		if x.Field > id {
			place()
		}
		out = append(out, x)
	}
	place()
	return out
}

// sorted returns v ordered by field: v itself where it is ordered already, else a copy.
func (v Values) sorted() Values {
	byField := func(a, b Value) int { return int(a.Field) - int(b.Field) }
	if slices.IsSortedFunc(v, byField) {
		return v
	}
	c := slices.Clone(v)
	slices.SortStableFunc(c, byField)
	return c
}

// Has tells whether the set holds the field.
func (s FieldSet) Has(id FieldID) bool { return id < 64 && s&(1<<id) != 0 }

// With returns the set with the fields added.
func (s FieldSet) With(ids ...FieldID) FieldSet {
	for _, id := range ids {
		s |= 1 << id
	}
	return s
}

// Without returns the set with the fields removed.
func (s FieldSet) Without(ids ...FieldID) FieldSet {
	for _, id := range ids {
		s &^= 1 << id
	}
	return s
}

// Fields returns the fields of the set, by ID.
func (s FieldSet) Fields() []FieldID {
	var ids []FieldID
	for id := FieldID(1); id < 64; id++ {
		if s.Has(id) {
			ids = append(ids, id)
		}
	}
	return ids
}
