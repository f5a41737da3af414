package syncer

import (
	"context"
	"fmt"
	"slices"

	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer/source"
)

// maxPreviewed bounds a preview.
const maxPreviewed = 1000

// A Preview is the first records of a source beside what they become.
type Preview struct {
	Records []PreviewedRecord `json:"records"`
	// Notes say what was found out about the source so far.
	Notes []string `json:"notes,omitempty"`
	// Error says why there is no more to see: what is wrong with the source or the connector.
	Error string `json:"error,omitempty"`
}

// A PreviewedRecord is a record and what becomes of it.
type PreviewedRecord struct {
	Row    int           `json:"row"`
	Source []NamedValues `json:"source"`          // in the order of the columns, those without a value left out
	Entry  []NamedValues `json:"entry,omitempty"` // in the order of the field table; none where it is left out or rejected
	// LeftOut is true for a record that the filter leaves out.
	LeftOut bool   `json:"left_out,omitempty"`
	Column  string `json:"column,omitempty"`
	Reason  string `json:"reason,omitempty"` // of a reject
	// Notes say what is odd about an entry, such as a number that cannot be dialled.
	Notes []string `json:"notes,omitempty"`
}

// NamedValues are the values of a column or a field, each in a length for people. Passwords are masked.
type NamedValues struct {
	Name   string   `json:"name"`
	Values []string `json:"values"`
}

// Preview shows what a connector would make of the first records of its source. It compares nothing with the store: a dry run does.
// Its errors are store.ErrNotFound and the context's.
func (s *Syncer) Preview(ctx context.Context, connector string, records int) (*Preview, error) {
	c, err := s.store.Connector(connector)
	if err != nil {
		return nil, err
	}
	p := &Preview{Records: []PreviewedRecord{}}
	if err := s.preview(ctx, c, min(max(records, 1), maxPreviewed), p); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		p.Error = err.Error()
	}
	return p, nil
}

func (s *Syncer) preview(ctx context.Context, c *store.Connector, records int, p *Preview) error {
	j, err := s.prepare(c)
	if err != nil {
		return err
	}
	defer func() { p.Notes = slices.Clone(j.source.Notes()) }()
	var m *mapping
	for r, err := range j.source.Records(ctx) {
		if err != nil {
			return err
		}
		if m == nil {
			if m, err = newMapping(j, r.Columns, s.numbers); err != nil {
				return err
			}
		}
		if p.Records = append(p.Records, m.preview(&r)); len(p.Records) >= records {
			break
		}
	}
	return nil
}

func (m *mapping) preview(r *source.Record) PreviewedRecord {
	p := PreviewedRecord{Row: r.Row, Source: m.sourceValues(r)}
	keep, no := true, (*rejection)(nil)
	if r.Problem == nil {
		keep, no = m.keep(r)
	}
	if !keep && no == nil {
		p.LeftOut = true
		return p
	}
	w, why := m.wanted(r, nil)
	if no == nil {
		no = why
	}
	if no != nil {
		p.Column, p.Reason = no.column, no.reason
		return p
	}
	for _, f := range store.Fields() {
		if values := w.values.All(f.ID); len(values) > 0 {
			p.Entry = append(p.Entry, NamedValues{f.Name, shown(&f, values)})
		}
	}
	for _, n := range w.odd {
		p.Notes = append(p.Notes, fmt.Sprintf("%s: %q cannot be dialled", n.column, shorten(n.text)))
	}
	if w.password != "" {
		p.Entry = append(p.Entry, NamedValues{store.Password.String(), []string{masked}})
	}
	return p
}

// masked stands for a password.
const masked = "[secret]"

// sourceValues are the values of a record. What a password is made of is masked.
func (m *mapping) sourceValues(r *source.Record) []NamedValues {
	secret := map[int]bool{}
	for i := range m.fields {
		if f := &m.fields[i]; f.field.ID == store.Password {
			f.mark(secret)
		}
	}
	var list []NamedValues
	for i, values := range r.Values {
		if len(values) == 0 {
			continue
		}
		n := NamedValues{Name: r.Columns.Name(i), Values: []string{masked}}
		if !secret[i] {
			n.Values = shortened(values)
		}
		list = append(list, n)
	}
	return list
}

func shown(f *store.Field, values []string) []string {
	if f.Matching == store.MatchBytes {
		return []string{"(a picture)"}
	}
	return shortened(values)
}

func shortened(values []string) []string {
	out := make([]string, len(values))
	for i := range values {
		out[i] = shorten(values[i])
	}
	return out
}
