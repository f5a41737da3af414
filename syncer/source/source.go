// Package source says what a source of records is. Each package below it is one
// kind of source; none of them knows what the records are for.
package source

import (
	"context"
	"iter"
)

// A Source gives the records of one file, directory or list.
type Source interface {
	// Records fetches and yields the records in the source's order, those that could not be read
	// included (Record.Problem). A record and its Values belong to the source: they are valid until the next
	// one, the strings in them for ever. A pair with an error is the last one and means that nothing of
	// this fetch may be trusted, however much came before: a source that ends early, changes while it is read, or
	// holds no records at all ends with an error. The error is a sentence for the administrator, marked with Temporary where it
	// may pass by itself.
	// One call at a time; each call fetches anew.
	Records(ctx context.Context) iter.Seq2[Record, error]

	// Notes says what the last call of Records found out or had to decide, in sentences for the
	// administrator. It may be called when the sequence has ended.
	Notes() []string
}

// A Record is one row or entry as the source gave it.
type Record struct {
	Row     int        // as people count in the source, from 1; a header is a row
	Columns *Columns   // the same for all records of a fetch
	Values  [][]string // by column: none, one or many; never an empty string
	Problem *Problem   // why the record cannot be used; its Values are what was read nevertheless
}

// A Problem is what is wrong with one record of a source that is fine otherwise.
type Problem struct {
	Column string // where known
	Reason string
}
