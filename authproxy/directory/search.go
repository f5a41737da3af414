package directory

import (
	"cmp"
	"context"
	"time"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// Search finds entries and calls emit for each, which may block, in the order of
// their display names or as Sort says. An error of emit ends the search and is
// returned.
func (t *Tree) Search(ctx context.Context, q *Query, emit func(Entry) error) (Result, error) {
	snap, err := t.snapshot(ctx)
	if err != nil {
		return Result{Code: ldapwire.Busy, Text: "the directory is being read: try again in a moment"}, nil
	}
	s := t.searcher()
	defer t.searchers.Put(s)
	return s.search(snap, q, emit)
}

// A searcher does one search at a time. Its memory is used again.
type searcher struct {
	tree      *Tree
	compiler  compiler
	selection Selection
	cursors   []*cursor
	spare     []*cursor
	heads     []*cursor
	keys      [2][]byte

	query  *Query
	cond   *cond
	emit   func(Entry) error
	append Entry
	hit    hit
	node   *node

	looked  int
	begun   time.Time           // about; zero before it was looked at
	turn    time.Time           // when the turn that it has began; zero: it has none
	stopped ldapwire.ResultCode // why the search ends early; success: it does not
}

func (t *Tree) searcher() *searcher {
	if s, ok := t.searchers.Get().(*searcher); ok {
		return s
	}
	s := &searcher{tree: t, compiler: compiler{schema: t.schema, numbers: &t.numbers}}
	s.append = func(dst []byte, id int32) []byte {
		if s.node != nil {
			return s.node.append(dst, id, &s.selection)
		}
		return s.hit.append(dst, id, &s.selection)
	}
	return s
}

func (s *searcher) search(snap *snapshot, q *Query, emit func(Entry) error) (Result, error) {
	s.query, s.emit, s.looked, s.stopped = q, emit, 0, ldapwire.Success
	defer s.forget()
	at, views, refused, err := s.locate(snap)
	if refused != nil || err != nil {
		return *cmp.Or(refused, &Result{}), err
	}
	s.tree.selectAttributes(&s.selection, q.Attributes, q.TypesOnly)
	s.cond = s.compiler.compile(q.Filter)
	if q.Subentries && at.kind != spotSchema {
		return Result{}, nil // the schema is the only subentry
	}
	if result, done, err := s.nodes(snap, &at, views); done || err != nil {
		return result, err
	}
	s.open(&at, views)
	s.arrange()
	if q.View != nil {
		return s.window()
	}
	return s.page()
}

// locate finds what the base names, as far as the reader may know of it. refused is
// the result where that is nothing.
func (s *searcher) locate(snap *snapshot) (at spot, views []view, refused *Result, err error) {
	q := s.query
	may, err := snap.access(q.Reader, q.Everyone)
	if err != nil {
		return spot{}, nil, nil, err
	}
	at, err = may.spot(snap, q.Base, q.Reader)
	switch {
	case err != nil:
		return spot{}, nil, &Result{Code: ldapwire.InvalidDNSyntax, Text: err.Error()}, nil
	case at.kind == spotNone || !s.mayAsk(&at):
		return spot{}, nil, s.nothing(&at), nil
	}
	if at.kind == spotRoot && q.Scope == ldapwire.ScopeBaseObject {
		at.node = s.tree.rootDSE(q.StartTLS, q.SASLPlain)
	}
	return at, may.views, nil, nil
}

// forget lets go of what belongs to the search.
func (s *searcher) forget() {
	s.leaveTurn()
	s.begun = time.Time{}
	for _, c := range s.cursors {
		c.planner.forget()
		*c = cursor{planner: c.planner}
		s.spare = append(s.spare, c)
	}
	s.cursors = s.cursors[:0]
	clear(s.heads[:cap(s.heads)])
	s.query, s.emit, s.cond, s.hit, s.node = nil, nil, nil, hit{}, nil
}

// mayAsk tells whether anything but the root and the schema may be asked for.
func (s *searcher) mayAsk(at *spot) bool {
	if s.query.Reader != nil || s.query.Everyone {
		return true
	}
	return at.kind == spotSchema || at.kind == spotRoot && s.query.Scope == ldapwire.ScopeBaseObject
}

// nothing is the result where the base names nothing.
func (s *searcher) nothing(at *spot) *Result {
	if s.query.Reader == nil && !s.query.Everyone {
		return &Result{Code: ldapwire.NoSuchObject, Text: "bind first: only the networks in ldap.anonymous_from may search without"}
	}
	return &Result{Code: ldapwire.NoSuchObject, Matched: at.matched}
}

// sendEntry sends the one entry that the base names.
func (s *searcher) sendEntry(h hit) (Result, bool, error) {
	d := h.home.doc(h.record)
	if s.cond.eval(&d) != True {
		return Result{}, true, nil
	}
	s.hit = h
	return Result{}, true, s.emitOne()
}

// tired tells, now and then, that the search has to stop: its time is up, or nobody
// waits for it. A search that takes long waits for its turn here.
func (s *searcher) tired() bool {
	// To look at an entry takes the longer, the more conditions there are.
	if s.looked += 1 + len(s.compiler.conds)/16; s.looked < 64 {
		return false
	}
	s.looked = 0
	now := time.Now()
	if s.rest(now) {
		now = time.Now()
	}
	switch {
	case s.query.Canceled != nil && s.query.Canceled():
		s.stopped = ldapwire.Canceled
	case !s.query.Deadline.IsZero() && now.After(s.query.Deadline):
		s.stopped = ldapwire.TimeLimitExceeded
	}
	return s.stopped != ldapwire.Success
}

// emitOne sends what s.hit or s.node is.
func (s *searcher) emitOne() error {
	s.leaveTurn()
	return s.emit(s.append)
}
