package store

import (
	"encoding/binary"
	"iter"
)

// Packed holds entries in the form in which the file has them: a third of what they take decoded, and nothing for the collector to look at. An
// entry that is still to be created, without an ID, is fine; a masked password hash is kept as none. The zero Packed is empty.
type Packed struct {
	pieces  [][]byte // kind, ID, length of the record, record; one after the other
	n       int
	scratch []byte
}

// packedPiece is how much is freed at a time while Drain goes along.
const packedPiece = 1 << 20

// Len returns the number of entries.
func (p *Packed) Len() int { return p.n }

// Add adds a copy of an entry.
func (p *Packed) Add(e *Entry) {
	sorted := *e
	sorted.Values = e.Values.sorted()
	p.scratch = appendRecord(p.scratch[:0], &sorted)
	size := 1 + textLen(e.ID) + uvarintLen(uint64(len(p.scratch))) + len(p.scratch)
	last := len(p.pieces) - 1
	if last < 0 || size > cap(p.pieces[last])-len(p.pieces[last]) {
		p.pieces = append(p.pieces, make([]byte, 0, max(size, min(packedPiece, 64*size*(last+2)))))
		last++
	}
	b := append(p.pieces[last], byte(e.Kind))
	b = appendText(b, e.ID)
	b = binary.AppendUvarint(b, uint64(len(p.scratch)))
	p.pieces[last] = append(b, p.scratch...)
	p.n++
}

// All visits the entries in the order in which they were added, with their numbers. The entry and its Values are valid until the next; its texts for ever.
func (p *Packed) All() iter.Seq2[int, *Entry] { return p.walk(false) }

// Drain is All, and forgets what it has visited.
func (p *Packed) Drain() iter.Seq2[int, *Entry] { return p.walk(true) }

func (p *Packed) walk(drain bool) iter.Seq2[int, *Entry] {
	return func(yield func(int, *Entry) bool) {
		var e Entry
		i := 0
		for at := range p.pieces {
			for rest := p.pieces[at]; len(rest) > 0; i++ {
				rest = e.unpack(rest)
				if !yield(i, &e) {
					return
				}
			}
			if drain {
				p.pieces[at] = nil
			}
		}
		if drain {
			*p = Packed{}
		}
	}
}

// unpack decodes the first of the entries that Add packed, and returns the rest.
func (e *Entry) unpack(b []byte) []byte {
	kind := Kind(b[0])
	idLen, n := binary.Uvarint(b[1:])
	b = b[1+n:]
	entryID := string(b[:idLen])
	b = b[idLen:]
	recordLen, n := binary.Uvarint(b)
	b = b[n:]
	*e = Entry{Kind: kind, ID: entryID, Values: e.Values}
	if err := e.decode(string(b[:recordLen])); err != nil {
		panic("store: packed entry: " + err.Error()) // it was never anywhere but in this memory
	}
	return b[recordLen:]
}

// Filter returns the entries that keep wants, by their numbers.
func (p *Packed) Filter(keep func(i int) bool) Packed {
	var kept Packed
	for i, e := range p.All() {
		if keep(i) {
			kept.Add(e)
		}
	}
	return kept
}
