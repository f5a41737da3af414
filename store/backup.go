package store

import (
	"context"
	"io"
)

// copyFile writes a copy of the file as it is at one change, while others read and apply.
func (s *Store) copyFile(ctx context.Context, path string) error {
	return writeFile(path, 0o600, func(w io.Writer) error {
		tx, err := s.begin()
		if err != nil {
			return err
		}
		defer tx.Rollback() //nolint:errcheck // of a read: cannot fail before Close, which waits for it
		_, err = tx.WriteTo(&contextWriter{ctx, w})
		return err
	})
}

// A contextWriter writes until its context ends.
type contextWriter struct {
	ctx context.Context
	w   io.Writer
}

func (w *contextWriter) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.w.Write(p)
}
