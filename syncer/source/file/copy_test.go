package file_test

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dialtree/dialtree/syncer/source"
	"github.com/dialtree/dialtree/syncer/source/file"
)

// A place plays one. Each opening gives the next of its readings, the last one again and again.
type place struct {
	readings []reading
	opened   atomic.Int32
}

// A reading is how one reading of a file goes.
type reading struct {
	text          string
	before, after file.State
	openErr       error
	err           error         // behind the text
	hang          chan struct{} // nothing comes behind the text until it is closed, whatever the context says
	hangOpen      bool          // nor does opening end before
	trickle       time.Duration // before each byte
	panics        bool
}

func (p *place) Name() string { return "PLACE" }

func (p *place) Open(context.Context) (file.Stream, error) {
	r := p.readings[min(int(p.opened.Add(1)), len(p.readings))-1]
	if r.hangOpen {
		<-r.hang
	}
	if r.openErr != nil {
		return nil, r.openErr
	}
	return &stream{reading: r}, nil
}

type stream struct {
	reading
	read  int
	asked int
}

func (s *stream) Read(b []byte) (int, error) {
	if s.trickle > 0 {
		time.Sleep(s.trickle)
		b = b[:1]
	}
	if n := copy(b, s.text[s.read:]); n > 0 {
		s.read += n
		return n, nil
	}
	if s.panics {
		panic("index out of range")
	}
	if s.hang != nil {
		<-s.hang
	}
	if s.err != nil {
		return 0, s.err
	}
	return 0, io.EOF
}

func (s *stream) State() (file.State, error) {
	if s.asked++; s.asked == 1 {
		return s.before, nil
	}
	return s.after, nil
}

func (s *stream) Notes() []string { return []string{"a note of the place"} }
func (s *stream) Close() error    { return nil }

func TestCopied(t *testing.T) {
	sized := func(n int64) file.State { return file.State{Size: n, Modified: time.Unix(1, 0)} }
	good := reading{text: "12345", before: sized(5), after: sized(5)}
	grown := reading{text: "123", before: sized(3), after: sized(5)}
	touched := reading{text: "123", before: sized(3), after: file.State{Size: 3, Modified: time.Unix(2, 0)}}
	hang := make(chan struct{})
	const again = "the file changed while it was read, and was read again"
	tests := []struct {
		name     string
		readings []reading
		want     string // the text
		err      string
		notes    []string
		took     time.Duration
		opened   int
		passing  bool // the error may pass by itself
	}{
		{name: "whole", readings: []reading{good}, want: "12345", opened: 1},
		{name: "of unknown size", readings: []reading{{text: "12345", before: file.State{Size: -1}, after: file.State{Size: -1}}}, want: "12345", opened: 1},
		{name: "it grows meanwhile", readings: []reading{grown, good}, want: "12345", notes: []string{again}, took: 2 * time.Second, opened: 2},
		{name: "it is written meanwhile", readings: []reading{touched, grown, good}, want: "12345", notes: []string{again}, took: 4 * time.Second, opened: 3},
		{name: "it looks cut off while it grows", readings: []reading{{text: "12", err: io.ErrUnexpectedEOF, before: sized(3), after: sized(5)}, good},
			want: "12345", notes: []string{again}, took: 2 * time.Second, opened: 2},
		{name: "it changes all the time", readings: []reading{grown}, err: "PLACE: the file changes while it is read: run again when it is complete", took: 6 * time.Second, opened: 4, passing: true},
		{name: "it cannot be opened", readings: []reading{{openErr: errors.New("PLACE is gone")}}, err: "PLACE is gone", opened: 1},
		{name: "it ends early", readings: []reading{{text: "123", before: sized(5), after: sized(5)}}, err: "PLACE: the file ended after 3 of 5 bytes: it was cut off on the way", opened: 1, passing: true},
		{name: "the connection ends early", readings: []reading{{text: "123", err: io.ErrUnexpectedEOF, before: sized(5), after: sized(5)}},
			err: "PLACE: the connection ended after the first 3 bytes: the file was cut off on the way", opened: 1, passing: true},
		{name: "it fails", readings: []reading{{text: "123", err: errors.New("the disk is broken"), before: sized(5), after: sized(5)}}, err: "PLACE: the disk is broken", opened: 1},
		{name: "it is said to be long", readings: []reading{{before: sized(1<<20 + 1)}}, err: "PLACE: the file is longer than 1 MiB: is it the right one?", opened: 1},
		{name: "it is long", readings: []reading{{text: strings.Repeat("x", 1<<20+1), before: file.State{Size: -1}, after: file.State{Size: -1}}}, err: "PLACE: the file is longer than 1 MiB: is it the right one?", opened: 1},
		{name: "it never opens", readings: []reading{{hang: hang, hangOpen: true}}, err: "PLACE: no answer within 30s: check that the server and the network are up", took: 30 * time.Second, opened: 1, passing: true},
		{name: "it stalls", readings: []reading{{text: "123", hang: hang, before: sized(5)}},
			err: "PLACE: nothing came for 30s after the first 3 bytes: check the server and the network, then run again", took: 30 * time.Second, opened: 1, passing: true},
		{name: "it is slow", readings: []reading{{text: "12345", trickle: 20 * time.Second, before: sized(5), after: sized(5)}}, want: "12345", took: 2 * time.Minute, opened: 1},
		{name: "it never ends", readings: []reading{{text: strings.Repeat("x", 1000), trickle: 20 * time.Second, before: sized(1000)}},
			err: "PLACE: not all of it came within 30m0s", took: 30 * time.Minute, opened: 1, passing: true},
		{name: "a library panics", readings: []reading{{text: "1", panics: true, before: sized(5)}},
			err: "PLACE: reading failed because of something unforeseen that the server sent: index out of range", opened: 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				defer time.Sleep(time.Minute) // for what is left behind
				p := &place{readings: tt.readings}
				for i := range p.readings {
					if p.readings[i].hang != nil { // a channel of this bubble, and closed in the end
						own := make(chan struct{})
						p.readings[i].hang = own
						defer close(own)
					}
				}
				start := time.Now()
				content, err := file.Copied(p, file.Options{Dir: dir, Limit: 1 << 20}).Open(t.Context())
				if took, opened := time.Since(start), int(p.opened.Load()); took != tt.took || opened != tt.opened {
					t.Errorf("took %v and %d openings, want %v and %d", took, opened, tt.took, tt.opened)
				}
				if tt.err != "" {
					if err == nil || err.Error() != tt.err {
						t.Errorf("error %v\n want %s", err, tt.err)
					}
					if source.IsTemporary(err) != tt.passing {
						t.Errorf("%v may pass: %v", err, !tt.passing)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				text, err := io.ReadAll(content)
				if err != nil || string(text) != tt.want || content.Size() != int64(len(tt.want)) {
					t.Errorf("%q of %d bytes, %v, want %q", text, content.Size(), err, tt.want)
				}
				if want := append([]string{"a note of the place"}, tt.notes...); !slices.Equal(content.Notes(), want) {
					t.Errorf("notes %q, want %q", content.Notes(), want)
				}
				if err := content.Close(); err != nil {
					t.Error(err)
				}
			})
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

func TestCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		defer close(hang)
		stop := errors.New("the server is stopping")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(stop) })
		for name, r := range map[string]reading{
			"while it stalls":                 {text: "1", hang: hang},
			"before a file is read once more": {text: "1", after: file.State{Size: 9}},
		} {
			_, err := file.Copied(&place{readings: []reading{r}}, file.Options{Pause: time.Hour}).Open(ctx)
			if !errors.Is(err, stop) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
