package directory

import (
	"cmp"
	"math"
	"slices"
	"sort"

	"github.com/dialtree/dialtree/store"
)

// A numberIndex has the canonical numbers of all entries in their order, and once
// more in the order of their ends: a number, its beginning and its end are each a
// range. A key holds the first sixteen characters, four bits each, which is all of
// an E.164 number; what agrees in more is told apart by looking at the entry.
type numberIndex struct {
	forward, backward numberOrder
}

// A numberOrder is keys, ascending, and the entry of each.
type numberOrder struct {
	keys    []uint64
	entries []uint32
}

const keyLen = 16

func newNumberIndex(s *segment, pace *pacer) numberIndex {
	count := 0
	eachNumber(s, func(uint32, []byte) { pace.work(1); count++ })
	type pair struct {
		key   uint64
		entry uint32
	}
	pairs := make([]pair, 0, count)
	order := func(key func([]byte) uint64) numberOrder {
		pairs = pairs[:0]
		eachNumber(s, func(n uint32, number []byte) {
			pace.work(1)
			pairs = append(pairs, pair{key(number), n})
		})
		slices.SortFunc(pairs, func(a, b pair) int {
			pace.work(1)
			if a.key != b.key {
				return cmp.Compare(a.key, b.key)
			}
			return cmp.Compare(a.entry, b.entry)
		})
		o := numberOrder{keys: make([]uint64, count), entries: make([]uint32, count)}
		for i, p := range pairs {
			o.keys[i], o.entries[i] = p.key, p.entry
		}
		return o
	}
	return numberIndex{forward: order(forwardKey), backward: order(backwardKey)}
}

func eachNumber(s *segment, f func(n uint32, number []byte)) {
	var member [64]bool
	for id := range member {
		member[id] = groupOf(store.FieldID(id)) == gramNumbers
	}
	for n := range uint32(s.len()) {
		for items := s.record(n).items(); len(items) > 0; {
			var tag byte
			var text []byte
			if tag, text, items = nextItem(items); member[tag&fieldMask] {
				f(n, text)
			}
		}
	}
}

// nibble is a character of a number in four bits. It keeps the order of digits; 0
// is the end.
func nibble(c byte) uint64 {
	switch {
	case '0' <= c && c <= '9':
		return uint64(c-'0') + 1
	case c == '+':
		return 13
	case c == '*':
		return 11
	case c == '#':
		return 12
	}
	return 14
}

func forwardKey(number []byte) uint64 {
	var key uint64
	for i, c := range number[:min(len(number), keyLen)] {
		key |= nibble(c) << (60 - 4*i)
	}
	return key
}

func backwardKey(number []byte) uint64 {
	var key uint64
	for i := range min(len(number), keyLen) {
		key |= nibble(number[len(number)-1-i]) << (60 - 4*i)
	}
	return key
}

// span returns the part of the order whose keys begin with the first n characters
// of key.
func (o *numberOrder) span(key uint64, n int) []uint32 {
	low := sort.Search(len(o.keys), func(i int) bool { return o.keys[i] >= key })
	last := key
	if n < keyLen {
		last |= math.MaxUint64 >> (4 * n)
	}
	rest := o.keys[low:]
	high := sort.Search(len(rest), func(i int) bool { return rest[i] > last })
	return o.entries[low : low+high]
}

// equal returns the entries of numbers that are this one, as far as keys tell.
func (x *numberIndex) equal(number []byte) []uint32 {
	return x.forward.span(forwardKey(number), keyLen)
}

// beginning returns the entries of numbers that begin so.
func (x *numberIndex) beginning(part []byte) []uint32 {
	return x.forward.span(forwardKey(part), len(part))
}

// ending returns the entries of numbers that end so.
func (x *numberIndex) ending(part []byte) []uint32 {
	return x.backward.span(backwardKey(part), len(part))
}
