package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/dialtree/dialtree/store"
)

// Options are what a Cluster needs.
type Options struct {
	KV         KV
	Key        Key
	Node       string // its name: unique, [a-z0-9.-]
	Store      *store.Store
	Logger     *slog.Logger
	Registerer prometheus.Registerer
	Now        func() time.Time
	Version    string // of the program, for the others
	Page       string // the URL of this node's page; may be empty
	NoCompact  bool   // do not have etcd forget its history
	// Progress is told how many bytes of a snapshot were fetched or sent, of how many; total 0: nobody knows. Nil: nobody is told.
	Progress func(phase string, done, total int64)
}

// The phases that Options.Progress is told of.
const (
	PhaseFetch = "fetch"
	PhaseSend  = "send"
)

// A Cluster is this node's part in it. It is the store's Committer.
type Cluster struct {
	o       Options
	kv      KV
	log     *changeLog
	duty    *duty
	janitor *janitor
}

// New checks the options. It touches no network and starts nothing.
func New(o Options) (*Cluster, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.Store == nil {
		return nil, errors.New("cluster: no store is given")
	}
	c := &Cluster{o: o, kv: o.KV, log: newChangeLog(o, o.Store)}
	c.janitor = newJanitor(c.log, o.NoCompact)
	c.duty = newDuty(o, o.Store, c.log.view)
	c.duty.entered = func() { c.log.end(nil) }
	c.log.counted = newMetrics(o.Registerer).commit
	if o.Registerer != nil {
		o.Registerer.MustRegister(newReadings(c.duty))
	}
	return c, nil
}

// check fills in what was left out.
func (o *Options) check() error {
	if o.KV == nil || o.Key.isZero() {
		return errors.New("cluster: it takes etcd and a key")
	}
	if !nodeName.MatchString(o.Node) {
		return fmt.Errorf("cluster: the node's name %q is not one: use up to 63 of a-z, 0-9, - and ., and begin and end with a letter or digit", o.Node)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return nil
}

var nodeName = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$`)

// Run follows the others' changes, keeps this node registered, and stands for election, until ctx ends. It returns an error only where this node must not go on: the store belongs to
// another cluster, another node has its name, the key does not fit. While etcd is out of reach it tries again for ever. After an error nothing can be changed until Run is called
// again and has this node registered.
func (c *Cluster) Run(ctx context.Context) error {
	err := c.run(ctx)
	if err != nil && ctx.Err() == nil {
		c.log.end(err)
	}
	return err
}

func (c *Cluster) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, loop := range []func(context.Context) error{
		c.log.follow,
		c.duty.run,
		func(ctx context.Context) error { return c.janitor.run(ctx, c.OnDuty) },
	} {
		g.Go(func() error { return loop(ctx) })
	}
	return g.Wait()
}

// Draft is store.Committer's.
func (c *Cluster) Draft(ctx context.Context, alone bool) (store.Draft, error) {
	return c.log.draft(ctx, alone)
}

// Status is how the cluster looks from this node.
type Status struct {
	Cluster   string    `json:"cluster"`
	Node      string    `json:"node"`
	Reachable bool      `json:"reachable"`         // etcd
	Trouble   string    `json:"trouble,omitempty"` // why nothing can be changed, in a sentence
	Since     time.Time `json:"since,omitzero"`    // of the trouble
	Index     uint64    `json:"index"`             // of this node
	Head      uint64    `json:"head"`              // of all; what was heard last
	Schema    int       `json:"schema"`            // of the content
	Elected   string    `json:"elected"`           // the node that runs the schedules
	Snapshot  Snapshot  `json:"snapshot"`
	Nodes     []Node    `json:"nodes"`   // by name
	Members   []Member  `json:"members"` // of etcd; only where Status asked for them
}

// A Node is one that is registered.
type Node struct {
	Name    string    `json:"name"`
	ID      string    `json:"id"` // of its copy of the content
	Version string    `json:"version"`
	Knows   int       `json:"knows"` // the newest schema that it can work with
	Page    string    `json:"page,omitempty"`
	Started time.Time `json:"started"`
	Seen    time.Time `json:"seen"`   // when it was there for certain
	Index   uint64    `json:"index"`  // what it said last: may be more by now
	Behind  uint64    `json:"behind"` // the changes that it has had the time to tell of
	Elected bool      `json:"elected"`
	Trouble string    `json:"trouble,omitempty"`
}

// A Snapshot is the latest in etcd.
type Snapshot struct {
	Index uint64    `json:"index"`
	Made  time.Time `json:"made,omitzero"`
	Bytes int64     `json:"bytes"`
	Tail  int64     `json:"tail,omitempty"` // bytes of the changes behind it; 0: there are none, or this node does not know: the elected one does
}

// Changeable is nil while this node can commit, or a *store.AwayError.
func (c *Cluster) Changeable() error { return c.log.changeable() }
