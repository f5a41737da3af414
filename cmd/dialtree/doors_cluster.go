package main

import (
	"context"
	"encoding/hex"
	"time"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/authproxy"
	"github.com/dialtree/dialtree/cluster"
	"github.com/dialtree/dialtree/syncer"
)

// clusterDoor shows the cluster to the admin side.
type clusterDoor struct{ *member }

// clusterDoor returns nil for a node that is alone.
func (n *node) clusterDoor() admin.ClusterDoor {
	if n.member == nil {
		return nil
	}
	return clusterDoor{n.member}
}

func (d clusterDoor) Node() string      { return d.node.config.Cluster.Node }
func (d clusterDoor) Changeable() error { return d.cluster.Changeable() }

func (d clusterDoor) Digest(ctx context.Context) (digest string, index uint64, err error) {
	at, sum, err := d.node.store.Digest(ctx)
	return hex.EncodeToString(sum[:]), at.Index, err
}

func (d clusterDoor) Status(ctx context.Context, members bool) (*admin.Cluster, error) {
	s, err := d.cluster.Status(ctx, members)
	if s == nil {
		return nil, err
	}
	if err != nil { // of etcd's servers alone: the rest is worth showing all the more
		d.node.logger.Debug("etcd's servers do not tell how they are", "error", err)
	}
	shown := &admin.Cluster{
		Cluster: s.Cluster, Node: s.Node, Reachable: s.Reachable, Trouble: s.Trouble, Since: timeOrNil(s.Since),
		Index: s.Index, Head: s.Head, Schema: s.Schema, Elected: s.Elected,
		Snapshot: admin.ClusterSnapshot{Index: s.Snapshot.Index, Made: timeOrNil(s.Snapshot.Made), Bytes: s.Snapshot.Bytes, Tail: s.Snapshot.Tail},
	}
	for _, n := range s.Nodes {
		shown.Nodes = append(shown.Nodes, admin.ClusterNode(n))
	}
	for _, m := range s.Members {
		shown.Members = append(shown.Members, admin.EtcdMember(m))
	}
	return shown, nil
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// claimsDoor shows the syncer which runs are the other nodes'.
type claimsDoor struct{ *member }

func (d claimsDoor) Claim(ctx context.Context, connector, by string) (claimed context.Context, release func(), taken *syncer.Taken, err error) {
	claimed, release, other, err := d.cluster.Claim(ctx, connector, by)
	if other != nil {
		taken = (*syncer.Taken)(other)
	}
	return claimed, release, taken, err
}

// syncerDoors are what the syncer agrees with other nodes by; nil for a node that is alone.
func (n *node) syncerDoors() (syncer.Duty, syncer.Claims) {
	if n.member == nil {
		return nil, nil
	}
	return n.member.cluster, claimsDoor{n.member}
}

// cautionDoor is how the front tells other nodes of failed logins; nil for a node that is alone.
func (n *node) cautionDoor() (authproxy.Caution, [32]byte) {
	if n.member == nil {
		return nil, [32]byte{}
	}
	return n.member.caution, n.member.key.CautionKey()
}

// peersDoor shows the admin side the runs of the other nodes.
type peersDoor struct {
	*cluster.Cluster
	node string
}

// peersDoor returns nil for a node that is alone.
func (n *node) peersDoor() admin.Peers {
	if n.member == nil {
		return nil
	}
	return peersDoor{n.member.cluster, n.config.Cluster.Node}
}

func (d peersDoor) Node() string { return d.node }

func (d peersDoor) Jobs() []admin.PublishedJob {
	var all []admin.PublishedJob
	for _, j := range d.Cluster.Jobs() {
		all = append(all, admin.PublishedJob(j))
	}
	return all
}
