package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The disk loses pages under a store that is open: who reads them gets an error, whoever asks is told, and nothing is written any more.
func TestPagesLostWhileOpen(t *testing.T) {
	dir := makeRichStore(t)
	s, err := Open(context.Background(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Trouble(); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, fileName), 2*testPage); err != nil {
		t.Fatal(err)
	}
	_, _, err = s.Account("user000001")
	corrupt := (*CorruptError)(nil)
	if !errors.As(err, &corrupt) || !strings.Contains(err.Error(), "dialtree restore") {
		t.Fatalf("a login that needs a lost page ends with %v", err)
	}
	if err := s.Trouble(); !errors.As(err, &corrupt) {
		t.Errorf("the store's trouble is %v", err)
	}
	if _, err := s.Apply(context.Background(), &Changes{Put: []Entry{user("late")}}); !errors.As(err, &corrupt) {
		t.Errorf("a change ends with %v", err)
	}
	if _, err := content(s); !errors.As(err, &corrupt) {
		t.Errorf("reading everything ends with %v", err)
	}
	problems, err := s.Check(context.Background())
	if err != nil || len(problems) == 0 || !strings.Contains(problems[0].String(), "it was cut off") {
		t.Errorf("Check says %v, %v", problems, err)
	}
}

// A mistake in the function that View calls is no damage of the file.
func TestPanicOfACallerIsNoDamage(t *testing.T) {
	s := openTest(t)
	for name, mistake := range map[string]func(){
		"text":  func() { panic("mistake") },
		"nil":   func() { var e *Entry; _ = e.ID },
		"index": func() { _ = make([]int, 1)[len(name(s))] },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("the panic did not reach its caller")
				}
				if err := s.Trouble(); err != nil {
					t.Error(err)
				}
			}()
			_ = s.View(func(*Snapshot) error { mistake(); return nil })
		})
	}
}

func name(s *Store) string { return s.ID() }

// When the last fsync of a change failed, nobody knows what the disk has: no change is taken until the file is opened again.
func TestChangeInDoubt(t *testing.T) {
	dir := makeRichStore(t)
	s := openDir(t, dir)
	s.failed.Store(&WriteError{Path: s.db.Path(), Err: errors.New("input/output error"), InDoubt: true})
	failed := (*WriteError)(nil)
	if _, err := s.Apply(context.Background(), &Changes{Put: []Entry{user("late")}}); !errors.As(err, &failed) || !strings.Contains(err.Error(), "start dialtree again") {
		t.Errorf("a change ends with %v", err)
	}
	if err := s.TryWrite(context.Background()); !errors.As(err, &failed) {
		t.Errorf("TryWrite ends with %v", err)
	}
	if _, ok, err := s.Account("user000001"); !ok || err != nil {
		t.Errorf("a login: %v, %v", ok, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openDir(t, dir)
	apply(t, s, Changes{Put: []Entry{user("late")}})
}

// A write that failed before the change counted is told until one works.
func TestTryWrite(t *testing.T) {
	s := openTest(t)
	seed(t, s)
	seq := s.Seq()
	s.failed.Store(&WriteError{Path: s.db.Path(), Err: errnoOf(errors.New("file resize error: no space left on device"))})
	if !Full(s.Trouble()) {
		t.Errorf("the trouble is %v", s.Trouble())
	}
	if err := s.TryWrite(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := s.Trouble(); err != nil || s.Seq() != seq {
		t.Errorf("afterwards the trouble is %v, and the last change %d", err, s.Seq())
	}
}
