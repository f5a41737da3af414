package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
)

// What is read lies in a map of the file. A page that the disk cannot give is a fault there, and bbolt panics on one that makes no
// sense. All that reads or writes the file therefore begins with
//
//	defer s.contain(&err, debug.SetPanicOnFault(true))
//
// which makes both an error of this call, and a trouble of the store that Trouble tells and that stops changes.

// contain ends what began with debug.SetPanicOnFault. A panic that comes from elsewhere, as from the function that View calls,
// goes on.
func (s *Store) contain(err *error, panicked bool) {
	r := recover()
	debug.SetPanicOnFault(panicked)
	if r == nil {
		return
	}
	if !isDamage(r) {
		panic(r)
	}
	damage := &CorruptError{Path: s.db.Path(), Err: fmt.Errorf("a page cannot be read: %s", describe(r))}
	s.damage.CompareAndSwap(nil, damage)
	*err = damage
}

// describe says what a fault or a panic of bbolt is about.
func describe(r any) string {
	if _, ok := r.(runtime.Error); ok { // a fault, or bbolt took a damaged number for an index: its words say nothing to anybody else
		return "the disk does not give it, it is behind the end of the file, or it makes no sense"
	}
	return fmt.Sprint(r)
}

// isDamage tells whether a recovered panic is a fault in the map, or bbolt's. It must be called by the deferred function: what
// panicked is then still on the stack.
func isDamage(r any) bool {
	if fault, ok := r.(interface{ Addr() uintptr }); ok && fault.Addr() != 0 {
		return true
	}
	var callers [64]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(3, callers[:])]) // without Callers, isDamage and contain
	for {
		frame, more := frames.Next()
		if !strings.HasPrefix(frame.Function, "runtime.") {
			return strings.HasPrefix(frame.Function, "go.etcd.io/bbolt")
		}
		if !more {
			return false
		}
	}
}

// Trouble returns what keeps the store from working as it should: a *CorruptError when a page could not be read, a *WriteError when
// the last change could not be written, or nil.
func (s *Store) Trouble() error {
	if damage := s.damage.Load(); damage != nil {
		return damage
	}
	if failed := s.failed.Load(); failed != nil {
		return failed
	}
	return s.present()
}

// mayChange is an error where a change could do harm.
func (s *Store) mayChange() error {
	if damage := s.damage.Load(); damage != nil {
		return damage
	}
	if failed := s.failed.Load(); failed != nil && failed.InDoubt {
		return failed
	}
	return s.present()
}

// errGone is about a file that has no name any more: what is written to it is gone with the process.
var errGone = errors.New("it was removed or replaced while dialtree has it open")

// present looks whether the file that is open still has its name.
func (s *Store) present() error {
	path := filepath.Join(s.dir, fileName) // bbolt forgets it when it is closed
	info, err := os.Stat(path)
	if err == nil && !os.SameFile(info, s.file) {
		err = errGone
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = errGone
	case err == nil:
		return nil
	}
	return &WriteError{Path: path, Err: err}
}

// errNoMap is what bbolt says once the file could not be mapped again.
var errNoMap = errors.New("the file could not be mapped into memory: start dialtree again")
