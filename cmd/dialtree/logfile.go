package main

import (
	"fmt"
	"os"
	"sync"
)

// A logFile is a log that can be rotated: whoever renames the file has the server open it anew under its name. Until then lines go
// on to the renamed one, so that none is lost. A nil logFile is standard error's, which nobody renames.
type logFile struct {
	path string

	mu   sync.Mutex // held while f is written to, or replaced
	file *os.File
}

func openLogFile(path string) (*logFile, error) {
	f := &logFile{path: path}
	return f, f.reopen()
}

// reopen opens the file under its name, and makes it where it is not. The old one stays in use when that fails.
func (l *logFile) reopen() error {
	if l == nil {
		return nil
	}
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return fmt.Errorf("log.file: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		l.file.Close()
	}
	l.file = f
	return nil
}

// Write writes whole lines.
func (l *logFile) Write(lines []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Write(lines)
}

// Close closes the file.
func (l *logFile) Close() {
	if l != nil {
		l.file.Close()
	}
}
