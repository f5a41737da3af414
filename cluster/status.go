package cluster

import "context"

// Status tells how the cluster looks from this node: what it heard last. members asks etcd's servers how they are; only where they do not answer it returns an error, beside the rest.
func (c *Cluster) Status(ctx context.Context, members bool) (*Status, error) {
	v, m := c.log.view(), c.o.Store.Membership()
	s := &Status{
		Cluster: m.Cluster, Node: c.o.Node, Reachable: v.Reachable, Trouble: v.Trouble, Since: v.Since,
		Index: m.Index, Head: max(v.Head, m.Index), Schema: c.o.Store.Schema(), Snapshot: v.Snapshot,
		Elected: c.duty.elected(), Nodes: c.duty.registered(),
	}
	for i := range s.Nodes {
		n := &s.Nodes[i]
		if n.Name == s.Node {
			n.Index, n.Trouble = m.Index, v.Trouble
			if v.Reachable {
				n.Seen = c.o.Now()
			}
		}
		if n.Elected = n.Name == s.Elected; s.Head > n.Index {
			n.Behind = s.Head - n.Index
		}
	}
	if !members {
		return s, nil
	}
	var err error
	s.Members, err = c.kv.Members(ctx)
	return s, err
}
