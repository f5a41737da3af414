package main

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestLogWriterKeepsEveryLine(t *testing.T) {
	var out sharedBuffer
	l := startLogWriter(&out)
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
	l := startLogWriter(&out)
	defer l.close()
	fmt.Fprintln(l, "hello")
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if out.String() == "hello\n" {
			return
		}
	}
	t.Error("a single line is not written")
}
