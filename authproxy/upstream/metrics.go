package upstream

import "github.com/prometheus/client_golang/prometheus"

// metrics are an upstream's series. What can be read when Prometheus asks is
// read then, so that a bind pays for nothing but the histogram.
type metrics struct {
	u           *Upstream
	duration    prometheus.Histogram
	up          []*prometheus.Desc // one for each server
	connections map[string]*prometheus.Desc
}

func newMetrics(u *Upstream) *metrics {
	upstream := prometheus.Labels{"upstream": u.opts.Name}
	m := &metrics{
		u: u,
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:        "dialtree_upstream_bind_duration_seconds",
			Help:        "Time a forwarded bind took, whatever its outcome, waiting for a connection included.",
			ConstLabels: upstream,
			Buckets:     []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}),
		connections: make(map[string]*prometheus.Desc),
	}
	for _, s := range u.servers {
		m.up = append(m.up, prometheus.NewDesc("dialtree_upstream_up",
			"Whether binds are sent to the server (1), or it is in quarantine (0).",
			nil, prometheus.Labels{"upstream": u.opts.Name, "server": s.address}))
	}
	for _, state := range []string{"idle", "busy"} {
		m.connections[state] = prometheus.NewDesc("dialtree_upstream_connections",
			"Connections to the servers of the upstream. Busy are those in use and those being made.",
			nil, prometheus.Labels{"upstream": u.opts.Name, "state": state})
	}
	return m
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	m.duration.Describe(ch)
	for _, d := range m.up {
		ch <- d
	}
	for _, d := range m.connections {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	m.duration.Collect(ch)
	for i, s := range m.u.servers {
		up := 0.0
		if s.up() {
			up = 1
		}
		ch <- prometheus.MustNewConstMetric(m.up[i], prometheus.GaugeValue, up)
	}
	var idle, busy int
	for _, p := range m.u.pools() {
		i, b := p.counts()
		idle, busy = idle+i, busy+b
	}
	ch <- prometheus.MustNewConstMetric(m.connections["idle"], prometheus.GaugeValue, float64(idle))
	ch <- prometheus.MustNewConstMetric(m.connections["busy"], prometheus.GaugeValue, float64(busy))
}
