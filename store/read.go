package store

import (
	"errors"
	"fmt"
	"runtime/debug"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// A Snapshot is the store at one change. It is valid until the function that View called returns, and for one goroutine.
type Snapshot struct {
	s  *Store
	tx *bbolt.Tx
}

// View calls f with the store as it is now; changes that others apply meanwhile do not show. f must neither Apply, which may
// wait for f to end, nor take long: what a snapshot sees cannot be reused in the file.
func (s *Store) View(f func(*Snapshot) error) (err error) {
	defer s.contain(&err, debug.SetPanicOnFault(true))
	tx, err := s.begin()
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // of a read: cannot fail before Close, which waits for it
	return f(&Snapshot{s: s, tx: tx})
}

// begin starts a read.
func (s *Store) begin() (*bbolt.Tx, error) {
	tx, err := s.db.Begin(false)
	return tx, beginError(err)
}

// beginWrite starts a write. The writer's token is held.
func (s *Store) beginWrite() (*bbolt.Tx, error) {
	tx, err := s.db.Begin(true)
	return tx, beginError(err)
}

func beginError(err error) error {
	switch {
	case errors.Is(err, berrors.ErrDatabaseNotOpen):
		return ErrClosed
	case errors.Is(err, berrors.ErrInvalidMapping):
		return errNoMap
	}
	return err
}

// view is View for one result.
func view[T any](s *Store, f func(*Snapshot) (T, error)) (result T, err error) {
	err = s.View(func(snap *Snapshot) (err error) {
		result, err = f(snap)
		return err
	})
	return result, err
}

// Account returns what a bind needs to know of the user with this login name, in whatever spelling; false when there is none.
// It is two lookups and copies the head of one record.
func (s *Store) Account(login string) (_ Account, _ bool, err error) {
	name, ok := NormalizeName(login)
	if !ok {
		return Account{}, false, nil
	}
	defer s.contain(&err, debug.SetPanicOnFault(true))
	tx, err := s.begin()
	if err != nil {
		return Account{}, false, err
	}
	defer tx.Rollback() //nolint:errcheck // of a read: cannot fail before Close, which waits for it
	return account(tx, name)
}

// Account is Store.Account at the snapshot.
func (v *Snapshot) Account(login string) (Account, bool, error) {
	name, ok := NormalizeName(login)
	if !ok {
		return Account{}, false, nil
	}
	return account(v.tx, name)
}

func account(tx *bbolt.Tx, name string) (Account, bool, error) {
	key := tx.Bucket(bucketNames).Get([]byte(name))
	if key == nil {
		return Account{}, false, nil
	}
	record := tx.Bucket(bucketEntries).Get(key)
	if len(key) != len(id{}) || record == nil {
		return Account{}, false, fmt.Errorf("user %q: %w: run dialtree check", name, errRecord)
	}
	a, err := decodeAccount(id(key), record)
	if err != nil {
		return Account{}, false, fmt.Errorf("user %q: %w: run dialtree check", name, err)
	}
	return a, true, nil
}

// Entry returns an entry, or a *NotFoundError.
func (s *Store) Entry(r Ref) (Entry, error) {
	return view(s, func(v *Snapshot) (Entry, error) { return v.Entry(r) })
}

// Entry is Store.Entry at the snapshot.
func (v *Snapshot) Entry(r Ref) (Entry, error) {
	x, ok := parseRef(r)
	if !ok {
		return Entry{}, notFound("%s %s", r.Kind, r.ID)
	}
	return v.entry(x)
}

func (v *Snapshot) entry(x id) (Entry, error) {
	return readEntry(v.tx.Bucket(bucketEntries), x)
}

func readEntry(entries *bbolt.Bucket, x id) (Entry, error) {
	record := entries.Get(x[:])
	if record == nil {
		return Entry{}, notFound("%s %s", x.kind(), x)
	}
	e, err := decodeRecord(x, record)
	if err != nil {
		return Entry{}, fmt.Errorf("%s %s: %w: run dialtree check", x.kind(), x, err)
	}
	return e, nil
}

// EntryByID returns an entry of any kind, or a *NotFoundError.
func (s *Store) EntryByID(entryID string) (Entry, error) {
	return view(s, func(v *Snapshot) (Entry, error) { return v.EntryByID(entryID) })
}

// EntryByID is Store.EntryByID at the snapshot.
func (v *Snapshot) EntryByID(entryID string) (Entry, error) {
	x, ok := parseID(entryID)
	if !ok {
		return Entry{}, notFound("entry %q", entryID)
	}
	return v.entry(x)
}

// EntryByKey returns the entry that a connector made from the record with this key, or a *NotFoundError.
func (s *Store) EntryByKey(owner, key string) (Entry, error) {
	return view(s, func(v *Snapshot) (Entry, error) { return v.EntryByKey(owner, key) })
}

// EntryByKey is Store.EntryByKey at the snapshot.
func (v *Snapshot) EntryByKey(owner, key string) (Entry, error) {
	return v.indexed(bucketKeys, ownerKey(owner, key), "an entry of connector %s with the key %q", owner, key)
}

// User returns the user with this login name, in whatever spelling, or a *NotFoundError.
func (s *Store) User(login string) (Entry, error) {
	return view(s, func(v *Snapshot) (Entry, error) { return v.User(login) })
}

// User is Store.User at the snapshot.
func (v *Snapshot) User(login string) (Entry, error) {
	name, ok := NormalizeName(login)
	if !ok {
		return Entry{}, notFound("user %q", login)
	}
	return v.indexed(bucketNames, []byte(name), "user %q", login)
}

// SpeedDial returns the speed dial with this short code, or a *NotFoundError.
func (s *Store) SpeedDial(code string) (Entry, error) {
	return view(s, func(v *Snapshot) (Entry, error) { return v.SpeedDial(code) })
}

// SpeedDial is Store.SpeedDial at the snapshot.
func (v *Snapshot) SpeedDial(code string) (Entry, error) {
	normal, ok := NormalizeCode(code)
	if !ok {
		return Entry{}, notFound("speeddial %q", code)
	}
	return v.indexed(bucketCodes, []byte(normal), "speeddial %q", code)
}

func (v *Snapshot) indexed(bucket, key []byte, what string, args ...any) (Entry, error) {
	value := v.tx.Bucket(bucket).Get(key)
	if len(value) != len(id{}) {
		return Entry{}, notFound(what, args...)
	}
	return v.entry(id(value))
}

// Counts returns the numbers of entries.
func (s *Store) Counts() Counts { return s.state.Load().counts.clone() }

// Seq returns the number of the last change that the snapshot shows.
func (v *Snapshot) Seq() uint64 { return metaNumber(v.tx, metaSeq) }

// Counts returns the numbers of entries at the snapshot.
func (v *Snapshot) Counts() (Counts, error) { return readCounts(v.tx) }
