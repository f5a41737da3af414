package main

import (
	"bytes"
	"io"
	"sync"
	"time"
)

const (
	// logEvery is the longest that a line of the log waits for others.
	logEvery = 100 * time.Millisecond
	// logSize is how much waits before it is written sooner.
	logSize = 64 << 10
	// logMost is how much waits when nobody reads: some ten thousand lines. What is logged beyond it is lost.
	logMost = 4 << 20
	// logGrace is how long the end waits for somebody who reads.
	logGrace = 2 * time.Second
)

// A logWriter gathers lines and writes them together. At ten thousand logins a
// second, a system call for each line, under the logger's lock, costs more than
// the logins do. What was logged in the last tenth of a second before the process
// is killed is lost; any other end writes it.
//
// Whoever logs never waits for who reads: a full disk, or a program behind a pipe
// that has stopped reading, must not stop logins. Lines are lost then, and counted.
type logWriter struct {
	w    io.Writer
	lost func(lines int) // tells that lines were lost, once others can be written again
	wake chan struct{}
	stop chan struct{}
	done chan struct{}

	mu     sync.Mutex // never held across I/O
	lines  []byte     // guarded by mu
	missed int        // guarded by mu: lines that were lost since it was told
}

// startLogWriter starts writing to w; close ends it.
func startLogWriter(w io.Writer, lost func(lines int)) *logWriter {
	l := &logWriter{w: w, lost: lost, wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
	go l.run()
	return l
}

// Write takes one line. It never fails: there is nowhere to tell it, and logins go on without a log.
func (l *logWriter) Write(line []byte) (int, error) {
	l.mu.Lock()
	if len(l.lines)+len(line) > logMost {
		l.missed++
	} else {
		l.lines = append(l.lines, line...)
	}
	full := len(l.lines) >= logSize
	l.mu.Unlock()
	if full {
		select {
		case l.wake <- struct{}{}:
		default: // it is awake
		}
	}
	return len(line), nil
}

// flush writes what waits, and returns the memory for what comes.
func (l *logWriter) flush(spare []byte) []byte {
	l.mu.Lock()
	lines := l.lines
	l.lines = spare[:0]
	l.mu.Unlock()
	if len(lines) == 0 {
		return lines
	}
	n, err := l.w.Write(lines)
	l.mu.Lock()
	if err != nil {
		l.missed += bytes.Count(lines[max(n, 0):], []byte("\n"))
	}
	missed := l.missed
	if err == nil {
		l.missed = 0
	}
	l.mu.Unlock()
	if err == nil && missed > 0 {
		l.lost(missed)
	}
	return lines
}

func (l *logWriter) run() {
	defer close(l.done)
	t := time.NewTicker(logEvery)
	defer t.Stop()
	var spare []byte
	for {
		select {
		case <-t.C:
		case <-l.wake:
		case <-l.stop:
			l.flush(l.flush(spare)) // twice: the first may have told of lost lines
			return
		}
		spare = l.flush(spare)
	}
}

// close writes what is left, unless nobody reads.
func (l *logWriter) close() {
	close(l.stop)
	select {
	case <-l.done:
	case <-time.After(logGrace):
	}
}
