package main

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestLogWriterKeepsEveryLine(t *testing.T) {
	var out sharedBuffer
	l := startLogWriter(&out, func(n int) { t.Errorf("%d lines were lost", n) })
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			for i := range 5000 {
				fmt.Fprintf(l, "writer %d line %d %s\n", w, i, strings.Repeat("x", 40))
			}
		})
	}
	all.Wait()
	l.close()
	next := make([]int, 8)
	for line := range strings.Lines(out.String()) {
		var w, i int
		if _, err := fmt.Sscanf(line, "writer %d line %d ", &w, &i); err != nil || i != next[w] {
			t.Fatalf("line %q where line %d of its writer belongs", line, next[w])
		}
		next[w]++
	}
	for w, n := range next {
		if n != 5000 {
			t.Errorf("%d lines of writer %d", n, w)
		}
	}
}

func TestLogWriterWritesSoon(t *testing.T) {
	var out sharedBuffer
	l := startLogWriter(&out, func(n int) { t.Errorf("%d lines were lost", n) })
	defer l.close()
	fmt.Fprintln(l, "hello")
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if out.String() == "hello\n" {
			return
		}
	}
	t.Error("a single line is not written")
}

// A stuck is a reader that does not read, and later a disk that is full, and then all is well.
type stuck struct {
	sharedBuffer
	released chan struct{}
	full     int // writes that fail
}

func (s *stuck) Write(p []byte) (int, error) {
	<-s.released
	if s.full > 0 {
		s.full--
		return 0, errors.New("no space left on device")
	}
	return s.sharedBuffer.Write(p)
}

func TestLogWriterNeverWaits(t *testing.T) {
	out := &stuck{released: make(chan struct{}), full: 1}
	lost := make(chan int, 1)
	l := startLogWriter(out, func(n int) { lost <- n })
	line := strings.Repeat("x", 1000) + "\n"
	const logged = 3 * logMost / 1000
	begun := time.Now()
	for range logged {
		fmt.Fprint(l, line)
	}
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("logging to somebody who does not read took %v", took)
	}
	close(out.released)
	for {
		fmt.Fprint(l, "well again\n")
		select {
		case n := <-lost:
			l.close()
			if written := strings.Count(out.String(), line); n == 0 || written+n != logged {
				t.Errorf("%d lines were written and %d are told as lost, of %d", written, n, logged)
			}
			return
		case <-time.After(20 * time.Millisecond):
		case <-t.Context().Done():
			t.Fatal("lost lines are not told")
		}
	}
}

func TestLogWriterEndsWhenNobodyReads(t *testing.T) {
	out := &stuck{released: make(chan struct{})}
	defer close(out.released)
	l := startLogWriter(out, func(int) {})
	fmt.Fprintln(l, "hello")
	begun := time.Now()
	l.close()
	if took := time.Since(begun); took > 2*logGrace {
		t.Errorf("the end took %v", took)
	}
}
