package directory

import (
	"encoding/binary"
	"sort"

	"github.com/dialtree/dialtree/store"
)

// A gramIndex tells which entries have three characters in a row somewhere in one
// of the fields of a group. It is what substrings are looked up in: what has a
// text has all its grams, and what has the rarest of them is few.
//
// Characters are bytes of prepared text in 63 classes, those that names are made
// of each in one of its own; what falls together costs a look at an entry that
// turns out not to match. The 64th is the outside of a value, so that prefixes and
// suffixes have grams of their own.
type gramIndex struct {
	keys   []uint32 // the grams there are, ascending
	counts []uint32 // entries by key
	ends   []uint32 // in postings, by key
	// postings are the numbers of the entries of one gram after the other, each as
	// the distance from the one before (uvarint).
	postings []byte
}

// gramGroup is one group of fields. What is sent in the same breath is together;
// what everybody has, such as the company's domain, is apart from names.
type gramGroup uint8

const (
	gramNames gramGroup = iota
	gramOrganisation
	gramEmail
	gramNumbers
	gramOther

	gramGroups = 5
)

const (
	outside   = 63 // the class of what is before and behind a value
	gramMask  = 1<<18 - 1
	gramCount = 1 << 18
)

func groupOf(id store.FieldID) gramGroup {
	switch id {
	case store.DisplayName, store.GivenName, store.Surname:
		return gramNames
	case store.Organisation:
		return gramOrganisation
	case store.Email:
		return gramEmail
	}
	if store.FieldByID(id).Matching == store.MatchNumber {
		return gramNumbers
	}
	return gramOther
}

// classes maps bytes to classes.
var classes = func() (table [256]uint8) {
	const marks = ".@-_&',("
	for c := range table {
		switch b := byte(c); {
		case b == ' ':
			table[c] = 0
		case 'a' <= b && b <= 'z':
			table[c] = 1 + b - 'a'
		case '0' <= b && b <= '9':
			table[c] = 27 + b - '0'
		case b >= 0x80:
			table[c] = 47 + b&15
		default:
			table[c] = 45
		}
	}
	for i := range len(marks) {
		table[marks[i]] = uint8(37 + i)
	}
	return table
}()

// eachGram calls f with the grams of a text, some of them perhaps twice.
func eachGram(text []byte, begins, ends bool, f func(gram uint32)) {
	key, n := uint32(0), 0
	if begins {
		key, n = outside, 1
	}
	for _, c := range text {
		key = (key<<6 | uint32(classes[c])) & gramMask
		if n++; n >= 3 {
			f(key)
		}
	}
	if n++; ends && n >= 3 {
		f((key<<6 | outside) & gramMask)
	}
}

// newGramIndexes indexes all groups in two passes over the records: one to measure,
// one to write, so that no more is allocated than is kept.
func newGramIndexes(s *segment, pace *pacer) (indexes [gramGroups]gramIndex) {
	var group [64]gramGroup
	for id := range group {
		group[id] = groupOf(store.FieldID(id))
	}
	var makers [gramGroups]gramMaker
	for g := range makers {
		makers[g] = newGramMaker()
	}
	pass := func(each func(m *gramMaker, n uint32, text []byte)) {
		for n := range uint32(s.len()) {
			pace.work(10)
			for items := s.record(n).items(); len(items) > 0; {
				var tag byte
				var text []byte
				tag, text, items = nextItem(items)
				each(&makers[group[tag&fieldMask]], n+1, text)
			}
		}
	}
	pass((*gramMaker).measure)
	for g := range makers {
		indexes[g] = makers[g].allot()
	}
	pass((*gramMaker).write)
	return indexes
}

// A gramMaker makes one index. Its arrays are by gram.
type gramMaker struct {
	last     []uint32 // the number of the entry that has it, plus one
	size     []uint32 // bytes of its postings; when they are written, where the next one goes
	count    []uint32
	postings []byte
}

func newGramMaker() gramMaker {
	return gramMaker{last: make([]uint32, gramCount), size: make([]uint32, gramCount), count: make([]uint32, gramCount)}
}

func (m *gramMaker) measure(n uint32, text []byte) {
	last, size, count := m.last[:gramCount], m.size[:gramCount], m.count[:gramCount]
	key, have := uint32(outside), 1
	for i := 0; i <= len(text); i++ {
		class := uint32(outside)
		if i < len(text) {
			class = uint32(classes[text[i]])
		}
		key = (key<<6 | class) & gramMask
		if have++; have < 3 {
			continue
		}
		if d := n - last[key]; d != 0 {
			last[key] = n
			size[key] += uint32(uvarintLen(d))
			count[key]++
		}
	}
}

func (m *gramMaker) write(n uint32, text []byte) {
	last, at := m.last[:gramCount], m.size[:gramCount]
	key, have := uint32(outside), 1
	for i := 0; i <= len(text); i++ {
		class := uint32(outside)
		if i < len(text) {
			class = uint32(classes[text[i]])
		}
		key = (key<<6 | class) & gramMask
		if have++; have < 3 {
			continue
		}
		d := n - last[key]
		if d == 0 {
			continue
		}
		last[key] = n
		to := at[key]
		for ; d >= 0x80; d >>= 7 {
			m.postings[to] = byte(d) | 0x80
			to++
		}
		m.postings[to] = byte(d)
		at[key] = to + 1
	}
}

// allot makes the index with room for the postings, which write fills.
func (m *gramMaker) allot() gramIndex {
	present, total := 0, uint32(0)
	for gram := range gramCount {
		if m.count[gram] > 0 {
			present++
		}
	}
	x := gramIndex{keys: make([]uint32, 0, present), counts: make([]uint32, 0, present), ends: make([]uint32, 0, present)}
	for gram := range gramCount {
		if m.count[gram] == 0 {
			continue
		}
		x.keys, x.counts = append(x.keys, uint32(gram)), append(x.counts, m.count[gram])
		m.size[gram], total = total, total+m.size[gram]
		x.ends = append(x.ends, total)
	}
	x.postings = make([]byte, total)
	m.postings = x.postings
	clear(m.last)
	return x
}

func uvarintLen(d uint32) int {
	n := 1
	for ; d >= 0x80; d >>= 7 {
		n++
	}
	return n
}

// find returns the place of a gram among the keys, and how many entries have it.
func (x *gramIndex) find(gram uint32) (at int, count uint32) {
	at = sort.Search(len(x.keys), func(i int) bool { return x.keys[i] >= gram })
	if at == len(x.keys) || x.keys[at] != gram {
		return at, 0
	}
	return at, x.counts[at]
}

// list returns the postings of a key.
func (x *gramIndex) list(at int) postings {
	start := uint32(0)
	if at > 0 {
		start = x.ends[at-1]
	}
	return postings{rest: x.postings[start:x.ends[at]]}
}

// postings is what is left of a list.
type postings struct {
	rest []byte
	last uint32
}

// next returns the next number, plus one; 0 at the end.
func (p *postings) next() uint32 {
	if len(p.rest) == 0 {
		return 0
	}
	if d := p.rest[0]; d < 0x80 {
		p.rest = p.rest[1:]
		p.last += uint32(d)
		return p.last
	}
	d, size := binary.Uvarint(p.rest)
	p.rest = p.rest[size:]
	p.last += uint32(d)
	return p.last
}
