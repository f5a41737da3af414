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

const (
	restoreTemp  = ".restore.tmp"    // where a backup is unpacked and checked
	restoreReady = ".restore.ready"  // the same, when it is good: from here on it takes the old one's place
	keptEnding   = ".before-restore" // of the old one
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
	if err := finishRestore(dir); err != nil {
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
	if err := finishRestore(dir); err != nil {
		return RestoreInfo{}, err
	}
	if old != nil {
		info.Previous = filepath.Join(dir, fileName+keptEnding)
	}
	return info, nil
}

// prepareRestore unpacks and checks a backup. With the rename at its end the restore is decided.
func prepareRestore(ctx context.Context, dir, path string) (info RestoreInfo, err error) {
	temp := filepath.Join(dir, restoreTemp)
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
	// Who was signed in when the backup was made may have signed out since: a cookie must not come to life again.
	if err := s.endSessions(ctx); err != nil {
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
	if err := syncDir(temp); err != nil {
		return info, err
	}
	if err := os.Rename(temp, filepath.Join(dir, restoreReady)); err != nil {
		return info, err
	}
	return info, syncDir(dir)
}

// finishRestore puts a restore that is ready in its place. It can be interrupted anywhere and called again.
func finishRestore(dir string) error {
	ready := filepath.Join(dir, restoreReady)
	if _, err := os.Lstat(ready); err != nil {
		return ignoreMissing(err)
	}
	lock, err := lockFile(context.Background(), dir, 2*time.Second) // of two that finish it, one
	if err != nil {
		return err
	}
	defer lock.Close()
	for _, name := range [...]string{keyFileName, fileName} {
		from, to := filepath.Join(ready, name), filepath.Join(dir, name)
		if _, err := os.Lstat(from); errors.Is(err, fs.ErrNotExist) {
			continue // done before an interruption
		}
		if err := ignoreMissing(os.Rename(to, to+keptEnding)); err != nil {
			return fmt.Errorf("finish restore: %w", err)
		}
		if err := os.Rename(from, to); err != nil {
			return fmt.Errorf("finish restore: %w", err)
		}
	}
	// The names first, then the directory that says they are still to be made.
	if err := errors.Join(syncDir(dir), os.RemoveAll(ready), syncDir(dir)); err != nil {
		return fmt.Errorf("finish restore: %w", err)
	}
	return nil
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
