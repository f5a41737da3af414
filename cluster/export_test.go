package cluster

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/dialtree/dialtree/store"
)

// The model test is outside the package, as it needs package simulated. It drives a log without goroutines, one call after the other.

type (
	Content = content
	Log     = changeLog
	Janitor = janitor
	Packery = packery
)

var (
	WithFence = withFence
	ErrFenced = errFenced
)

func NewKey(fill byte) (k Key) {
	for i := range k.secret {
		k.secret[i] = fill
	}
	return k
}

// NewPackery cuts small pieces.
func NewPackery() *Packery { return &packery{part: 300, inline: 200} }

func NewLog(kv KV, k Key, node string, c Content, y *Packery) *Log {
	o := Options{KV: kv, Key: k, Node: node}
	if err := o.check(); err != nil {
		panic(err)
	}
	l := newChangeLog(o, c)
	if y != nil {
		l.packery = y
	}
	return l
}

// Start is the chain before the first change.
func Start(k Key, cluster string) [32]byte { return chainer{k.derive("chain"), cluster}.start() }

// Publish makes a content that of a new cluster, or replaces the one that is there.
func (l *changeLog) Publish(ctx context.Context, c Content, o store.Origin, cluster string, replace bool) error {
	l.useCluster(cluster)
	var after *head
	if replace {
		h, _, err := l.readHead(ctx)
		if err != nil {
			return err
		}
		if m := c.Membership(); m.Index > h.Index {
			h = head{Index: m.Index, Chain: m.Chain}
		}
		after = &h
	}
	return l.publish(ctx, origined{c, o}, cluster, after)
}

type origined struct {
	content
	o store.Origin
}

func (o origined) Origin() (store.Origin, error) { return o.o, nil }

// Step is one session up to the watch: what a node does to be up to date.
func (l *changeLog) Step(ctx context.Context) error {
	err := l.identify(ctx)
	if err == nil {
		err = l.catchUp(ctx)
	}
	if err == nil {
		l.reached()
	}
	l.judge(ctx, err)
	return err
}

func (l *changeLog) Draft(ctx context.Context, alone bool) (store.Draft, error) {
	return l.draft(ctx, alone)
}

// NewSmallJanitor is one with small limits.
func NewSmallJanitor(l *Log) *Janitor {
	j := newJanitor(l, false)
	j.limits = limits{tailChanges: 12, tailBytes: 6000, keptChanges: 5, keptBytes: 3000, orphanAge: 10 * time.Second}
	j.compacted = time.Time{}
	return j
}

func (j *janitor) Round(ctx context.Context) error { return j.round(ctx) }

// Bound is what the limits allow in etcd where a snapshot takes so many bytes, without drafts under way.
func (j *janitor) Bound(snapshot int64) int64 {
	const header = 600 // a key and the JSON of a record, and the keys of parts
	return 2*(snapshot+header) + max(j.limits.tailBytes, snapshot) + j.limits.keptBytes + 4*header
}

// Count tells of every commit.
func (l *changeLog) Count(f func(result string)) {
	l.counted = func(result string, _ time.Duration) { f(result) }
}

// Changeable is whether the log takes drafts.
func (l *changeLog) Changeable() bool { return l.changeable() == nil }

// PackSealed does what a draft does with the bytes of a change.
func PackSealed(k Key, text []byte) (sealed [][]byte, sum []byte) {
	y, s := &packery{part: partBytes, inline: inlineBytes}, newSealer(k, sealContent, "bench")
	p, err := y.packer(func(n int, piece []byte) error {
		sealed = append(sealed, s.seal(nil, partKey("draft", n), piece))
		return nil
	})
	if err != nil {
		panic(err)
	}
	for len(text) > 0 {
		n := min(len(text), 200)
		if _, err := p.Write(text[:n]); err != nil {
			panic(err)
		}
		text = text[n:]
	}
	if err := p.finish(); err != nil {
		panic(err)
	}
	return sealed, p.sum.Sum(nil)
}

// OpenSealed does what a follower does with them.
func OpenSealed(k Key, plain int64, sealed [][]byte, sum []byte) (int64, error) {
	y, s := &packery{part: partBytes, inline: inlineBytes}, newSealer(k, sealContent, "bench")
	n := 0
	u, err := y.unpacker(plain, func() ([]byte, error) {
		if n == len(sealed) {
			return nil, io.EOF
		}
		n++
		return s.open(partKey("draft", n-1), sealed[n-1])
	}, func(got []byte) bool { return bytes.Equal(got, sum) })
	if err != nil {
		return 0, err
	}
	return io.Copy(io.Discard, u)
}

// FollowAll is the loop that follows.
func (l *changeLog) FollowAll(ctx context.Context) error { return l.follow(ctx) }

// ClearSoon has the janitor keep little.
func (c *Cluster) ClearSoon() {
	c.janitor.limits = limits{tailChanges: 12, tailBytes: 64 << 10, keptChanges: 5, keptBytes: 64 << 10, orphanAge: 10 * time.Second}
}

// Trouble is why the log takes no drafts.
func (l *changeLog) Trouble() error { return l.changeable() }

// Forget has the next draft ask for the head.
func (l *changeLog) Forget() { l.forgetHead() }

// CatchUp is what the loop that follows does now and then.
func (l *changeLog) CatchUp(ctx context.Context) error { return l.catchUp(ctx) }

// HeldLock is the key of the writer's lock where the log has it, or believes so.
func (l *changeLog) HeldLock() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held == nil {
		return ""
	}
	return l.held.Condition().Key
}

// LogTo is where the log says what happens.
func (l *changeLog) LogTo(logger *slog.Logger) { l.logger = logger }

// Hear is what the loop that follows does with the head, which a watch may tell at any moment.
func (l *changeLog) Hear(p Pair, revision int64) {
	h, err := parseHead(p)
	if err != nil {
		panic(err)
	}
	l.noteHead(h, p.Modified, revision)
}
