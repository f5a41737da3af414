package file

import (
	"fmt"
	"io"
	"os"
)

// A temporary is a copy that has no name, so that nobody else can open it and that the system removes it
// even if the process is killed.
type temporary struct {
	*os.File
	size  int64
	notes []string
	named bool // the system does not remove open files: Close has to
}

func newTemporary(dir string) (*temporary, error) {
	f, err := os.CreateTemp(dir, ".fetched-*") // for its owner only
	if err != nil {
		return nil, fmt.Errorf("make a temporary file: %w", err)
	}
	return &temporary{File: f, named: os.Remove(f.Name()) != nil}, nil
}

func (t *temporary) write(b []byte) error {
	n, err := t.File.Write(b)
	t.size += int64(n)
	if err != nil {
		return fmt.Errorf("write a temporary copy: %w", err)
	}
	return nil
}

func (t *temporary) rewind() error {
	_, err := t.Seek(0, io.SeekStart)
	return err
}

func (t *temporary) Size() int64     { return t.size }
func (t *temporary) Notes() []string { return t.notes }

func (t *temporary) Close() error {
	err := t.File.Close()
	if t.named {
		os.Remove(t.File.Name())
	}
	return err
}
