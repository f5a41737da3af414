package cluster

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/dialtree/dialtree/store"
)

// draftBytes is how long the random name of a draft is: two never meet.
const draftBytes = 16

func newDraftID() string {
	var id [draftBytes]byte
	rand.Read(id[:]) // never fails, says crypto/rand
	return hex.EncodeToString(id[:])
}

// A draft is store.Draft: it compresses what is written, and keeps that until Commit.
type draft struct {
	l         *changeLog
	id        string
	p         *packer
	pieces    [][]byte // compressed, in clear
	alone     bool     // this draft has etcd's lock
	uploaded  int64    // the revision at which the first part came to be; 0: none has
	committed bool     // or nobody knows: the parts must stay
}

// draft returns one when the content has every change that is known to be committed. It asks etcd only where the content is behind: that nobody was faster shows at the commit.
func (l *changeLog) draft(ctx context.Context, alone bool) (store.Draft, error) {
	if err := l.ready(ctx); err != nil {
		return nil, err
	}
	d := &draft{l: l, id: newDraftID()}
	if alone {
		if err := l.lock(ctx); err != nil {
			return nil, err
		}
		d.alone = true
	}
	err := l.current(ctx, alone)
	if err == nil {
		d.p, err = l.packery.packer(func(_ int, piece []byte) error {
			d.pieces = append(d.pieces, piece)
			return nil
		})
	}
	if err != nil {
		d.Discard()
		return nil, err
	}
	return d, nil
}

// ready waits for the first contact after a start, and while etcd is away for a moment only. It refuses when etcd is known to be away.
func (l *changeLog) ready(ctx context.Context) error {
	l.mu.Lock()
	limit := meetWithin
	if l.met && l.away != nil {
		limit = lostWithin - l.now().Sub(l.since)
	}
	l.mu.Unlock()
	within, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	decided := func() bool { return l.ended != nil || l.unable() != errNotMet && (l.away == nil || !l.met) }
	if err := l.wait(within, decided); err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return l.changeable()
}

// current brings the content to the head. fresh asks etcd for the head in any case.
func (l *changeLog) current(ctx context.Context, fresh bool) error {
	if err := l.unlocked(ctx); err != nil {
		return err
	}
	if h, _ := l.known(); !fresh && h.is(l.content.Membership().Position) {
		return nil
	}
	if err := l.catchUp(ctx); err != nil {
		l.judge(ctx, err)
		return l.awayError(ctx, err)
	}
	return nil
}

// unlocked waits while another node has the writer's lock. One that was cut off loses it with its lease.
func (l *changeLog) unlocked(ctx context.Context) error {
	for {
		l.mu.Lock()
		locked := l.locked
		l.mu.Unlock()
		if l.mayWrite().Key != nameLock {
			return nil // this node has it
		}
		if !locked {
			return nil
		}
		holders, revision, err := l.list(ctx, nameLock, "", 1, true)
		if err != nil {
			return l.awayError(ctx, err)
		}
		if len(holders) == 0 {
			l.set(func() { l.locked = false })
			return nil
		}
		if err := l.awaitEvent(ctx, nameLock, revision+1); err != nil {
			return err
		}
	}
}

// awaitEvent returns when something happened below a prefix, or may have.
func (l *changeLog) awaitEvent(ctx context.Context, prefix string, from int64) error {
	watching, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for e := range l.kv.Watch(watching, prefix, from) {
		if len(e.Events) > 0 || e.Err != nil {
			return nil
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if watching.Err() == nil {
		return l.awayError(ctx, ErrUnreachable)
	}
	return nil
}

// A writerLock is etcd's lock with a lease of its own. Where an answer is lost nobody knows whether etcd has given the lock, or taken it back; without its lease
// it is gone soon in any case, and nothing that is still on its way can bring it back. All other nodes wait for it.
type writerLock struct {
	Held
	lease Lease
}

// release gives the lock back. Where etcd does not hear of it the lock goes with its lease, which is no longer renewed.
func (w *writerLock) release() {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	if w.Held != nil {
		_ = w.Held.Release(ctx)
	}
	_ = w.lease.Revoke(ctx)
}

// lock takes the writer's lock, which keeps the other nodes' changes waiting.
func (l *changeLog) lock(ctx context.Context) error {
	if err := take(ctx, l.alone); err != nil {
		return err
	}
	lease, err := l.kv.Lease(ctx, leaseTime)
	if err != nil {
		<-l.alone
		return l.awayError(ctx, err)
	}
	w := &writerLock{lease: lease}
	if w.Held, err = l.kv.Lock(ctx, lease, nameLock); err != nil {
		w.Held = nil
		w.release()
		<-l.alone
		return l.awayError(ctx, err)
	}
	l.set(func() { l.held, l.locked = w, false })
	return nil
}

func (l *changeLog) unlock() {
	l.mu.Lock()
	held := l.held
	l.mu.Unlock()
	held.release()
	l.set(func() { l.held = nil })
	<-l.alone
}

// Write is io.Writer's.
func (d *draft) Write(b []byte) (int, error) { return d.p.Write(b) }

// Discard gives the lock back, and takes away the parts of a change that was not made.
func (d *draft) Discard() {
	if d.p != nil {
		d.l.packery.free(d.p)
	}
	if d.uploaded != 0 && !d.committed {
		d.l.dropParts(d.id, d.uploaded)
	}
	if d.alone {
		d.alone = false
		d.l.unlock()
	}
	d.pieces, d.uploaded = nil, 0
	d.l.set(func() {}) // the store may be further now
}

// dropParts takes away what nothing names. What cannot be done now is the janitor's.
func (l *changeLog) dropParts(id string, first int64) {
	if l.changeable() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	_, _, err := l.kv.Txn(ctx, []Condition{CreatedAt(partKey(id, 0), first)}, []Op{{Key: draftPrefix(id), Delete: true, Prefix: true}})
	if err != nil {
		l.logger.Debug("parts of a change that was not made are left for the janitor", "error", err)
	}
}

func draftPrefix(id string) string { return prefixParts + id + "/" }

// uploadPart seals and puts a piece, and returns the revision at which it came to be. An answer that was lost costs one more request.
func (l *changeLog) uploadPart(ctx context.Context, id string, n int, piece []byte) (created int64, bytes int64, err error) {
	key := partKey(id, n)
	sealed := l.sealer().seal(nil, key, piece)
	for range 3 {
		var done bool
		if done, created, err = l.txn(ctx, []Condition{CreatedAt(key, 0)}, Put(key, sealed)); err == nil && done {
			return created, int64(len(sealed)), nil
		}
		if err == nil { // it was done before, and the answer lost
			var p Pair
			if p, _, err = l.get(ctx, key); err == nil && p.Created != 0 {
				return p.Created, int64(len(sealed)), nil
			}
		}
		if ctx.Err() != nil {
			return 0, 0, ctx.Err()
		}
		if isRefusal(err) || errors.Is(err, ErrNoSpace) {
			return 0, 0, err
		}
	}
	if err == nil {
		err = errGone
	}
	return 0, 0, fmt.Errorf("put a part of the change: %w", err)
}

// errGone means that parts were cleared away while they were needed.
var errGone = errors.New("parts of it were cleared away meanwhile")

// isRefusal tells errors after which etcd has certainly done nothing.
func isRefusal(err error) bool {
	return errors.Is(err, ErrUnsent) || errors.Is(err, ErrTooLarge) || errors.Is(err, ErrDenied)
}

func (l *changeLog) sealer() *sealer {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.seal
}

func (l *changeLog) chainer() chainer {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.chain
}
