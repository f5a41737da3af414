package cluster

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/dialtree/dialtree/store"
)

// schooled is the store, as far as the duty needs it.
type schooled interface {
	Membership() store.Membership
	Schema() int
	Upgrade(context.Context) error
}

// duty is what this node is among the others: its lease, its registration, its place in the election, its claims and its runs' progress.
type duty struct {
	o       Options
	kv      KV
	content schooled
	look    func() view // what is known of the changes
	entered func()      // is called when this node is registered
	knows   int         // the newest schema that this program can work with
	sealer  *sealer
	started time.Time
	process string // this one, among those that may ever run under this name
	yielded string // the process that this one gave up its name for; of the goroutine that registers

	tenures *tenures
	jobs    *jobs
	nodes   *mirror
	votes   *mirror // the election's keys
	wait    sync.WaitGroup

	mu      sync.Mutex // guards what follows
	office  *office    // nil: another node has it, or none
	changed chan struct{}
	claims  map[string]bool // connectors that this process runs
}

// An office is the election while this node holds it.
type office struct {
	Held
	ctx context.Context // ends when it no longer does
}

func newDuty(o Options, content schooled, look func() view) *duty {
	d := &duty{
		o: o, kv: o.KV, content: content, look: look, entered: func() {}, knows: store.SchemaVersion(), started: o.Now(), process: newProcess(),
		sealer:  newSealer(o.Key, sealContent, content.Membership().Cluster),
		tenures: newTenures(o.KV, o.Now),
		nodes:   newMirror(o.KV, prefixNodes, nil),
		votes:   newMirror(o.KV, nameElection, nil),
		changed: make(chan struct{}), claims: map[string]bool{},
	}
	d.jobs = newJobs(d)
	return d
}

func (d *duty) run(ctx context.Context) error {
	defer d.wait.Wait()
	g, ctx := errgroup.WithContext(ctx)
	for _, m := range []*mirror{d.nodes, d.votes, d.jobs.others, d.jobs.cancels} {
		g.Go(func() error { m.run(ctx); return nil })
	}
	g.Go(func() error { return d.tenures.run(ctx, d.hold) })
	return g.Wait()
}

// hold does what hangs on one lease.
func (d *duty) hold(ctx context.Context, t *tenure) error {
	r, err := d.register(ctx, t)
	if err != nil || ctx.Err() != nil {
		return err
	}
	d.tenures.set(t, nil) // before that another node may have the name, and claims under it
	d.entered()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return r.run(ctx) })
	g.Go(func() error { d.stand(ctx, t); return nil })
	g.Go(func() error { d.jobs.run(ctx, t); return nil })
	return g.Wait()
}

// errOffice ends what was done on duty.
var errOffice = errors.New("this node is no longer the elected one")

// stand stands for election until ctx ends, while this node is fit for it.
func (d *duty) stand(ctx context.Context, t *tenure) {
	for ctx.Err() == nil {
		if d.unfit() {
			retry(ctx)
			continue
		}
		h, err := d.kv.Elect(ctx, t, nameElection, d.o.Node)
		if err != nil {
			retry(ctx)
			continue
		}
		d.o.Logger.Info("this node was elected: it runs the schedules", "node", d.o.Node)
		d.serve(ctx, h)
		d.o.Logger.Info("this node is no longer the elected one", "node", d.o.Node)
		// So that another one need not wait for the lease's end.
		parting, cancel := context.WithTimeout(context.WithoutCancel(ctx), partingTime)
		h.Release(parting)
		cancel()
	}
}

// unfit tells that this node hears etcd and could change nothing for a while all the same, as its disk is full or its program too old. Elected, it would keep the schedules of all
// from running, and what is in etcd from being cleared away.
func (d *duty) unfit() bool {
	v := d.look()
	return v.Reachable && v.Trouble != "" && d.o.Now().Sub(v.Since) > upgradeLook
}

// serve is in office until ctx or the office ends, or this node is unfit for it.
func (d *duty) serve(ctx context.Context, h Held) {
	inOffice, end := context.WithCancelCause(ctx)
	defer end(errOffice)
	d.setOffice(&office{Held: h, ctx: inOffice})
	defer d.setOffice(nil)
	go func() {
		select {
		case <-h.Done():
			end(errOffice)
		case <-inOffice.Done():
		}
	}()
	d.upgrade(withFence(inOffice, h.Condition()))
	end(errOffice)
}

func (d *duty) setOffice(o *office) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.office = o
	close(d.changed)
	d.changed = make(chan struct{})
}

// OnDuty waits until this node holds the election. The context that it returns ends when it no longer does; no Apply under it commits after that.
func (c *Cluster) OnDuty(ctx context.Context) (context.Context, error) { return c.duty.onDuty(ctx) }

func (d *duty) onDuty(ctx context.Context) (context.Context, error) {
	for {
		d.mu.Lock()
		o, changed := d.office, d.changed
		d.mu.Unlock()
		if o != nil && o.ctx.Err() == nil {
			working, _ := under(ctx, o.ctx, o.Condition(), errOffice) // until the office ends
			return working, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// under returns a context with a fence that ends with both, or before.
func under(ctx, hold context.Context, fence Condition, why error) (context.Context, context.CancelCauseFunc) {
	both, end := context.WithCancelCause(withFence(ctx, fence))
	stop := context.AfterFunc(hold, func() { end(why) })
	context.AfterFunc(both, func() { stop() })
	return both, end
}

const (
	upgradeAfter = 30 * time.Second // that all nodes have known a newer schema
	upgradeLook  = 5 * time.Second
)

// upgrade waits until ctx ends or this node is unfit, and brings the content to the schema that all nodes know. A node that is not registered is not asked: it finds a newer
// schema when it comes back, and ends with the sentence that says so.
func (d *duty) upgrade(ctx context.Context) {
	var since time.Time
	for ; ctx.Err() == nil && !d.unfit(); sleep(ctx, upgradeLook) {
		if !d.allKnow(d.content.Schema(), d.knows) {
			since = time.Time{}
			continue
		}
		if since.IsZero() {
			since = d.o.Now()
		}
		if d.o.Now().Sub(since) < upgradeAfter {
			continue
		}
		from := d.content.Schema()
		if err := d.content.Upgrade(ctx); err != nil {
			if ctx.Err() == nil {
				d.o.Logger.Warn("the shared content could not be brought to a newer schema: it is tried again", "from", from, "to", d.knows, "error", err)
			}
			since = time.Time{}
			continue
		}
		d.o.Logger.Info("the shared content has a newer schema: nodes of an older version can no longer follow it", "from", from, "to", d.content.Schema())
	}
}

// allKnow is true where the content has an older schema than we know and every registered node knows ours.
func (d *duty) allKnow(content, ours int) bool {
	if content >= ours {
		return false
	}
	nodes := d.registered()
	for _, n := range nodes {
		if n.Knows < ours {
			return false
		}
	}
	return len(nodes) > 0
}

func (d *duty) isElected() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.office != nil && d.office.ctx.Err() == nil
}
