package cluster

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
)

// What nodes tell each other of failed logins (docs/adr/0019-shared-caution.md). Events are opaque here. They go to etcd in batches, sealed, under keys
// that go away by themselves, and every node watches for those of the others. Nobody waits for it: what cannot be told is dropped and counted.
//
// A batch goes at once where nothing has gone for cautionPause, so that a node has heard of a refusal before the client can be there;
// under load the events of a pause go together. However much fails, none that is told waits for longer than half of the time that nodes which ask in turn wait to be heard (turnNotice in package authproxy):
// hence cautionBatchRate, of which many nodes have less, since each batch is told to each of them.
//
// A node keeps no more than this in etcd, where t is cautionKept and half of cautionLeases:
// cautionRate × t + cautionBurst events of up to maxCautionEvent+1 bytes, in cautionBatchRate × t + cautionBatchBurst batches with cautionOverhead
// bytes each. With the 57 bytes of a login's event that is 9.2 MB, which only an attack of more than ten minutes reaches. What a node has told that
// is gone goes away within twice that time.
const (
	cautionPause      = 20 * time.Millisecond
	cautionBatch      = 100  // events
	cautionRate       = 200  // events a second
	cautionBurst      = 1000 // events
	cautionBatchRate  = 25   // batches a second
	cautionBatchBurst = 50
	cautionBatchesAll = 250 // batches a second of all nodes, as long as that leaves each cautionBatchLeast
	cautionBatchLeast = 5
	cautionKept       = 10 * time.Minute
	cautionLeases     = time.Minute      // batches of that time share a lease
	cautionPut        = 2 * time.Second  // is how long etcd may take
	cautionCounted    = 10 * time.Second // is how old the number of nodes may be
	cautionAgain      = time.Second      // between one attempt to watch and the next
	cautionOverhead   = 8 + sealOverhead + len(prefixCaution) + 63 + 1 + 16
	maxCautionEvent   = math.MaxUint8
	// maxCautionAge is more than what clocks differ by and what batches are kept for: one that is older was put there again.
	maxCautionAge = 15 * time.Minute
	// cautionRunKept is how long it is known how far a node was heard: longer than its batches may be news, by whichever clock. cautionRunMost is more of them than it ever tells.
	cautionRunKept = time.Hour
	cautionRunMost = 1 << 32
	// maxCautionOld bounds what a node that starts reads, in bytes, and cautionPage what it asks for at once, in keys.
	maxCautionOld = 64 << 20
	cautionPage   = 100
)

// A Caution takes events of logins to the other nodes.
type Caution struct {
	o       Options
	sealer  *sealer
	number  uint64 // of the next batch; the first is drawn, so that none of an earlier run is written over
	events  *prometheus.CounterVec
	wake    chan struct{}
	deaf    chan struct{}           // tells that what others tell is no longer heard
	upTo    int64                   // the revision up to which all was heard
	started bool                    // upTo holds
	runs    map[string][]cautionRun // by node

	nodes atomic.Int64

	mu      sync.Mutex // guards what follows
	pending [][]byte
	budget  cautionBudget

	leaseMu sync.Mutex // guards what follows
	leases  []cautionLease
}

type cautionLease struct {
	Lease
	made time.Time
	end  context.CancelFunc
}

// NewCaution checks the options, of which it needs no store. It touches no network and starts nothing. cluster is the UUID of the cluster.
func NewCaution(o Options, cluster string) (*Caution, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	c := &Caution{
		o: o, sealer: newSealer(o.Key, sealCaution, cluster), wake: make(chan struct{}, 1), deaf: make(chan struct{}, 1), runs: make(map[string][]cautionRun),
		budget: cautionBudget{most: cautionBurst, rate: cautionRate},
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "dialtree_cluster_caution_events_total",
			Help: "What was told to other nodes of failed logins, and heard of them, by how that ended.",
		}, []string{"direction", "result"}),
	}
	var b [8]byte
	rand.Read(b[:]) // never fails, says crypto/rand
	c.number = binary.BigEndian.Uint64(b[:])
	if o.Registerer != nil {
		if err := o.Registerer.Register(c.events); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return c, nil
}

// CautionKey is what the hashes in events are made with.
func (k Key) CautionKey() [32]byte { return k.derive("caution") }

// Tell has the other nodes hear an event, soon and if it can be. It waits for nothing and does not keep the event. Half of what may be told is for
// what is urgent.
func (c *Caution) Tell(event []byte, urgent bool) {
	if len(event) == 0 || len(event) > maxCautionEvent || !c.take(event, urgent) {
		c.events.WithLabelValues("told", "dropped").Inc()
		return
	}
	select {
	case c.wake <- struct{}{}:
	default: // it is on its way
	}
}

func (c *Caution) take(event []byte, urgent bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	reserve := 0.0
	if !urgent {
		reserve = cautionBurst / 2
	}
	if len(c.pending) >= cautionBurst || !c.budget.take(c.o.Now(), reserve) {
		return false
	}
	c.pending = append(c.pending, slices.Clone(event))
	return true
}

// Nodes is how many nodes hear each other, as far as is known: at least this one, and while etcd is away no other.
func (c *Caution) Nodes() int { return int(max(1, c.nodes.Load())) }

// countNodes counts the nodes that are registered until ctx ends.
func (c *Caution) countNodes(ctx context.Context) {
	for ctx.Err() == nil {
		found, _, err := c.o.KV.Range(ctx, prefixNodes, "", 0, true)
		again := cautionCounted
		if err != nil {
			// Nobody hears this node now, and to wait for others would be in vain.
			found, again = nil, cautionAgain
		}
		c.nodes.Store(int64(len(found)))
		timer := time.NewTimer(again)
		select {
		case <-timer.C:
		case <-c.deaf:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// Run tells, and has hear hear what others tell, with its age as far as that is known, until ctx ends. An error of hear is one about that event.
func (c *Caution) Run(ctx context.Context, hear func(event []byte, age time.Duration) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { c.tell(ctx); return nil })
	g.Go(func() error { c.endLeases(ctx); return nil })
	g.Go(func() error { c.countNodes(ctx); return nil })
	g.Go(func() error {
		for ctx.Err() == nil {
			c.listen(ctx, hear)
			select {
			case c.deaf <- struct{}{}: // where etcd is gone that is known at once
			default:
			}
			cautionWait(ctx, cautionAgain)
		}
		return nil
	})
	defer func() {
		over, cancel := context.WithCancel(context.Background())
		cancel()
		for _, l := range c.takeLeases(true) {
			_ = l.Revoke(over) // no longer renews it, and does not ask etcd to end it
			l.end()
		}
	}()
	return g.Wait()
}

// tell sends batches until ctx ends.
func (c *Caution) tell(ctx context.Context) {
	batches := cautionBudget{most: cautionBatchBurst}
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		}
		for batch := c.next(); len(batch) > 0 && ctx.Err() == nil; batch = c.next() {
			result := "sent"
			if c.put(ctx, batch) != nil {
				result = "failed" // etcd is away, or slow: what it says of a login is soon worth nothing
			}
			c.events.WithLabelValues("told", result).Add(float64(len(batch)))
			cautionWait(ctx, cautionPause)
			batches.rate = c.batchRate()
			for !batches.take(c.o.Now(), 0) && ctx.Err() == nil {
				cautionWait(ctx, cautionPause/10)
			}
		}
	}
}

// batchRate is how many batches a second this node may tell.
func (c *Caution) batchRate() float64 {
	return min(cautionBatchRate, max(cautionBatchLeast, cautionBatchesAll/float64(c.Nodes())))
}

// next returns what is to be told next.
func (c *Caution) next() [][]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	batch := c.pending[:min(len(c.pending), cautionBatch)]
	c.pending = c.pending[len(batch):]
	return batch
}

func (c *Caution) put(ctx context.Context, batch [][]byte) error {
	ctx, cancel := context.WithTimeout(ctx, cautionPut)
	defer cancel()
	lease, err := c.lease(ctx)
	if err != nil {
		return err
	}
	key := fmt.Sprintf("%s%s/%016x", prefixCaution, c.o.Node, c.number)
	c.number++
	_, _, err = c.o.KV.Txn(ctx, nil, []Op{{Key: key, Value: c.sealer.seal(nil, key, appendBatch(nil, c.o.Now(), batch)), Lease: lease}})
	return err
}

// lease returns the lease of what is told now.
func (c *Caution) lease(ctx context.Context) (Lease, error) {
	c.leaseMu.Lock()
	if n := len(c.leases); n > 0 {
		l := c.leases[n-1]
		select {
		case <-l.Done():
		default:
			if c.o.Now().Sub(l.made) < cautionLeases {
				c.leaseMu.Unlock()
				return l.Lease, nil
			}
		}
	}
	c.leaseMu.Unlock()
	// What keeps it alive may end with the context that it was asked for with: that one lasts as long as the lease, and only the asking has a limit.
	own, end := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, end)
	l, err := c.o.KV.Lease(own, cautionKept)
	if !stop() || err != nil {
		end()
		if err == nil {
			_ = l.Revoke(ctx) // which has ended: it is no longer renewed
		}
		return nil, errors.Join(err, ctx.Err())
	}
	c.leaseMu.Lock()
	defer c.leaseMu.Unlock()
	c.leases = append(c.leases, cautionLease{Lease: l, made: c.o.Now(), end: end})
	return l, nil
}

// endLeases gives back leases whose time has come, and with them what was told. Those that are left when ctx ends are only no longer kept alive: the
// others may read for a while what this node has told, and so may this one when it is back.
func (c *Caution) endLeases(ctx context.Context) {
	for ctx.Err() == nil {
		for _, l := range c.takeLeases(false) {
			revoking, cancel := context.WithTimeout(ctx, cautionPut)
			_ = l.Revoke(revoking) // if not now, it ends by itself
			cancel()
			l.end()
		}
		cautionWait(ctx, cautionLeases/2)
	}
}

func (c *Caution) takeLeases(all bool) (ended []cautionLease) {
	c.leaseMu.Lock()
	defer c.leaseMu.Unlock()
	c.leases = slices.DeleteFunc(c.leases, func(l cautionLease) bool {
		over := all || c.o.Now().Sub(l.made) >= cautionKept
		if over {
			ended = append(ended, l)
		}
		return over
	})
	return ended
}

// A cautionBudget says how much may be done: most at once, and rate a second. The zero spent is a full one.
type cautionBudget struct {
	most, rate float64
	spent      float64
	at         time.Time
}

// take takes one, where more than reserve are left.
func (b *cautionBudget) take(now time.Time, reserve float64) bool {
	b.spent = max(0, b.spent-max(0, now.Sub(b.at).Seconds())*b.rate)
	b.at = now
	if b.spent+1 > b.most-reserve {
		return false
	}
	b.spent++
	return true
}

// cautionWait waits for a while, or until ctx ends.
func cautionWait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
