package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// marksFile lies beside the store, not in it: what it tells is of this machine. A backup that is restored
// elsewhere must not say that it was backed up there, and noting a backup must not be a change that
// phones' directories are read again for.
const marksFile = "marks.json"

// Marks are what has happened once.
type Marks struct {
	LastBackup *time.Time `json:"last_backup,omitempty"`
	FirstLogin *time.Time `json:"first_login,omitempty"`
	FirstQuery *time.Time `json:"first_query,omitempty"` // that a phone or PBX searched
}

// marks keeps them in their file.
type marks struct {
	path string

	mu    sync.Mutex // guards what follows and the file; marks are set a few times in a server's life
	now   Marks
	stale bool // the file could not be written
}

// readMarks reads the file; one that is not there or not understood is no marks yet.
func readMarks(dir string) (*marks, error) {
	m := &marks{path: filepath.Join(dir, marksFile)}
	text, err := readFile(m.path, 64<<10)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &m.now)
	}
	if err != nil {
		m.now = Marks{}
		return m, fmt.Errorf("read %s: %w", m.path, err)
	}
	return m, nil
}

func (m *marks) get() Marks {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

// set changes the marks and writes them, when change says that it did, or when they could not be written before.
func (m *marks) set(change func(*Marks) bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !change(&m.now) && !m.stale {
		return nil
	}
	text, err := json.Marshal(m.now)
	if err != nil {
		return err
	}
	err = replaceFile(m.path, append(text, '\n'))
	if m.stale = err != nil; m.stale {
		return fmt.Errorf("write %s: %w", m.path, err)
	}
	return nil
}

// replaceFile writes a file under another name and gives it its own when it is on the disk.
func replaceFile(path string, text []byte) error {
	next := path + ".next"
	f, err := os.OpenFile(next, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(next, path)
}

// backedUp notes that there is a backup.
func (s *Server) backedUp() {
	s.mark(func(m *Marks) bool {
		m.LastBackup = new(time.Now().UTC().Truncate(time.Second))
		return true
	})
}

// markUse notes the first login and the first search.
func (s *Server) markUse() {
	total := s.trends.Total(time.Hour)
	now := total.At.UTC().Truncate(time.Second)
	s.mark(func(m *Marks) bool {
		changed := false
		if m.FirstLogin == nil && total.Accepted > 0 {
			m.FirstLogin, changed = &now, true
		}
		if m.FirstQuery == nil && total.Searches > 0 {
			m.FirstQuery, changed = &now, true
		}
		return changed
	})
}

func (s *Server) mark(change func(*Marks) bool) {
	if err := s.marks.set(change); err != nil {
		s.log.Warn("what was done is not noted for the overview", "error", err)
	}
}
