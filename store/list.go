package store

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"math"

	"go.etcd.io/bbolt"
)

// A Query selects entries. They come ordered by ID; those of an Owner come ordered by Key.
type Query struct {
	Kind      Kind   // 0: of every kind
	Phonebook string // only contacts of this phonebook
	Owner     string // only entries of this connector; not together with Phonebook
	After     string // the ID, or with Owner the Key, of the last entry that was seen
	Limit     int    // 0: all
}

// entriesBatch is how many entries are read in one transaction. A transaction that lives as long as its caller
// likes would keep the writer waiting and the file growing; 500 entries take well under 1 ms.
const entriesBatch = 500

// Entries returns the entries of a query, in batches of short transactions: each entry is as it was at one change, but changes that
// are applied during the walk may show in what is still to come, and the caller may Apply. View has one change's entries. An error ends the sequence.
func (s *Store) Entries(ctx context.Context, q Query) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		rest := q.Limit
		for {
			if err := ctx.Err(); err != nil {
				yield(Entry{}, err)
				return
			}
			batch, err := s.entriesBatch(q, rest)
			for _, e := range batch {
				if !yield(e, nil) {
					return
				}
			}
			if err != nil {
				yield(Entry{}, err)
				return
			}
			rest -= len(batch)
			if len(batch) < entriesBatch || q.Limit > 0 && rest <= 0 {
				return
			}
			q.After = q.cursorOf(&batch[len(batch)-1])
		}
	}
}

func (s *Store) entriesBatch(q Query, rest int) (batch []Entry, err error) {
	limit := entriesBatch
	if q.Limit > 0 {
		limit = min(limit, rest)
	}
	q.Limit = limit
	batch = make([]Entry, 0, limit)
	err = s.View(func(v *Snapshot) error {
		for e, err := range v.Entries(q) {
			if err != nil {
				return err
			}
			batch = append(batch, e)
		}
		return nil
	})
	return batch, err
}

func (q *Query) cursorOf(e *Entry) string {
	if q.Owner != "" {
		return e.Key
	}
	return e.ID
}

// Entries returns the entries of a query at the snapshot. An error ends the sequence.
func (v *Snapshot) Entries(q Query) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		walk, err := q.walk(v.tx)
		if err != nil {
			yield(Entry{}, err)
			return
		}
		rest := q.Limit
		if rest <= 0 {
			rest = math.MaxInt
		}
		for x, record := range walk {
			if rest == 0 {
				return
			}
			if q.Kind != 0 && x.kind() != q.Kind {
				continue
			}
			e, err := decodeRecord(x, record)
			if err != nil {
				yield(Entry{}, fmt.Errorf("%s %s: %w: run dialtree check", x.kind(), x, err))
				return
			}
			if !yield(e, nil) {
				return
			}
			rest--
		}
	}
}

// walk returns the records of a query, in order.
func (q *Query) walk(tx *bbolt.Tx) (iter.Seq2[id, []byte], error) {
	var after id
	if q.After != "" && q.Owner == "" {
		var ok bool
		if after, ok = parseID(q.After); !ok {
			return nil, fmt.Errorf("%q is not the ID of an entry", q.After)
		}
	}
	switch {
	case q.Owner != "" && q.Phonebook != "":
		return nil, fmt.Errorf("query entries: owner and phonebook exclude each other")
	case q.Owner != "":
		prefix := joinNUL(q.Owner, "")
		from := prefix
		if q.After != "" {
			from = append(ownerKey(q.Owner, q.After), 0) // the least key behind it
		}
		return walkIndex(tx, bucketKeys, prefix, from, func(_, v []byte) []byte { return v }), nil
	case q.Phonebook != "":
		prefix := joinNUL(q.Phonebook, "")
		from := prefix
		if q.After != "" {
			from = append(bookKey(q.Phonebook, after), 0)
		}
		return walkIndex(tx, bucketBooks, prefix, from, func(k, _ []byte) []byte { return k[len(prefix):] }), nil
	}
	from := id{}.of(max(q.Kind, KindUser))
	start := from[:]
	if q.After != "" {
		start = append(after[:], 0)
	}
	return walkEntries(tx, start, q.Kind), nil
}

// walkIndex visits the entries whose IDs an index holds.
func walkIndex(tx *bbolt.Tx, index, prefix, from []byte, idOf func(k, v []byte) []byte) iter.Seq2[id, []byte] {
	return func(yield func(id, []byte) bool) {
		entries := tx.Bucket(bucketEntries)
		c := tx.Bucket(index).Cursor()
		for k, v := c.Seek(from); bytes.HasPrefix(k, prefix) && k != nil; k, v = c.Next() {
			raw := idOf(k, v)
			if len(raw) != len(id{}) {
				continue // Check reports it
			}
			if record := entries.Get(raw); record != nil && !yield(id(raw), record) {
				return
			}
		}
	}
}

// walkEntries visits the entries themselves, of one kind or of all.
func walkEntries(tx *bbolt.Tx, from []byte, k Kind) iter.Seq2[id, []byte] {
	return func(yield func(id, []byte) bool) {
		c := tx.Bucket(bucketEntries).Cursor()
		for key, record := c.Seek(from); len(key) == len(id{}); key, record = c.Next() {
			x := id(key)
			if k != 0 && x.kind() != k {
				return
			}
			if !yield(x, record) {
				return
			}
		}
	}
}
