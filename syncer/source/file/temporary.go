package file

import (
	"fmt"
	"io"
)

// A temporary is a copy of a file.
type temporary struct {
	*Scratch
	size  int64
	notes []string
}

func newTemporary(dir string) (*temporary, error) {
	s, err := NewScratch(dir)
	if err != nil {
		return nil, err
	}
	return &temporary{Scratch: s}, nil
}

func (t *temporary) write(b []byte) error {
	n, err := t.Write(b)
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
