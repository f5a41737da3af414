package store

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"go.etcd.io/bbolt"
)

// Apply is the only way to change anything. It does all of c or, with an error, nothing; when it returns, the change is on the disk. Its errors
// are *EntryError, *ConflictError, *ChangedError, *NotFoundError, *ObjectError, *WriteError, *CorruptError, ErrClosed, or the context's.
// Applies are done one after the other. c is not changed; it must not be while Apply runs.
//
// In a store that shares its content the change is one of all nodes when Apply returns, and there are further errors: *AwayError, *OvertakenError, *DoubtError, *MemberError.
// What changes sessions only is done for this node alone while the others are out of reach; its audit records are dropped then.
func (s *Store) Apply(ctx context.Context, c *Changes) (Applied, error) {
	switch {
	case c.DryRun || !s.shares():
		return s.attempt(ctx, c, alone, nil)
	case s.local(c):
		if applied, err := s.attempt(ctx, c, ownOnly, nil); !errors.Is(err, errShared) {
			return applied, err
		}
	}
	return s.applyShared(ctx, c)
}

// attempt does a change, unless another node's came first.
func (s *Store) attempt(ctx context.Context, c *Changes, how manner, draft Draft) (Applied, error) {
	var applied Applied
	err := s.write(ctx, func(tx *bbolt.Tx) error {
		if how == alone && !c.DryRun && s.shares() { // since Apply looked
			return &MemberError{Cluster: s.Membership().Cluster}
		}
		a := newApplier(ctx, s, tx, c)
		a.share(how, draft)
		if err := a.run(); err != nil {
			return err
		}
		if !c.DryRun && a.writesAnything() {
			if err := a.commit(draft); err != nil {
				return err
			}
		}
		applied = a.applied
		return nil
	})
	return applied, err
}

// write calls f with a transaction that it may write and commit, one at a time. What it does not commit has not happened.
func (s *Store) write(ctx context.Context, f func(*bbolt.Tx) error) (err error) {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.unlock()
	if err := s.mayChange(); err != nil {
		return err
	}
	defer s.contain(&err, debug.SetPanicOnFault(true))
	tx, err := s.beginWrite()
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it has nothing to do
	return f(tx)
}

func (s *Store) lock(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case s.writer <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Store) unlock() { <-s.writer }

// An applier is one Apply at work.
type applier struct {
	ctx     context.Context
	s       *Store
	tx      *bbolt.Tx
	w       writes // all that it writes
	how     manner
	c       *Changes
	entries bucket
	now     time.Time
	seq     uint64 // of this change
	had     int    // entries before it
	counts  Counts

	ops     map[id]*op
	freeOps []op
	order   []*op // those that write, ordered by id: bbolt is many times faster in order
	writes  int   // len(order), once it is known
	records arena
	scratch []byte // for the next record
	indexes [4]index

	auditedObjects []auditedObject
	auditedEntries []AuditRecord
	audited        bool // there are audit records or refusals to be written

	objects []ObjectRef
	removed map[ObjectRef]bool // by c.RemoveObjects
	known   map[ObjectRef]bool // what objectKnown found
	applied Applied
}

func newApplier(ctx context.Context, s *Store, tx *bbolt.Tx, c *Changes) *applier {
	st := s.state.Load()
	a := &applier{
		ctx: ctx, s: s, tx: tx, c: c,
		now:     s.now().UTC().Truncate(time.Second),
		seq:     st.seq + 1,
		counts:  st.counts.clone(),
		had:     st.counts.Users + st.counts.Contacts + st.counts.SpeedDials,
		indexes: newIndexes(),
		ops:     make(map[id]*op, len(c.Put)+len(c.Remove)),
		removed: make(map[ObjectRef]bool),
		known:   make(map[ObjectRef]bool),
		applied: Applied{
			Seq:     st.seq,
			IDs:     make([]string, 0, len(c.Put)),
			Effects: make([]Effect, 0, len(c.Put)),
			Objects: make([]Effect, len(c.PutObjects)),
		},
	}
	a.w.tx = tx
	a.entries = a.w.table(bucketEntries)
	return a
}

func (a *applier) changed() bool { return a.writes > 0 || len(a.objects) > 0 }

// large is how many entries a change has to write before the memory that it takes is looked after.
const large = 10_000

// releaseNames forgets what only the indexes needed.
func (a *applier) releaseNames() error {
	a.ops, a.freeOps = nil, nil
	a.collect()
	return nil
}

// release forgets what the commit does not need. bbolt makes all the pages of a change at once in a commit; that is the moment at which an import
// takes most memory, so what planning left behind should be gone by then.
func (a *applier) release() {
	a.order, a.records = nil, arena{}
	a.collect()
}

// collect frees what a large change has let go of, before bbolt doubles what it holds. It takes 20 ms for 200,000 contacts; without it, they
// take 60 MB more.
func (a *applier) collect() {
	if a.writes > large {
		runtime.GC()
	}
}

func (a *applier) run() error {
	for _, step := range [...]func() error{
		a.checkExpectations,
		a.putObjects,
		a.planRemovals,
		a.planPuts,
		a.planForced,
		a.sortOps,
		a.auditEntries,
		a.planIndexRemovals,
		a.writeIndexes,
		a.releaseNames,
		a.writeEntries,
		a.removeObjects,
		a.checkObjectReferences,
		a.finish,
		a.changePlans,
		a.changeSessions,
		a.writeAudit,
		a.writeRefusals,
	} {
		if err := a.ctx.Err(); err != nil {
			return err
		}
		if err := step(); err != nil {
			return err
		}
		if err := a.w.noteError(); err != nil {
			return err
		}
	}
	return nil
}

// commit makes the change, for all nodes where it is theirs.
func (a *applier) commit(draft Draft) (err error) {
	if err := a.ctx.Err(); err != nil {
		return err
	}
	a.release()
	if a.w.note != nil && a.w.note.ops > 0 {
		err = a.s.commitShared(a.ctx, &a.w, draft)
	} else {
		err = a.s.commit(a.tx)
	}
	if err == nil && a.changed() {
		a.s.publish(&state{seq: a.seq, counts: a.counts})
	}
	return err
}

// writesAnything tells whether there is something to be committed.
func (a *applier) writesAnything() bool {
	if a.how != alone {
		return a.w.own > 0 || a.w.note != nil && a.w.note.ops > 0
	}
	return a.changed() || a.c.Run != nil || a.c.changesSessions() || a.c.changesPlans() || a.audited
}

func (a *applier) checkExpectations() error {
	for _, e := range a.c.Expect {
		var have uint64
		if x, ok := parseRef(e.Ref); ok {
			if record := a.entries.Get(x[:]); record != nil {
				account, err := decodeAccount(x, record)
				if err != nil {
					return fmt.Errorf("%s %s: %w: run dialtree check", e.Ref.Kind, e.Ref.ID, err)
				}
				have = account.Seq
			}
		}
		if have != e.Seq {
			return &ChangedError{Ref: e.Ref, Want: e.Seq, Have: have}
		}
	}
	return nil
}

// finish numbers and logs the change, and records the run.
func (a *applier) finish() error {
	if a.changed() {
		a.applied.Seq = a.seq
		if err := a.w.putMetaNumber(metaSeq, a.seq); err != nil {
			return err
		}
		if err := a.w.table(bucketMeta).putJSON(metaCounts, a.counts); err != nil {
			return err
		}
		if err := appendLog(&a.w, a.seq, a.order, a.objects); err != nil {
			return err
		}
	}
	if a.c.Run == nil {
		return nil
	}
	return a.recordRun()
}

// objectKnown tells whether an object will exist after the change.
func (a *applier) objectKnown(k ObjectKind, name string) bool {
	r := ObjectRef{Kind: k, Name: name}
	known, ok := a.known[r]
	if !ok {
		known = objectExists(a.tx, r) && !a.removed[r]
		a.known[r] = known
	}
	return known
}
