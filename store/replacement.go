package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// A replacement puts a store in the place of another, or where none is. Interrupted, it has not happened, or is finished by the next Open.
type replacement struct {
	name  string
	temp  string // where the new store is made
	ready string // the same, when it is good: from here on it takes the old one's place
	kept  string // the ending of the old one
}

var (
	restoring = replacement{"restore", ".restore.tmp", ".restore.ready", ".before-restore"}
	joining   = replacement{"join", ".join.tmp", ".join.ready", ".before-join"}
)

// decide ends the making: from here on the new store takes the place.
func (r replacement) decide(dir string) error {
	temp := filepath.Join(dir, r.temp)
	if err := syncDir(temp); err != nil {
		return err
	}
	if err := os.Rename(temp, filepath.Join(dir, r.ready)); err != nil {
		return err
	}
	return syncDir(dir)
}

// finishReplacements puts what is ready in its place. It can be interrupted anywhere and called again.
func finishReplacements(dir string) error {
	return errors.Join(restoring.finish(dir), joining.finish(dir))
}

func (r replacement) finish(dir string) error {
	ready := filepath.Join(dir, r.ready)
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
		if err := ignoreMissing(os.Rename(to, to+r.kept)); err != nil {
			return fmt.Errorf("finish %s: %w", r.name, err)
		}
		if err := os.Rename(from, to); err != nil {
			return fmt.Errorf("finish %s: %w", r.name, err)
		}
	}
	// The names first, then the directory that says they are still to be made.
	if err := errors.Join(syncDir(dir), os.RemoveAll(ready), syncDir(dir)); err != nil {
		return fmt.Errorf("finish %s: %w", r.name, err)
	}
	return nil
}
