package directory

import (
	"bytes"
	"context"
	"slices"
	"sort"
	"time"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/store"
)

// A Query is a search, with what the front knows of who asks.
type Query struct {
	Base       []byte
	Scope      ldapwire.Scope
	Filter     *ldapwire.Filter
	Attributes [][]byte
	TypesOnly  bool
	// Limit is how many entries are sent at most.
	Limit int
	// Deadline is until when it may take; zero for no limit.
	Deadline time.Time
	// Canceled tells that nobody waits for the rest any more. It is asked often.
	Canceled func() bool

	Reader    *Reader
	Everyone  bool // the client's address may read what everyone may read without a bind
	StartTLS  bool // is offered to this client: the root DSE says so
	SASLPlain bool // likewise

	Subentries bool // only subentries are to be seen
	Sort       []SortKey
	View       *View   // with Sort
	After      *Cursor // go on behind it; nil: from the start
}

// A Cursor is where a search stopped.
type Cursor struct {
	ID   string // of the last entry that was sent
	Seen int    // how many were sent before
}

// A Result is how a search ended.
type Result struct {
	Code    ldapwire.ResultCode
	Matched string
	Text    string
	More    *Cursor // set where Limit ended it: what to go on from

	Target, Count int // of a View
}

// Entry appends an entry as a SearchResultEntry for the message ID id.
type Entry func(dst []byte, id int32) []byte

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
	may, err := snap.access(q.Reader, q.Everyone)
	if err != nil {
		return Result{}, err
	}
	at, err := may.spot(snap, q.Base, q.Reader)
	if err != nil {
		return Result{Code: ldapwire.InvalidDNSyntax, Text: err.Error()}, nil
	}
	if at.kind == spotNone || !s.mayAsk(&at) {
		return s.nothing(&at), nil
	}
	s.tree.selectAttributes(&s.selection, q.Attributes, q.TypesOnly)
	s.cond = s.compiler.compile(q.Filter)
	if q.Subentries && at.kind != spotSchema {
		return Result{}, nil // the schema is the only subentry
	}
	if result, done, err := s.nodes(snap, &at, may.views); done || err != nil {
		return result, err
	}
	s.open(&at, may.views)
	s.arrange()
	if q.View != nil {
		return s.window()
	}
	return s.page()
}

// forget lets go of what belongs to the search.
func (s *searcher) forget() {
	for _, c := range s.cursors {
		*c = cursor{planner: c.planner}
		c.planner.seg = nil
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

func (s *searcher) nothing(at *spot) Result {
	if s.query.Reader == nil && !s.query.Everyone {
		return Result{Code: ldapwire.NoSuchObject, Text: "bind first: only the networks in ldap.anonymous_from may search without"}
	}
	return Result{Code: ldapwire.NoSuchObject, Matched: at.matched}
}

// nodes sends what of the result is no entry: the base of a base search, and the
// containers below it of a one-level one. Subtree searches leave containers out:
// a phone would show them as blank lines. done tells that this was all.
func (s *searcher) nodes(snap *snapshot, at *spot, views []view) (result Result, done bool, err error) {
	scope := s.query.Scope
	if at.kind == spotRoot && scope == ldapwire.ScopeBaseObject {
		at.node = s.tree.rootDSE(s.query.StartTLS, s.query.SASLPlain)
	}
	var found []*node
	switch {
	case at.kind == spotEntry:
		if scope == ldapwire.ScopeBaseObject || scope == ldapwire.ScopeWholeSubtree {
			return s.sendEntry(at.entry)
		}
		return Result{}, true, nil
	case scope == ldapwire.ScopeBaseObject, at.kind == spotDevice && scope == ldapwire.ScopeWholeSubtree,
		at.kind == spotSchema && scope == ldapwire.ScopeWholeSubtree:
		found, done = []*node{at.node}, true
	case scope == ldapwire.ScopeSingleLevel:
		found = snap.children(at, s.query.Reader, views)
		done = at.kind != spotUsers && at.kind != spotSpeedDials && at.kind != spotPhonebook
	case at.kind == spotDevices || at.kind == spotDevice || at.kind == spotSchema:
		done = true
	}
	result, err = s.sendNodes(found)
	return result, done || err != nil || result.Code != ldapwire.Success, err
}

// sendNodes sends those of the nodes that the filter is True on.
func (s *searcher) sendNodes(found []*node) (Result, error) {
	seen, matched := 0, 0
	if s.query.After != nil {
		seen = s.query.After.Seen
	}
	for _, n := range found {
		if s.cond.evalNode(n) != True {
			continue
		}
		if matched++; matched <= seen {
			continue
		}
		if matched > seen+s.query.Limit {
			return Result{Code: ldapwire.SizeLimitExceeded, More: &Cursor{Seen: matched - 1}}, nil
		}
		s.node = n
		err := s.emit(s.append)
		s.node = nil
		if err != nil {
			return Result{}, err
		}
	}
	return Result{}, nil
}

// children are the containers right below a spot.
func (snap *snapshot) children(at *spot, r *Reader, views []view) []*node {
	var found []*node
	switch at.kind {
	case spotRoot:
		found = append(found, snap.tree.baseNode())
	case spotBase:
		for _, kind := range [...]spotKind{spotUsers, spotPhonebooks, spotSpeedDials, spotDevices} {
			found = append(found, snap.branch(kind, r, views).node)
		}
	case spotPhonebooks:
		for _, v := range views {
			if v.home.kind == store.KindContact {
				found = append(found, v.home.node())
			}
		}
	case spotDevices:
		if r != nil && r.Device != "" {
			if d := snap.tree.device(r.Device, r); d.node != nil {
				found = append(found, d.node)
			}
		}
	}
	return found
}

// sendEntry sends the one entry that the base names.
func (s *searcher) sendEntry(h hit) (Result, bool, error) {
	d := h.home.doc(h.record)
	if s.cond.eval(&d) != True {
		return Result{}, true, nil
	}
	s.hit = h
	return Result{}, true, s.emit(s.append)
}

// open opens a cursor on each part of the tree that the search is about.
func (s *searcher) open(at *spot, views []view) {
	all := at.kind == spotRoot || at.kind == spotBase
	for _, v := range views {
		if !all && v.home != at.view.home && (at.kind != spotPhonebooks || v.home.kind != store.KindContact) {
			continue
		}
		if at.kind == spotPhonebooks && s.query.Scope == ldapwire.ScopeSingleLevel {
			continue
		}
		s.cursor(v, v.home.base, v.home.dead)
		s.cursor(v, v.home.delta, nil)
	}
}

func (s *searcher) cursor(v view, seg *segment, dead bitmap) {
	if seg.len() == 0 {
		return
	}
	var c *cursor
	if n := len(s.spare); n > 0 {
		c, s.spare = s.spare[n-1], s.spare[:n-1]
	} else {
		c = &cursor{}
	}
	c.searcher, c.view, c.seg, c.dead = s, v, seg, dead
	c.doc.home = v.home
	c.always = s.cond.always()
	c.planner.numbers = &s.tree.numbers
	switch {
	case v.only != "":
		c.way = byList
		if n, ok := seg.find(v.only); ok {
			c.list = []uint32{n}
		}
	case !c.always && c.planner.open(seg, s.cond):
		c.way = byIndex
	}
	s.cursors = append(s.cursors, c)
}

// A cursor goes through the entries of one segment that a search finds, in order.
type cursor struct {
	searcher *searcher
	view     view
	seg      *segment
	dead     bitmap
	always   bool // the condition is True on every entry
	way      way
	planner  planner  // byIndex
	list     []uint32 // byList
	next     uint32   // the number of the entry, or its place in list
	doc      doc      // what was found last
}

// A way is how a cursor comes to the entries that it looks at.
type way uint8

const (
	oneByOne way = iota
	byIndex
	byList
)

// step goes to the next entry that the search finds; false at the end, and when the
// search has to stop.
func (c *cursor) step() bool {
	for {
		n, ok := c.advance()
		switch {
		case !ok:
			return false
		case !c.dead.has(n) && c.matches(n):
			return true
		case c.searcher.tired():
			return false
		}
	}
}

// advance returns the next entry to look at.
func (c *cursor) advance() (n uint32, ok bool) {
	switch c.way {
	case byIndex:
		n = c.planner.next()
		return n - 1, n != 0
	case byList:
		if c.next < uint32(len(c.list)) {
			c.next++
			return c.list[c.next-1], true
		}
	case oneByOne:
		if c.next < uint32(c.seg.len()) {
			c.next++
			return c.next - 1, true
		}
	}
	return 0, false
}

// spread puts what is left to look at into a list.
func (c *cursor) spread() {
	list := []uint32{}
	for n, ok := c.advance(); ok; n, ok = c.advance() {
		list = append(list, n)
	}
	c.way, c.list, c.next = byList, list, 0
}

// matches tells whether the condition is True on an entry, and leaves it in doc.
func (c *cursor) matches(n uint32) bool {
	c.doc.record = c.seg.record(n)
	if c.always {
		return true
	}
	c.doc.fields, c.doc.items = c.seg.fields[n], nil
	return c.searcher.cond.eval(&c.doc) == True
}

// tired tells, now and then, that the search has to stop: its time is up, or nobody
// waits for it.
func (s *searcher) tired() bool {
	if s.looked++; s.looked&63 != 0 {
		return false
	}
	switch {
	case s.query.Canceled != nil && s.query.Canceled():
		s.stopped = ldapwire.Canceled
	case !s.query.Deadline.IsZero() && time.Now().After(s.query.Deadline):
		s.stopped = ldapwire.TimeLimitExceeded
	}
	return s.stopped != ldapwire.Success
}

// send sends what a cursor is at.
func (s *searcher) send(c *cursor) error {
	s.hit = hit{c.view.home, c.doc.record}
	return s.emit(s.append)
}

// page sends what is found, from where the search stopped before, up to the limit.
func (s *searcher) page() (Result, error) {
	seen, skip := s.resume()
	result := Result{}
	n := 0
	err := s.walk(func(c *cursor) (bool, error) {
		if skip > 0 {
			skip--
			return true, nil
		}
		if n == s.query.Limit {
			// The last entry sent is still in hit.
			result = Result{Code: ldapwire.SizeLimitExceeded, More: &Cursor{Seen: seen + n}}
			if n > 0 {
				result.More.ID = string(s.hit.record.id())
			}
			return false, nil
		}
		n++
		return true, s.send(c)
	})
	if s.stopped != ldapwire.Success {
		result = Result{Code: s.stopped}
	}
	return result, err
}

// walk visits what the cursors find, in the order of the search, until visit says
// that it is enough.
func (s *searcher) walk(visit func(*cursor) (more bool, err error)) error {
	if len(s.cursors) == 1 {
		c := s.cursors[0]
		for c.step() {
			if more, err := visit(c); !more || err != nil || s.tired() {
				return err
			}
		}
		return nil
	}
	s.heads = s.heads[:0]
	for _, c := range s.cursors {
		if c.step() {
			s.heads = append(s.heads, c)
		}
	}
	for len(s.heads) > 0 && s.stopped == ldapwire.Success {
		first := 0
		for i := 1; i < len(s.heads); i++ {
			if s.compare(s.heads[i].doc.record, s.heads[first].doc.record) < 0 {
				first = i
			}
		}
		c := s.heads[first]
		if more, err := visit(c); !more || err != nil || s.tired() {
			return err
		}
		if !c.step() {
			s.heads = slices.Delete(s.heads, first, first+1)
		}
	}
	return nil
}

// compare orders entries as the search does.
func (s *searcher) compare(a, b record) int {
	if s.query.Sort != nil {
		s.keys[0] = appendKey(s.keys[0][:0], a, s.query.Sort)
		s.keys[1] = appendKey(s.keys[1][:0], b, s.query.Sort)
		if c := bytes.Compare(s.keys[0], s.keys[1]); c != 0 {
			return c
		}
	}
	return compareRecords(a, b)
}

// resume takes the cursors behind where the search stopped before. It returns how
// many entries were sent until then, and how many have to be passed over: all of
// those where the last one is gone.
func (s *searcher) resume() (seen, skip int) {
	after := s.query.After
	if after == nil {
		return 0, 0
	}
	for _, c := range s.cursors {
		if n, ok := c.seg.find(after.ID); ok && !c.dead.has(n) {
			for _, other := range s.cursors {
				other.behind(c.seg.record(n))
			}
			return after.Seen, 0
		}
	}
	return after.Seen, after.Seen
}

// behind takes a cursor behind a record, which may be of another segment.
func (c *cursor) behind(last record) {
	if c.way == byIndex {
		c.spread()
	}
	n := len(c.list)
	if c.way == oneByOne {
		n = c.seg.len()
	}
	c.next = uint32(sort.Search(n, func(i int) bool {
		number := uint32(i)
		if c.way == byList {
			number = c.list[i]
		}
		return c.searcher.compare(c.seg.record(number), last) > 0
	}))
}

// Compare tells whether an entry has a value (RFC 4511, section 4.10).
func (t *Tree) Compare(ctx context.Context, q *Query, description, value []byte) (Result, error) {
	snap, err := t.snapshot(ctx)
	if err != nil {
		return Result{Code: ldapwire.Busy}, nil
	}
	may, err := snap.access(q.Reader, q.Everyone)
	if err != nil {
		return Result{}, err
	}
	at, err := may.spot(snap, q.Base, q.Reader)
	if err != nil {
		return Result{Code: ldapwire.InvalidDNSyntax, Text: err.Error()}, nil
	}
	s := t.searcher()
	defer t.searchers.Put(s)
	s.query = q
	if q.Scope = ldapwire.ScopeBaseObject; at.kind == spotNone || !s.mayAsk(&at) {
		return s.nothing(&at), nil
	}
	if at.kind == spotRoot {
		at.node = t.rootDSE(q.StartTLS, q.SASLPlain)
	}
	attribute := bytes.Clone(description)
	has := func(kind ldapwire.FilterKind) Truth {
		c := s.compiler.compile(&ldapwire.Filter{Kind: kind, Attribute: attribute, Value: value})
		if at.kind == spotEntry {
			d := at.entry.home.doc(at.entry.record)
			return c.eval(&d)
		}
		return c.evalNode(at.node)
	}
	switch {
	case t.schema.find(description) == nil:
		return Result{Code: ldapwire.UndefinedAttributeType}, nil
	case has(ldapwire.FilterPresent) != True:
		return Result{Code: ldapwire.NoSuchAttribute}, nil
	}
	switch has(ldapwire.FilterEqualityMatch) {
	case True:
		return Result{Code: ldapwire.CompareTrue}, nil
	case False:
		return Result{Code: ldapwire.CompareFalse}, nil
	}
	return Result{Code: ldapwire.InappropriateMatching}, nil
}
