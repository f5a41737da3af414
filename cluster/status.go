package cluster

import (
	"context"
	"time"
)

// tellingTakes is how long it may take until this node hears what another one says.
const tellingTakes = time.Second

// Status tells how the cluster looks from this node: what it heard last. members asks etcd's servers how they are; only where they do not answer it returns an error, beside the rest.
func (c *Cluster) Status(ctx context.Context, members bool) (*Status, error) {
	return c.duty.status(ctx, members)
}

func (d *duty) status(ctx context.Context, members bool) (*Status, error) {
	v, m := d.look(), d.content.Membership()
	s := &Status{
		Cluster: m.Cluster, Node: d.o.Node, Reachable: v.Reachable, Trouble: v.Trouble, Since: v.Since,
		Index: m.Index, Head: max(v.Head, m.Index), Schema: d.content.Schema(), Snapshot: v.Snapshot,
		Elected: d.elected(), Nodes: d.registered(),
	}
	told := v.Heads.before(d.o.Now().Add(-pace(len(s.Nodes)) - tellingTakes))
	for i := range s.Nodes {
		n := &s.Nodes[i]
		n.Elected = n.Name == s.Elected
		if v.Reachable {
			n.Seen = d.o.Now() // its lease lives
		}
		if n.Name == s.Node {
			n.Index, n.Trouble, n.Behind = m.Index, v.Trouble, s.Head-m.Index
		} else if told > n.Index {
			n.Behind = told - n.Index
		}
	}
	if !members {
		return s, nil
	}
	var err error
	s.Members, err = d.kv.Members(ctx)
	return s, err
}
