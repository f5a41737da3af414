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
		if other := parseNode(there.Value); there.Created != 0 && other.ID != r.node().ID {
			// One that was restored or joined anew has another ID, and what it registered before may still last as long as its lease.
			if giveUp.IsZero() {
				giveUp = d.o.Now().Add(leaseTime + leaseTime/4)
			}
			if d.o.Now().After(giveUp) {
				return nil, fmt.Errorf("another node is called %q, too (it has version %s and started at %s): give one of them another name in cluster.node", d.o.Node, other.Version, other.Started.Format(time.RFC3339))
			}
			sleep(ctx, time.Second)
			continue
		}
		// What is there with our ID is of a process that was killed: nobody else has this store.
		r.at = there.Modified
		if done, err := r.write(ctx); err != nil || !done {
			retry(ctx)
			continue
		}
		return r, nil
	}
	return nil, nil
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

// pace is how often a node may say where it is: all of them together make at most 50 changes a second.
func pace(nodes int) time.Duration {
	return max(2*time.Second, time.Duration(nodes)*time.Second/50)
}

// errReplaced ends a process whose place another one took.
var errReplaced = errors.New("another process with a copy of this node's store has registered under its name: one store is for one node: stop one of them, and fill the other's directory by dialtree cluster join")

// run says where this node is, where that changed, until ctx ends.
func (r *registration) run(ctx context.Context) error {
	for {
		pairs, _ := r.d.nodes.all()
		if sleep(ctx, pace(len(pairs))); ctx.Err() != nil {
			return nil
		}
		if r.node() == r.wrote && !r.lost(pairs) {
			continue
		}
		if done, err := r.write(ctx); err != nil || done {
			continue // where etcd is away the next one says more
		}
		there, _, err := r.d.kv.Get(ctx, r.key())
		if err != nil {
			continue
		}
		var other registered
		if there.Created != 0 && (json.Unmarshal(there.Value, &other) != nil || other.Process != r.d.process) {
			return errReplaced
		}
		r.at = there.Modified // a write whose answer was lost; or somebody deleted it
	}
}

// lost is true where what the mirror knows is not what was written.
func (r *registration) lost(pairs []Pair) bool {
	for _, p := range pairs {
		if p.Key == r.key() {
			return p.Modified > r.at
		}
	}
	return true
}

// parseNode reads what a node says of itself. What is no JSON gives a node without an ID.
func parseNode(value []byte) Node {
	var r registered
	if json.Unmarshal(value, &r) != nil {
		return Node{}
	}
	return r.Node
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
