package store

import (
	"context"
	"fmt"
	"path/filepath"

	"go.etcd.io/bbolt"
)

// A schema is a version and the steps that lead to it.
type schema struct {
	version uint64
	steps   []migration
}

// A migration brings a file to a version from the one before. In a cluster one node runs it for all: buckets that are each node's own it may create, and not change.
type migration struct {
	to  uint64
	run func(w *writes) error
}

// currentSchema holds the migrations in their order. Version 1 is the first. In version 2 a record may be one of a hidden entry, which
// a program that knows version 1 only would take for damage; records of version 1 are fine as they are. Version 3 has sessions and the audit log, version 4 what was refused, version 5
// plans, and what a node notes that shares its content.
func currentSchema() schema {
	return schema{version: schemaVersion, steps: append([]migration{
		{2, func(*writes) error { return nil }},
		{3, createBuckets(bucketSessions, bucketAudit)},
		{4, createBuckets(bucketRefusals)},
		{5, createBuckets(bucketHere, bucketPlans)},
	}, nextSteps()...)}
}

func createBuckets(names ...[]byte) func(*writes) error {
	return func(w *writes) error {
		for _, name := range names {
			if err := w.createBucket(name); err != nil {
				return err
			}
		}
		return nil
	}
}

// run runs the steps behind a version.
func (sc schema) run(w *writes, have uint64) error {
	for _, m := range sc.steps {
		if m.to <= have {
			continue
		}
		if err := m.run(w); err != nil {
			return fmt.Errorf("migrate the store to schema version %d (nothing was changed): %w", m.to, err)
		}
	}
	return w.putMetaNumber(metaSchema, sc.version)
}

// migrate runs the steps that the file needs in one transaction, after a copy of the file was put beside it. A file with shared content may stay one
// step behind: all nodes take that step together, by Upgrade.
func (s *Store) migrate(ctx context.Context, readOnly bool, sc schema) error {
	var have uint64
	var member bool
	err := s.db.View(func(tx *bbolt.Tx) error {
		if tx.Bucket(bucketMeta) == nil {
			return &CorruptError{Path: s.db.Path(), Err: fmt.Errorf("it is not a store of Dialtree")}
		}
		have = metaNumber(tx, metaSchema)
		member = tx.Bucket(bucketMeta).Get(metaCluster) != nil
		return nil
	})
	switch {
	case err != nil:
		return err
	case have > sc.version:
		return &NewerSchemaError{Path: s.db.Path(), Have: int(have), Known: int(sc.version)}
	case have == 0:
		return &CorruptError{Path: s.db.Path(), Err: fmt.Errorf("it has no schema version")}
	case have == sc.version, member && have+1 == sc.version:
		s.schema.Store(have)
		return s.checkBuckets(have)
	case member:
		return fmt.Errorf("%s has the content of a cluster with schema version %d, and this dialtree works with %d and %d: run one on every node first that knows version %d",
			s.db.Path(), have, sc.version-1, sc.version, have+1)
	case readOnly:
		return fmt.Errorf("%s has the older schema version %d: start dialtree serve once, which brings it to %d", s.db.Path(), have, sc.version)
	}
	before := filepath.Join(s.dir, fmt.Sprintf("%s.schema-%d", fileName, have))
	if err := s.copyFile(ctx, before); err != nil {
		return fmt.Errorf("copy the store before its migration: %w", err)
	}
	err = s.db.Update(func(tx *bbolt.Tx) error { return sc.run(&writes{tx: tx}, have) })
	if err != nil {
		return fmt.Errorf("%w: a copy is in %s", err, before)
	}
	s.schema.Store(sc.version)
	return s.checkBuckets(sc.version)
}

// checkBuckets looks whether the file has all buckets of its schema version, so that no other code needs to.
func (s *Store) checkBuckets(schema uint64) error {
	return s.db.View(func(tx *bbolt.Tx) error {
		for _, name := range bucketsOf(schema) {
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
