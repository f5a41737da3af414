package main

import (
	"io"
	"sync"
	"time"
)

const (
	// logEvery is the longest that a line of the log waits for others.
	logEvery = 100 * time.Millisecond
	// logSize is how much waits at most: who logs beyond it does the writing.
	logSize = 64 << 10
)

// A logWriter gathers lines and writes them together. At ten thousand logins a
// second, a system call for each line, under the logger's lock, costs more than
// the logins do. What was logged in the last tenth of a second before the process
// is killed is lost; any other end writes it.
type logWriter struct {
	w    io.Writer
	stop chan struct{}
	done chan struct{}

	writing sync.Mutex // held while w is written to: lines keep their order
	spare   []byte     // guarded by writing

	mu    sync.Mutex // never held across I/O
	lines []byte     // guarded by mu
}

// startLogWriter starts writing to w; close ends it.
func startLogWriter(w io.Writer) *logWriter {
	l := &logWriter{w: w, stop: make(chan struct{}), done: make(chan struct{})}
	go l.run()
	return l
}

// Write takes one line. Errors of the writer behind are not told: there is
// nowhere to tell them, and logins go on without a log.
func (l *logWriter) Write(line []byte) (int, error) {
	l.mu.Lock()
	l.lines = append(l.lines, line...)
	full := len(l.lines) >= logSize
	l.mu.Unlock()
	if full {
		l.flush()
	}
	return len(line), nil
}

func (l *logWriter) flush() {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.mu.Lock()
	lines := l.lines
	l.lines = l.spare[:0]
	l.mu.Unlock()
	if len(lines) > 0 {
		_, _ = l.w.Write(lines)
	}
	l.spare = lines
}

func (l *logWriter) run() {
	defer close(l.done)
	t := time.NewTicker(logEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			l.flush()
		case <-l.stop:
			l.flush()
			return
		}
	}
}

// close writes what is left.
func (l *logWriter) close() {
	close(l.stop)
	<-l.done
}
