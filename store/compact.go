package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
)

// compactBatch is how many bytes of keys and values one transaction of a compaction copies.
const compactBatch = 16 << 20

// Compact writes a copy of the database, as it is at one change, without the free pages that a bbolt file never gives back. Others read and
// apply meanwhile; what they apply is not in the copy, so stop dialtree before putting the copy in the place of dialtree.db. It must not exist yet.
func (s *Store) Compact(ctx context.Context, path string) error {
	if err := s.compact(ctx, path); err != nil {
		return fmt.Errorf("compact to %s: %w", path, err)
	}
	return nil
}

func (s *Store) compact(ctx context.Context, path string) (err error) {
	dir := filepath.Dir(path)
	temp, err := os.MkdirTemp(dir, ".compact-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	made := filepath.Join(temp, fileName)
	dst, err := bbolt.Open(made, 0o600, fileOptions(time.Second, false))
	if err != nil {
		return err
	}
	dst.NoSync = true // the copy has no name until it is whole
	err = s.View(func(v *Snapshot) error {
		for _, name := range allBuckets() {
			b := v.tx.Bucket(name)
			if b == nil { // of a schema version that the content does not have yet
				continue
			}
			if err := copyBucket(ctx, dst, b, name); err != nil {
				return err
			}
		}
		return nil
	})
	if err = errors.Join(err, dst.Sync(), dst.Close()); err != nil {
		return err
	}
	if err := os.Link(made, path); err != nil { // unlike a rename it replaces nothing
		return err
	}
	return syncDir(dir)
}

// copyBucket copies a bucket in several transactions: bbolt keeps what one puts in memory.
func copyBucket(ctx context.Context, dst *bbolt.DB, src *bbolt.Bucket, name []byte) error {
	c := src.Cursor()
	k, v := c.First()
	for first := true; k != nil || first; first = false {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := dst.Update(func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists(name)
			if err != nil {
				return err
			}
			b.FillPercent = 0.95
			for size := 0; k != nil && size < compactBatch; k, v = c.Next() {
				if err := b.Put(k, v); err != nil {
					return err
				}
				size += len(k) + len(v)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
