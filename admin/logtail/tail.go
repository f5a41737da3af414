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

// A kept record is one as it was logged: its attributes become texts when somebody reads them, which is seldom.
type kept struct {
	n       uint64
	at      time.Time
	level   slog.Level
	message string
	attrs   []slog.Attr // of strings, numbers and times, their keys with those of their groups
}

// A Tail keeps the last records. Its methods may be called concurrently.
type Tail struct {
	mu    sync.Mutex // guards what follows; held for as long as it takes to put a record into its place
	ring  [keptRecords]kept
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
	for _, k := range t.newest(q.After) {
		if q.Limit > 0 && len(found) == q.Limit {
			break
		}
		if k.level < q.Level {
			continue
		}
		if r := k.shown(); r.holds(words) {
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
func (t *Tail) newest(after uint64) []kept {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []kept
	for n := t.n; n >= t.first && n > after; n-- {
		out = append(out, t.ring[(n-1)%keptRecords])
	}
	return out
}

func (t *Tail) add(k kept) {
	size := k.size()
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.first <= t.n && (t.n-t.first+1 >= keptRecords || t.bytes+size > keptBytes) {
		oldest := &t.ring[(t.first-1)%keptRecords]
		t.bytes -= oldest.size()
		*oldest = kept{}
		t.first++
	}
	t.n++
	k.n = t.n
	t.ring[(t.n-1)%keptRecords] = k
	t.bytes += size
}

func (k *kept) size() int {
	const overhead = 64 // of the record and of each attribute
	n := overhead + len(k.message)
	for i := range k.attrs {
		n += overhead + len(k.attrs[i].Key)
		if v := k.attrs[i].Value; v.Kind() == slog.KindString {
			n += len(v.String())
		}
	}
	return n
}

// shown makes texts of what was kept.
func (k *kept) shown() Record {
	r := Record{N: k.n, At: k.at, Level: k.level, Message: k.message}
	if len(k.attrs) > 0 {
		r.Attrs = make([]Attr, len(k.attrs))
	}
	for i, a := range k.attrs {
		r.Attrs[i] = Attr{a.Key, text(a.Value)}
	}
	return r
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
