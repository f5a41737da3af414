package trends

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// Step is the time between points.
	Step = 5 * time.Minute
	// Kept is how far back they reach.
	Kept = 24 * time.Hour

	steps       = int(Kept / Step)
	sampleEvery = time.Minute
	// freshFor bounds how often readers make a sample themselves.
	freshFor = time.Second
)

// A Sampler reads the metrics of the process that it lives in. Its methods may be called
// concurrently.
type Sampler struct {
	gatherer prometheus.Gatherer

	sampling sync.Mutex // held while the metrics are gathered, so that samples are in order

	mu      sync.Mutex // guards what follows
	ring    [steps]step
	count   int // steps that are filled, the running one among them
	newest  int // its index; no meaning while count is 0
	last    reading
	sampled time.Time
}

// A step is what happened in a span of time.
type step struct {
	end time.Time
	figures
	connections float64 // the most that a sample saw
}

// New returns a sampler that has read nothing yet. Its counters begin at zero, as the process's do.
func New(g prometheus.Gatherer) *Sampler { return &Sampler{gatherer: g} }

// Run samples until ctx ends.
func (s *Sampler) Run(ctx context.Context) {
	t := time.NewTicker(sampleEvery)
	defer t.Stop()
	for {
		s.sample(0)
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// sample reads the metrics, unless that was done a moment ago.
func (s *Sampler) sample(fresh time.Duration) {
	s.sampling.Lock()
	defer s.sampling.Unlock()
	s.mu.Lock()
	age := time.Since(s.sampled)
	known := !s.sampled.IsZero() && age < fresh
	s.mu.Unlock()
	if known {
		return
	}
	// An error comes with what could be gathered; a figure that is missing stays as it was.
	families, _ := s.gatherer.Gather()
	now := time.Now()
	r := read(families)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(now, r)
}

// add counts what happened since the last reading in the step that runs. Callers hold s.mu.
func (s *Sampler) add(now time.Time, r reading) {
	end := now.Truncate(Step).Add(Step)
	if s.count == 0 {
		s.ring[0], s.count, s.newest = step{end: end}, 1, 0
	}
	if gap := end.Sub(s.ring[s.newest].end); gap > Kept || gap < -Step {
		// The clock was set, or the machine slept for a day: old steps would be told of the wrong time.
		s.ring[0], s.count, s.newest = step{end: end}, 1, 0
	}
	for s.ring[s.newest].end.Before(end) {
		next := (s.newest + 1) % steps
		s.ring[next] = step{end: s.ring[s.newest].end.Add(Step)}
		s.newest, s.count = next, min(s.count+1, steps)
	}
	running := &s.ring[s.newest]
	running.figures.add(r.figures.since(s.last.figures))
	running.connections = max(running.connections, r.connections)
	s.last, s.sampled = r, now
}
