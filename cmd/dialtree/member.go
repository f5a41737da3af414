package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/dialtree/dialtree/cluster"
	"github.com/dialtree/dialtree/cluster/etcd"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/service"
	"github.com/dialtree/dialtree/store"
)

const (
	// settleTime is how long a start waits for the cluster before it serves from the replica.
	settleTime = 3 * time.Second
	// probation is how long after its start what the cluster has against a node ends it. That its name is taken shows when the lease is over
	// by which an earlier process of this node may have had it.
	probation = 30 * time.Second
	// rejoinPause is between two tries of a node that the cluster does not want.
	rejoinPause = 10 * time.Second
	// standingEvery is how often the service manager's status is looked at.
	standingEvery = 2 * time.Second
)

// A member is a node's part in a cluster. Logins and searches do not need it: they go on from the replica whatever becomes of it.
type member struct {
	node    *node
	etcd    *etcd.Client
	cluster *cluster.Cluster
	caution *cluster.Caution
	key     cluster.Key
	trusted chan struct{} // closed when the probation is over
	turned  chan error    // takes what the cluster had against this node before that
}

// enter makes the store's changes those of all nodes, where the configuration says so. It touches no network.
func (n *node) enter(registry *prometheus.Registry) error {
	c := n.config
	if err := checkMembership(c, n.store.Membership()); err != nil || !c.Clustered() {
		return err
	}
	key, err := readClusterKey(c)
	if err != nil {
		return err
	}
	m := &member{node: n, key: key, trusted: make(chan struct{}), turned: make(chan error)}
	if m.etcd, err = connectEtcd(c, n.logger); err != nil {
		return err
	}
	n.member = m // which close closes
	o := clusterOptions(c, m.etcd, key, n.logger)
	o.Store, o.Registerer, o.Page = n.store, registry, n.adminAddress()
	if m.cluster, err = cluster.New(o); err != nil {
		return err
	}
	if m.caution, err = cluster.NewCaution(o, n.store.Membership().Cluster); err != nil {
		return err
	}
	n.store.Share(m.cluster)
	return nil
}

// start takes part in the cluster until the function that it returns is called, which gives up the node's lease, so that another one takes over at once.
func (m *member) start(ctx context.Context) (end func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var parts sync.WaitGroup
	parts.Go(func() { m.run(ctx) })
	parts.Go(func() {
		if err := m.caution.Run(ctx, m.node.front.Hear); err != nil && ctx.Err() == nil {
			m.node.logger.Error("what other nodes learn of failed logins is no longer heard", "error", err)
		}
	})
	return func() {
		cancel()
		parts.Wait()
	}
}

// run takes part in the cluster until ctx ends. What the cluster has against this node ends the server only as long as it is new: later on a
// company logs in by what it has, and somebody is to be told rather than everybody locked out.
func (m *member) run(ctx context.Context) {
	for told := ""; ; {
		began := time.Now()
		err := m.cluster.Run(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("it ended by itself")
		}
		select {
		case m.turned <- err:
			return
		case <-m.trusted:
		}
		if told != err.Error() || time.Since(began) > probation { // not at every try
			told = err.Error()
			m.node.logger.Error("this node takes no part in its cluster: logins and searches go on with what it has, nothing is changed, and it tries again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(rejoinPause):
		}
	}
}

// settle waits until the node can change what all share, for a while, so that it usually serves what is current. Its error is what the cluster
// has against this node. That etcd is away is none.
func (m *member) settle(ctx context.Context) error {
	timeout := time.NewTimer(settleTime)
	defer timeout.Stop()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for m.cluster.Changeable() != nil {
		select {
		case err := <-m.turned:
			return err
		case <-timeout.C:
			m.node.logger.Warn("the cluster is not reached: logins and searches are served from what this node has, and nothing can be changed", "error", m.cluster.Changeable())
			return nil
		case <-ctx.Done():
			return nil
		case <-look.C:
		}
	}
	return nil
}

// prove returns what the cluster has against the node within its probation, and otherwise when that is over.
func (m *member) prove(ctx context.Context) error {
	defer close(m.trusted)
	select {
	case err := <-m.turned:
		return err
	case <-ctx.Done():
	case <-time.After(probation):
	}
	return nil
}

// standing is why a node cannot change anything; empty: it can, as far as it depends on other nodes.
func (n *node) standing() string {
	if n.member == nil {
		return ""
	}
	err := n.member.cluster.Changeable()
	var away *store.AwayError
	if errors.As(err, &away) {
		err = away.Err
	}
	if err == nil {
		return ""
	}
	return err.Error()
}

// keepStanding tells the service manager when the node can no longer change anything, and when it can again.
func (n *node) keepStanding(ctx context.Context, notifier *service.Notifier) {
	if n.member == nil {
		return
	}
	ticker := time.NewTicker(standingEvery)
	defer ticker.Stop()
	for told := n.status(); ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if now := n.status(); now != told {
			told = now
			_ = notifier.Status(now) // the watchdog's pings tell of a manager that does not listen
		}
	}
}

// status says in one sentence what the server does.
func (n *node) status() string {
	text := fmt.Sprintf("Answers logins and searches at %d sockets", len(n.ldapListeners))
	if standing := n.standing(); standing != "" {
		text += ", serving, not changing: " + standing
	}
	return text
}
