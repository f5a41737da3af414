package directory

import (
	"bytes"
	"context"
	"errors"
	"sort"
	"time"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/store"
)

// ErrBadPlace is a FindQuery.After that no Find gave.
var ErrBadPlace = errors.New("it is no place in a list")

// foundFresh is how long Find waits for the changes that were made before it: an administrator
// who has just imported a file looks for what was in it.
const foundFresh = 5 * time.Second

// A FindQuery asks for entries as an administrator sees them: all that are not hidden, whoever
// may read them.
type FindQuery struct {
	Kind      store.Kind
	Phonebook string // only its contacts
	// Text holds words, each of which is in some field of an entry, and digits, which are in some
	// number. Empty: every entry.
	Text  string
	Only  map[string]bool // the IDs of entries that come into question; nil: all do
	After string          // Next of the page before
	Limit int             // 0: all
}

// Found is a page of entries.
type Found struct {
	IDs   []string // users by login name, others by display name
	Next  string   // where the next page begins; empty at the end
	Total int      // on all pages
}

// Find finds entries. It waits until the directory was read, and for changes that are being read.
func (t *Tree) Find(ctx context.Context, q FindQuery) (Found, error) {
	after, err := parsePlace(q.After)
	if err != nil {
		return Found{}, err
	}
	snap, err := t.recent(ctx, foundFresh)
	if err != nil {
		return Found{}, err
	}
	s := t.searcher()
	defer t.searchers.Put(s)
	defer s.forget()
	s.looked, s.stopped = 0, ldapwire.Success
	s.query = &Query{Canceled: func() bool { return ctx.Err() != nil }}
	if q.Kind == store.KindUser {
		s.query.Sort = []SortKey{{attr: t.schema.ofField(store.Username)}}
	}
	f := finding{searcher: s, after: after, only: q.Only, limit: q.Limit}
	list := q.Kind.String() + "/" + q.Phonebook + "/" + q.Text
	if q.Only == nil {
		f.found.Total, f.counted = snap.total(list)
	}
	f.open(snap, &q)
	if err := f.run(); err != nil {
		return Found{}, err
	}
	if s.stopped != ldapwire.Success {
		return Found{}, ctx.Err()
	}
	if q.Only == nil {
		snap.noteTotal(list, f.found.Total)
	}
	return f.found, nil
}

// recent is snapshot, with more patience for changes that take long to read.
func (t *Tree) recent(ctx context.Context, patience time.Duration) (*snapshot, error) {
	want := t.store.Seq()
	wait, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		t.mu.Lock()
		news := t.news
		t.mu.Unlock()
		s := t.current.Load()
		if s != nil && s.seq >= want {
			return s, nil
		}
		select {
		case <-news:
		case <-wait.Done():
			if s == nil || ctx.Err() != nil {
				return nil, wait.Err()
			}
			return s, nil
		}
	}
}

// mostTotals bounds the lists whose length a state of the directory remembers.
const mostTotals = 256

// total is how long a list is, where that was counted before.
func (s *snapshot) total(list string) (int, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	n, ok := s.totals[list]
	return n, ok
}

func (s *snapshot) noteTotal(list string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.totals == nil || len(s.totals) >= mostTotals {
		s.totals = make(map[string]int)
	}
	s.totals[list] = n
}

// A finding is a Find under way.
type finding struct {
	searcher *searcher
	after    *spotInList
	only     map[string]bool
	limit    int
	found    Found
	counted  bool // Total is known: nothing behind the page need be looked at
	last     record
	more     bool
}

// open opens the cursors: on what the indexes find for the words, while what is looked at then is
// told apart in one pass over its values.
func (f *finding) open(snap *snapshot, q *FindQuery) {
	s := f.searcher
	words, indexed := s.tree.words(q.Text)
	s.cond = s.compiler.compile(indexed)
	entries := 0
	for _, c := range snap.containers {
		if c.kind == q.Kind && (q.Phonebook == "" || c.book == q.Phonebook) {
			s.cursor(view{home: c}, c.base, c.dead)
			s.cursor(view{home: c}, c.delta, nil)
			entries += c.entries()
		}
	}
	s.arrange()
	switch {
	case words != nil:
		s.cond = words
	case f.only == nil:
		f.found.Total, f.counted = entries, true
	}
	if f.counted && f.after != nil {
		for _, c := range s.cursors {
			f.skip(c)
		}
	}
}

// skip takes a cursor on every entry behind the place.
func (f *finding) skip(c *cursor) {
	if c.way == byIndex {
		c.spread()
	}
	n := c.seg.len()
	if c.way == byList {
		n = len(c.list)
	}
	c.next = uint32(sort.Search(n, func(i int) bool {
		number := uint32(i)
		if c.way == byList {
			number = c.list[i]
		}
		return f.behind(c.seg.record(number))
	}))
}

// behind tells whether a record comes behind the place.
func (f *finding) behind(r record) bool {
	if f.after == nil {
		return true
	}
	if c := bytes.Compare(f.searcher.placeKey(r), f.after.key); c != 0 {
		return c > 0
	}
	return bytes.Compare(r.id(), f.after.id) > 0
}

// placeKey is what entries are ordered by. It is valid until the next one.
func (s *searcher) placeKey(r record) []byte {
	if s.query.Sort == nil {
		return r.key()
	}
	s.keys[0] = appendKey(s.keys[0][:0], r, s.query.Sort)
	return s.keys[0]
}

func (f *finding) run() error {
	err := f.searcher.walk(func(c *cursor) (bool, error) {
		r := c.doc.record
		if f.only != nil && !f.only[string(r.id())] {
			return true, nil
		}
		if !f.counted {
			f.found.Total++
		}
		switch {
		case f.more || !f.behind(r):
		case f.limit > 0 && len(f.found.IDs) == f.limit:
			f.more = true
			return !f.counted, nil
		default:
			f.found.IDs, f.last = append(f.found.IDs, string(r.id())), r
		}
		return true, nil
	})
	if f.more {
		f.found.Next = writePlace(f.last.id(), f.searcher.placeKey(f.last))
	}
	return err
}

// EntryDN is the DN of an entry.
func (t *Tree) EntryDN(e *store.Entry) string {
	switch e.Kind {
	case store.KindUser:
		return t.UserDN(e.Values.First(store.Username))
	case store.KindSpeedDial:
		return rdnPrefix + e.ID + "," + t.branchDN(spotSpeedDials)
	}
	return rdnPrefix + e.ID + "," + t.PhonebookDN(e.Phonebook)
}
