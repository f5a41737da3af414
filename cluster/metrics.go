package cluster

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics count commits. No label holds more than a result: committed, overtaken, away, doubt.
type metrics struct {
	commits  *prometheus.CounterVec
	duration prometheus.Histogram
}

func newMetrics(r prometheus.Registerer) metrics {
	m := metrics{
		commits: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "dialtree_cluster_commits_total",
			Help: "Changes that this node tried to commit: committed; overtaken, which are tried again; away, as etcd did not answer; doubt, as nobody knows."}, []string{"result"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "dialtree_cluster_commit_duration_seconds",
			Help: "Time that etcd took for a commit, from its first piece on.", Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}}),
	}
	for _, result := range []string{"committed", "overtaken", "away", "doubt"} {
		m.commits.WithLabelValues(result)
	}
	if r != nil {
		r.MustRegister(m.commits, m.duration)
	}
	return m
}

// commit counts one.
func (m metrics) commit(result string, took time.Duration) {
	m.commits.WithLabelValues(result).Inc()
	m.duration.Observe(took.Seconds())
}
