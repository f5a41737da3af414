package cluster

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/dialtree/dialtree/store"
)

// commitTries is how often a commit is sent that certainly was not done.
const commitTries = 3

// Commit is store.Draft's. What makes the change is one transaction of etcd: the head is as it was when the store planned the change, nobody else has the writer's lock,
// what the context rests on is still held, and the parts are still there.
func (d *draft) Commit(ctx context.Context, after store.Position) (store.Position, error) {
	began := d.l.now()
	at, err := d.commit(ctx, after)
	if result := commitResult(err); result != "" {
		d.l.counted(result, d.l.now().Sub(began))
	}
	return at, err
}

func (d *draft) commit(ctx context.Context, after store.Position) (store.Position, error) {
	if err := d.p.finish(); err != nil {
		return store.Position{}, err
	}
	h, headRev := d.l.known()
	if !h.is(after) {
		return store.Position{}, &store.OvertakenError{}
	}
	r := &record{Index: after.Index + 1, Schema: d.l.content.Schema(), Node: d.l.node, Plain: d.p.plain, Draft: d.id}
	if err := d.place(ctx, r); err != nil {
		return store.Position{}, d.l.awayError(ctx, err)
	}
	r.Chain = d.l.chainer().next(after.Chain, r, d.p.sum.Sum(nil))
	return d.send(ctx, r, h, headRev)
}

// place seals the change: into the record where it is small enough, or into parts.
func (d *draft) place(ctx context.Context, r *record) error {
	if len(d.pieces) == 1 && len(d.pieces[0])+sealOverhead <= d.l.packery.inline {
		r.inline = d.l.sealer().seal(nil, partKey(d.id, 0), d.pieces[0])
		r.Bytes = int64(len(r.inline))
		return nil
	}
	for n, piece := range d.pieces {
		created, bytes, err := d.l.uploadPart(ctx, d.id, n, piece)
		if err != nil {
			return err
		}
		if n == 0 {
			d.uploaded = created
		}
		r.Bytes += bytes
	}
	r.Parts = len(d.pieces)
	d.pieces = nil
	return nil
}

// send has etcd make the change. A transaction whose answer was lost is settled before anything else is done.
func (d *draft) send(ctx context.Context, r *record, before head, headRev int64) (store.Position, error) {
	for range commitTries {
		if err := ctx.Err(); err != nil {
			return store.Position{}, err
		}
		// The caller going away must not leave a change in doubt.
		done, at, err := d.l.txn(context.WithoutCancel(ctx), d.conditions(ctx, headRev), d.ops(r)...)
		switch {
		case err == nil && done:
			return d.made(r, at), nil
		case err == nil:
			if headRev, at, err = d.refused(ctx, r, before, headRev); err != nil || at != 0 {
				return d.ended(r, at, err)
			}
			continue
		case isRefusal(err):
			return store.Position{}, d.l.awayError(context.Background(), err)
		case errors.Is(err, ErrNoSpace):
			return d.full(ctx, r, before, err)
		}
		what, at, err := d.l.settle(r, before, headRev)
		switch {
		case err != nil:
			d.committed = true // perhaps: the parts must stay
			d.l.setAway(err)
			return store.Position{}, &store.DoubtError{Err: err}
		case what == settledMade:
			return d.made(r, at), nil
		case what == settledOvertaken:
			return store.Position{}, &store.OvertakenError{}
		}
		headRev = at
	}
	return store.Position{}, d.l.awayError(ctx, ErrUnreachable)
}

func (d *draft) conditions(ctx context.Context, headRev int64) []Condition {
	conditions := append([]Condition{ModifiedAt(keyHead, headRev)}, fencesOf(ctx)...)
	conditions = append(conditions, d.l.mayWrite())
	if d.uploaded != 0 {
		conditions = append(conditions, CreatedAt(partKey(d.id, 0), d.uploaded))
	}
	return conditions
}

// mayWrite holds while this node has the writer's lock, or nobody. A lock that was lost is as none: whoever has it now keeps the change out.
func (l *changeLog) mayWrite() Condition {
	l.mu.Lock()
	held := l.held
	l.mu.Unlock()
	if held != nil {
		select {
		case <-held.Done():
		default:
			return held.Condition()
		}
	}
	return NoneBelow(nameLock)
}

func (d *draft) ops(r *record) []Op {
	return []Op{Put(changeKey(r.Index), r.value()), Put(keyHead, head{r.Index, r.Chain, r.Schema}.value())}
}

func (h head) value() []byte {
	text, err := json.Marshal(h)
	if err != nil {
		panic(err) // a struct of plain fields
	}
	return text
}

// made remembers a change of one's own, so that the next one follows it without a question.
func (d *draft) made(r *record, at int64) store.Position {
	d.committed = true
	d.l.noteHead(head{r.Index, r.Chain, r.Schema}, at, at)
	return r.position()
}

func (d *draft) ended(r *record, at int64, err error) (store.Position, error) {
	if err != nil {
		return store.Position{}, err
	}
	return d.made(r, at), nil
}

// refused finds out which condition did not hold. It returns the revision of the head where the change can be sent anew, or at where it was made after all. Otherwise, but for
// *store.DoubtError, nothing was done, for certain.
func (d *draft) refused(ctx context.Context, r *record, before head, headRev int64) (again, at int64, err error) {
	h, now, err := d.l.readHead(ctx)
	if err != nil {
		return 0, 0, d.l.awayError(ctx, err)
	}
	if h == before && now != headRev {
		return now, 0, nil // another node touched it to settle a change of its own
	}
	if h != before {
		// A client of etcd that sends a request twice is told of the second one: look whether the first was ours.
		what, at, err := d.l.find(ctx, r)
		switch {
		case err != nil:
			d.committed = true // perhaps: the parts must stay
			return 0, 0, &store.DoubtError{Err: err}
		case what == settledMade:
			return 0, at, nil
		}
		return 0, 0, &store.OvertakenError{}
	}
	if fences := fencesOf(ctx); len(fences) > 0 {
		holds, _, err := d.l.txn(ctx, fences)
		if err != nil {
			return 0, 0, d.l.awayError(ctx, err)
		}
		if !holds {
			return 0, 0, errFenced
		}
	}
	d.l.set(func() { d.l.locked = true }) // the next draft looks, and waits
	return 0, 0, &store.OvertakenError{}
}

// full finds out whether a change was made to which etcd answered that it has no space left.
func (d *draft) full(ctx context.Context, r *record, before head, why error) (store.Position, error) {
	what, at, err := d.l.lookFor(context.WithoutCancel(ctx), r, before)
	switch {
	case err != nil:
		d.committed = true // perhaps: the parts must stay
		return store.Position{}, &store.DoubtError{Err: err}
	case what == settledMade:
		return d.made(r, at), nil
	}
	return store.Position{}, d.l.awayError(context.Background(), why)
}

// commitResult is a label of a metric; empty for what was given up or failed here.
func commitResult(err error) string {
	var doubt *store.DoubtError
	switch {
	case err == nil:
		return "committed"
	case errors.Is(err, store.ErrConflict):
		return "overtaken"
	case errors.As(err, &doubt):
		return "doubt"
	case errors.Is(err, store.ErrAway):
		return "away"
	}
	return ""
}
