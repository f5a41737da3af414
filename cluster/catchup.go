package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/dialtree/dialtree/store"
)

// batch is how many changes are asked for at once; each is at most inlineBytes and its header.
const batch = 16

// catchUp brings the content to the head. The loop that follows and the drafts call it; one at a time works.
func (l *changeLog) catchUp(ctx context.Context) error {
	if err := take(ctx, l.following); err != nil {
		return err
	}
	defer func() { <-l.following }()
	var installed *record
	for {
		// The content's position is read before the head: what this node commits meanwhile cannot make it look ahead.
		at := l.content.Membership()
		h, _, err := l.readHead(ctx)
		switch {
		case err != nil:
			return err
		case h.Index < at.Index:
			return troublef("etcd is at change %d and this node at %d: etcd lost changes, as after it was restored from a backup; "+untilDecided, h.Index, at.Index)
		case h.is(at.Position):
			l.set(func() {
				if l.trouble = nil; l.away == nil {
					l.since = time.Time{}
				}
			})
			return nil
		case h.Schema > store.SchemaVersion():
			return troublef("the content has schema version %d, and this dialtree knows versions up to %d: upgrade this node; until then it serves what it has", h.Schema, store.SchemaVersion())
		}
		err = l.advance(ctx, at.Position, h)
		switch {
		case errors.Is(err, errElsewhere):
			installed, err = l.install(ctx, installed, errors.Is(err, errOtherHistory))
		case errors.Is(err, store.ErrPosition):
			err = nil // this node's own change came between
		}
		if err != nil {
			return err
		}
	}
}

const untilDecided = "nothing is changed until somebody decides: dialtree cluster init --replace on the node with the newest content makes that the content of all; " +
	"dialtree cluster join on a node takes over what etcd has"

// errElsewhere means that what etcd has does not follow what this node has: a snapshot has to come first.
var errElsewhere = errors.New("the next change does not follow this content")

// errOtherHistory is an errElsewhere of a node that is not just behind: it may have changes that the cluster has not.
var errOtherHistory = fmt.Errorf("this node has another history: %w", errElsewhere)

// advance applies changes that follow a position, if they do.
func (l *changeLog) advance(ctx context.Context, at store.Position, h head) error {
	switch {
	case at.Unknown(), h.Index == at.Index:
		return errOtherHistory // restored, or with other changes
	case at.Chain == [32]byte{}:
		return errElsewhere // a directory that is being filled
	}
	pairs, _, err := l.list(ctx, prefixChanges, changeKey(at.Index+1), batch, false)
	if err != nil {
		return err
	}
	if len(pairs) == 0 {
		return errElsewhere
	}
	for _, p := range pairs {
		if at, err = l.apply(ctx, at, p); err != nil {
			return err
		}
	}
	return nil
}

// apply takes one change over. It returns the new position.
func (l *changeLog) apply(ctx context.Context, at store.Position, p Pair) (store.Position, error) {
	r, err := parseRecord(p.Value)
	if err != nil || p.Key != changeKey(r.Index) {
		return at, errElsewhere
	}
	if r.Schema > store.SchemaVersion() {
		return at, troublef("change %d has schema version %d, and this dialtree knows versions up to %d: upgrade this node; until then it serves what it has", r.Index, r.Schema, store.SchemaVersion())
	}
	switch {
	case r.Kind == kindReplace:
		return at, errOtherHistory
	case r.Index != at.Index+1:
		return at, errElsewhere // those between were cleared away
	}
	err = l.read(ctx, r, func(sum []byte) bool { return l.chainer().next(at.Chain, r, sum) == r.Chain }, func(content io.Reader) error {
		return l.content.Follow(ctx, r.position(), content)
	})
	switch {
	case errors.Is(err, errUnverified):
		return at, errOtherHistory
	case errors.Is(err, errSeal), errors.Is(err, errGone):
		return at, errElsewhere
	case err != nil:
		return at, err
	}
	return r.position(), nil
}

// install replaces the content by the latest snapshot, which it returns. The changes behind it come next; where they did not follow the one that was installed before, only a newer one helps.
// differs is for the log: this node may have changes that nobody else has.
func (l *changeLog) install(ctx context.Context, before *record, differs bool) (*record, error) {
	at := l.content.Membership()
	r, err := l.latestSnapshot(ctx)
	switch {
	case err != nil:
		return nil, err
	case r == nil:
		return nil, troublef("etcd has no snapshot that this node could begin with: the node that runs the schedules makes one; dialtree cluster status shows which that is")
	case before != nil && before.Index == r.Index:
		return nil, troublef("the changes in etcd do not follow its snapshot: they were damaged or tampered with; dialtree cluster init --replace on the node with the newest content mends it")
	case r.Index < at.Index && !at.Unknown():
		// Nobody knows yet whether the changes behind it are there and sound: who may write to etcd must not make nodes give up what they have for less.
		return nil, troublef("what etcd has does not follow change %d, at which this node is, and its snapshot is of change %d: what is there was damaged or tampered with, or etcd was restored from a backup and has gone on since; "+untilDecided, at.Index, r.Index)
	case r.Schema > store.SchemaVersion():
		return nil, troublef("the content has schema version %d, and this dialtree knows versions up to %d: upgrade this node; until then it serves what it has", r.Schema, store.SchemaVersion())
	}
	if about := []any{"had", at.Index, "snapshot", r.Index, "bytes", r.Bytes}; differs {
		l.logger.Warn("the content is replaced by a snapshot, as this node's history is not the cluster's: changes that only this node had are gone", about...)
	} else {
		l.logger.Info("the content is replaced by a snapshot: this node was too far behind", about...)
	}
	err = l.read(ctx, r, func(sum []byte) bool { return r.MAC != nil && l.chainer().snapshot(r, sum) == *r.MAC }, func(content io.Reader) error {
		return l.content.ReplaceContent(ctx, r.position(), content)
	})
	if errors.Is(err, errGone) {
		switch now, err := l.latestSnapshot(ctx); {
		case err != nil:
			return nil, err
		case now == nil || now.Draft != r.Draft:
			return nil, errBusy
		}
	}
	switch {
	case errors.Is(err, errUnverified), errors.Is(err, errSeal), errors.Is(err, errGone):
		return nil, troublef("the snapshot of change %d in etcd is not what this cluster's nodes wrote: it was damaged or tampered with; dialtree cluster init --replace on the node with the newest content mends it", r.Index)
	}
	return r, err
}

// errBusy means that what is being read was cleared away for something newer: the next try finds that.
var errBusy = errors.New("the snapshot was replaced by a newer one while it was read")

// latestSnapshot returns nil where there is none.
func (l *changeLog) latestSnapshot(ctx context.Context) (*record, error) {
	pairs, _, err := l.list(ctx, prefixSnapshots, "", 0, false)
	if err != nil || len(pairs) == 0 {
		return nil, err
	}
	p := pairs[len(pairs)-1]
	r, err := parseRecord(p.Value)
	if err != nil || p.Key != snapshotKey(r.Index) {
		return nil, troublef("the latest snapshot in etcd cannot be read: it was written by something else")
	}
	l.set(func() { l.snapshot = Snapshot{Index: r.Index, Made: r.Made, Bytes: r.Bytes, Tail: l.snapshot.Tail} })
	return r, nil
}

// read opens the content of a record for use. An error of the reader goes before what use made of it.
func (l *changeLog) read(ctx context.Context, r *record, check func([]byte) bool, use func(io.Reader) error) error {
	u, err := l.packery.unpacker(r.Plain, l.fetch(ctx, r), check)
	if err != nil {
		return err
	}
	defer u.free()
	err = use(u)
	if u.err != nil && u.err != io.EOF {
		return u.err
	}
	return err
}

// fetch returns the pieces of a record one after the other.
func (l *changeLog) fetch(ctx context.Context, r *record) func() ([]byte, error) {
	n, fetched := 0, int64(0)
	var ahead []Pair
	return func() ([]byte, error) {
		n++
		switch {
		case r.Parts == 0 && n == 1:
			return l.sealer().open(partKey(r.Draft, 0), r.inline)
		case n > r.Parts:
			return nil, io.EOF
		}
		key := partKey(r.Draft, n-1)
		if len(ahead) == 0 {
			var err error
			if ahead, _, err = l.list(ctx, draftPrefix(r.Draft), key, 4, false); err != nil {
				return nil, err
			}
		}
		if len(ahead) == 0 || ahead[0].Key != key {
			return nil, errGone
		}
		sealed := ahead[0].Value
		ahead = ahead[1:]
		fetched += int64(len(sealed))
		l.moved(PhaseFetch, fetched, r.Bytes)
		return l.sealer().open(key, sealed)
	}
}
