package rest

import (
	"bufio"
	"encoding/gob"
	"errors"
	"fmt"
	"io"

	"github.com/dialtree/dialtree/syncer/source/file"
)

// A spool keeps rows until all of them are there.
type spool struct {
	scratch *file.Scratch
	out     *bufio.Writer
	encoder *gob.Encoder
}

func newSpool(dir string) (*spool, error) {
	scratch, err := file.NewScratch(dir)
	if err != nil {
		return nil, err
	}
	out := bufio.NewWriterSize(scratch, 256<<10)
	return &spool{scratch, out, gob.NewEncoder(out)}, nil
}

func (s *spool) add(r *row) error {
	if err := s.encoder.Encode(r); err != nil {
		return fmt.Errorf("write a temporary copy: %w", err)
	}
	return nil
}

// rows calls f with each row, until it returns false.
func (s *spool) rows(f func(*row) bool) error {
	if err := s.out.Flush(); err != nil {
		return fmt.Errorf("write a temporary copy: %w", err)
	}
	if _, err := s.scratch.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read a temporary copy: %w", err)
	}
	decoder := gob.NewDecoder(bufio.NewReaderSize(s.scratch, 256<<10))
	for {
		var r row // anew: the strings in it are given away
		switch err := decoder.Decode(&r); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read a temporary copy: %w", err)
		}
		if !f(&r) {
			return nil
		}
	}
}

func (s *spool) close() { s.scratch.Close() }
