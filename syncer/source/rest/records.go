package rest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/dialtree/dialtree/syncer/source"
)

// attempts is how often a list is read that changes each time.
const attempts = 3

// Records implements source.Source.
func (s *Source) Records(ctx context.Context) iter.Seq2[source.Record, error] {
	return func(yield func(source.Record, error) bool) {
		s.notes = nil
		f, err := s.fetch(ctx)
		if err != nil {
			yield(source.Record{}, err)
			return
		}
		defer f.spool.close()
		if more, err := f.give(ctx, yield); more && err != nil {
			yield(source.Record{}, fmt.Errorf("%s: %w", s.name(), err))
		}
	}
}

// fetch reads the list, again where it changed meanwhile. Whoever gets it closes its spool.
func (s *Source) fetch(ctx context.Context) (*fetch, error) {
	for attempt := 1; ; attempt++ {
		spool, err := newSpool(s.options.Dir)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.name(), err)
		}
		f := s.newFetch(spool)
		if err = f.all(ctx); err == nil {
			if attempt > 1 {
				s.note("the list changed while it was read, and was read again")
			}
			return f, nil
		}
		spool.close()
		if !errors.Is(err, errChanged) || attempt == attempts {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(s.options.Pause):
		}
	}
}

// give yields the rows as records; more is false when the caller wants no more.
func (f *fetch) give(ctx context.Context, yield func(source.Record, error) bool) (more bool, err error) {
	columns, notes := source.NewColumns(f.flat.names)
	f.source.note(notes...)
	values := make([][]string, columns.Len())
	number := 0
	more = true
	err = f.spool.rows(func(r *row) bool {
		number++
		clear(values)
		for i, column := range r.Columns {
			values[column] = r.Values[i]
		}
		record := source.Record{Row: number, Columns: columns, Values: values}
		if r.Reason != "" {
			record.Problem = &source.Problem{Column: r.Column, Reason: r.Reason}
		}
		more = yield(record, nil)
		return more && ctx.Err() == nil
	})
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return more, err
}
