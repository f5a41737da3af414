package store

import (
	"fmt"
	"runtime"
	"slices"
)

// An op is what happens to one entry. It holds records: a decoded entry takes several times as much, and an import has
// hundreds of thousands.
type op struct {
	id     id
	index  int    // in Changes.Put and PutEach; -1 for what is not in them
	before []byte // the record in the file, valid until the commit; nil: there is none
	after  []byte // the record to be written; nil: none, because the entry is removed or stays as it is
	put    bool   // else it is removed

	overtaken bool // a removal that a put of the same entry took the place of
}

// opsPiece is how many ops are made at once.
const opsPiece = 512

// newOp returns an op of its own, cut from a larger piece.
func (a *applier) newOp(index int) *op {
	if len(a.freeOps) == 0 {
		a.freeOps = make([]op, min(opsPiece, max(8, len(a.ops))))
	}
	o := &a.freeOps[0]
	a.freeOps = a.freeOps[1:]
	o.index = index
	return o
}

// replaced decodes what the op replaces; nil for nothing.
func (o *op) replaced() (*Entry, error) {
	if o.before == nil {
		return nil, nil
	}
	return o.decode(o.before)
}

// entry decodes what an op that puts leaves behind.
func (o *op) entry() (*Entry, error) {
	if o.after == nil {
		return o.decode(o.before)
	}
	return o.decode(o.after)
}

func (o *op) decode(record []byte) (*Entry, error) {
	e, err := decodeRecord(o.id, record)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w: run dialtree check", o.id.kind(), o.id, err)
	}
	return &e, nil
}

// describe names what is put, without the ID that it would have got.
func (o *op) describe(e *Entry) EntryName {
	n := e.describe()
	if o.before == nil {
		n.ID = ""
	}
	return n
}

// sortOps fixes what is written, and in which order.
func (a *applier) sortOps() error {
	a.order = slices.DeleteFunc(a.order, func(o *op) bool { return o.overtaken })
	slices.SortFunc(a.order, func(x, y *op) int { return slices.Compare(x.id[:], y.id[:]) })
	a.writes = len(a.order)
	return nil
}

// restEvery is how many entries are planned or written at a time: some 100 µs of work.
const restEvery = 32

// rest is called before the i-th of many steps. A large change would else keep a search waiting for as long as the scheduler lets it run,
// some 10 ms.
func (a *applier) rest(i int) error {
	if i%restEvery != restEvery-1 {
		return nil
	}
	runtime.Gosched()
	return a.ctx.Err()
}
