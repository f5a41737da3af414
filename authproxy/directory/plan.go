package directory

import (
	"bytes"
	"math/bits"
	"slices"
)

// How the entries are found that a condition may be True on. The indexes give a
// list that holds all of them and as few others as can be; every entry on it is
// then looked at. Where no index helps, or the list would be long, the entries
// are looked at one after the other, in their order: whoever asks for much is
// soon served, and whoever asks for little has named something.

// A planner finds lists of entries in one segment. Its memory is used again.
type planner struct {
	seg     *segment
	lists   []uint32 // what was found; lists lie behind each other
	grams   []gramUse
	set     bitmap
	numbers *Numbering
	scratch []byte
}

// A gramUse is a gram that an entry must have.
type gramUse struct {
	index *gramIndex
	at    int
	count uint32
}

// everything is the estimate of what no index helps with.
const everything = 1<<31 - 1

// worthwhile is which part of all entries a list may be: beyond, looking at each is
// as fast.
const worthwhile = 4

// list returns the numbers of the entries that the condition may be True on,
// ascending; all is true when that may be any.
func (p *planner) list(s *segment, c *cond) (numbers []uint32, all bool) {
	p.seg = s
	p.lists = p.lists[:0]
	if estimate := p.estimate(c); estimate > s.len()/worthwhile && estimate > 64 {
		return nil, true
	}
	p.add(c)
	return p.settle(0), false
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
		if c.names || c.attr.field == 0 {
			return everything
		}
		if c.attr.syntax == syntaxNumber {
			return p.numberEstimate(c)
		}
		return p.textEstimate(c)
	}
	return everything
}

// add adds the entries of a condition that has an estimate, in any order.
func (p *planner) add(c *cond) {
	switch c.op {
	case opAnd:
		best, least := 0, everything
		for i := range c.kids {
			if n := p.estimate(&c.kids[i]); n < least {
				best, least = i, n
			}
		}
		if len(c.kids) > 0 {
			p.add(&c.kids[best])
		}
	case opOr:
		for i := range c.kids {
			p.add(&c.kids[i])
		}
	case opEqual, opSubstrings:
		if c.attr.syntax == syntaxNumber {
			p.addNumbers(c)
		} else {
			p.addText(c)
		}
	}
}

// settle sorts what was added from start on, and drops what is there twice.
func (p *planner) settle(start int) []uint32 {
	found := p.lists[start:]
	if len(found) < 256 || len(found) < p.seg.len()/256 {
		slices.Sort(found)
		return slices.Compact(found)
	}
	if need := (p.seg.len() + 63) / 64; cap(p.set) < need {
		p.set = newBitmap(p.seg.len())
	} else {
		p.set = p.set[:need]
		clear(p.set)
	}
	for _, n := range found {
		p.set.set(n)
	}
	found = found[:0]
	for i, word := range p.set {
		for ; word != 0; word &= word - 1 {
			found = append(found, uint32(i<<6+bits.TrailingZeros64(word)))
		}
	}
	return found
}

// textEstimate is how many entries have the rarest gram.
func (p *planner) textEstimate(c *cond) int {
	uses := p.textGrams(c)
	if len(uses) == 0 {
		if p.ownID(c) != nil {
			return 1
		}
		return everything
	}
	return int(uses[0].count)
}

// textGrams returns the grams that an entry must have, the rarest first; none when
// the index is of no help.
func (p *planner) textGrams(c *cond) []gramUse {
	x := &p.seg.grams[groupOf(c.attr.field)]
	p.grams = p.grams[:0]
	if x.postings == nil || c.attr.also && c.attr.field == 0 {
		return nil
	}
	use := func(text []byte, begins, ends bool) {
		eachGram(text, begins, ends, func(gram uint32) {
			at, count := x.find(gram)
			p.grams = append(p.grams, gramUse{x, at, count})
		})
	}
	if c.op == opEqual {
		use(c.text, true, true)
	} else {
		if c.parts.initial != nil {
			use(c.parts.initial, true, false)
		}
		for _, part := range c.parts.any {
			use(part, false, false)
		}
		if c.parts.final != nil {
			use(c.parts.final, false, true)
		}
	}
	slices.SortFunc(p.grams, func(a, b gramUse) int { return int(a.count) - int(b.count) })
	return p.grams
}

// mostGrams is how many lists are intersected, enough is how few entries are not
// worth another list.
const (
	mostGrams = 4
	enough    = 32
)

// addText adds the entries that have the rarest grams of the assertion.
func (p *planner) addText(c *cond) {
	if id := p.ownID(c); id != nil {
		if n, ok := p.seg.find(string(id)); ok {
			p.lists = append(p.lists, n)
		}
	}
	uses := p.textGrams(c)
	if len(uses) == 0 || uses[0].count == 0 {
		return
	}
	start := len(p.lists)
	p.lists = uses[0].index.list(uses[0].at).appendTo(p.lists, uses[0].count)
	for _, use := range uses[1:min(len(uses), mostGrams)] {
		if len(p.lists)-start <= enough || int(use.count) > 8*(len(p.lists)-start) {
			break
		}
		kept := use.index.list(use.at).keep(p.lists[start:])
		p.lists = p.lists[:start+len(kept)]
	}
}

// ownID returns the ID that an assertion about uid may be: what has no login name
// is called by its ID.
func (p *planner) ownID(c *cond) []byte {
	if c.attr.syntax != syntaxName || c.op != opEqual || len(c.text) != idLen+2 {
		return nil
	}
	return c.text[1 : 1+idLen]
}

// numberEstimate is how many numbers are in the ranges that add would take.
func (p *planner) numberEstimate(c *cond) int {
	total := 0
	if !p.numberRanges(c, func(numbers []uint32) { total += len(numbers) }) {
		return everything
	}
	return total
}

func (p *planner) addNumbers(c *cond) {
	p.numberRanges(c, func(numbers []uint32) { p.lists = append(p.lists, numbers...) })
}

// numberRanges calls f with the entries of the ranges that hold every number which
// can match; false when that may be any.
func (p *planner) numberRanges(c *cond, f func([]uint32)) bool {
	x := &p.seg.numbers
	if c.op == opEqual {
		f(x.equal(c.number.canonical))
		if c.number.bare != nil {
			f(x.equal(c.number.bare))
		}
		return true
	}
	switch d := &c.digits; {
	case d.initial != nil && (d.final == nil || len(d.initial) >= len(d.final)):
		p.beginnings(d.initial, f)
	case d.final != nil:
		f(x.ending(d.final))
		p.across(p.numbers.Trunk, p.numbers.Country, d.final, f)
		if d.initial != nil {
			p.across(p.numbers.International, "", d.final, f)
		}
	default:
		return p.anywhere(d.any, f)
	}
	return true
}

// beginnings are the ranges of numbers of which a spelling may begin so.
func (p *planner) beginnings(part []byte, f func([]uint32)) {
	x, n := &p.seg.numbers, p.numbers
	f(x.beginning(part))
	if len(part) == 0 || part[0] == '+' {
		return
	}
	international := func(digits ...[]byte) {
		p.scratch = append(p.scratch[:0], '+')
		for _, d := range digits {
			p.scratch = append(p.scratch, d...)
		}
		f(x.beginning(p.scratch))
	}
	if len(part) >= minBare {
		international(part)
	}
	switch rest, ok := bytes.CutPrefix(part, []byte(n.International)); {
	case ok:
		international(rest)
	case bytes.HasPrefix([]byte(n.International), part):
		international()
		return
	}
	switch rest, ok := bytes.CutPrefix(part, []byte(n.Trunk)); {
	case ok:
		international([]byte(n.Country), rest)
	case bytes.HasPrefix([]byte(n.Trunk), part):
		international([]byte(n.Country))
	}
}

// across are the ranges of numbers in whose spelling with a prefix the part covers
// the prefix, or the end of it. In the indexed form they begin with the code.
func (p *planner) across(prefix, code string, part []byte, f func([]uint32)) {
	for i := range prefix {
		if rest, ok := bytes.CutPrefix(part, []byte(prefix[i:])); ok {
			p.scratch = append(append(append(p.scratch[:0], '+'), code...), rest...)
			f(p.seg.numbers.beginning(p.scratch))
		}
	}
}

// anywhere finds numbers by the rarest gram of parts that may be anywhere in them.
func (p *planner) anywhere(parts [][]byte, f func([]uint32)) bool {
	x := &p.seg.grams[gramNumbers]
	if x.postings == nil {
		return false
	}
	best := gramUse{count: everything}
	var in []byte
	for _, part := range parts {
		eachGram(part, false, false, func(gram uint32) {
			if at, count := x.find(gram); count < best.count {
				best, in = gramUse{x, at, count}, part
			}
		})
	}
	if best.index == nil {
		return false
	}
	// The gram may lie across the trunk prefix, which the indexed form does not have.
	p.across(p.numbers.Trunk, p.numbers.Country, in, f)
	if best.count > 0 {
		start := len(p.lists)
		found := x.list(best.at).appendTo(p.lists, best.count)[start:]
		p.lists = p.lists[:start]
		f(found)
	}
	return true
}
