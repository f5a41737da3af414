package main

import (
	"context"
	"encoding/hex"
	"time"

	"github.com/dialtree/dialtree/admin"
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
func (d clusterDoor) Changeable() error { return d.changeable() }

func (d clusterDoor) Digest(ctx context.Context) (digest string, index uint64, err error) {
	at, sum, err := d.node.store.Digest(ctx)
	return hex.EncodeToString(sum[:]), at.Index, err
}

func (d clusterDoor) Status(ctx context.Context, members bool) (*admin.Cluster, error) {
	s, err := d.cluster.Status(ctx, members)
	if err != nil {
		return nil, err
	}
	shown := &admin.Cluster{
		Cluster: s.Cluster, Node: s.Node, Reachable: s.Reachable, Trouble: s.Trouble, Since: timeOrNil(s.Since),
		Index: s.Index, Head: s.Head, Schema: s.Schema, Elected: s.Elected,
		Snapshot: admin.ClusterSnapshot{Index: s.Snapshot.Index, Made: timeOrNil(s.Snapshot.Made), Bytes: s.Snapshot.Bytes, Tail: s.Snapshot.Tail},
	}
	if away := d.outside.Load(); away != nil {
		shown.Trouble, shown.Since = away.Err.Error(), timeOrNil(away.Since)
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
