package simulated

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/dialtree/dialtree/cluster"
)

// A lease is renewed every third of its time, while its client lives.
type lease struct {
	c     *Client
	id    int64
	ttl   time.Duration
	until time.Time // guarded by Etcd.mu, as is timer
	timer *time.Timer
	done  chan struct{}
	once  sync.Once
	ended bool // it is no longer renewed; guarded by Etcd.mu
}

func (c *Client) Lease(ctx context.Context, ttl time.Duration) (cluster.Lease, error) {
	var l *lease
	if err := c.call(ctx, Request{Method: "Lease"}, func() bool { l = c.etcd.grant(c, ttl); return true }); err != nil {
		return nil, err
	}
	return l, nil
}

func (e *Etcd) grant(c *Client, ttl time.Duration) *lease {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.nextLease++
	l := &lease{c: c, id: e.nextLease, ttl: ttl, until: time.Now().Add(ttl), done: make(chan struct{})}
	e.leases[l.id] = l
	l.timer = time.AfterFunc(ttl/3, l.tick)
	return l
}

func (l *lease) tick() {
	e, alive := l.c.etcd, l.c.alive()
	e.mu.Lock()
	defer e.mu.Unlock()
	switch now := time.Now(); {
	case e.leases[l.id] != l:
	case alive && !l.ended:
		l.until = now.Add(l.ttl)
		l.timer = time.AfterFunc(l.ttl/3, l.tick)
	case now.Before(l.until):
		l.timer = time.AfterFunc(l.ttl/3, l.tick)
	default:
		e.expire(l)
	}
}

// expire ends a lease and takes its keys away. The caller has e.mu.
func (e *Etcd) expire(l *lease) {
	delete(e.leases, l.id)
	var events []cluster.Event
	for _, key := range slices.Clone(e.keys) {
		if e.pairs[key].lease == l.id {
			events = append(events, e.remove(key, e.revision+1))
		}
	}
	e.happened(events)
	l.end()
}

func (l *lease) end() {
	l.timer.Stop()
	l.c.tell(func() { l.once.Do(func() { close(l.done) }) })
}

func (l *lease) ID() int64             { return l.id }
func (l *lease) Done() <-chan struct{} { return l.done }

func (l *lease) Revoke(ctx context.Context) error {
	l.c.etcd.mu.Lock()
	l.ended = true
	l.c.etcd.mu.Unlock()
	return l.c.call(ctx, Request{Method: "Revoke"}, func() bool {
		e := l.c.etcd
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.leases[l.id] == l {
			e.expire(l)
		}
		return true
	})
}

// held is an election or a lock: the key that is the oldest below its name.
type held struct {
	c       *Client
	key     string
	created int64
	done    chan struct{}
	once    sync.Once
}

func (c *Client) Elect(ctx context.Context, l cluster.Lease, name, value string) (cluster.Held, error) {
	return c.hold(ctx, "Elect", l, name, value)
}

func (c *Client) Lock(ctx context.Context, l cluster.Lease, name string) (cluster.Held, error) {
	return c.hold(ctx, "Lock", l, name, "")
}

// hold is etcd's own recipe: put a key with the lease unless it is there, and wait until none below the name is older.
func (c *Client) hold(ctx context.Context, method string, l cluster.Lease, name, value string) (cluster.Held, error) {
	h := &held{c: c, key: fmt.Sprintf("%s%x", name, l.ID()), done: make(chan struct{})}
	var refused error
	err := c.call(ctx, Request{Method: method}, func() bool {
		_, _, refused = c.etcd.txn([]cluster.Condition{cluster.CreatedAt(h.key, 0)}, []cluster.Op{{Key: h.key, Value: []byte(value), Lease: l}})
		return true
	})
	if err != nil {
		return nil, err // the place in the queue stays there, if it was got
	}
	for err = refused; err == nil; {
		cut, away := c.state()
		if away {
			return nil, cluster.ErrUnreachable
		}
		first, changed := c.etcd.first(h, name)
		if first {
			return h, nil
		}
		if h.created == 0 {
			return nil, cluster.ErrUnreachable // its lease ended
		}
		if err = errNeverWait; !c.NeverWait {
			err = wait(ctx, changed, cut)
		}
	}
	// Who gives up and reaches etcd gives its place back.
	_, _, _ = c.etcd.txn(nil, []cluster.Op{{Key: h.key, Delete: true}})
	return nil, err
}

// first tells whether the key is the oldest, and notes whose it is.
func (e *Etcd) first(h *held, name string) (bool, <-chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	h.created = e.pairs[h.key].Created
	for _, key := range e.below(name, "") {
		if e.pairs[key].Created < h.created {
			return false, e.changed
		}
	}
	if h.created != 0 {
		e.holders[h.key] = append(e.holders[h.key], h)
	}
	return h.created != 0, e.changed
}

// lose tells those who hold a key that it is gone. The caller has e.mu.
func (e *Etcd) lose(key string) {
	for _, h := range e.holders[key] {
		h.c.tell(func() { h.once.Do(func() { close(h.done) }) })
	}
	delete(e.holders, key)
}

func (h *held) Condition() cluster.Condition { return cluster.CreatedAt(h.key, h.created) }
func (h *held) Done() <-chan struct{}        { return h.done }

func (h *held) Release(ctx context.Context) error {
	return h.c.call(ctx, Request{Method: "Release"}, func() bool {
		_, _, _ = h.c.etcd.txn([]cluster.Condition{h.Condition()}, []cluster.Op{{Key: h.key, Delete: true}})
		return true
	})
}
