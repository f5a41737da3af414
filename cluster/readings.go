package cluster

import "github.com/prometheus/client_golang/prometheus"

// readings are what Prometheus reads of a cluster as it stands: nothing is counted for them. They have no labels.
type readings struct {
	d *duty

	reachable, index, head, behind, behindSeconds, elected, snapshotAt, snapshotBytes, etcdBytes, nodes *prometheus.Desc
}

func newReadings(d *duty) *readings {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("dialtree_cluster_"+name, help, nil, nil)
	}
	m := &readings{
		d:             d,
		reachable:     desc("reachable", "1 while this node hears etcd."),
		index:         desc("index", "Number of the last shared change that this node has."),
		head:          desc("head", "Number of the last shared change that this node heard of."),
		behind:        desc("behind_changes", "Shared changes that this node heard of and does not have yet."),
		behindSeconds: desc("behind_seconds", "Time since this node last had all that it heard of."),
		elected:       desc("elected", "1 on the node that runs the schedules."),
		snapshotAt:    desc("snapshot_timestamp_seconds", "When the latest snapshot in etcd was made."),
		snapshotBytes: desc("snapshot_bytes", "Bytes of the latest snapshot in etcd."),
		etcdBytes:     desc("etcd_bytes", "Bytes in etcd of the latest snapshot and, on the elected node, the changes behind it."),
		nodes:         desc("nodes", "Nodes that are registered."),
	}
	return m
}

// Describe is prometheus.Collector's.
func (m *readings) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.reachable, m.index, m.head, m.behind, m.behindSeconds, m.elected, m.snapshotAt, m.snapshotBytes, m.etcdBytes, m.nodes} {
		to <- d
	}
}

// Collect is prometheus.Collector's.
func (m *readings) Collect(to chan<- prometheus.Metric) {
	v, at := m.d.look(), m.d.content.Membership().Index
	head := max(v.Head, at)
	gauge := func(d *prometheus.Desc, value float64) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value)
	}
	truth := map[bool]float64{true: 1}
	gauge(m.reachable, truth[v.Reachable])
	gauge(m.index, float64(at))
	gauge(m.head, float64(head))
	gauge(m.behind, float64(head-at))
	behind := 0.0
	if head > at && !v.Behind.IsZero() {
		behind = m.d.o.Now().Sub(v.Behind).Seconds()
	}
	gauge(m.behindSeconds, behind)
	gauge(m.elected, truth[m.d.isElected()])
	if !v.Snapshot.Made.IsZero() {
		gauge(m.snapshotAt, float64(v.Snapshot.Made.UnixMilli())/1000)
	}
	gauge(m.snapshotBytes, float64(v.Snapshot.Bytes))
	gauge(m.etcdBytes, float64(v.Snapshot.Bytes+v.Snapshot.Tail))
	gauge(m.nodes, float64(len(m.d.registered())))
}
