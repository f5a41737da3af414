package syncer

import (
	"fmt"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/dialtree/dialtree/store"
)

// metrics are the figures of design.md for connectors. Their only labels are the
// connector and a word of a fixed list.
type metrics struct {
	runs        *prometheus.CounterVec
	lastSuccess *prometheus.GaugeVec
	lastFailure *prometheus.GaugeVec
	changes     *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "dialtree_connector_runs_total",
			Help: "Runs of a connector by result: done, failed or stopped.",
		}, []string{"connector", "result"}),
		lastSuccess: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "dialtree_connector_last_success_timestamp_seconds",
			Help: "When the last run of a connector that was done ended.",
		}, []string{"connector"}),
		lastFailure: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "dialtree_connector_last_failure_timestamp_seconds",
			Help: "When the last run of a connector that failed or was stopped ended.",
		}, []string{"connector"}),
		changes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "dialtree_connector_changes_total",
			Help: "Entries that runs of a connector changed by change: created, updated or removed; and records they rejected.",
		}, []string{"connector", "change"}),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.runs, m.lastSuccess, m.lastFailure, m.changes} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("syncer: register metrics: %w", err)
		}
	}
	return m, nil
}

// ran counts a recorded run.
func (m *metrics) ran(r *store.Run) {
	m.runs.WithLabelValues(r.Connector, string(r.Result)).Inc()
	m.changes.WithLabelValues(r.Connector, "rejected").Add(float64(r.Rejected))
	if r.Connector != store.HandImports { // whose age is no reason for an alert
		m.last(r)
	}
	if r.Result != store.RunDone {
		return
	}
	m.changes.WithLabelValues(r.Connector, "created").Add(float64(r.Created))
	m.changes.WithLabelValues(r.Connector, "updated").Add(float64(r.Updated))
	m.changes.WithLabelValues(r.Connector, "removed").Add(float64(r.Removed))
}

// known makes a connector's series exist before its first run, so that an alert
// on them can fire, and gives the last success of an earlier process.
func (m *metrics) known(connector string, runs []store.Run) {
	for _, result := range []store.RunResult{store.RunDone, store.RunFailed, store.RunStopped} {
		m.runs.WithLabelValues(connector, string(result))
	}
	for _, change := range []string{"created", "updated", "removed", "rejected"} {
		m.changes.WithLabelValues(connector, change)
	}
	for _, r := range slices.Backward(runs) { // the newest last
		m.last(&r)
	}
}

// last remembers when a run ended.
func (m *metrics) last(r *store.Run) {
	gauge := m.lastFailure
	if r.Result == store.RunDone {
		gauge = m.lastSuccess
	}
	gauge.WithLabelValues(r.Connector).Set(float64(r.Finished.UnixMilli()) / 1e3)
}

// forget drops the series of a connector that is gone.
func (m *metrics) forget(connector string) {
	labels := prometheus.Labels{"connector": connector}
	m.runs.DeletePartialMatch(labels)
	m.lastSuccess.DeletePartialMatch(labels)
	m.lastFailure.DeletePartialMatch(labels)
	m.changes.DeletePartialMatch(labels)
}
