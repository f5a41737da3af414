package store

import (
	"context"
	"errors"
	"strings"
	"syscall"

	"go.etcd.io/bbolt"
)

// commit writes what a transaction changed. When it returns nil, the change is on the disk. Otherwise it is a *WriteError: the
// change was not made, or, where the error says so, nobody knows.
//
// bbolt writes the changed pages, waits for the disk, writes the meta page that makes them count, and waits again. Whatever fails before that page
// leaves the file as it was, and the next change begins anew: it trusts nothing that this one wrote. When the
// second wait fails, the page is in the kernel's memory, where readers see it, and the kernel forgets that it is not on the disk. A change after
// that would free pages that the disk's last meta page still needs. So there is none until the file was opened again, which writes
// and waits for that page anew (confirm).
func (s *Store) commit(tx *bbolt.Tx) error {
	id := tx.ID()
	err := tx.Commit()
	if err == nil {
		s.failed.Store(nil)
		return nil
	}
	failed := &WriteError{Path: s.db.Path(), Err: errnoOf(err), InDoubt: s.visible(id)}
	s.failed.Store(failed)
	return failed
}

// visible tells whether readers see the transaction that could not be committed.
func (s *Store) visible(id int) bool {
	tx, err := s.db.Begin(false)
	if err != nil {
		return false
	}
	defer tx.Rollback() //nolint:errcheck // of a read
	return tx.ID() >= id
}

// TryWrite finds out whether a store that could not be written can be again: it writes what is there already.
func (s *Store) TryWrite(ctx context.Context) error {
	return s.update(ctx, func(w *writes) error { return w.putMetaNumber(metaSeq, metaNumber(w.tx, metaSeq)) })
}

// Full tells whether an error means that there is no room on the disk, or that no more is allowed.
func Full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

// errnoOf finds the cause that bbolt gives as text only where the file could not be made longer.
func errnoOf(err error) error {
	for _, errno := range [...]syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, syscall.EIO, syscall.EROFS} {
		if strings.HasSuffix(err.Error(), errno.Error()) {
			return errno
		}
	}
	return err
}
