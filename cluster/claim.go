package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/dialtree/dialtree/store"
)

// A Claim is a run under way.
type Claim struct {
	Node    string    `json:"node"`
	Started time.Time `json:"started"`
	By      string    `json:"by"`
}

// errClaim ends a run.
var errClaim = fmt.Errorf("the claim of this run was lost: %w", ErrUnreachable)

// Claim makes a connector's run this node's, until release. The context that it returns ends when the claim is lost; no Apply under it commits after that. Where another node
// runs the connector, taken says which; where etcd is away the error is a *store.AwayError.
func (c *Cluster) Claim(ctx context.Context, connector, by string) (claimed context.Context, release func(), taken *Claim, err error) {
	return c.duty.claim(ctx, connector, by)
}

// runKey has the connector's name as a segment of a URL: it may hold a slash.
func runKey(connector string) string { return prefixRuns + url.PathEscape(connector) }

func (d *duty) claim(ctx context.Context, connector, by string) (context.Context, func(), *Claim, error) {
	mine := Claim{Node: d.o.Node, Started: d.o.Now(), By: by}
	d.mu.Lock()
	here := d.claims[connector]
	d.claims[connector] = true
	d.mu.Unlock()
	if here {
		return nil, nil, &mine, nil
	}
	claimed, release, taken, err := d.claimThere(ctx, connector, mine)
	if claimed == nil {
		d.unclaim(connector)
	}
	return claimed, release, taken, err
}

func (d *duty) unclaim(connector string) {
	d.mu.Lock()
	delete(d.claims, connector)
	d.mu.Unlock()
}

func (d *duty) claimThere(ctx context.Context, connector string, mine Claim) (context.Context, func(), *Claim, error) {
	t, err := d.tenures.get(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	key := runKey(connector)
	plain, err := json.Marshal(mine)
	if err != nil {
		return nil, nil, nil, err
	}
	// Who asked for the run is a person's name.
	put := Op{Key: key, Value: d.sealer.seal(nil, key, plain), Lease: t}
	for range 3 {
		done, revision, err := d.kv.Txn(ctx, []Condition{CreatedAt(key, 0)}, []Op{put})
		if err != nil {
			// It may have been claimed all the same, or be so in a moment.
			d.wait.Go(func() { d.forget(connector, mine, t) })
			return nil, nil, nil, d.awayOr(ctx, err)
		}
		if done {
			fence := CreatedAt(key, revision)
			claimed, end := under(ctx, t.ctx, fence, errClaim)
			return claimed, sync.OnceFunc(func() { end(context.Canceled); d.release(connector, fence, t) }), nil, nil
		}
		there, _, err := d.kv.Get(ctx, key)
		if err != nil {
			return nil, nil, nil, d.awayOr(ctx, err)
		}
		if there.Created == 0 {
			continue // it has just been released
		}
		taken := &Claim{}
		if plain, err := d.sealer.open(key, there.Value); err != nil {
			return nil, nil, nil, fmt.Errorf("claim the run of connector %q: what another node wrote %w: do all nodes have the same key?", connector, err)
		} else if err := json.Unmarshal(plain, taken); err != nil {
			return nil, nil, nil, fmt.Errorf("claim the run of connector %q: %w", connector, err)
		}
		if taken.Node != d.o.Node {
			return nil, nil, taken, nil
		}
		// Ours, but no run here has it: from an earlier process, or its answer or its release was lost. It is deleted first, so that the fence is another.
		if _, _, err := d.kv.Txn(ctx, []Condition{ModifiedAt(key, there.Modified)}, []Op{{Key: key, Delete: true}}); err != nil {
			return nil, nil, nil, d.awayOr(ctx, err)
		}
	}
	return nil, nil, nil, fmt.Errorf("claim the run of connector %q: other nodes claim and release it all the time: try again", connector)
}

// awayOr is the error of a call of etcd as a caller of the store knows it.
func (d *duty) awayOr(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &store.AwayError{Err: err, Since: d.look().Since}
}

// forget deletes a claim whose answer was lost. What etcd has not done within a few seconds of a request it does not do any more.
func (d *duty) forget(connector string, mine Claim, t *tenure) {
	key, until := runKey(connector), d.o.Now().Add(leaseTime)
	for t.ctx.Err() == nil {
		retry(t.ctx)
		there, _, err := d.kv.Get(t.ctx, key)
		if err != nil {
			continue
		}
		var found Claim
		if plain, err := d.sealer.open(key, there.Value); err == nil && json.Unmarshal(plain, &found) == nil && found.Node == mine.Node && found.Started.Equal(mine.Started) {
			if _, _, err := d.kv.Txn(t.ctx, []Condition{ModifiedAt(key, there.Modified)}, []Op{{Key: key, Delete: true}}); err == nil {
				return
			}
		} else if d.o.Now().After(until) {
			return
		}
	}
}

// release gives the claim back, if need be when etcd answers again: it would last as long as the lease.
func (d *duty) release(connector string, fence Condition, t *tenure) {
	try := func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), partingTime)
		defer cancel()
		_, _, err := d.kv.Txn(ctx, []Condition{fence}, []Op{{Key: fence.Key, Delete: true}})
		return err
	}
	if try() == nil || t.ctx.Err() != nil {
		d.unclaim(connector)
		return
	}
	// One that is claimed here again in the meantime finds its own key, and deletes it.
	d.unclaim(connector)
	d.wait.Go(func() {
		for t.ctx.Err() == nil {
			retry(t.ctx)
			if try() == nil {
				return
			}
		}
	})
}
