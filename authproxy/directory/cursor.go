package directory

import (
	"sort"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/store"
)

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
