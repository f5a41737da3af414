package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/dialtree/dialtree/store"
)

const (
	// answerWithin is how long a request may take before etcd counts as silent.
	answerWithin = 5 * time.Second
	// meetWithin is how long a change waits for the first contact with etcd after a start.
	meetWithin = 5 * time.Second
	// lostWithin is how old an outage of etcd may be for a change to wait for its end. Where members elect a leader, or a node goes on to another member, that takes less.
	lostWithin = 3 * time.Second
)

// content is the store, as far as the log needs it.
type content interface {
	Membership() store.Membership
	Follow(ctx context.Context, at store.Position, r io.Reader) error
	WriteContent(ctx context.Context, w io.Writer) (store.Position, error)
	ReplaceContent(ctx context.Context, at store.Position, r io.Reader) error
	Reconcile(ctx context.Context) error
	Schema() int
}

// A changeLog is the shared changes, as this node sees them.
type changeLog struct {
	kv      KV
	key     Key
	node    string
	content content
	logger  *slog.Logger
	now     func() time.Time
	packery *packery
	counted func(result string, took time.Duration) // of every commit
	moved   func(phase string, done, total int64)   // bytes of a snapshot

	following chan struct{} // a token: who has it brings the content up to date
	alone     chan struct{} // a token: who has it has etcd's lock, or waits for it
	suspect   chan struct{} // tells the loop that follows that a request was not answered

	mu       sync.Mutex    // guards what follows
	changed  chan struct{} // closed when any of it changes, then replaced
	seal     *sealer       // nil before etcd was met
	chain    chainer
	met      bool
	away     error // nil: etcd answers
	since    time.Time
	trouble  error // why this node cannot follow although etcd answers
	ended    error // why Run ended, until this node is registered again; nil: it did not
	endedAt  time.Time
	head     head
	heads    pastHeads
	headRev  int64       // when the head was changed last
	seenRev  int64       // of etcd, when it was read
	ahead    time.Time   // since when the head is one that the content is not at
	locked   bool        // another node has the writer's lock, as far as is known
	held     *writerLock // the lock, where this node has it
	snapshot Snapshot
}

func newChangeLog(o Options, s content) *changeLog {
	l := &changeLog{
		kv: o.KV, key: o.Key, node: o.Node, content: s, logger: o.Logger, now: o.Now, moved: o.Progress, packery: &packery{part: partBytes, inline: inlineBytes},
		following: make(chan struct{}, 1), alone: make(chan struct{}, 1), suspect: make(chan struct{}, 1), changed: make(chan struct{}),
	}
	l.counted = func(string, time.Duration) {}
	if l.moved == nil {
		l.moved = func(string, int64, int64) {}
	}
	return l
}

// A view is what a changeLog knows, for the status.
type view struct {
	Cluster     string
	Index, Head uint64
	Schema      int
	Reachable   bool
	Trouble     string
	Since       time.Time
	Snapshot    Snapshot
	Behind      time.Time // since when this node has not all that it heard of; zero: it has
	Heads       pastHeads
}

func (l *changeLog) view() view {
	m, schema := l.content.Membership(), l.content.Schema()
	l.mu.Lock()
	defer l.mu.Unlock()
	v := view{Cluster: m.Cluster, Index: m.Index, Head: max(l.head.Index, m.Index), Schema: schema, Reachable: l.met && l.away == nil, Since: l.unableSince(), Snapshot: l.snapshot, Heads: pastHeads{slices.Clone(l.heads.past), l.heads.current}}
	if m.Index < l.head.Index {
		v.Behind = l.ahead
	}
	if err := l.unable(); err != nil {
		v.Trouble = err.Error()
	}
	return v
}

var errNotMet = errors.New("etcd has not answered since this node started")

// unable says why nothing can be committed. The caller has l.mu.
func (l *changeLog) unable() error {
	switch {
	case l.ended != nil:
		return l.ended
	case l.away != nil:
		return l.away
	case l.trouble != nil:
		return l.trouble
	case !l.met:
		return errNotMet
	}
	return nil
}

// unableSince is when that began. The caller has l.mu.
func (l *changeLog) unableSince() time.Time {
	if l.ended != nil {
		return l.endedAt
	}
	return l.since
}

// changeable is nil while this node can commit, or a *store.AwayError.
func (l *changeLog) changeable() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.unable(); err != nil {
		return &store.AwayError{Err: err, Since: l.unableSince()}
	}
	return nil
}

// end notes why this node takes no part any more; nil: it does again.
func (l *changeLog) end(err error) {
	l.set(func() {
		if l.ended == nil {
			l.endedAt = l.now()
		}
		l.ended = err
	})
}

// awayError is why nothing was changed, as the store says it.
func (l *changeLog) awayError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var away *store.AwayError
	if errors.As(err, &away) {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return &store.AwayError{Err: err, Since: l.since}
}

// set changes what the mutex guards, and wakes who waits for it.
func (l *changeLog) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
	close(l.changed)
	l.changed = make(chan struct{})
}

// wait returns when a condition on what the mutex guards holds.
func (l *changeLog) wait(ctx context.Context, holds func() bool) error {
	for {
		l.mu.Lock()
		ok, changed := holds(), l.changed
		l.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func take(ctx context.Context, token chan struct{}) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case token <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// answer bounds one request.
func answer(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, answerWithin)
}

func (l *changeLog) get(ctx context.Context, key string) (Pair, int64, error) {
	ctx, cancel := answer(ctx)
	defer cancel()
	return l.kv.Get(ctx, key)
}

func (l *changeLog) list(ctx context.Context, prefix, from string, limit int, keysOnly bool) ([]Pair, int64, error) {
	ctx, cancel := answer(ctx)
	defer cancel()
	return l.kv.Range(ctx, prefix, from, limit, keysOnly)
}

func (l *changeLog) txn(ctx context.Context, conditions []Condition, then ...Op) (bool, int64, error) {
	ctx, cancel := answer(ctx)
	defer cancel()
	return l.kv.Txn(ctx, conditions, then)
}

// readHead asks for the head, and when it was changed, and remembers both. Who commits on what it returned must not ask known for the
// revision: that may be of a later head, which the loop that follows has heard of meanwhile.
func (l *changeLog) readHead(ctx context.Context) (h head, modified int64, err error) {
	p, revision, err := l.get(ctx, keyHead)
	if err != nil {
		return head{}, 0, err
	}
	if p.Created == 0 {
		return head{}, 0, &troubleError{"etcd has no content below the prefix of this cluster: look whether it lost its data; dialtree cluster init --replace on the node with the newest content puts it there again"}
	}
	if h, err = parseHead(p); err != nil {
		return head{}, 0, err
	}
	l.noteHead(h, p.Modified, revision)
	return h, p.Modified, nil
}

func parseHead(p Pair) (head, error) {
	var h head
	if len(p.Value) > maxHeader || json.Unmarshal(p.Value, &h) != nil {
		return head{}, &troubleError{"the head of the changes in etcd cannot be read: it was written by something else"}
	}
	return h, nil
}

// noteHead remembers the head as it was at a revision. What was heard late changes nothing.
func (l *changeLog) noteHead(h head, modified, revision int64) {
	l.mu.Lock()
	behind, had := revision < l.seenRev && modified <= l.headRev, l.head
	l.mu.Unlock()
	if behind {
		return
	}
	caughtUp := had.is(l.content.Membership().Position)
	l.set(func() {
		if caughtUp && l.head != h {
			l.ahead = l.now()
		}
		if l.head.Index != h.Index {
			l.heads.note(h.Index, l.now())
		}
		l.head, l.headRev, l.seenRev = h, modified, max(l.seenRev, revision)
	})
}

// forgetHead is for an etcd that begins anew: its revisions do.
func (l *changeLog) forgetHead() {
	l.set(func() { l.head, l.headRev, l.seenRev = head{}, 0, 0 })
}

// known returns the head that was heard last, and when it was changed.
func (l *changeLog) known() (head, int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.head, l.headRev
}

// A troubleError is a sentence for the administrator: etcd answers, and yet this node cannot follow or change.
type troubleError struct{ sentence string }

func (e *troubleError) Error() string { return e.sentence }

func troublef(format string, args ...any) error { return &troubleError{fmt.Sprintf(format, args...)} }

// A foreignError ends Run: this node must not go on.
type foreignError struct{ sentence string }

func (e *foreignError) Error() string { return e.sentence }
