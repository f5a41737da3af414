package cluster

import (
	"context"

	"github.com/dialtree/dialtree/store"
)

// uploadSnapshot puts the content into parts as the store writes it. Nothing names them yet; first is the revision at which they began.
func (l *changeLog) uploadSnapshot(ctx context.Context, from content) (r *record, sum []byte, first int64, err error) {
	r = &record{Node: l.node, Made: l.now().UTC(), Draft: newDraftID(), Schema: from.Schema()}
	p, err := l.packery.packer(func(n int, piece []byte) error {
		created, bytes, err := l.uploadPart(ctx, r.Draft, n, piece)
		if n == 0 {
			first = created
		}
		r.Bytes += bytes
		l.moved(PhaseSend, r.Bytes, 0)
		return err
	})
	if err != nil {
		return nil, nil, 0, err
	}
	defer l.packery.free(p)
	at, err := from.WriteContent(ctx, p)
	if err == nil {
		err = p.finish()
	}
	if err != nil {
		if first != 0 {
			l.dropParts(r.Draft, first)
		}
		return nil, nil, 0, err
	}
	r.Index, r.Chain, r.Plain, r.Parts = at.Index, at.Chain, p.plain, p.parts
	return r, p.sum.Sum(nil), first, nil
}

// snapshot makes one of this node's content, under the fences of the context. It returns nil where the content is not, or not surely, the cluster's.
func (l *changeLog) makeSnapshot(ctx context.Context) (*record, error) {
	if ours, err := l.onHistory(ctx, l.content.Membership().Position); err != nil || !ours {
		return nil, err
	}
	r, sum, first, err := l.uploadSnapshot(ctx, l.content)
	if err != nil {
		return nil, err
	}
	mac := l.chainer().snapshot(r, sum)
	r.MAC = &mac
	conditions := append([]Condition{CreatedAt(partKey(r.Draft, 0), first), CreatedAt(snapshotKey(r.Index), 0)}, fencesOf(ctx)...)
	done, _, err := l.txn(ctx, conditions, Put(snapshotKey(r.Index), r.value()))
	switch {
	case err != nil:
		return nil, err // perhaps it was done: the parts stay, and the next round sees
	case !done:
		l.dropParts(r.Draft, first)
		return nil, nil
	}
	l.set(func() { l.snapshot = Snapshot{Index: r.Index, Made: r.Made, Bytes: r.Bytes} })
	return r, nil
}

// onHistory tells whether a position is one of the changes in etcd.
func (l *changeLog) onHistory(ctx context.Context, at store.Position) (bool, error) {
	h, _, err := l.readHead(ctx)
	if err != nil || h.is(at) {
		return err == nil, err
	}
	p, _, err := l.get(ctx, changeKey(at.Index))
	if err != nil || p.Created == 0 {
		return false, err
	}
	r, err := parseRecord(p.Value)
	return err == nil && r.Chain == at.Chain, nil
}
