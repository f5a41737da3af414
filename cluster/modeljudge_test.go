package cluster_test

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/dialtree/dialtree/cluster"
)

// end lets everything come back, and looks at what became of it.
func (m *model) end() {
	m.calm = true
	m.etcd.DeliverLate()
	time.Sleep(time.Minute) // leases of the dead
	var last *node
	for _, n := range m.nodes {
		n.client.SetUnreachable(false)
		n.client.Resume()
		if err := n.log.Step(m.ctx); err != nil {
			m.wrong("%s does not come up to date: %v", n.name, err)
		}
		if last != nil && n.replica.digest() != last.replica.digest() {
			m.wrong("%s and %s differ: %v and %v", n.name, last.name, n.replica.changes(), last.replica.changes())
		}
		last = n
	}
	m.judge(last.replica.changes())
	m.judgeSpace(last)
}

func (m *model) judge(changes []string) {
	times := map[string]int{}
	for _, id := range changes {
		times[id]++
	}
	for _, id := range slices.Sorted(maps.Keys(m.fates)) {
		fate, n := m.fates[id], times[id]
		delete(times, id)
		switch {
		case fate == acknowledged && n != 1:
			m.wrong("%s was acknowledged and is there %d times", id, n)
		case fate == doubtful && n > 1:
			m.wrong("%s was in doubt and is there %d times", id, n)
		case fate == doubtful && n == 1:
			m.seen["doubt made"]++
		}
	}
	for id, n := range times {
		m.wrong("%s was refused and is there %d times", id, n)
	}
}

// judgeSpace has the janitor work until nothing is left to do, and looks at what etcd holds.
func (m *model) judgeSpace(n *node) {
	for _, other := range m.nodes {
		if other.lease != nil { // a place in the queue may be left of which the node was never told
			_ = other.lease.Revoke(m.ctx)
		}
		other.lease, other.held = nil, nil
	}
	if !n.elected() {
		m.wrong("%s is not elected although nobody else stands", n.name)
		return
	}
	for range 4 {
		if err := n.janitor.Round(cluster.WithFence(m.ctx, n.held.Condition())); err != nil {
			m.wrong("the janitor: %v", err)
		}
		time.Sleep(6 * time.Minute)
	}
	if err := n.log.Step(m.ctx); err != nil {
		m.wrong("after the janitor: %v", err)
	}
	snapshots := m.count("snapshots/")
	if snapshots > 1 {
		m.wrong("%d snapshots are left", snapshots)
	}
	have := m.etcd.Bytes("log/") + m.etcd.Bytes("parts/") + m.etcd.Bytes("snapshots/")
	if bound := n.janitor.Bound(m.snapshotBytes()) + int64(m.count("log/changes/"))*450; have > bound {
		m.wrong("etcd holds %d bytes, and %d is the bound: %d changes, %d bytes of parts", have, bound, m.count("log/changes/"), m.etcd.Bytes("parts/"))
	}
	if n := m.count("log/changes/"); n > 12+5+1 {
		m.wrong("%d changes are left", n)
	}
	joined := m.addNode()
	if err := joined.log.Step(m.ctx); err != nil || joined.replica.digest() != n.replica.digest() {
		m.wrong("a node that joins at the end: %v", err)
	}
}

func (m *model) snapshotBytes() int64 {
	pairs, _, _ := m.etcd.Client().Range(context.Background(), "snapshots/", "", 0, false)
	var r struct{ Bytes int64 }
	if len(pairs) == 0 || json.Unmarshal(pairs[len(pairs)-1].Value, &r) != nil {
		m.wrong("there is no snapshot")
	}
	return r.Bytes
}
