//go:build linux

package main

import (
	"slices"
	"strings"
	"testing"
)

// What is counted does not depend on how the bytes of an answer are cut into reads.
func TestTake(t *testing.T) {
	entry := func(n int) string { // a search result entry with ID 1
		content := "\x02\x01\x01\x64\x84\x00\x00" + string([]byte{byte(n >> 8), byte(n)}) + strings.Repeat("x", n)
		return "\x30\x84\x00\x00" + string([]byte{byte(len(content) >> 8), byte(len(content))}) + content
	}
	reference := "\x30\x08\x02\x01\x01\x73\x03\x04\x01u"
	done := func(id, code byte) string {
		return string([]byte{0x30, 0x0c, 2, 1, id, 0x65, 7, 0x0a, 1, code, 4, 0, 4, 0})
	}
	for _, c := range []struct {
		title   string
		stream  string
		entries int
		ends    []response
	}{
		{"nothing found", done(1, 0), 0, []response{{1, 0}}},
		{"entries, a reference and the end", entry(20) + entry(3000) + reference + entry(0) + done(1, 4), 3, []response{{1, 4}}},
		{"two answers in one", entry(5) + done(1, 0) + entry(700) + entry(5) + done(2, 0), 3, []response{{1, 0}, {2, 0}}},
		{"no end yet", entry(600), 1, nil},
	} {
		for _, size := range []int{1, 2, 7, 512, 10_000} {
			var a answer
			var entries int
			var ends []response
			for part := range slices.Chunk([]byte(c.stream), size) {
				n, ok := a.take(append(slices.Clone(a.rest[:a.n]), part...), func(r response) { ends = append(ends, r) })
				if !ok {
					t.Fatalf("%s, reads of %d: a message is too long", c.title, size)
				}
				entries += n
			}
			if entries != c.entries || !slices.Equal(ends, c.ends) {
				t.Errorf("%s, reads of %d: %d entries, ends %v; want %d, %v", c.title, size, entries, ends, c.entries, c.ends)
			}
		}
	}
}

func TestTakeRefusesLongResponses(t *testing.T) {
	var a answer
	if _, ok := a.take(append([]byte("\x30\x82\x10\x00\x02\x01\x01\x65"), make([]byte, 600)...), nil); ok {
		t.Error("a response of 4 KiB is kept; want it refused")
	}
}
