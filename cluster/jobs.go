package cluster

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	maxJob      = 256 << 10
	maxJobs     = 256
	jobPace     = time.Second
	jobKept     = time.Minute // after its end
	cancelAfter = 30 * time.Second
)

// A RemoteJob is a run under way, or one that has just ended, on another node.
type RemoteJob struct {
	Node string
	ID   string
	Data []byte // as it was given to PublishJob or EndJob there
}

// jobs tell the other nodes of the runs here, and hear of theirs.
type jobs struct {
	d       *duty
	others  *mirror
	cancels *mirror

	mu       sync.Mutex // guards what follows
	mine     map[string]*job
	onCancel func(id, by string)
	wake     chan struct{}
}

type job struct {
	data  []byte
	dirty bool      // not in etcd as it is
	ended time.Time // zero: under way
}

func newJobs(d *duty) *jobs {
	j := &jobs{d: d, mine: map[string]*job{}, wake: make(chan struct{}, 1)}
	j.others = newMirror(d.kv, prefixJobs, nil)
	j.cancels = newMirror(d.kv, prefixCancel, j.asked)
	return j
}

// PublishJob tells the other nodes how a run is, at most once a second. It does not wait, and says nothing where that fails. What is larger
// than 256 KiB is left out, as is what is more than 256 jobs.
func (c *Cluster) PublishJob(id string, data []byte) { c.duty.jobs.set(id, data, time.Time{}) }

// EndJob tells them how it ended. They know for a minute.
func (c *Cluster) EndJob(id string, data []byte) { c.duty.jobs.set(id, data, c.o.Now()) }

// Jobs returns the other nodes' runs as they were heard last, by node and ID.
func (c *Cluster) Jobs() []RemoteJob { return c.duty.jobs.remote() }

// CancelJob asks the node that has a run to end it. by is who wants that. Whether there is one shows in Jobs. Where etcd is away the error is a *store.AwayError.
func (c *Cluster) CancelJob(ctx context.Context, id, by string) error {
	return c.duty.jobs.cancel(ctx, id, by)
}

// OnCancel has f called where somebody wants the end of a run that was published here, at another node. It is called before Run. f must not wait.
func (c *Cluster) OnCancel(f func(id, by string)) {
	c.duty.jobs.mu.Lock()
	defer c.duty.jobs.mu.Unlock()
	c.duty.jobs.onCancel = f
}

func (j *jobs) set(id string, data []byte, ended time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	one := j.mine[id]
	if one == nil {
		if len(j.mine) >= maxJobs {
			return
		}
		one = &job{}
		j.mine[id] = one
	}
	if one.ended = ended; len(data) <= maxJob {
		one.data, one.dirty = slices.Clone(data), true
	}
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

func (j *jobs) key(id string) string {
	return prefixJobs + j.d.o.Node + "/" + url.PathEscape(id)
}

// run writes what changed until ctx ends. It begins with all: what an earlier lease held is gone.
func (j *jobs) run(ctx context.Context, t *tenure) {
	j.mu.Lock()
	for _, one := range j.mine {
		one.dirty = one.data != nil
	}
	j.mu.Unlock()
	for ctx.Err() == nil {
		ops, more := j.due()
		for _, o := range ops {
			j.write(ctx, t, o)
		}
		sleep(ctx, jobPace)
		if !more {
			select {
			case <-j.wake:
			case <-ctx.Done():
			}
		}
	}
}

type due struct {
	id   string
	data []byte // nil: it is to be deleted
}

// due returns what is to be written now. more is true while there are jobs at all.
func (j *jobs) due() (all []due, more bool) {
	now := j.d.o.Now()
	j.mu.Lock()
	defer j.mu.Unlock()
	for id, one := range j.mine {
		switch {
		case !one.ended.IsZero() && now.Sub(one.ended) >= jobKept:
			delete(j.mine, id)
			all = append(all, due{id: id})
		case one.dirty:
			one.dirty = false
			all = append(all, due{id, one.data})
		}
	}
	return all, len(j.mine) > 0
}

func (j *jobs) write(ctx context.Context, t *tenure, o due) {
	key := j.key(o.id)
	op := Op{Key: key, Delete: true}
	if o.data != nil {
		op = Op{Key: key, Value: j.d.sealer.seal(nil, key, o.data), Lease: t}
	}
	if _, _, err := j.d.kv.Txn(ctx, nil, []Op{op}); err == nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if one := j.mine[o.id]; one != nil {
		one.dirty = true
	} else if o.data == nil {
		j.mine[o.id] = &job{ended: j.d.o.Now().Add(-jobKept)} // it is deleted the next time
	}
}

func (j *jobs) remote() (all []RemoteJob) {
	pairs, _ := j.others.all()
	for _, p := range pairs {
		node, id, _ := strings.Cut(strings.TrimPrefix(p.Key, prefixJobs), "/")
		id, err := url.PathUnescape(id)
		if node == j.d.o.Node || err != nil {
			continue
		}
		// What another node could not have written is not shown.
		if data, err := j.d.sealer.open(p.Key, p.Value); err == nil {
			all = append(all, RemoteJob{Node: node, ID: id, Data: data})
		}
	}
	slices.SortFunc(all, func(a, b RemoteJob) int { return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.ID, b.ID)) })
	return all
}

// cancel asks with this node's lease, and takes the question back after a while: nobody may be there to do so.
func (j *jobs) cancel(ctx context.Context, id, by string) error {
	t, err := j.d.tenures.get(ctx)
	if err != nil {
		return err
	}
	key := prefixCancel + url.PathEscape(id)
	_, revision, err := j.d.kv.Txn(ctx, nil, []Op{{Key: key, Value: j.d.sealer.seal(nil, key, []byte(by)), Lease: t}})
	if err != nil {
		return j.d.awayOr(ctx, err)
	}
	j.d.wait.Go(func() {
		if sleep(t.ctx, cancelAfter); t.ctx.Err() == nil {
			j.d.kv.Txn(t.ctx, []Condition{ModifiedAt(key, revision)}, []Op{{Key: key, Delete: true}})
		}
	})
	return nil
}

// asked answers a question of another node, if it is for us.
func (j *jobs) asked(e Event) {
	id, err := url.PathUnescape(strings.TrimPrefix(e.Key, prefixCancel))
	if e.Deleted || err != nil {
		return
	}
	by, err := j.d.sealer.open(e.Key, e.Value)
	if err != nil {
		return // anybody with etcd's password could have put it
	}
	j.mu.Lock()
	one, f := j.mine[id], j.onCancel
	j.mu.Unlock()
	if one == nil || !one.ended.IsZero() || f == nil {
		return
	}
	f(id, string(by))
}
