package store

import (
	"encoding/json"
	"errors"

	"go.etcd.io/bbolt"
)

// Writes are all that a transaction writes. Where the store shares its content, what goes into shared buckets is noted for the other nodes.
type writes struct {
	tx      *bbolt.Tx
	note    *noter // nil: nobody is told
	own     int    // writes that are this node's own
	ownOnly bool   // there must be no others
}

// errShared is about a change that was taken for this node's own. Nothing was changed.
var errShared = errors.New("the change is not this node's own")

// A bucket is one to be written.
type bucket struct {
	*bbolt.Bucket
	w      *writes
	number byte // of the bucketInfo
}

func (w *writes) table(name []byte) bucket {
	b := bucket{Bucket: w.tx.Bucket(name), w: w}
	if w.note != nil || w.ownOnly {
		b.number = numberOf(name)
	}
	return b
}

// Put is bbolt's: the value must stay as it is until the transaction ends, the key need not.
func (b bucket) Put(key, value []byte) error {
	switch shared := b.shared(key); {
	case shared && b.w.ownOnly:
		return errShared
	case !shared:
		b.w.own++
	case b.w.note != nil:
		b.w.note.put(b.number, key, value)
	}
	return b.Bucket.Put(key, value)
}

// Delete is bbolt's: what is not there is passed over.
func (b bucket) Delete(key []byte) error {
	switch shared := b.shared(key); {
	case shared && b.w.ownOnly:
		return errShared
	case !shared:
		b.w.own++
	case b.w.note != nil:
		b.w.note.delete(b.number, key)
	}
	return b.Bucket.Delete(key)
}

func (b bucket) shared(key []byte) bool {
	return b.number != 0 && (b.number != numberMeta || sharedMeta(key))
}

// fill says how full bbolt leaves pages when they split, here and at the others.
func (b bucket) fill(percent float64) {
	if b.w.note != nil && percent != bbolt.DefaultFillPercent {
		b.w.note.fill(b.number, percent)
	}
	b.FillPercent = percent
}

func (b bucket) putJSON(key []byte, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return b.Put(key, data)
}

func (w *writes) putMetaNumber(key []byte, n uint64) error {
	return w.table(bucketMeta).Put(key, number(n))
}

// createBucket creates a bucket that is not there. Others create one that is their own by themselves.
func (w *writes) createBucket(name []byte) error {
	if n := numberOf(name); w.note != nil && n != 0 {
		w.note.create(n)
	}
	_, err := w.tx.CreateBucketIfNotExists(name)
	return err
}

// noteError is what noting failed with.
func (w *writes) noteError() error {
	if w.note == nil {
		return nil
	}
	return w.note.err
}

// numberOf is the number of a bucket that is shared; 0 for any other.
func numberOf(name []byte) byte {
	for _, b := range layout() {
		if string(b.name) == string(name) {
			return b.number
		}
	}
	return 0
}
