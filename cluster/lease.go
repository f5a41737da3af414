package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/dialtree/dialtree/store"
)

// leaseTime is how long what a node holds outlives the node: its registration, the election, claims, the lock, its runs' progress.
const leaseTime = 10 * time.Second

// partingTime is how long a node that ends tries to give back what it holds.
const partingTime = 2 * time.Second

// A tenure is one lease of this node. All that hangs on it ends with it.
type tenure struct {
	Lease
	ctx context.Context // ends with the lease
}

// tenures are this node's leases, one after the other.
type tenures struct {
	kv  KV
	now func() time.Time

	mu      sync.Mutex // guards what follows
	tenure  *tenure    // nil: none now
	since   time.Time  // there is none
	err     error      // why
	changed chan struct{}
}

func newTenures(kv KV, now func() time.Time) *tenures {
	return &tenures{kv: kv, now: now, err: errors.New("this node has just started"), since: now(), changed: make(chan struct{})}
}

var errTenure = fmt.Errorf("this node's lease was lost: %w", ErrUnreachable)

// run has a lease, and calls under for each, until ctx ends or under returns an error. under sets the tenure when it is this node's, and returns when its context ends.
func (s *tenures) run(ctx context.Context, under func(context.Context, *tenure) error) error {
	for ctx.Err() == nil {
		l, err := s.kv.Lease(ctx, leaseTime)
		if err != nil {
			s.set(nil, err)
			retry(ctx)
			continue
		}
		if err := s.hold(ctx, l, under); err != nil {
			return err
		}
	}
	return nil
}

func (s *tenures) hold(ctx context.Context, l Lease, under func(context.Context, *tenure) error) error {
	leased, end := context.WithCancelCause(ctx)
	defer end(errTenure)
	go func() {
		select {
		case <-l.Done():
			end(errTenure)
		case <-leased.Done():
		}
	}()
	err := under(leased, &tenure{Lease: l, ctx: leased})
	s.set(nil, errTenure)
	end(errTenure)
	// Also after it was lost: etcd may still have it.
	parting, cancel := context.WithTimeout(context.WithoutCancel(ctx), partingTime)
	defer cancel()
	l.Revoke(parting)
	return err
}

func (s *tenures) set(t *tenure, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tenure != nil && t == nil {
		s.since = s.now()
	}
	s.tenure, s.err = t, err
	close(s.changed)
	s.changed = make(chan struct{})
}

// get returns this node's lease. It waits for one a little, as a node that has just started has none yet; then the error is a *store.AwayError.
func (s *tenures) get(ctx context.Context) (*tenure, error) {
	limit := time.NewTimer(2 * time.Second)
	defer limit.Stop()
	for {
		s.mu.Lock()
		t, changed, away := s.tenure, s.changed, &store.AwayError{Err: s.err, Since: s.since}
		s.mu.Unlock()
		if t != nil && t.ctx.Err() == nil {
			return t, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-limit.C:
			return nil, away
		}
	}
}
