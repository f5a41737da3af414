package store

import (
	"bytes"
	"slices"

	"go.etcd.io/bbolt"
)

// An indexPut is a key to be put into an index.
type indexPut struct {
	key []byte
	op  *op
}

// An index is one of the buckets that lead to entries.
type index struct {
	bucket  []byte
	field   string // that must be unique
	removed [][]byte
	added   []indexPut
}

func newIndexes() [4]index {
	return [...]index{ // as Entry.names returns their keys
		{bucket: bucketNames, field: "username"},
		{bucket: bucketCodes, field: "shortcode"},
		{bucket: bucketKeys, field: "key"},
		{bucket: bucketBooks, field: "id"},
	}
}

// planIndexes plans the keys and the counts of an entry; e is nil when it is removed, old when it is created.
func (a *applier) planIndexes(o *op, e, old *Entry) {
	var before, after [len(a.indexes)][]byte
	if old != nil {
		a.counts.add(old, -1)
		before[0], before[1], before[2], before[3] = old.names(o.id)
	}
	if e != nil {
		a.counts.add(e, 1)
		after[0], after[1], after[2], after[3] = e.names(o.id)
	}
	for i := range a.indexes {
		x := &a.indexes[i]
		if bytes.Equal(before[i], after[i]) {
			continue
		}
		if before[i] != nil {
			x.removed = append(x.removed, before[i])
		}
		if after[i] != nil {
			x.added = append(x.added, indexPut{after[i], o})
		}
	}
}

// planIndexRemovals plans the keys of what is removed. It waits for the puts, since one of them may take the place of a removal.
func (a *applier) planIndexRemovals() error {
	for i, o := range a.order {
		if err := a.rest(i); err != nil {
			return err
		}
		if o.put {
			continue
		}
		old, err := o.replaced()
		if err != nil {
			return err
		}
		a.planIndexes(o, nil, old)
	}
	return nil
}

// writeIndexes first takes out what goes and then puts in what comes, so that two entries can swap their names.
func (a *applier) writeIndexes() error {
	for i := range a.indexes {
		if len(a.indexes[i].added) > large {
			a.collect()
		}
		if err := a.writeIndex(&a.indexes[i]); err != nil {
			return err
		}
		a.indexes[i] = index{} // bbolt has copies of the keys
	}
	return nil
}

func (a *applier) writeIndex(x *index) error {
	b := a.w.table(x.bucket)
	slices.SortFunc(x.removed, bytes.Compare)
	for i, key := range x.removed {
		if err := a.rest(i); err != nil {
			return err
		}
		if err := b.Delete(key); err != nil {
			return err
		}
	}
	slices.SortFunc(x.added, func(p, q indexPut) int {
		return bytes.Compare(p.key, q.key)
	})
	b.fill(a.fill(len(x.added)))
	for i, p := range x.added {
		if err := a.rest(i); err != nil {
			return err
		}
		if other := b.Get(p.key); other != nil {
			return a.conflict(x.field, p, other)
		}
		value := []byte{} // the ID is in the key
		if x.field != "id" {
			value = a.records.keep(p.op.id[:]) // bbolt holds on to it, and would to the op
		}
		if err := b.Put(p.key, value); err != nil {
			return err
		}
	}
	return nil
}

// conflict names both entries of a key, the one that was put later first.
func (a *applier) conflict(field string, p indexPut, other []byte) error {
	put, err := p.op.entry()
	if err != nil {
		return err
	}
	e := &ConflictError{Index: p.op.index, Field: field, Value: string(p.key), Entry: p.op.describe(put)}
	if _, key, ok := bytes.Cut(p.key, []byte{0}); ok && field == "key" {
		e.Value = string(key)
	}
	if len(other) != len(id{}) {
		return e
	}
	x := id(other)
	prior := a.ops[x]
	if prior == nil || !prior.put {
		if old, err := readEntry(a.entries.Bucket, x); err == nil {
			e.Other = old.describe()
		}
		return e
	}
	if put, err = prior.entry(); err != nil {
		return err
	}
	e.Other = prior.describe(put)
	if prior.index > p.op.index {
		e.Index, e.Entry, e.Other = prior.index, e.Other, e.Entry
	}
	return e
}

// fill is how full bbolt leaves pages when they split: a first import puts its keys in order and nothing between them soon.
func (a *applier) fill(n int) float64 {
	if n > 1000 && n > a.had {
		return 0.9
	}
	return bbolt.DefaultFillPercent
}
