package trends

import "time"

// A Point is what happened in one step, or in several together.
type Point struct {
	At          time.Time // its end; of the step that runs: now
	Span        time.Duration
	Accepted    float64
	Refused     float64
	Throttled   float64
	NotFoundOut float64
	Binds       float64
	BindP95     time.Duration
	Searches    float64
	SearchP95   time.Duration
	Connections float64 // the most at a time
}

// Points returns the steps of the last hours, the oldest first. The last one is still running.
func (s *Sampler) Points(last time.Duration) []Point {
	s.sample(freshFor)
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Point
	for _, st := range s.steps(last) {
		out = append(out, st.point(Step))
	}
	if n := len(out); n > 0 {
		running := &out[n-1]
		running.Span -= running.At.Sub(s.sampled)
		running.At = s.sampled
	}
	return out
}

// Total returns everything of the last time as one point.
func (s *Sampler) Total(last time.Duration) Point {
	s.sample(freshFor)
	s.mu.Lock()
	defer s.mu.Unlock()
	var all step
	var span time.Duration
	for _, st := range s.steps(last) {
		all.figures.add(st.figures)
		all.connections = max(all.connections, st.connections)
		span += Step
	}
	if s.count > 0 {
		all.end = s.sampled
		span -= s.ring[s.newest].end.Sub(s.sampled)
	}
	return all.point(span)
}

// steps returns those of the last time, the oldest first. Callers hold s.mu.
func (s *Sampler) steps(last time.Duration) []*step {
	var out []*step
	for i := s.count - 1; i >= 0; i-- {
		st := &s.ring[(s.newest-i+steps)%steps]
		if st.end.After(s.sampled.Add(-last)) {
			out = append(out, st)
		}
	}
	return out
}

func (s *step) point(span time.Duration) Point {
	seconds := func(f float64) time.Duration { return time.Duration(f * float64(time.Second)) }
	return Point{
		At: s.end, Span: span,
		Accepted: s.accepted, Refused: s.refused, Throttled: s.throttled, NotFoundOut: s.notFoundOut,
		Binds: s.binds.count, BindP95: seconds(s.binds.quantile(.95)),
		Searches: s.searches.count, SearchP95: seconds(s.searches.quantile(.95)),
		Connections: s.connections,
	}
}
