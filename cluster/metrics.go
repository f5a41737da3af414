package cluster

import "github.com/prometheus/client_golang/prometheus"

// metrics are the log's. No label holds more than a result.
type metrics struct {
	commits   *prometheus.CounterVec
	followed  prometheus.Counter
	installed prometheus.Counter
}

func newMetrics(r prometheus.Registerer, l *changeLog) metrics {
	m := metrics{
		commits: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "dialtree_cluster_commits_total", Help: "Changes that this node tried to commit, by what became of them.",
		}, []string{"result"}),
		followed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "dialtree_cluster_followed_total", Help: "Changes of other nodes that were taken over.",
		}),
		installed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "dialtree_cluster_snapshots_installed_total", Help: "Times that the content was replaced by a snapshot.",
		}),
	}
	if r == nil {
		return m
	}
	gauge := func(name, help string, value func(view) float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return value(l.view()) })
	}
	r.MustRegister(m.commits, m.followed, m.installed,
		gauge("dialtree_cluster_index", "The change that this node is at.", func(v view) float64 { return float64(v.Index) }),
		gauge("dialtree_cluster_behind", "Changes that this node has heard of and does not have.", func(v view) float64 { return float64(v.Head - v.Index) }),
		gauge("dialtree_cluster_reachable", "1 while etcd answers.", func(v view) float64 {
			if v.Reachable {
				return 1
			}
			return 0
		}),
		gauge("dialtree_cluster_snapshot_timestamp_seconds", "When the latest snapshot in etcd was made.", func(v view) float64 {
			if v.Snapshot.Made.IsZero() {
				return 0
			}
			return float64(v.Snapshot.Made.Unix())
		}),
	)
	return m
}

func (m metrics) commit(result string) { m.commits.WithLabelValues(result).Inc() }
