package rest_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/syncer/source"
	"github.com/dialtree/dialtree/syncer/source/rest"
)

// endless serves pages of two records that are 16 KiB each, up to a last one; 0: for ever. The first page is 1.
func endless(t *testing.T, last int, pause time.Duration) *server {
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		n := 1
		fmt.Sscan(r.URL.Query().Get("page"), &n)
		next := fmt.Sprintf("/?page=%d", n+1)
		if n == last {
			next = ""
		}
		time.Sleep(pause)
		text := fmt.Sprintf(`{"n":%q,"l":[{"a":%d},{"a":%d}]}`, next, 2*n-1, 2*n)
		io.WriteString(w, text+strings.Repeat(" ", 16<<10-len(text)))
	})
}

// What a list may have it may have to the last page, record and byte; of one that has more, nothing is given.
func TestLimits(t *testing.T) {
	const most = 64 // pages, with which it is 1 MiB
	tests := []struct {
		name    string
		pages   int
		records int
		bytes   int64
		err     string // with a page more
	}{
		{"pages", most, 0, 0, "page 64: the list has more than 64 pages: let the server send more records on each, or check next"},
		{"records", 0, 2 * most, 0, "page 65: the list holds more than 128 records: is it the right one?"},
		{"bytes", 0, 0, 1 << 20, "page 65: the list is longer than 1 MiB on all pages: is it the right one?"},
	}
	within, beyond := endless(t, most, 0), endless(t, most+1, 0)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t, rest.Options{URL: within.URL + "/", List: "/l", Next: "/n"})
			s.Limit(tt.pages, tt.records, tt.bytes, 0)
			if got := read(t, s); got.err != nil || len(got.records) != 2*most {
				t.Errorf("at the limit: %d records, %v", len(got.records), got.err)
			}
			s = open(t, rest.Options{URL: beyond.URL + "/", List: "/l", Next: "/n"})
			s.Limit(tt.pages, tt.records, tt.bytes, 0)
			got := read(t, s)
			if want := beyond.URL + "/: " + tt.err; got.err == nil || got.err.Error() != want || source.IsTemporary(got.err) {
				t.Errorf("beyond it: %v\nwant %s", got.err, want)
			}
			if len(got.records) > 0 {
				t.Errorf("beyond it, it gave %d records", len(got.records))
			}
		})
	}
}

// A server that never falls silent, and never ends, is left after a while.
func TestLongest(t *testing.T) {
	server := endless(t, 0, 20*time.Millisecond)
	s := open(t, rest.Options{URL: server.URL + "/", List: "/l", Next: "/n"})
	s.Limit(0, 0, 0, 300*time.Millisecond)
	got := read(t, s)
	want := server.URL + "/: not all of it came within 300ms"
	if got.err == nil || got.err.Error() != want || !source.IsTemporary(got.err) || len(got.records) > 0 {
		t.Errorf("%d records, %v\nwant %s", len(got.records), got.err, want)
	}
	server = endless(t, 3, 20*time.Millisecond)
	s = open(t, rest.Options{URL: server.URL + "/", List: "/l", Next: "/n"})
	s.Limit(0, 0, 0, time.Minute)
	if got := read(t, s); got.err != nil || len(got.records) != 6 {
		t.Errorf("in time: %d records, %v", len(got.records), got.err)
	}
}

// Without a test's limits, they are those that the documentation names.
func TestDocumentedLimits(t *testing.T) {
	s := open(t, rest.Options{URL: "http://127.0.0.1/"})
	if got, want := s.Limits(), "50000 pages, 2000000 records, 2147483648 bytes, 1h0m0s"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}
