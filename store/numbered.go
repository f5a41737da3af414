package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"

	"go.etcd.io/bbolt"
)

// The audit log and the refusals are buckets of records under numbers that count up without a gap. The oldest are forgotten.

// lastNumber is the number of the last record; 0: there is none.
func lastNumber(b *bbolt.Bucket) uint64 {
	last, _ := b.Cursor().Last()
	if last == nil {
		return 0
	}
	return binary.BigEndian.Uint64(last)
}

// lastFirst visits what a bucket has under numbers before one, the last first; before 0 begins at the end.
func lastFirst(b *bbolt.Bucket, before uint64) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		c := b.Cursor()
		k, data := c.Last()
		if before > 0 {
			if k, _ = c.Seek(number(before)); k == nil {
				k, data = c.Last()
			} else {
				k, data = c.Prev()
			}
		}
		for ; k != nil && yield(data); k, data = c.Prev() {
		}
	}
}

// forget deletes from the first record on all that are old, up to one that is not.
func forget(b bucket, old func(n uint64, data []byte) bool) error {
	var gone [][]byte // bbolt's cursors skip keys when one is deleted under them
	c := b.Cursor()
	for k, data := c.First(); k != nil && old(binary.BigEndian.Uint64(k), data); k, data = c.Next() {
		gone = append(gone, bytes.Clone(k))
	}
	for _, k := range gone {
		if err := b.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// numbered visits the records, which are called what, and reports keys that are no numbers and gaps.
func (c *checker) numbered(bucket []byte, what string, visit func(where string, n uint64, data []byte) error) error {
	last := uint64(0)
	return c.forEach(bucket, func(k, data []byte) error {
		if len(k) != 8 {
			return c.report(fmt.Sprintf("%s with the key %q", what, k), "the key is not a number")
		}
		n := binary.BigEndian.Uint64(k)
		where := fmt.Sprintf("%s %d", what, n)
		before := last
		if last = n; before != 0 && n != before+1 {
			return c.report(where, "it follows %s %d", what, before)
		}
		return visit(where, n, data)
	})
}
