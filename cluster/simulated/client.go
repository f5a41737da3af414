package simulated

import (
	"context"
	"sync"
	"time"

	"github.com/dialtree/dialtree/cluster"
)

// A Fault is what becomes of a request.
type Fault int

const (
	None       Fault = iota
	LostBefore       // the request never arrives
	LostAfter        // it is done, the answer never arrives
	Late             // the client gives up; it is done at DeliverLate
	Unsent           // no connection takes it
	Full             // it is done, and etcd answers that it has no space left
	Twice            // it arrives twice, and the client hears what became of the second one
)

// A Request is one that a client is about to send.
type Request struct {
	Method string // Get, Range, Txn, Lease, Elect, Lock, Revoke, Release, Compact, Members
	Then   []cluster.Op
}

// A Client is a cluster.KV.
type Client struct {
	etcd *Etcd
	// Before is called before each request, without locks: it may do anything, other clients' requests included. What it returns, which may be nil, is called when etcd
	// has dealt with the request, before the client hears of it; done is Txn's. It is set before the client is used. Nil: nothing fails.
	Before func(Request) (fault Fault, after func(done bool))
	// NeverWait has Elect, Lock and Watch fail rather than wait for another client: for tests in which one goroutine does everything.
	NeverWait bool

	mu     sync.Mutex    // guards what follows
	cut    chan struct{} // closed while the client is out of reach, or to end its watches
	away   bool
	paused bool
	untold []func() // what the client hears when it goes on
}

var _ cluster.KV = (*Client)(nil)

// SetUnreachable cuts the client off, or connects it again.
func (c *Client) SetUnreachable(away bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if away == c.away {
		return
	}
	if c.away = away; away {
		close(c.cut)
	} else {
		c.cut = make(chan struct{})
	}
}

// CutWatches ends the client's watches, as a member that restarts does.
func (c *Client) CutWatches() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.away {
		close(c.cut)
		c.cut = make(chan struct{})
	}
}

// Pause has the client stand still: its leases are not renewed, and it hears nothing of that. What it sends is done: a test does not send then, or means a request that was on its way.
func (c *Client) Pause() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paused = true
}

// Resume has it go on.
func (c *Client) Resume() {
	c.mu.Lock()
	untold := c.untold
	c.paused, c.untold = false, nil
	c.mu.Unlock()
	for _, tell := range untold {
		tell()
	}
}

func (c *Client) tell(f func()) {
	c.mu.Lock()
	if c.paused {
		c.untold = append(c.untold, f)
		c.mu.Unlock()
		return
	}
	c.mu.Unlock()
	f()
}

func (c *Client) alive() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.away && !c.paused
}

func (c *Client) state() (cut <-chan struct{}, away bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cut, c.away
}

// call sends a request.
func (c *Client) call(ctx context.Context, r Request, do func() (done bool)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	fault := None
	if c.Before != nil {
		var after func(bool)
		if fault, after = c.Before(r); after != nil {
			only := do
			do = func() bool {
				done := only()
				after(done)
				return done
			}
		}
	}
	if _, away := c.state(); away && fault != Late {
		return cluster.ErrUnreachable
	}
	switch fault {
	case LostBefore:
		return cluster.ErrUnreachable
	case Unsent:
		return cluster.ErrUnsent
	case Late:
		c.etcd.mu.Lock()
		c.etcd.late = append(c.etcd.late, do)
		c.etcd.mu.Unlock()
		return cluster.ErrUnreachable
	}
	if fault == Twice {
		do()
	}
	do()
	if _, away := c.state(); away || fault == LostAfter {
		return cluster.ErrUnreachable
	}
	if fault == Full {
		return cluster.ErrNoSpace
	}
	return nil
}

// Get is cluster.KV's, as are the following.
func (c *Client) Get(ctx context.Context, key string) (p cluster.Pair, revision int64, err error) {
	if err := c.call(ctx, Request{Method: "Get"}, func() bool { p, revision = c.etcd.get(key); return true }); err != nil {
		return cluster.Pair{}, 0, err
	}
	return p, revision, nil
}

func (c *Client) Range(ctx context.Context, prefix, from string, limit int, keysOnly bool) (pairs []cluster.Pair, revision int64, err error) {
	if err := c.call(ctx, Request{Method: "Range"}, func() bool { pairs, revision = c.etcd.list(prefix, from, limit, keysOnly); return true }); err != nil {
		return nil, 0, err
	}
	return pairs, revision, nil
}

func (c *Client) Txn(ctx context.Context, conditions []cluster.Condition, then []cluster.Op) (done bool, revision int64, err error) {
	var refused error
	if err := c.call(ctx, Request{Method: "Txn", Then: then}, func() bool { done, revision, refused = c.etcd.txn(conditions, then); return done }); err != nil {
		return false, 0, err
	}
	return done, revision, refused
}

func (c *Client) Compact(ctx context.Context, revision int64) (err error) {
	var refused error
	if err := c.call(ctx, Request{Method: "Compact"}, func() bool { refused = c.etcd.compact(revision); return true }); err != nil {
		return err
	}
	return refused
}

func (c *Client) Members(ctx context.Context) ([]cluster.Member, error) {
	if err := c.call(ctx, Request{Method: "Members"}, func() bool { return true }); err != nil {
		return nil, err
	}
	return []cluster.Member{{Name: "simulated", Endpoint: "memory", Healthy: true, Leader: true, Version: "3.0.0", Bytes: c.etcd.Bytes(""), InUse: c.etcd.Bytes("")}}, nil
}

func (c *Client) Watch(ctx context.Context, prefix string, from int64) <-chan cluster.Events {
	events := make(chan cluster.Events, 16)
	cut, away := c.state()
	if away || c.NeverWait {
		close(events)
		return events
	}
	if from == 0 {
		c.etcd.mu.Lock()
		from = c.etcd.revision + 1
		c.etcd.mu.Unlock()
	}
	go func() {
		defer close(events)
		for {
			e, changed := c.etcd.since(prefix, from)
			if len(e.Events) > 0 || e.Err != nil {
				select {
				case events <- e:
				case <-cut:
					return
				case <-ctx.Done():
					return
				}
				if e.Err != nil {
					return
				}
			}
			from = max(from, e.Revision+1)
			if wait(ctx, changed, cut) != nil {
				return
			}
			for !c.alive() { // paused: it hears later
				select {
				case <-time.After(100 * time.Millisecond):
				case <-cut:
					return
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	return events
}
