package trends

import (
	dto "github.com/prometheus/client_model/go"
)

// The metrics that are read.
const (
	bindTotal       = "dialtree_bind_total"
	requestSeconds  = "dialtree_ldap_request_duration_seconds"
	connectionsOpen = "dialtree_ldap_connections"
)

// A reading is the metrics at one moment.
type reading struct {
	figures
	connections float64
}

// figures count what happened.
type figures struct {
	accepted, refused, throttled, notFoundOut float64
	binds, searches                           histogram
}

func read(families []*dto.MetricFamily) reading {
	var r reading
	for _, family := range families {
		switch family.GetName() {
		case bindTotal:
			for _, m := range family.GetMetric() {
				if p := r.figures.outcome(label(m, "outcome")); p != nil {
					*p += m.GetCounter().GetValue()
				}
			}
		case requestSeconds:
			for _, m := range family.GetMetric() {
				switch label(m, "operation") {
				case "bind":
					r.binds = readHistogram(m.GetHistogram())
				case "search":
					r.searches = readHistogram(m.GetHistogram())
				}
			}
		case connectionsOpen:
			for _, m := range family.GetMetric() {
				r.connections += m.GetGauge().GetValue()
			}
		}
	}
	return r
}

// outcome returns where logins that ended so are counted; nil for nowhere.
func (f *figures) outcome(name string) *float64 {
	switch name {
	case "accepted":
		return &f.accepted
	case "refused", "unknown_user", "disabled", "remembered":
		return &f.refused
	case "throttled":
		return &f.throttled
	case "unavailable", "busy":
		return &f.notFoundOut
	}
	return nil
}

func label(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

// since returns what was counted after an earlier reading.
func (f figures) since(earlier figures) figures {
	return figures{
		accepted:    counted(f.accepted, earlier.accepted),
		refused:     counted(f.refused, earlier.refused),
		throttled:   counted(f.throttled, earlier.throttled),
		notFoundOut: counted(f.notFoundOut, earlier.notFoundOut),
		binds:       f.binds.since(earlier.binds),
		searches:    f.searches.since(earlier.searches),
	}
}

func (f *figures) add(other figures) {
	f.accepted += other.accepted
	f.refused += other.refused
	f.throttled += other.throttled
	f.notFoundOut += other.notFoundOut
	f.binds.add(other.binds)
	f.searches.add(other.searches)
}

// counted is how much a counter grew. One that is less than it was began anew.
func counted(now, earlier float64) float64 {
	if now < earlier {
		return now
	}
	return now - earlier
}
