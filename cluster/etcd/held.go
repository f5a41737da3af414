package etcd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"

	"github.com/dialtree/dialtree/cluster"
)

// held is an election or a lock: a key of etcd's recipes with our lease.
type held struct {
	c       *Client
	key     string // without the prefix
	created int64
	done    chan struct{}
	end     context.CancelFunc
}

// Elect is cluster.KV's.
func (c *Client) Elect(ctx context.Context, l cluster.Lease, name, value string) (cluster.Held, error) {
	return c.hold(ctx, l, func(ctx context.Context, s *concurrency.Session) (string, error) {
		e := concurrency.NewElection(s, c.options.Prefix+trimmed(name))
		err := e.Campaign(ctx, value)
		return e.Key(), err
	})
}

// Lock is cluster.KV's.
func (c *Client) Lock(ctx context.Context, l cluster.Lease, name string) (cluster.Held, error) {
	return c.hold(ctx, l, func(ctx context.Context, s *concurrency.Session) (string, error) {
		m := concurrency.NewMutex(s, c.options.Prefix+trimmed(name))
		err := m.Lock(ctx)
		return m.Key(), err
	})
}

// hold waits as long as ctx, the lease and the member last. Where it fails it gives back the place in the queue only if etcd hears of it; else that place goes with the lease.
func (c *Client) hold(ctx context.Context, l cluster.Lease, wait func(context.Context, *concurrency.Session) (string, error)) (cluster.Held, error) {
	m, err := c.current()
	if err != nil {
		if m != nil {
			c.left(m)
		}
		return nil, mapped(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-l.Done():
			cancel()
		case <-ctx.Done():
		}
	}()
	s, err := concurrency.NewSession(m.client, concurrency.WithLease(clientv3.LeaseID(l.ID())))
	if err != nil {
		return nil, mapped(err)
	}
	// The recipes want a session for its client and the number of its lease only: renewing is lease.go's.
	s.Orphan()
	type result struct {
		key string
		err error
	}
	// The recipes give back their place without a time limit: with a member that hangs that lasts until it is left.
	got := make(chan result, 1)
	go func() {
		key, err := wait(c.ownStream(ctx), s)
		got <- result{key, err}
	}()
	var r result
	select {
	case r = <-got:
	case <-ctx.Done():
		select {
		case r = <-got:
		case <-time.After(askTime):
			r.err = ctx.Err()
		}
	}
	if r.err != nil {
		err := mapped(r.err)
		if ctx.Err() == nil && errors.Is(err, cluster.ErrUnreachable) {
			c.left(m)
		}
		return nil, err
	}
	return c.keepHeld(ctx, l, strings.TrimPrefix(r.key, c.options.Prefix))
}

// keepHeld makes sure that the key is there: the recipe of an election also returns when all before it are gone, and itself with its lease.
func (c *Client) keepHeld(ctx context.Context, l cluster.Lease, key string) (cluster.Held, error) {
	p, revision, err := c.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	if p.Created == 0 {
		return nil, fmt.Errorf("%w: %s went while it was waited for", errLeaseGone, key)
	}
	watch, end := context.WithCancel(context.Background())
	h := &held{c: c, key: key, created: p.Created, done: make(chan struct{}), end: end}
	over := sync.OnceFunc(func() { close(h.done); end() })
	go func() {
		select {
		case <-l.Done():
		case <-watch.Done():
		}
		over()
	}()
	go func() {
		h.watch(watch, revision)
		over()
	}()
	return h, nil
}

// watch returns when the key is gone, by whomever, or ctx ends.
func (h *held) watch(ctx context.Context, revision int64) {
	for ctx.Err() == nil {
		for e := range h.c.Watch(ctx, h.key, revision+1) {
			for _, one := range e.Events {
				if one.Key == h.key && (one.Deleted || one.Created != h.created) {
					return
				}
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
		if p, now, err := h.c.Get(ctx, h.key); err == nil {
			if p.Created != h.created {
				return
			}
			revision = now
		}
	}
}

// Condition is cluster.Held's.
func (h *held) Condition() cluster.Condition { return cluster.CreatedAt(h.key, h.created) }

// Done is cluster.Held's.
func (h *held) Done() <-chan struct{} { return h.done }

// Release is cluster.Held's.
func (h *held) Release(ctx context.Context) error {
	defer func() {
		h.end()
		<-h.done
	}()
	_, _, err := h.c.Txn(ctx, []cluster.Condition{h.Condition()}, []cluster.Op{{Key: h.key, Delete: true}})
	return err
}
