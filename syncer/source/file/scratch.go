package file

import (
	"fmt"
	"os"
)

// A Scratch is a file that has no name, so that nobody else can open it and that the system removes it
// even if the process is killed.
type Scratch struct {
	*os.File
	named bool // the system does not remove open files: Close has to
}

// NewScratch makes a file in dir; empty: in the system's directory for such.
func NewScratch(dir string) (*Scratch, error) {
	f, err := os.CreateTemp(dir, ".fetched-*") // for its owner only
	if err != nil {
		return nil, fmt.Errorf("make a temporary file: %w", err)
	}
	return &Scratch{File: f, named: os.Remove(f.Name()) != nil}, nil
}

// Close removes the file.
func (s *Scratch) Close() error {
	err := s.File.Close()
	if s.named {
		os.Remove(s.File.Name())
	}
	return err
}
