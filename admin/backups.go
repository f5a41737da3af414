package admin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dialtree/dialtree/store"
)

// Backups says where the server writes backups by itself.
type Backups struct {
	Dir  string // empty: nowhere
	Keep int
	Next func(after time.Time) (time.Time, error) // when the next one is due
}

const (
	// A backup's name has the time of its making, so that names are in the order of time.
	backupPrefix = "dialtree-"
	backupEnding = ".backup"
	backupTime   = "20060102-150405"

	// backupLook is how often the server looks whether a backup is due.
	backupLook = 10 * time.Second
	// backupRetry is how long it waits after one that failed.
	backupRetry = 10 * time.Minute
)

// backups is the state of those that the server writes by itself.
type backups struct {
	mu     sync.Mutex // guards what follows
	failed string     // why the last one failed; empty: it did not
	since  time.Time
}

// OwnBackups returns the backups that a server wrote to a directory by itself, the newest first.
func OwnBackups(dir string) ([]string, error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, f := range files {
		stamp, isBackup := strings.CutPrefix(f.Name(), backupPrefix)
		stamp, ended := strings.CutSuffix(stamp, backupEnding)
		if _, err := time.Parse(backupTime, stamp); isBackup && ended && err == nil && f.Type().IsRegular() {
			found = append(found, filepath.Join(dir, f.Name()))
		}
	}
	slices.Sort(found)
	slices.Reverse(found)
	return found, nil
}

// NewestGoodBackup returns the newest of them that is whole; empty when there is none.
func NewestGoodBackup(ctx context.Context, dir string) string {
	found, err := OwnBackups(dir)
	if err != nil {
		return ""
	}
	for _, path := range found {
		if store.VerifyBackup(ctx, path) == nil {
			return path
		}
	}
	return ""
}

// madeAt is when a backup was made, by its name.
func madeAt(path string) time.Time {
	stamp := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), backupPrefix), backupEnding)
	at, _ := time.Parse(backupTime, stamp) // OwnBackups looked
	return at
}

// keepBackups writes a backup whenever one is due, until ctx ends. One that was due while no server ran is made up for.
func (s *Server) keepBackups(ctx context.Context) {
	o := s.options.Backups
	if o.Dir == "" {
		return
	}
	last := s.options.Now()
	if found, err := OwnBackups(o.Dir); err == nil && len(found) > 0 {
		last = madeAt(found[0])
	}
	t := time.NewTicker(backupLook)
	defer t.Stop()
	var notBefore time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		now := s.options.Now()
		due, err := o.Next(last)
		if err != nil || now.Before(due) || now.Before(notBefore) {
			continue
		}
		if s.ownBackup(ctx, now) {
			last = now
		} else {
			notBefore = now.Add(backupRetry)
		}
	}
}

// ownBackup writes one backup, reads it again, and only then removes the oldest.
func (s *Server) ownBackup(ctx context.Context, now time.Time) bool {
	o := s.options.Backups
	path := filepath.Join(o.Dir, backupPrefix+now.UTC().Format(backupTime)+backupEnding)
	err := s.options.Store.Trouble()
	if written := (*store.WriteError)(nil); err == nil || errors.As(err, &written) {
		if err = os.MkdirAll(o.Dir, 0o700); err == nil {
			_, err = s.options.Store.Backup(ctx, path)
		}
		if err == nil {
			err = store.VerifyBackup(ctx, path)
		}
	}
	if ctx.Err() != nil {
		return false
	}
	s.backups.mu.Lock()
	s.backups.failed, s.backups.since = "", now.UTC()
	if err != nil {
		s.backups.failed = err.Error()
	}
	s.backups.mu.Unlock()
	if err != nil {
		s.log.Error("the backup failed: it is tried again in some minutes", "path", path, "error", err)
		return false
	}
	s.backedUp()
	s.log.Info("backup written", "path", path)
	found, err := OwnBackups(o.Dir)
	for _, old := range found[min(len(found), o.Keep):] {
		err = errors.Join(err, os.Remove(old))
	}
	if err != nil {
		s.log.Warn("an old backup could not be removed", "error", err)
	}
	return true
}

// ownBackupAttention tells of a backup that failed.
func (s *Server) ownBackupAttention() []Attention {
	s.backups.mu.Lock()
	defer s.backups.mu.Unlock()
	if s.backups.failed == "" {
		return nil
	}
	since := s.backups.since
	return []Attention{{Severity: severityWarning, Code: "backup_failed", Subject: s.options.Backups.Dir, Since: &since,
		Text: fmt.Sprintf("The last backup could not be written: %s. It is tried again every %d minutes.", reason(s.backups.failed), backupRetry/time.Minute)}}
}
