package trends

import (
	"time"

	dto "github.com/prometheus/client_model/go"
)

// The metrics that only a look at this moment needs.
const (
	upstreamSeconds     = "dialtree_upstream_bind_duration_seconds"
	upstreamUp          = "dialtree_upstream_up"
	upstreamConnections = "dialtree_upstream_connections"
	residentBytes       = "process_resident_memory_bytes"
	heapBytes           = "go_memstats_heap_alloc_bytes"
	goroutines          = "go_goroutines"
	descriptors         = "process_open_fds"
)

// A Reading is the metrics at one moment, to be compared with those of another.
type Reading struct {
	At          time.Time
	Connections float64
	Resident    float64 // bytes
	Heap        float64 // bytes
	Goroutines  float64
	Descriptors float64

	outcomes  map[string]float64
	binds     histogram
	searches  histogram
	upstreams map[string]*upstreamReading
}

type upstreamReading struct {
	seconds    histogram
	idle, busy float64
	servers    map[string]bool
}

// Timed are things that were done and how long they took.
type Timed struct {
	Count    float64
	P50, P99 time.Duration
}

// Figures are what happened between two readings.
type Figures struct {
	Outcomes  map[string]float64 // logins by how they ended
	Binds     Timed
	Searches  Timed
	Upstreams map[string]Upstream
}

// An Upstream is what was asked of an upstream, and how it is now.
type Upstream struct {
	Binds      Timed
	Idle, Busy float64         // connections
	Servers    map[string]bool // whether each is up
}

// Now reads the metrics.
func (s *Sampler) Now() (Reading, error) {
	families, err := s.gatherer.Gather()
	r := Reading{At: time.Now(), outcomes: map[string]float64{}, upstreams: map[string]*upstreamReading{}}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			r.read(family.GetName(), m)
		}
	}
	return r, err
}

func (r *Reading) read(name string, m *dto.Metric) {
	gauge := m.GetGauge().GetValue()
	switch name {
	case bindTotal:
		r.outcomes[label(m, "outcome")] += m.GetCounter().GetValue()
	case requestSeconds:
		switch label(m, "operation") {
		case "bind":
			r.binds = readHistogram(m.GetHistogram())
		case "search":
			r.searches = readHistogram(m.GetHistogram())
		}
	case connectionsOpen:
		r.Connections += gauge
	case upstreamSeconds:
		r.upstream(m).seconds = readHistogram(m.GetHistogram())
	case upstreamUp:
		r.upstream(m).servers[label(m, "server")] = gauge == 1
	case upstreamConnections:
		if label(m, "state") == "idle" {
			r.upstream(m).idle = gauge
		} else {
			r.upstream(m).busy = gauge
		}
	case residentBytes:
		r.Resident = gauge
	case heapBytes:
		r.Heap = gauge
	case goroutines:
		r.Goroutines = gauge
	case descriptors:
		r.Descriptors = gauge
	}
}

func (r *Reading) upstream(m *dto.Metric) *upstreamReading {
	name := label(m, "upstream")
	u := r.upstreams[name]
	if u == nil {
		u = &upstreamReading{servers: map[string]bool{}}
		r.upstreams[name] = u
	}
	return u
}

// Since returns what happened after an earlier reading; after the zero one, since the process began.
func (r *Reading) Since(earlier *Reading) Figures {
	f := Figures{Outcomes: map[string]float64{}, Upstreams: map[string]Upstream{},
		Binds: timed(r.binds.since(earlier.binds)), Searches: timed(r.searches.since(earlier.searches))}
	for outcome, n := range r.outcomes {
		if grew := counted(n, earlier.outcomes[outcome]); grew > 0 {
			f.Outcomes[outcome] = grew
		}
	}
	for name, u := range r.upstreams {
		var before histogram
		if b := earlier.upstreams[name]; b != nil {
			before = b.seconds
		}
		f.Upstreams[name] = Upstream{Binds: timed(u.seconds.since(before)), Idle: u.idle, Busy: u.busy, Servers: u.servers}
	}
	return f
}

func timed(h histogram) Timed {
	seconds := func(f float64) time.Duration { return time.Duration(f * float64(time.Second)) }
	return Timed{Count: h.count, P50: seconds(h.quantile(.5)), P99: seconds(h.quantile(.99))}
}
