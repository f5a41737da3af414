package directory

import "slices"

// How the entries are found that a condition may be True on. The indexes give a
// sequence that holds all of them and as few others as can be; every entry in it is
// then looked at. Where no index helps, or the sequence would be long, the entries
// are looked at one after the other. Either way they come in their order, and no
// more of them are fetched than are needed: whoever asks for much is soon served,
// and whoever asks for little has named something.

// A planner finds entries in one segment. Its memory is used again.
type planner struct {
	seg     *segment
	numbers *Numbering
	sources []source // what was opened
	grams   []gramUse
	ranges  [][]uint32
	lists   []uint32 // what the sources' lists are cut from
	scratch []byte
}

// A gramUse is a gram that an entry must have.
type gramUse struct {
	index *gramIndex
	at    int
	count uint32
}

const (
	// everything is the estimate of what no index helps with.
	everything = 1<<31 - 1
	// worthwhile is which part of all entries a sequence may be: beyond, looking at
	// each is as fast.
	worthwhile = 4
	// mostSorted is how many numbers of a range are put into the order of entries.
	// Where more begin alike, the first that are wanted are soon met.
	mostSorted = 4096
	// mostGrams is how many grams of a text an entry is asked for before it is
	// looked at, and mostShared how many more those of the other texts that it must
	// have are. More of them are seldom rarer.
	mostGrams  = 3
	mostShared = 2
)

// open makes ready to go through the entries that the condition may be True on. It
// returns false when that may be any.
func (p *planner) open(s *segment, c *cond) bool {
	p.seg, p.sources, p.ranges, p.lists = s, p.sources[:0], p.ranges[:0], p.lists[:0]
	if estimate := p.estimate(c); estimate == everything || estimate > s.len()/worthwhile && estimate > 64 {
		return false
	}
	p.add(c)
	for i := range p.sources {
		p.sources[i].advance()
	}
	return true
}

// forget lets go of the segment: a planner that waits for the next search must not
// keep what a sync has replaced.
func (p *planner) forget() {
	p.seg = nil
	clear(p.sources[:cap(p.sources)])
	clear(p.grams[:cap(p.grams)])
	clear(p.ranges[:cap(p.ranges)])
}

// next returns the next number, plus one; 0 at the end.
func (p *planner) next() uint32 {
	first := uint32(0)
	for i := range p.sources {
		if head := p.sources[i].head; head != 0 && (first == 0 || head < first) {
			first = head
		}
	}
	for i := range p.sources {
		if first != 0 && p.sources[i].head == first {
			p.sources[i].advance()
		}
	}
	return first
}

// A source is an ascending sequence of numbers: those that are in several postings,
// or a list.
type source struct {
	rarest postings
	others [mostGrams - 1 + mostShared]postings
	count  int // of others
	list   []uint32
	head   uint32 // plus one; 0 at the end
}

func (s *source) advance() {
	if s.list != nil {
		if s.head = 0; len(s.list) > 0 {
			s.head, s.list = s.list[0]+1, s.list[1:]
		}
		return
	}
	for s.head = s.rarest.next(); s.head != 0; s.head = s.rarest.next() {
		if s.shared(s.head) {
			return
		}
	}
}

// shared tells whether a number is in the other postings, too.
func (s *source) shared(n uint32) bool {
	for i := range s.count {
		o := &s.others[i]
		for o.last < n {
			if o.next() == 0 {
				s.rarest.rest = nil // none that comes is in this one
				return false
			}
		}
		if o.last != n {
			return false
		}
	}
	return true
}

// estimate tells about how many entries add would find.
func (p *planner) estimate(c *cond) int {
	switch c.op {
	case opUndefined, opFalse:
		return 0
	case opAnd:
		least := everything
		for i := range c.kids {
			least = min(least, p.estimate(&c.kids[i]))
		}
		return least
	case opOr:
		sum := 0
		for i := range c.kids {
			if sum += p.estimate(&c.kids[i]); sum >= p.seg.len() {
				return everything
			}
		}
		return sum
	case opEqual, opSubstrings:
		switch {
		case c.names || c.attr.field == 0:
			return everything
		case c.attr.syntax == syntaxNumber:
			return p.numberWay(c).estimate
		}
		return p.textEstimate(c)
	}
	return everything
}

// add adds the sources of a condition that has an estimate.
func (p *planner) add(c *cond) {
	switch c.op {
	case opAnd:
		best, least := -1, everything
		for i := range c.kids {
			if n := p.estimate(&c.kids[i]); n < least {
				best, least = i, n
			}
		}
		if best >= 0 {
			before := len(p.sources)
			p.add(&c.kids[best])
			if len(p.sources) == before+1 {
				p.narrow(&p.sources[before], c, best)
			}
		}
	case opOr:
		for i := range c.kids {
			p.add(&c.kids[i])
		}
	case opEqual, opSubstrings:
		if c.attr.syntax == syntaxNumber {
			p.addNumbers(p.numberWay(c))
		} else {
			p.addText(c)
		}
	}
}

// textEstimate is how many entries have the rarest gram.
func (p *planner) textEstimate(c *cond) int {
	uses := p.textGrams(c)
	switch {
	case len(uses) > 0:
		return int(uses[0].count)
	case p.ownID(c) != nil:
		return 1
	}
	return everything
}

// textGrams returns the grams that an entry must have, the rarest first; none when
// the index is of no help.
func (p *planner) textGrams(c *cond) []gramUse {
	x := &p.seg.grams[groupOf(c.attr.field)]
	p.grams = p.grams[:0]
	if x.postings == nil {
		return nil
	}
	if c.op == opEqual {
		p.use(x, c.text, true, true)
	} else {
		p.use(x, c.parts.initial, true, false)
		for _, part := range c.parts.any {
			p.use(x, part, false, false)
		}
		p.use(x, c.parts.final, false, true)
	}
	slices.SortFunc(p.grams, func(a, b gramUse) int { return int(a.count) - int(b.count) })
	return p.grams
}

// use adds the grams of a text.
func (p *planner) use(x *gramIndex, text []byte, begins, ends bool) {
	if text == nil {
		return
	}
	eachGram(text, begins, ends, func(gram uint32) {
		at, count := x.find(gram)
		p.grams = append(p.grams, gramUse{x, at, count})
	})
}

// addText adds the entries that have the rarest grams of the assertion.
func (p *planner) addText(c *cond) {
	if id := p.ownID(c); id != nil {
		if n, ok := p.seg.find(string(id)); ok {
			p.addList([]uint32{n})
		}
	}
	uses := p.textGrams(c)
	if len(uses) == 0 || uses[0].count == 0 {
		return
	}
	s := source{rarest: uses[0].index.list(uses[0].at)}
	for i := 1; i < len(uses) && s.count < mostGrams-1; i++ {
		if uses[i].at != uses[i-1].at && uses[i].count < 16*uses[0].count {
			s.share(uses[i])
		}
	}
	p.sources = append(p.sources, s)
}

// narrow has a source leave out what the other texts of an and cannot match.
func (p *planner) narrow(s *source, and *cond, best int) {
	for i := range and.kids {
		c := &and.kids[i]
		text := (c.op == opEqual || c.op == opSubstrings) && !c.names && c.attr.field != 0 && c.attr.syntax == syntaxText
		if i == best || !text || s.list != nil || s.count == len(s.others) {
			continue
		}
		if uses := p.textGrams(c); len(uses) > 0 {
			s.share(uses[0])
		}
	}
}

// share has a source leave out what is not in the postings of a gram; all of it
// where the gram is in no entry.
func (s *source) share(use gramUse) {
	if use.count == 0 {
		s.rarest = postings{}
		return
	}
	s.others[s.count] = use.index.list(use.at)
	s.count++
}

// addList adds numbers, which may be in any order.
func (p *planner) addList(numbers []uint32) {
	if len(numbers) == 0 {
		return
	}
	start := len(p.lists)
	p.lists = append(p.lists, numbers...)
	list := p.lists[start:len(p.lists):len(p.lists)]
	slices.Sort(list)
	p.sources = append(p.sources, source{list: slices.Compact(list)})
}

// ownID returns the ID that an assertion about uid may be: what has no login name
// is called by its ID.
func (p *planner) ownID(c *cond) []byte {
	if c.attr.syntax != syntaxName || c.op != opEqual || len(c.text) != idLen+2 {
		return nil
	}
	return c.text[1 : 1+idLen]
}
