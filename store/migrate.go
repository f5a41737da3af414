package store

import (
	"context"
	"fmt"
	"path/filepath"

	"go.etcd.io/bbolt"
)

// schemaVersion is the version of the layout that this package reads and writes.
const schemaVersion = 4

// A schema is a version and the steps that lead to it.
type schema struct {
	version uint64
	steps   []migration
}

// A migration brings a file from the version before To to To.
type migration struct {
	to  uint64
	run func(tx *bbolt.Tx) error
}

// currentSchema holds the migrations in their order. Version 1 is the first. In version 2 a record may be one of a hidden entry, which
// a program that knows version 1 only would take for damage; records of version 1 are fine as they are. Version 3 has sessions and the audit log, version 4 what was refused.
func currentSchema() schema {
	return schema{version: schemaVersion, steps: []migration{
		{2, func(*bbolt.Tx) error { return nil }},
		{3, createBuckets(bucketSessions, bucketAudit)},
		{4, createBuckets(bucketRefusals)},
	}}
}

func createBuckets(names ...[]byte) func(*bbolt.Tx) error {
	return func(tx *bbolt.Tx) error {
		for _, name := range names {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		return nil
	}
}

// migrate runs the steps that the file needs in one transaction, after a copy of the file was put beside it.
func (s *Store) migrate(ctx context.Context, readOnly bool, sc schema) error {
	var have uint64
	err := s.db.View(func(tx *bbolt.Tx) error {
		if tx.Bucket(bucketMeta) == nil {
			return &CorruptError{Path: s.db.Path(), Err: fmt.Errorf("it is not a store of Dialtree")}
		}
		have = metaNumber(tx, metaSchema)
		return nil
	})
	switch {
	case err != nil:
		return err
	case have > sc.version:
		return &NewerSchemaError{Path: s.db.Path(), Have: int(have), Known: int(sc.version)}
	case have == 0:
		return &CorruptError{Path: s.db.Path(), Err: fmt.Errorf("it has no schema version")}
	case have == sc.version:
		return s.checkBuckets()
	case readOnly:
		return fmt.Errorf("%s has the older schema version %d: start dialtree serve once, which brings it to %d", s.db.Path(), have, sc.version)
	}
	before := filepath.Join(s.dir, fmt.Sprintf("%s.schema-%d", fileName, have))
	if err := s.copyFile(ctx, before); err != nil {
		return fmt.Errorf("copy the store before its migration: %w", err)
	}
	err = s.db.Update(func(tx *bbolt.Tx) error {
		for _, m := range sc.steps {
			if m.to <= have {
				continue
			}
			if err := m.run(tx); err != nil {
				return fmt.Errorf("migrate the store to schema version %d (nothing was changed, a copy is in %s): %w", m.to, before, err)
			}
		}
		return putMetaNumber(tx, metaSchema, sc.version)
	})
	if err != nil {
		return err
	}
	return s.checkBuckets()
}

// checkBuckets looks whether the file has all buckets, so that no other code needs to.
func (s *Store) checkBuckets() error {
	return s.db.View(func(tx *bbolt.Tx) error {
		for _, name := range allBuckets() {
			if tx.Bucket(name) == nil {
				return &CorruptError{Path: s.db.Path(), Err: fmt.Errorf("the bucket %s is missing", name)}
			}
		}
		if len(tx.Bucket(bucketMeta).Get(metaStoreID)) != 16 {
			return &CorruptError{Path: s.db.Path(), Err: fmt.Errorf("the store's ID is missing")}
		}
		return nil
	})
}
