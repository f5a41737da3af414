package directory

import (
	"bytes"
	"math/bits"
)

// A numberWay is how the numbers are found that a condition can match: the entries
// in ranges of the index, in the postings of a gram, or of numbers that have some
// digits in their order.
type numberWay struct {
	estimate int
	ranges   [][]uint32
	gram     gramUse // without an index, none
	digits   []byte  // nil: this is not the way
}

// patience is how many entries one would rather look at than go through all numbers.
const patience = 512

// numberWay finds the way that leads to the fewest entries.
func (p *planner) numberWay(c *cond) numberWay {
	start := len(p.ranges)
	if c.op == opEqual {
		p.ranges = append(p.ranges, p.seg.numbers.equal(c.number.canonical))
		if c.number.bare != nil {
			p.ranges = append(p.ranges, p.seg.numbers.equal(c.number.bare))
		}
		return p.way(start, gramUse{})
	}
	best := numberWay{estimate: everything}
	try := func(w numberWay) {
		if w.estimate < best.estimate {
			best = w
		}
	}
	d := &c.digits
	if d.initial != nil {
		p.beginnings(d.initial)
		try(p.way(start, gramUse{}))
	}
	if d.final != nil {
		start = len(p.ranges)
		p.endings(d)
		try(p.way(start, gramUse{}))
	}
	if best.estimate > patience && len(d.any) > 0 {
		try(p.anywhere(d))
	}
	if best.estimate > patience {
		p.inOrder(d, &best)
	}
	if best.estimate > mostSorted && best.gram.index == nil {
		best.estimate = everything
	}
	return best
}

// way is the way by the ranges from start on, and a gram.
func (p *planner) way(start int, gram gramUse) numberWay {
	w := numberWay{ranges: p.ranges[start:len(p.ranges):len(p.ranges)], gram: gram, estimate: int(gram.count)}
	for _, r := range w.ranges {
		w.estimate += len(r)
	}
	return w
}

// addNumbers adds the sources of a way.
func (p *planner) addNumbers(w numberWay) {
	if w.digits != nil {
		p.addInOrder(w.digits)
		return
	}
	for _, r := range w.ranges {
		p.addList(r)
	}
	if w.gram.count > 0 {
		p.sources = append(p.sources, source{rarest: w.gram.index.list(w.gram.at)})
	}
}

// beginnings adds the ranges of numbers of which a spelling may begin so.
func (p *planner) beginnings(part []byte) {
	n := p.numbers
	p.ranges = append(p.ranges, p.seg.numbers.beginning(part))
	if part[0] == '+' {
		return
	}
	if len(part) >= minBare {
		p.international("", part)
	}
	switch rest, ok := bytes.CutPrefix(part, []byte(n.International)); {
	case ok:
		p.international("", rest)
	case bytes.HasPrefix([]byte(n.International), part):
		p.international("", nil)
		return
	}
	switch rest, ok := bytes.CutPrefix(part, []byte(n.Trunk)); {
	case ok:
		p.international(n.Country, rest)
	case bytes.HasPrefix([]byte(n.Trunk), part):
		p.international(n.Country, nil)
	}
}

// international adds the range of numbers that begin with + and these digits.
func (p *planner) international(code string, rest []byte) {
	p.scratch = append(append(append(p.scratch[:0], '+'), code...), rest...)
	p.ranges = append(p.ranges, p.seg.numbers.beginning(p.scratch))
}

// endings adds the ranges of numbers of which a spelling may end so.
func (p *planner) endings(d *numberSubstrings) {
	p.ranges = append(p.ranges, p.seg.numbers.ending(d.final))
	p.across(p.numbers.Trunk, p.numbers.Country, d.final)
	if d.initial != nil {
		p.across(p.numbers.International, "", d.final)
	}
}

// across adds the ranges of numbers in whose spelling with a prefix the part covers
// the prefix, or the end of it. In the indexed form they begin with the code.
func (p *planner) across(prefix, code string, part []byte) {
	for i := range prefix {
		if rest, ok := bytes.CutPrefix(part, []byte(prefix[i:])); ok {
			p.international(code, rest)
		}
	}
}

// anywhere finds numbers by the rarest gram of a part that may be anywhere in them.
func (p *planner) anywhere(d *numberSubstrings) numberWay {
	x := &p.seg.grams[gramNumbers]
	best := gramUse{count: everything}
	var in []byte
	for _, part := range d.any {
		p.grams = p.grams[:0]
		if x.postings != nil {
			p.use(x, part, false, false)
		}
		for _, g := range p.grams {
			if g.count < best.count {
				best, in = g, part
			}
		}
	}
	if best.index == nil {
		return numberWay{estimate: everything}
	}
	start := len(p.ranges)
	p.across(p.numbers.Trunk, p.numbers.Country, in)
	if d.initial != nil {
		p.across(p.numbers.International, "", in)
	}
	return p.way(start, best)
}

// leastInOrder is from how many digits on few numbers have them in their order.
const leastInOrder = 4

// inOrder finds numbers that have the characters of all parts in their order, as
// clients ask who put an asterisk between the digits: no part of theirs has a gram.
// All numbers are gone through, but by their keys, which takes a nanosecond or two
// for each.
func (p *planner) inOrder(d *numberSubstrings, best *numberWay) {
	p.scratch = append(p.scratch[:0], d.initial...)
	for _, part := range d.any {
		p.scratch = append(p.scratch, part...)
	}
	p.scratch = append(p.scratch, d.final...)
	if len(p.scratch) < leastInOrder || len(d.any) == 0 {
		return
	}
	// What may be met in a prefix does not count: the indexed form has none.
	met := max(inOrderOf(p.scratch, p.numbers.Trunk), inOrderOf(p.scratch, p.numbers.International))
	*best = numberWay{digits: p.scratch[met:], estimate: patience}
}

// inOrderOf tells how many of the first digits are in a prefix, in their order.
func inOrderOf(digits []byte, prefix string) int {
	n := 0
	for i := range len(prefix) {
		if n < len(digits) && digits[n] == prefix[i] {
			n++
		}
	}
	return n
}

// addInOrder adds the entries whose numbers have the characters in their order.
func (p *planner) addInOrder(digits []byte) {
	var want [64]uint64
	for i, c := range digits[:min(len(digits), len(want))] {
		want[i] = nibble(c)
	}
	o := &p.seg.numbers.forward
	start := len(p.lists)
	for i, key := range o.keys {
		if hasInOrder(key, want[:min(len(digits), len(want))]) {
			p.lists = append(p.lists, o.entries[i])
		}
	}
	found := p.lists[start:]
	p.lists = p.lists[:start]
	p.addList(found)
}

// hasInOrder tells whether a key has the characters in their order; also where it
// is cut off and they might follow.
func hasInOrder(key uint64, want []uint64) bool {
	length := keyLen - bits.TrailingZeros64(key)/4
	if length == keyLen {
		return true
	}
	for ; length >= len(want); length-- {
		if len(want) == 0 {
			return true
		}
		if key>>60 == want[0] {
			want = want[1:]
		}
		key <<= 4
	}
	return false
}
