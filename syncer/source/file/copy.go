package file

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dialtree/dialtree/syncer/source"
)

// Options say how a file is copied.
type Options struct {
	Dir     string        // where the copy lies; empty: the system's directory for such
	Limit   int64         // of the file in bytes; 0: 1 GiB
	Timeout time.Duration // how long nothing may come; 0: 30 s
	Pause   time.Duration // before a file that changed is copied again; 0: 2 s
	Noun    string        // what messages call it after "the"; empty: file
}

const (
	// attempts is how often a file is copied that changes each time.
	attempts = 4
	// longest bounds it all, for a server that keeps sending just enough.
	longest = 30 * time.Minute
	chunk   = 256 << 10
)

// Copied returns the file at a place as an Opener, which copies it whenever it is opened.
func Copied(p Place, o Options) Opener {
	if o.Limit == 0 {
		o.Limit = 1 << 30
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Pause == 0 {
		o.Pause = 2 * time.Second
	}
	if o.Noun == "" {
		o.Noun = "file"
	}
	return &copied{p, o}
}

type copied struct {
	place Place
	o     Options
}

func (c *copied) Name() string { return c.place.Name() }

// errChanged is the only error after which copying again helps.
var errChanged = source.Temporary(errors.New("the file changes while it is read: run again when it is complete"))

func (c *copied) Open(ctx context.Context) (Content, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, longest, source.Temporary(fmt.Errorf("%s: not all of it came within %s", c.Name(), longest)))
	defer cancel()
	for attempt := 1; ; attempt++ {
		t, err := c.attempt(ctx)
		switch {
		case err == nil && attempt > 1:
			t.notes = append(t.notes, "the file changed while it was read, and was read again")
			fallthrough
		case err == nil:
			return t, nil
		case !errors.Is(err, errChanged) || attempt == attempts:
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(c.o.Pause):
		}
	}
}

// attempt copies the file once. The work is done beside it, since a mount that hangs cannot be interrupted: then
// it is left behind and cleans up after itself.
func (c *copied) attempt(ctx context.Context) (*temporary, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w := &watched{copied: c, cancel: cancel}
	w.silence = time.AfterFunc(c.o.Timeout, w.giveUp)
	defer w.silence.Stop()

	type result struct {
		t   *temporary
		err error
	}
	results, left := make(chan result), make(chan struct{})
	defer close(left)
	go func() {
		t, err := w.copy(ctx)
		select {
		case results <- result{t, err}:
		case <-left:
			if t != nil {
				t.Close()
			}
		}
	}()
	select {
	case r := <-results:
		if r.err != nil && ended(ctx) {
			r.err = context.Cause(ctx) // which is why
		}
		return r.t, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// ended tells whether a context has ended. A dialer looks at the deadline by itself, and may notice it a moment before the
// context does: its error would hide why.
func ended(ctx context.Context) bool {
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		<-ctx.Done()
	}
	return ctx.Err() != nil
}
