package directory

import (
	"encoding/binary"
	"slices"
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

// newGramIndex indexes a group in two passes: one to measure, one to write, so
// that no more is allocated than is kept.
func newGramIndex(s *segment, group gramGroup, breathe func()) gramIndex {
	var member [64]bool
	for id := range member {
		member[id] = groupOf(store.FieldID(id)) == group
	}
	pass := func(f func(n, gram uint32)) {
		for n := range uint32(s.len()) {
			if n%256 == 0 && breathe != nil {
				breathe()
			}
			for items := s.record(n).items(); len(items) > 0; {
				var tag byte
				var text []byte
				if tag, text, items = nextItem(items); member[tag&fieldMask] {
					eachGram(text, true, true, func(gram uint32) { f(n+1, gram) })
				}
			}
		}
	}
	last := make([]uint32, gramCount)
	size := make([]uint32, gramCount)
	count := make([]uint32, gramCount)
	pass(func(n, gram uint32) {
		if d := n - last[gram]; d != 0 {
			last[gram] = n
			size[gram] += uint32(uvarintLen(d))
			count[gram]++
		}
	})
	present, total := 0, uint32(0)
	for gram := range gramCount {
		if count[gram] > 0 {
			present++
		}
	}
	x := gramIndex{keys: make([]uint32, 0, present), counts: make([]uint32, 0, present), ends: make([]uint32, 0, present)}
	at := size // from here on: where the next posting of the gram goes
	for gram := range gramCount {
		if count[gram] == 0 {
			continue
		}
		x.keys, x.counts = append(x.keys, uint32(gram)), append(x.counts, count[gram])
		at[gram], total = total, total+size[gram]
		x.ends = append(x.ends, total)
	}
	x.postings = make([]byte, total)
	clear(last)
	pass(func(n, gram uint32) {
		if d := n - last[gram]; d != 0 {
			last[gram] = n
			at[gram] += uint32(binary.PutUvarint(x.postings[at[gram]:], uint64(d)))
		}
	})
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

// appendTo appends all numbers.
func (p postings) appendTo(dst []uint32, count uint32) []uint32 {
	dst = slices.Grow(dst, int(count))
	for n := p.next(); n != 0; n = p.next() {
		dst = append(dst, n-1)
	}
	return dst
}

// keep keeps what is in the list, too. Both ascend.
func (p postings) keep(numbers []uint32) []uint32 {
	kept := numbers[:0]
	n := p.next()
	for _, want := range numbers {
		for n != 0 && n-1 < want {
			n = p.next()
		}
		if n == 0 {
			break
		}
		if n-1 == want {
			kept = append(kept, want)
		}
	}
	return kept
}
