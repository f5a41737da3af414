package store

import (
	"context"
	"fmt"
	"path/filepath"

	"go.etcd.io/bbolt"
)

// Upgrade brings the content of a member to SchemaVersion by a change like any other. It is called when every node knows that version. A copy of
// this node's file is put beside it before.
func (s *Store) Upgrade(ctx context.Context) error {
	if have := s.schema.Load(); !s.shares() || have == schemaVersion {
		return nil
	} else if err := s.copyFile(ctx, filepath.Join(s.dir, fmt.Sprintf("%s.schema-%d", fileName, have))); err != nil {
		return fmt.Errorf("copy the store before its migration: %w", err)
	}
	for try := 1; ; try++ {
		err := s.tryUpgrade(ctx)
		if !isOvertaken(err) || try == overtakings {
			return err
		}
	}
}

func (s *Store) tryUpgrade(ctx context.Context) error {
	draft, err := s.draft(ctx, false)
	if err != nil {
		return err
	}
	defer draft.Discard()
	return s.write(ctx, func(tx *bbolt.Tx) error {
		have := s.schema.Load()
		if have == schemaVersion { // by another node meanwhile
			return nil
		}
		w := &writes{tx: tx, note: newNoter(draft, streamChange, schemaVersion)}
		if err := currentSchema().run(w, have); err != nil {
			return err
		}
		if err := s.commitShared(ctx, w, draft); err != nil {
			return err
		}
		s.schema.Store(schemaVersion)
		return nil
	})
}
