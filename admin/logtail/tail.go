package logtail

import (
	"log/slog"
	"strings"
	"sync"
	"time"
)

const (
	// keptRecords and keptBytes bound what is kept: the records are far smaller than the
	// bytes allow, but for stacks and the errors of directories.
	keptRecords = 2000
	keptBytes   = 4 << 20
	// shownText is how much of a message or value is kept.
	shownText = 2 << 10
)

// A Record is one line of the log.
type Record struct {
	N       uint64 // counts up from 1
	At      time.Time
	Level   slog.Level
	Message string
	Attrs   []Attr
}

// An Attr is a piece of data of a record. The keys of groups are joined with points.
type Attr struct{ Key, Value string }

// A Tail keeps the last records. Its methods may be called concurrently.
type Tail struct {
	mu    sync.Mutex // guards what follows; held for as long as it takes to put a record into its place
	ring  [keptRecords]Record
	n     uint64 // records so far: record N is at (N-1) % keptRecords
	first uint64 // the oldest that is kept; n+1 for none
	bytes int    // of those kept
}

// New returns an empty tail.
func New() *Tail { return &Tail{first: 1} }

// A Query selects records.
type Query struct {
	Level slog.Level // this and worse
	Text  string     // words that a record must hold, in any case
	After uint64     // only what came after this record
	Limit int        // the last ones; 0: all
}

// Records returns the records of a query, the oldest first.
func (t *Tail) Records(q Query) []Record {
	words := strings.Fields(strings.ToLower(q.Text))
	var found []Record // the newest first
	for _, r := range t.newest(q.After) {
		if q.Limit > 0 && len(found) == q.Limit {
			break
		}
		if r.Level >= q.Level && r.holds(words) {
			found = append(found, r)
		}
	}
	for i, j := 0, len(found)-1; i < j; i, j = i+1, j-1 {
		found[i], found[j] = found[j], found[i]
	}
	return found
}

// newest copies the records after one, the newest first, so that nobody who logs waits
// for a search.
func (t *Tail) newest(after uint64) []Record {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []Record
	for n := t.n; n >= t.first && n > after; n-- {
		out = append(out, t.ring[(n-1)%keptRecords])
	}
	return out
}

func (t *Tail) add(r Record) {
	size := r.size()
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.first <= t.n && (t.n-t.first+1 >= keptRecords || t.bytes+size > keptBytes) {
		oldest := &t.ring[(t.first-1)%keptRecords]
		t.bytes -= oldest.size()
		*oldest = Record{}
		t.first++
	}
	t.n++
	r.N = t.n
	t.ring[(t.n-1)%keptRecords] = r
	t.bytes += size
}

func (r *Record) size() int {
	const overhead = 64 // of the record and of each attribute
	n := overhead + len(r.Message)
	for _, a := range r.Attrs {
		n += overhead + len(a.Key) + len(a.Value)
	}
	return n
}

// holds tells whether every word is somewhere in the record.
func (r *Record) holds(words []string) bool {
	if len(words) == 0 {
		return true
	}
	var line strings.Builder
	line.WriteString(r.Message)
	for _, a := range r.Attrs {
		line.WriteString(" " + a.Key + "=" + a.Value)
	}
	text := strings.ToLower(line.String())
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}
