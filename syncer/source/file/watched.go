package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/dialtree/dialtree/syncer/source"
)

// A watched is one attempt at copying a file, which ends when nothing comes any more.
type watched struct {
	*copied
	cancel  context.CancelCauseFunc
	silence *time.Timer
	opened  atomic.Bool
	read    atomic.Int64
}

// giveUp says where it got stuck.
func (w *watched) giveUp() {
	why := fmt.Errorf("%s: no answer within %s: check that the server and the network are up", w.Name(), w.o.Timeout)
	if w.opened.Load() {
		why = fmt.Errorf("%s: nothing came for %s after the first %d bytes: check the server and the network, then run again", w.Name(), w.o.Timeout, w.read.Load())
	}
	w.cancel(source.Temporary(why))
}

// copy returns the copy. Its errors hold the name.
func (w *watched) copy(ctx context.Context) (t *temporary, err error) {
	// A library that stumbles over what a server sends must not end the process.
	defer func() {
		if p := recover(); p != nil {
			t, err = nil, fmt.Errorf("%s: reading failed because of something unforeseen that the server sent: %v", w.Name(), p)
		}
	}()
	in, err := w.place.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer in.Close() // read only: closing loses nothing
	w.opened.Store(true)
	w.silence.Reset(w.o.Timeout)
	if t, err = newTemporary(w.o.Dir); err != nil {
		return nil, fmt.Errorf("%s: %w", w.Name(), err)
	}
	if err := w.fill(ctx, t, in); err != nil {
		t.Close()
		return nil, fmt.Errorf("%s: %w", w.Name(), err)
	}
	t.notes = in.Notes()
	return t, nil
}

// fill copies what is in the stream and makes sure that it is the file, whole.
func (w *watched) fill(ctx context.Context, t *temporary, in Stream) error {
	before, err := in.State()
	if err != nil {
		return err
	}
	if before.Size > w.o.Limit {
		return w.tooLong()
	}
	readErr := w.readAll(ctx, t, in)
	after, err := in.State()
	switch {
	// A file that is being written looks cut off, so this comes first.
	case err == nil && (after.Size != before.Size || !after.Modified.Equal(before.Modified)):
		return errChanged
	case readErr != nil:
		return readErr
	case err != nil:
		return err
	case after.Size >= 0 && t.size != after.Size:
		return source.Temporary(fmt.Errorf("the %s ended after %d of %d bytes: it was cut off on the way", w.o.Noun, t.size, after.Size))
	}
	return t.rewind()
}

func (w *watched) readAll(ctx context.Context, t *temporary, in io.Reader) error {
	buf := make([]byte, chunk)
	for ctx.Err() == nil {
		n, err := in.Read(buf)
		if n > 0 {
			w.silence.Reset(w.o.Timeout)
			if w.read.Add(int64(n)) > w.o.Limit {
				return w.tooLong()
			}
			if err := t.write(buf[:n]); err != nil {
				return err
			}
		}
		switch {
		case err == io.EOF:
			return nil
		case errors.Is(err, io.ErrUnexpectedEOF):
			return source.Temporary(fmt.Errorf("the connection ended after the first %d bytes: the %s was cut off on the way", w.read.Load(), w.o.Noun))
		case err != nil:
			return err
		}
	}
	return context.Cause(ctx)
}

func (w *watched) tooLong() error { return &TooLongError{w.o.Noun, w.o.Limit} }

// A TooLongError is a file beyond its limit.
type TooLongError struct {
	Noun  string // as Options has it
	Limit int64  // in bytes
}

func (e *TooLongError) Error() string {
	return fmt.Sprintf("the %s is longer than %d MiB: is it the right one?", e.Noun, e.Limit>>20)
}
