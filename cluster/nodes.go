package cluster

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A registered is what a node says of itself in nodes/NAME.
type registered struct {
	Node
	// Process tells two programs with copies of one store apart.
	Process string `json:"process"`
}

func newProcess() string { return rand.Text() }

// A registration is nodes/NAME while it is this process's.
type registration struct {
	d     *duty
	t     *tenure
	at    int64 // when it was last changed
	wrote Node
}

// register waits until etcd has this node's registration. It fails where another node has the name.
func (d *duty) register(ctx context.Context, t *tenure) (*registration, error) {
	r := &registration{d: d, t: t}
	var giveUp time.Time
	for ctx.Err() == nil {
		there, _, err := d.kv.Get(ctx, r.key())
		if err != nil {
			retry(ctx)
			continue
		}
		other := parseRegistered(there.Value)
		if other.Process != "" && other.Process == d.yielded {
			return nil, errYielded // it lives: its lease does
		}
		if there.Created != 0 && other.ID != r.node().ID {
			// One that was restored or joined anew has another ID, and what it registered before may still last as long as its lease.
			if giveUp.IsZero() {
				giveUp = d.o.Now().Add(leaseTime + leaseTime/4)
			}
			if d.o.Now().After(giveUp) {
				return nil, d.taken(other)
			}
			sleep(ctx, time.Second)
			continue
		}
		// What is there with our ID is most likely of a process that was killed. One that lives, with a copy of this store, takes it back if it is the older one.
		r.at = there.Modified
		if done, err := r.write(ctx); err != nil || !done {
			retry(ctx)
			continue
		}
		return r, nil
	}
	return nil, nil
}

// taken is why this node cannot have its name.
func (d *duty) taken(other registered) error {
	if other.ID == "" {
		return fmt.Errorf("no node wrote what is registered as %q in etcd: delete the key %s%[1]s below the prefix of this cluster, and find out who put it there", d.o.Node, prefixNodes)
	}
	return fmt.Errorf("another node is called %q, too (it has version %s and started at %s): give one of them another name in cluster.node", d.o.Node, other.Version, other.Started.Format(time.RFC3339))
}

func (r *registration) key() string { return prefixNodes + r.d.o.Node }

func (r *registration) node() Node {
	d, m, v := r.d, r.d.content.Membership(), r.d.look()
	if !v.Reachable {
		v.Trouble = "" // who can read it can see that etcd is there
	}
	return Node{Name: d.o.Node, ID: m.Node, Version: d.o.Version, Knows: d.knows, Page: d.o.Page, Started: d.started, Index: m.Index, Trouble: v.Trouble}
}

// write puts the registration if nobody else changed it since.
func (r *registration) write(ctx context.Context) (done bool, err error) {
	n := r.node()
	said := n
	said.Seen = r.d.o.Now()
	value, err := json.Marshal(registered{Node: said, Process: r.d.process})
	if err != nil {
		return false, err
	}
	done, revision, err := r.d.kv.Txn(ctx, []Condition{ModifiedAt(r.key(), r.at)}, []Op{{Key: r.key(), Value: value, Lease: r.t}})
	if done && err == nil {
		r.at, r.wrote = revision, n
	}
	return done, err
}

const (
	// tellEvery is how often a node says where it is, where there are few.
	tellEvery = 2 * time.Second
	// tellMost bounds what etcd sends for that: each node hears of each, which is nodes² events a round.
	tellMost = 5000 // events a second
	// tellLatest is for more nodes than that is meant for, some two thousand.
	tellLatest = 15 * time.Minute
)

// pace is how often a node may say where it is.
func pace(nodes int) time.Duration {
	return min(max(tellEvery, time.Duration(nodes)*time.Duration(nodes)*time.Second/tellMost), tellLatest)
}

// errYielded ends a process for as long as an older one with a copy of its store lives.
var errYielded = errors.New("an older process with a copy of this node's store is registered under its name, so that this one gives up while that one lives: one store is for one node: " +
	"stop one of them, and fill its directory anew by dialtree cluster join, with another name in cluster.node")

// run says where this node is, where that changed, until ctx ends.
func (r *registration) run(ctx context.Context) error {
	for {
		pairs := r.pause(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if r.node() == r.wrote && !r.lost(pairs) {
			continue
		}
		done, err := r.write(ctx)
		if err == nil && !done {
			err = r.contest(ctx)
		}
		switch {
		case errors.Is(err, errYielded):
			return err
		case err != nil:
			retry(ctx) // where etcd is away the next one says more
		}
	}
}

// pause returns when this node may say again where it is, or when somebody else wrote its registration.
func (r *registration) pause(ctx context.Context) []Pair {
	pairs, changed := r.d.nodes.all()
	timer := time.NewTimer(pace(len(pairs)))
	defer timer.Stop()
	for !r.overwritten(pairs) {
		select {
		case <-changed:
			pairs, changed = r.d.nodes.all()
		case <-timer.C:
			return pairs
		case <-ctx.Done():
			return pairs
		}
	}
	return pairs
}

// contest is for a registration that is not as this process left it. Where another process wrote it, the one that started first has it.
func (r *registration) contest(ctx context.Context) error {
	there, _, err := r.d.kv.Get(ctx, r.key())
	if err != nil {
		return err
	}
	other := parseRegistered(there.Value)
	r.at = there.Modified // a write whose answer was lost; or somebody deleted it
	if there.Created == 0 || other.Process == r.d.process {
		return nil
	}
	if r.d.youngerThan(other) {
		r.d.yielded = other.Process
		return errYielded
	}
	r.d.o.Logger.Warn("another process with a copy of this node's store has registered under its name: it started later and has to give up: stop it, and fill its directory anew by dialtree cluster join", "node", r.d.o.Node, "started", other.Started)
	r.wrote = Node{}
	_, err = r.write(ctx)
	return err
}

// youngerThan is true at one of two processes.
func (d *duty) youngerThan(other registered) bool {
	if c := d.started.Compare(other.Started); c != 0 {
		return c > 0
	}
	return d.process > other.Process
}

// overwritten is true where the mirror heard of a later registration than what was written.
func (r *registration) overwritten(pairs []Pair) bool {
	p, ok := r.find(pairs)
	return ok && p.Modified > r.at
}

// lost is true where what the mirror knows is not what was written.
func (r *registration) lost(pairs []Pair) bool {
	p, ok := r.find(pairs)
	return !ok || p.Modified > r.at
}

func (r *registration) find(pairs []Pair) (Pair, bool) {
	i := slices.IndexFunc(pairs, func(p Pair) bool { return p.Key == r.key() })
	if i < 0 {
		return Pair{}, false
	}
	return pairs[i], true
}

// parseNode reads what a node says of itself. What is no JSON gives a node without an ID.
func parseNode(value []byte) Node { return parseRegistered(value).Node }

func parseRegistered(value []byte) registered {
	var r registered
	if json.Unmarshal(value, &r) != nil {
		return registered{}
	}
	return r
}

// registered returns the nodes as they were heard last, by name.
func (d *duty) registered() (nodes []Node) {
	pairs, _ := d.nodes.all()
	for _, p := range pairs {
		n := parseNode(p.Value)
		n.Name = strings.TrimPrefix(p.Key, prefixNodes)
		nodes = append(nodes, n)
	}
	slices.SortFunc(nodes, func(a, b Node) int { return cmp.Compare(a.Name, b.Name) })
	return nodes
}

// elected is the name of the node whose key in the election is the oldest.
func (d *duty) elected() string {
	pairs, _ := d.votes.all()
	if len(pairs) == 0 {
		return ""
	}
	return string(slices.MinFunc(pairs, func(a, b Pair) int { return cmp.Compare(a.Created, b.Created) }).Value)
}
