package cluster

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Results of commits, as their metric's label.
const (
	resultCommitted = "committed"
	resultOvertaken = "overtaken"
	resultAway      = "away"
	resultDoubt     = "doubt"
)

// metrics are what Prometheus reads of a cluster. No label holds a name of a person.
type metrics struct {
	c        *Cluster
	commits  *prometheus.CounterVec
	duration prometheus.Histogram

	reachable, index, head, behind, behindSeconds, elected, snapshotAt, snapshotBytes, etcdBytes, nodes *prometheus.Desc
}

func newMetrics(c *Cluster) *metrics {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("dialtree_cluster_"+name, help, nil, nil)
	}
	m := &metrics{
		c: c,
		commits: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "dialtree_cluster_commits_total",
			Help: "Changes that this node tried to commit: committed; overtaken, which are tried again; away, as etcd did not answer; doubt, as nobody knows."}, []string{"result"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "dialtree_cluster_commit_duration_seconds",
			Help: "Time that etcd took for a commit, from its first piece on.", Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}}),
		reachable:     desc("reachable", "1 while this node hears etcd."),
		index:         desc("index", "Number of the last shared change that this node has."),
		head:          desc("head", "Number of the last shared change that this node heard of."),
		behind:        desc("behind_changes", "Shared changes that this node heard of and does not have yet."),
		behindSeconds: desc("behind_seconds", "Time since this node last had all that it heard of."),
		elected:       desc("elected", "1 on the node that runs the schedules."),
		snapshotAt:    desc("snapshot_timestamp_seconds", "When the latest snapshot in etcd was made."),
		snapshotBytes: desc("snapshot_bytes", "Bytes of the latest snapshot in etcd."),
		etcdBytes:     desc("etcd_bytes", "Bytes in etcd of the latest snapshot and the changes behind it."),
		nodes:         desc("nodes", "Nodes that are registered."),
	}
	for _, r := range []string{resultCommitted, resultOvertaken, resultAway, resultDoubt} {
		m.commits.WithLabelValues(r)
	}
	return m
}

// commit counts one.
func (m *metrics) commit(result string, took time.Duration) {
	m.commits.WithLabelValues(result).Inc()
	m.duration.Observe(took.Seconds())
}

// Describe is prometheus.Collector's.
func (m *metrics) Describe(to chan<- *prometheus.Desc) {
	m.commits.Describe(to)
	m.duration.Describe(to)
	for _, d := range []*prometheus.Desc{m.reachable, m.index, m.head, m.behind, m.behindSeconds, m.elected, m.snapshotAt, m.snapshotBytes, m.etcdBytes, m.nodes} {
		to <- d
	}
}

// Collect is prometheus.Collector's.
func (m *metrics) Collect(to chan<- prometheus.Metric) {
	m.commits.Collect(to)
	m.duration.Collect(to)
	v, at := m.c.log.view(), m.c.o.Store.Membership().Index
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
		behind = m.c.o.Now().Sub(v.Behind).Seconds()
	}
	gauge(m.behindSeconds, behind)
	gauge(m.elected, truth[m.c.duty.isElected()])
	if !v.Snapshot.Made.IsZero() {
		gauge(m.snapshotAt, float64(v.Snapshot.Made.UnixMilli())/1000)
	}
	gauge(m.snapshotBytes, float64(v.Snapshot.Bytes))
	gauge(m.etcdBytes, float64(v.Snapshot.Bytes+v.Snapshot.Tail))
	gauge(m.nodes, float64(len(m.c.duty.registered())))
}
