package cluster

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
)

// limits say how much of the past is kept in etcd. With C for what a snapshot takes (sealed), what lies below the prefix is at most
//
//	2·C                        the latest snapshot and the one before, or the one that is being made
//	+ max(tailBytes, C)        the changes behind the latest; at most tailChanges of them
//	+ keptBytes                the last changes before it, for nodes that are a little behind; at most keptChanges
//	+ drafts                   what nodes have uploaded in the last orphanAge without having committed it
//
// and one change, and what was committed between two rounds of the janitor. etcd itself also keeps what was there in the last historyAge and compactEvery.
type limits struct {
	tailChanges int
	tailBytes   int64
	keptChanges int
	keptBytes   int64
	orphanAge   time.Duration // a change that takes longer to upload is not made
}

var usualLimits = limits{tailChanges: 1000, tailBytes: 8 << 20, keptChanges: 256, keptBytes: 4 << 20, orphanAge: 10 * time.Minute}

const (
	roundEvery    = 10 * time.Second
	historyAge    = 10 * time.Minute // a watch that was cut for longer reads anew
	compactEvery  = 5 * time.Minute
	snapshotGrace = 10 * time.Minute // for nodes that are reading the snapshot before the latest
	clearAtOnce   = 50               // changes; with their parts 100 operations, of which etcd takes 128 as it comes
	// Between two tries to make a snapshot that fails lies a time up to a bound that doubles: what each has uploaded stays in etcd's history for a while.
	againFirst, againLast = roundEvery, 10 * time.Minute
)

// A janitor makes snapshots and clears away what is older. It works while its node is on duty, and every transaction of its own carries that as a fence.
type janitor struct {
	l         *changeLog
	limits    limits
	noCompact bool

	again time.Duration // between the last try to make a snapshot, which failed, and the next; 0: it did not
	next  time.Time     // when that is

	changes   []kept // those in etcd, in order
	marks     []mark
	compacted time.Time
	forgotten int64 // the revision from before which etcd was last asked to forget
	denied    bool  // it was logged that etcd does not let this node compact
}

// kept is a change that is in etcd.
type kept struct {
	index uint64
	bytes int64
	draft string
	parts int
}

// A mark tells which revision etcd had at a time.
type mark struct {
	revision int64
	at       time.Time
}

func newJanitor(l *changeLog, noCompact bool) *janitor {
	return &janitor{l: l, limits: usualLimits, noCompact: noCompact}
}

// run works while this node is on duty.
func (j *janitor) run(ctx context.Context, onDuty func(context.Context) (context.Context, error)) error {
	for ctx.Err() == nil {
		duty, err := onDuty(ctx)
		if err == nil {
			j.changes, j.marks, j.compacted, j.again, j.next = nil, nil, j.l.now(), 0, time.Time{}
		}
		for err == nil && duty.Err() == nil {
			if err := j.round(duty); err != nil && duty.Err() == nil {
				j.l.logger.Warn("old changes in etcd were not cleared away; the next round tries again", "error", err)
			}
			sleep(duty, roundEvery)
		}
		j.l.set(func() { j.l.snapshot.Tail = 0 }) // nobody here counts any more
		if err != nil {
			sleep(ctx, retryLast)
		}
	}
	return nil
}

// round does what is due.
func (j *janitor) round(ctx context.Context) error {
	if j.l.changeable() != nil {
		return nil
	}
	// The head is read first: what is found to belong to nothing is cleared away only if no change was made since.
	_, headRev, err := j.l.readHead(ctx)
	if err != nil {
		return err
	}
	revision, err := j.survey(ctx)
	if err != nil {
		return err
	}
	j.note(revision)
	return errors.Join(j.clear(ctx, headRev), j.compact(ctx))
}

// clear makes a snapshot where it is due, and takes away what is not needed any more.
func (j *janitor) clear(ctx context.Context, headRev int64) error {
	snapshots, err := j.snapshots(ctx)
	if err != nil {
		return err
	}
	if err := j.clearChanges(ctx, snapshots); err != nil {
		return err
	}
	return j.clearOrphans(ctx, headRev, snapshots)
}

// survey brings j.changes up to date.
func (j *janitor) survey(ctx context.Context) (revision int64, err error) {
	for {
		from := ""
		if n := len(j.changes); n > 0 {
			from = changeKey(j.changes[n-1].index + 1)
		}
		pairs, at, err := j.l.list(ctx, prefixChanges, from, batch, false)
		if err != nil || len(pairs) == 0 {
			return at, err
		}
		for _, p := range pairs {
			r, err := parseRecord(p.Value)
			if err != nil || p.Key != changeKey(r.Index) {
				return 0, troublef("%s in etcd cannot be read: it was written by something else", p.Key)
			}
			j.changes = append(j.changes, kept{r.Index, int64(len(p.Value)) + r.Bytes - int64(len(r.inline)), r.Draft, r.Parts})
		}
	}
}

// behind returns how many changes lie behind an index, and their bytes.
func (j *janitor) behind(index uint64) (n int, bytes int64) {
	for _, c := range slices.Backward(j.changes) {
		if c.index <= index {
			break
		}
		n++
		bytes += c.bytes
	}
	return n, bytes
}

// snapshots returns those that are there, the latest last. It makes one where it is due, before which all but the latest go.
func (j *janitor) snapshots(ctx context.Context) ([]*record, error) {
	all, err := j.listSnapshots(ctx)
	if err != nil {
		return nil, err
	}
	var latest record
	if len(all) > 0 {
		latest = *all[len(all)-1]
	}
	n, bytes := j.behind(latest.Index)
	due := len(all) == 0 || n > j.limits.tailChanges || bytes > max(j.limits.tailBytes, latest.Bytes)
	for len(all) > 1 && (due || j.l.now().Sub(latest.Made) > snapshotGrace) {
		if err := j.remove(ctx, []Condition{}, Op{Key: snapshotKey(all[0].Index), Delete: true}, Op{Key: draftPrefix(all[0].Draft), Delete: true, Prefix: true}); err != nil {
			return nil, err
		}
		all = all[1:]
	}
	if due && !j.l.now().Before(j.next) {
		made, err := j.l.makeSnapshot(ctx)
		if j.again = min(max(againFirst, 2*j.again), againLast); made != nil {
			j.again = 0
		}
		j.next = j.l.now().Add(j.again)
		if err != nil {
			return nil, err
		}
		if made != nil {
			all = append(all, made)
			_, bytes = j.behind(made.Index)
		}
	}
	j.l.set(func() { j.l.snapshot.Tail = bytes })
	return all, nil
}

func (j *janitor) listSnapshots(ctx context.Context) ([]*record, error) {
	pairs, _, err := j.l.list(ctx, prefixSnapshots, "", 0, false)
	if err != nil {
		return nil, err
	}
	all := make([]*record, 0, len(pairs)+1)
	for _, p := range pairs {
		r, err := parseRecord(p.Value)
		if err != nil || p.Key != snapshotKey(r.Index) {
			return nil, troublef("%s in etcd cannot be read: it was written by something else", p.Key)
		}
		all = append(all, r)
	}
	return all, nil
}

// errLostRace means that something came between what was seen and what was to be cleared away. The next round looks anew.
var errLostRace = errors.New("something was changed meanwhile")

// remove does operations under the fences of the context.
func (j *janitor) remove(ctx context.Context, conditions []Condition, ops ...Op) error {
	done, _, err := j.l.txn(ctx, append(conditions, fencesOf(ctx)...), ops...)
	if err == nil && !done {
		err = errLostRace
	}
	return err
}

// clearChanges takes away the changes that the latest snapshot holds, but for the last ones before it.
func (j *janitor) clearChanges(ctx context.Context, snapshots []*record) error {
	if len(snapshots) == 0 {
		return nil
	}
	latest := snapshots[len(snapshots)-1].Index
	until, n, bytes := 0, 0, int64(0) // j.changes[:until] go
	for i, c := range slices.Backward(j.changes) {
		if c.index > latest {
			continue
		}
		if n, bytes = n+1, bytes+c.bytes; n > j.limits.keptChanges || bytes > j.limits.keptBytes {
			until = i + 1
			break
		}
	}
	for until > 0 {
		some := j.changes[:min(until, clearAtOnce)]
		var ops []Op
		for _, c := range some {
			ops = append(ops, Op{Key: changeKey(c.index), Delete: true})
			if c.parts > 0 {
				ops = append(ops, Op{Key: draftPrefix(c.draft), Delete: true, Prefix: true})
			}
		}
		if err := j.remove(ctx, nil, ops...); err != nil {
			return err
		}
		until -= len(some)
		j.changes = j.changes[len(some):]
	}
	return nil
}

// clearOrphans takes away parts that nothing names and that are old: whoever uploaded them died, or gave up. A commit that comes after all finds its first part gone.
func (j *janitor) clearOrphans(ctx context.Context, headRev int64, snapshots []*record) error {
	old := j.before(j.limits.orphanAge)
	if old == 0 {
		return nil
	}
	pairs, _, err := j.l.list(ctx, prefixParts, "", 0, true)
	if err != nil {
		return err
	}
	named := make(map[string]bool)
	for _, c := range j.changes {
		named[c.draft] = true
	}
	for _, r := range snapshots {
		named[r.Draft] = true
	}
	for _, p := range pairs {
		draft, _, _ := strings.Cut(strings.TrimPrefix(p.Key, prefixParts), "/")
		if named[draft] {
			continue
		}
		named[draft] = true // its first part decides; the others go with it
		if p.Created <= old {
			err := j.remove(ctx, []Condition{ModifiedAt(keyHead, headRev), CreatedAt(p.Key, p.Created)}, Op{Key: draftPrefix(draft), Delete: true, Prefix: true})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// note remembers the revision of now.
func (j *janitor) note(revision int64) {
	now := j.l.now()
	for len(j.marks) > 1 && now.Sub(j.marks[1].at) > max(j.limits.orphanAge, historyAge) {
		j.marks = j.marks[1:]
	}
	j.marks = append(j.marks, mark{revision, now})
}

// before returns the latest revision that is known to be older than an age, or 0.
func (j *janitor) before(age time.Duration) (revision int64) {
	now := j.l.now()
	for _, m := range j.marks {
		if now.Sub(m.at) >= age {
			revision = m.revision
		}
	}
	return revision
}

// compact has etcd forget what is older than historyAge.
func (j *janitor) compact(ctx context.Context) error {
	old, now := j.before(historyAge), j.l.now()
	// Where nothing is changed the revision stays the same. To be asked for it again etcd calls an error, which its client logs.
	if j.noCompact || old == 0 || old == j.forgotten || now.Sub(j.compacted) < compactEvery {
		return nil
	}
	j.compacted = now
	ctx, cancel := answer(ctx)
	defer cancel()
	err := j.l.kv.Compact(ctx, old)
	switch {
	case err == nil, errors.Is(err, ErrCompacted):
		j.forgotten = old
		return nil
	case errors.Is(err, ErrDenied):
		if !j.denied {
			j.denied = true
			j.l.logger.Warn("etcd does not let this node compact its history: give its user the right to, or have etcd do it (--auto-compaction-retention) and set cluster.etcd.compact to false", "error", err)
		}
		return nil
	}
	return err
}
