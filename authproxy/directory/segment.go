package directory

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math/bits"
	"runtime"
	"slices"
	"sync"
)

// A segment is a set of records with its indexes. It never changes.
//
// Entries are known by their number in it, which follows the order of display
// names: whatever is found in ascending order is found in the order in which it
// is sent.
type segment struct {
	chunks [][]byte
	at     []uint64 // by number: chunk and offset of the record
	fields []uint64 // by number: which fields have a value
	byID   []uint32 // numbers in the order of IDs
	live   int      // bytes of the records; chunks may hold more

	grams   [gramGroups]gramIndex
	numbers numberIndex

	mu     sync.Mutex // guards orders
	orders map[string][]uint32
}

const (
	chunkSize = 1 << 20
	// leastIndexed is from how many entries on n-grams pay: below, looking at each
	// entry is as fast.
	leastIndexed = 256
)

func (s *segment) len() int { return len(s.at) }

func (s *segment) record(n uint32) record {
	at := s.at[n]
	return record(s.chunks[at>>32][uint32(at):])
}

// find returns the number of the entry with an ID.
func (s *segment) find(id string) (uint32, bool) {
	i, ok := slices.BinarySearchFunc(s.byID, id, func(n uint32, id string) int {
		return cmp.Compare(string(s.record(n).id()), id)
	})
	if !ok {
		return 0, false
	}
	return s.byID[i], true
}

// compareRecords orders by display name, then by ID.
func compareRecords(a, b record) int {
	if c := bytes.Compare(a.key(), b.key()); c != 0 {
		return c
	}
	return bytes.Compare(a.id(), b.id())
}

// A builder collects records, in the order of their IDs, for a segment.
type builder struct {
	encoder encoder
	chunks  [][]byte
	at      []uint64
	room    []byte // of the record that is made
	pace    *pacer
}

func (b *builder) add(r record) {
	last := len(b.chunks) - 1
	if last < 0 || len(b.chunks[last])+len(r) > cap(b.chunks[last]) {
		b.chunks = append(b.chunks, make([]byte, 0, max(chunkSize, len(r))))
		last++
	}
	b.at = append(b.at, uint64(last)<<32|uint64(len(b.chunks[last])))
	b.chunks[last] = append(b.chunks[last], r...)
}

// segment makes the segment. The builder is used up.
func (b *builder) segment() *segment {
	s := b.plain()
	s.index(b.pace)
	return s
}

// plain makes the segment without its indexes.
func (b *builder) plain() *segment {
	s := &segment{chunks: b.chunks, at: b.at}
	s.order(b.pace)
	return s
}

// merge makes one segment of two, without those that are dead in the first. The
// records are shared unless half of what they lie in is of no use any more.
func merge(older *segment, dead bitmap, newer *segment, pace *pacer) *segment {
	s := &segment{chunks: slices.Concat(older.chunks, newer.chunks)}
	offset := uint64(len(older.chunks)) << 32
	next := newer.byID
	add := func(at uint64) { s.at = append(s.at, at) }
	s.at = make([]uint64, 0, older.len()+newer.len())
	for _, n := range older.byID {
		pace.work(2)
		if dead.has(n) {
			continue
		}
		id := older.record(n).id()
		for len(next) > 0 && bytes.Compare(newer.record(next[0]).id(), id) < 0 {
			add(newer.at[next[0]] + offset)
			next = next[1:]
		}
		add(older.at[n])
	}
	for _, n := range next {
		add(newer.at[n] + offset)
	}
	s.order(pace)
	if held := s.held(); held > 2*s.live+chunkSize {
		s.compact()
	}
	s.index(pace)
	return s
}

// held is how many bytes the chunks hold.
func (s *segment) held() int {
	held := 0
	for _, c := range s.chunks {
		held += cap(c)
	}
	return held
}

// compact copies the records into chunks of their own.
func (s *segment) compact() {
	var b builder
	for i := range s.at {
		r := s.record(uint32(i))
		b.add(r[:r.size()])
	}
	s.chunks, s.at = b.chunks, b.at
}

// size is the length of the record.
func (r record) size() int {
	rest := r.attributes()
	head := len(r) - len(rest)
	n, at, body := int(rest[0]), 1, 0
	for range n {
		length, size := binary.Uvarint(rest[at+1:])
		at += 1 + size
		body += int(length)
	}
	return head + at + body
}

// order numbers the records, which come in the order of their IDs.
func (s *segment) order(pace *pacer) {
	type place struct {
		head uint64 // of the key, so that most comparisons need not look further
		from uint32
	}
	places := make([]place, len(s.at))
	for i := range s.at {
		pace.work(2)
		r := s.record(uint32(i))
		places[i] = place{head: head64(r.key()), from: uint32(i)}
		s.live += r.size()
	}
	slices.SortFunc(places, func(a, b place) int {
		pace.work(1)
		if a.head != b.head {
			return cmp.Compare(a.head, b.head)
		}
		return compareRecords(s.record(a.from), s.record(b.from))
	})
	at := make([]uint64, len(places))
	s.byID = make([]uint32, len(places))
	s.fields = make([]uint64, len(places))
	for n, p := range places {
		at[n] = s.at[p.from]
		s.byID[p.from] = uint32(n)
	}
	s.at = at
	for n := range at {
		s.fields[n] = s.record(uint32(n)).fields()
	}
}

// head64 is the first eight bytes, so that they compare as the text does.
func head64(text []byte) uint64 {
	var head [8]byte
	copy(head[:], text)
	return binary.BigEndian.Uint64(head[:])
}

// index makes the indexes. In the background, where there is a pacer, one processor
// is enough; at the start nobody else needs the others.
func (s *segment) index(pace *pacer) {
	if s.len() < leastIndexed || pace != nil {
		s.numbers = newNumberIndex(s, pace)
		if s.len() >= leastIndexed {
			s.grams = newGramIndexes(s, pace)
		}
		return
	}
	var numbers sync.WaitGroup
	numbers.Go(func() { s.numbers = newNumberIndex(s, nil) })
	s.grams = newGramIndexes(s, nil)
	numbers.Wait()
}

// A pacer lets searches go first while an index is made in the background: every
// tenth of a millisecond it gives the processor to whoever waits for one, which
// the runtime itself does every ten only. The nil pacer is in a hurry.
type pacer struct{ done int }

// work notes that about so many hundreds of nanoseconds of work were done.
func (p *pacer) work(n int) {
	if p == nil {
		return
	}
	if p.done += n; p.done >= 1000 {
		p.done = 0
		runtime.Gosched()
	}
}

// A bitmap is a set of numbers. The nil bitmap is empty.
type bitmap []uint64

func newBitmap(n int) bitmap { return make(bitmap, (n+63)/64) }

func (b bitmap) has(n uint32) bool { return b != nil && b[n>>6]&(1<<(n&63)) != 0 }

func (b bitmap) count() int {
	n := 0
	for _, word := range b {
		n += bits.OnesCount64(word)
	}
	return n
}

func (b bitmap) set(n uint32) { b[n>>6] |= 1 << (n & 63) }
