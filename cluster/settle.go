package cluster

import (
	"context"
	"time"
)

const (
	// settleWithin is how long etcd may stay silent before a change is in doubt.
	settleWithin = 10 * time.Second
	settleEvery  = 500 * time.Millisecond
)

// A settlement is what became of a transaction whose answer was lost.
type settlement int

const (
	settledNever     settlement = iota // it was not done, and never can be
	settledMade                        // it was done
	settledOvertaken                   // another node's change has the index
)

// settle finds out what became of a commit. It touches the head if that is as the commit wants it: then the commit was not done, and can never be, even
// if it is still on its way. Otherwise it was done, or is void already. at is the revision of the head now, where there is something to be sent anew, or the change's.
// An error means that nobody knows.
func (l *changeLog) settle(r *record, before head, headRev int64) (what settlement, at int64, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), settleWithin)
	defer cancel()
	for {
		what, at, err = l.settleOnce(ctx, r, before, headRev)
		if err == nil || ctx.Err() != nil {
			return what, at, err
		}
		select {
		case <-time.After(settleEvery):
		case <-ctx.Done():
			return 0, 0, err
		}
	}
}

func (l *changeLog) settleOnce(ctx context.Context, r *record, before head, headRev int64) (settlement, int64, error) {
	done, revision, err := l.txn(ctx, []Condition{ModifiedAt(keyHead, headRev)}, Put(keyHead, before.value()))
	if err != nil {
		return 0, 0, err
	}
	if done {
		l.noteHead(before, revision, revision)
		return settledNever, revision, nil
	}
	return l.lookFor(ctx, r, before)
}

// lookFor finds out what became of a commit that is not on its way any more, or is void if it is.
func (l *changeLog) lookFor(ctx context.Context, r *record, before head) (settlement, int64, error) {
	if what, at, err := l.find(ctx, r); err != nil || what != settledNever {
		return what, at, err
	}
	now, at, err := l.readHead(ctx)
	if err != nil {
		return 0, 0, err
	}
	switch {
	case now == before:
		return settledNever, at, nil // another node's settling touched the head: this commit is void
	case now.Index < r.Index:
		return settledOvertaken, 0, nil // the content was replaced
	}
	return l.found(ctx, r)
}

// find looks for a change that may have been made. settledNever means that there is none with its index, now.
func (l *changeLog) find(ctx context.Context, r *record) (settlement, int64, error) {
	p, _, err := l.get(ctx, changeKey(r.Index))
	if err != nil || p.Created == 0 {
		return settledNever, 0, err
	}
	found, err := parseRecord(p.Value)
	if err != nil {
		return 0, 0, troublef("change %d in etcd cannot be read: %v", r.Index, err)
	}
	if found.Draft == r.Draft && found.Chain == r.Chain {
		return settledMade, p.Created, nil
	}
	return settledOvertaken, 0, nil
}

// found is for a change whose index the head has: it was made between the look at it and the look at the head, or was cleared away already.
func (l *changeLog) found(ctx context.Context, r *record) (settlement, int64, error) {
	what, at, err := l.find(ctx, r)
	if err == nil && what == settledNever {
		err = troublef("change %d was cleared away before anybody could look", r.Index)
	}
	return what, at, err
}
