package diskfault

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A Fault says which calls are struck, and how. The zero Fault strikes none and counts all.
type Fault struct {
	Calls []string      `json:"calls,omitempty"` // names of system calls; none: all that change a disk
	Under string        `json:"under,omitempty"` // only files whose path begins so
	First int           `json:"first,omitempty"` // the first of them that is struck, from 1; 0: none is
	Only  int           `json:"only,omitempty"`  // how many are struck; 0: all from the first on
	Errno syscall.Errno `json:"errno,omitempty"` // the call fails with it; 0: the program is killed
}

// matches tells whether a call is one of those that the fault is about.
func (f *Fault) matches(c *call) bool {
	return (len(f.Calls) == 0 || slices.Contains(f.Calls, c.name)) && (f.Under == "" || strings.HasPrefix(c.path, f.Under))
}

// strikes tells whether the n-th of those is struck.
func (f *Fault) strikes(n int) bool {
	return f.First > 0 && n >= f.First && (f.Only == 0 || n < f.First+f.Only)
}

// A call is a system call that changes a disk.
type call struct {
	name string
	path string // of what it changes
}

// A Seen is what a tracer has seen since it was last told what to do.
type Seen struct {
	Calls  int      `json:"calls"`  // that match
	Struck int      `json:"struck"` // of them
	Last   []string `json:"last"`   // the last of them, with their paths
}

// The variables by which the tracer is told what to do.
const (
	programEnv = "DIALTREE_FAULT_PROGRAM"
	socketEnv  = "DIALTREE_FAULT_SOCKET"
	faultEnv   = "DIALTREE_FAULT"
)

// A Tracer is a program that runs another one under its control.
type Tracer struct {
	Binary string // to be run in its place
	socket string
	first  string
}

// New makes a program, in a directory, that runs the given one. A fault that is not nil is there from the start.
func New(dir, program string, first *Fault) (*Tracer, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	t := &Tracer{Binary: filepath.Join(dir, "traced"), socket: filepath.Join(dir, "fault.socket"), first: filepath.Join(dir, "fault.json")}
	if err := t.Begin(first); err != nil {
		return nil, err
	}
	script := fmt.Sprintf("#!/bin/sh\n%s='%s' %s='%s' %s='%s' exec '%s' \"$@\"\n", programEnv, program, socketEnv, t.socket, faultEnv, t.first, self)
	return t, os.WriteFile(t.Binary, []byte(script), 0o700)
}

// Begin sets the fault that the next process has from its start.
func (t *Tracer) Begin(f *Fault) error {
	if f == nil {
		f = &Fault{}
	}
	text, err := json.Marshal(f)
	if err != nil {
		return err
	}
	return os.WriteFile(t.first, text, 0o600)
}

// Set tells the running process what to do from now on. It returns what was seen since it was told last.
func (t *Tracer) Set(f Fault) (Seen, error) {
	var seen Seen
	c, err := net.DialTimeout("unix", t.socket, time.Second)
	if err != nil {
		return seen, err
	}
	defer c.Close()
	if err := json.NewEncoder(c).Encode(f); err != nil {
		return seen, err
	}
	err = json.NewDecoder(c).Decode(&seen)
	return seen, err
}

// Ended returns what was seen by the last process until it ended.
func (t *Tracer) Ended() (Seen, error) {
	var seen Seen
	text, err := os.ReadFile(t.first + seenEnding)
	if err != nil {
		return seen, err
	}
	return seen, json.Unmarshal(text, &seen)
}

// Keep makes Ended return this.
func (t *Tracer) Keep(s Seen) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return os.WriteFile(t.first+seenEnding, text, 0o600)
}

// seenEnding is that of the file in which the tracer leaves what it saw last.
const seenEnding = ".seen"

// Killed is the exit code of a tracer whose program was killed at a fault.
const Killed = 137

// Main is the tracer when this process is one, and then does not return.
func Main() {
	program := os.Getenv(programEnv)
	if program == "" {
		return
	}
	code, err := trace(program, os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "diskfault:", err)
		code = 1
	}
	os.Exit(code)
}

// A control is what the tracer does at the moment.
type control struct {
	fault Fault
	seen  Seen
}

// listen serves the socket: each connection sets the next fault and is told what was seen.
func listen(path string, set func(Fault) Seen) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			var f Fault
			if json.NewDecoder(bufio.NewReader(c)).Decode(&f) == nil {
				_ = json.NewEncoder(c).Encode(set(f)) // who asked has gone
			}
			c.Close()
		}
	}()
	return l, nil
}
