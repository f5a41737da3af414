package syncer

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer/source/ldap"
)

// A Look is what a connector sees of its source.
type Look struct {
	Preview
	Columns []string // the names that expressions may use, in the order of the source
	Fields  []string // the fields that variables can compute for the target
}

// LookAtSource shows what the first records of a source become, for a connector that need not be stored. A mistake in the connector is
// a *store.FieldError, as is an expression that does not fit the source. What is wrong with the source is told by the look's Error,
// behind the step that failed. Records are shown as the source has them even where no entry can be made of them.
func (s *Syncer) LookAtSource(ctx context.Context, c *store.Connector, records int) (*Look, error) {
	records = min(max(records, 1), maxPreviewed)
	if err := s.Check(c); err != nil {
		return nil, err
	}
	j, err := s.prepare(c)
	if err != nil {
		return nil, err
	}
	l := &Look{Preview: Preview{Records: []PreviewedRecord{}}, Columns: []string{}, Fields: fieldsOf(j.kind)}
	directory, _ := j.source.(*ldap.Source)
	if directory != nil {
		directory.ShowAll(records)
	}
	err = l.read(ctx, j, s.numbers, records)
	l.Notes = slices.Clone(j.source.Notes())
	if directory != nil {
		for _, name := range directory.Seen() {
			if !slices.Contains(l.Columns, name) {
				l.Columns = append(l.Columns, name)
			}
		}
	}
	var wrong *store.FieldError
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		l.Error = "read the source: it did not answer in time: check its address, and firewalls in between"
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.As(err, &wrong):
		return nil, wrong
	case err != nil:
		l.Error = err.Error()
	}
	return l, nil
}

// read reads the first records. Its errors begin with the step that failed, but for those of the connector.
func (l *Look) read(ctx context.Context, j *job, n Numbers, records int) error {
	var m *mapping
	var unfit error
	for r, err := range j.source.Records(ctx) {
		if err != nil {
			return fmt.Errorf("read the source: %w", err)
		}
		if m == nil {
			l.Columns = r.Columns.Names()
			if m, unfit = newMapping(j, r.Columns, n); unfit != nil {
				m = &mapping{job: j, dn: -1}
			}
		}
		if unfit != nil {
			l.Records = append(l.Records, PreviewedRecord{Row: r.Row, Source: m.sourceValues(&r)})
		} else {
			l.Records = append(l.Records, m.preview(&r))
		}
		if len(l.Records) >= records {
			break
		}
	}
	if unfit != nil {
		return fmt.Errorf("make entries of the records: %w", unfit)
	}
	return nil
}

// fieldsOf are the fields of a kind, in the order of the field table.
func fieldsOf(k store.Kind) []string {
	var names []string
	for _, f := range store.Fields() {
		if f.UsedBy(k) != store.Unused {
			names = append(names, f.Name)
		}
	}
	return names
}
