package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// RestoreInfo says what was restored.
type RestoreInfo struct {
	Seq      uint64
	Counts   Counts
	Previous string // where the store that was there before is now; empty when there was none
}

// Restore puts a backup in the place of the store in a directory, which no process may have open. The backup is unpacked, opened and
// checked before anything is replaced. The old store and its key stay beside it with the ending .before-restore. A
// restore that is interrupted has not happened, or is finished by the next Open.
func Restore(ctx context.Context, dir, path string) (RestoreInfo, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return RestoreInfo{}, &DirError{Dir: dir, Err: plainCause(err)}
	}
	if err := finishReplacements(dir); err != nil {
		return RestoreInfo{}, err
	}
	old, err := lockFile(ctx, filepath.Join(dir, fileName), 500*time.Millisecond)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return RestoreInfo{}, err
	default:
		defer old.Close()
	}
	info, err := prepareRestore(ctx, dir, path)
	if err != nil {
		return RestoreInfo{}, fmt.Errorf("restore (nothing was changed): %w", err)
	}
	if err := finishReplacements(dir); err != nil {
		return RestoreInfo{}, err
	}
	if old != nil {
		info.Previous = filepath.Join(dir, fileName+restoring.kept)
	}
	return info, nil
}

// prepareRestore unpacks and checks a backup. With the rename at its end the restore is decided.
func prepareRestore(ctx context.Context, dir, path string) (info RestoreInfo, err error) {
	temp := filepath.Join(dir, restoring.temp)
	if err := os.RemoveAll(temp); err != nil {
		return info, err
	}
	if err := os.Mkdir(temp, 0o700); err != nil {
		return info, &DirError{Dir: dir, Err: plainCause(err)}
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	if err := extractBackup(ctx, path, temp); err != nil {
		return info, err
	}
	s, err := Open(ctx, Options{Dir: temp})
	if err != nil {
		return info, fmt.Errorf("the backup %s cannot be used: %w", path, err)
	}
	info.Seq, info.Counts = s.Seq(), s.Counts()
	if err := s.revive(ctx); err != nil {
		return info, errors.Join(err, s.Close())
	}
	problems, err := s.Check(ctx)
	if err = errors.Join(err, s.Close()); err != nil {
		return info, err
	}
	for _, p := range problems {
		if !p.minor {
			return info, fmt.Errorf("the backup %s is not sound: %v: use another one", path, p)
		}
	}
	return info, restoring.decide(dir)
}

// revive makes a copy of a store one that goes on by itself. Who was signed in when the copy was made may have signed out since: a cookie must not come to life
// again. What a cluster did since nobody knows either: a member takes over the whole content anew.
func (s *Store) revive(ctx context.Context) error {
	return s.update(ctx, func(w *writes) error {
		for _, name := range [][]byte{bucketSessions, bucketHere} {
			if err := errors.Join(w.tx.DeleteBucket(name), w.createBucket(name)); err != nil {
				return err
			}
		}
		if !s.shares() {
			return nil
		}
		return forgetPosition(w, s.Membership())
	})
}

// lockFile takes the lock that bbolt takes, without reading the file: a damaged store must be replaceable. Closing
// the file releases it.
func lockFile(ctx context.Context, path string, wait time.Duration) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(wait); ; {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return f, nil
		case !errors.Is(err, syscall.EWOULDBLOCK):
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
		case time.Now().After(deadline):
			return nil, errors.Join(&LockedError{Path: path, Waited: wait}, f.Close())
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), f.Close())
		}
	}
}
