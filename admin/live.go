package admin

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/dialtree/dialtree/admin/access"
	"github.com/dialtree/dialtree/admin/trends"
	"github.com/dialtree/dialtree/refusals"
)

const (
	// keptReadings is how many readings can be asked to compare with: those of some who look at once.
	keptReadings = 64
	// throttledFor is how long what is throttled is not looked for again: it is behind the lock that every login takes.
	throttledFor = 3 * time.Second
	// mostLive is how many names of a kind are told.
	mostLive = 20
)

// live remembers readings of the metrics, so that whoever asks again is told what happened in between.
type live struct {
	mu          sync.Mutex // guards what follows
	n           uint64
	readings    []numberedReading // the oldest first
	throttled   Throttled
	throttledAt time.Time
}

type numberedReading struct {
	n uint64
	trends.Reading
}

// compare keeps a reading and returns its number and the one to compare with: that of number since, or the zero one.
func (l *live) compare(r trends.Reading, since uint64) (n uint64, earlier trends.Reading) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.readings {
		if l.readings[i].n == since {
			earlier = l.readings[i].Reading
		}
	}
	l.n++
	if len(l.readings) == keptReadings {
		l.readings = slices.Delete(l.readings, 0, 1)
	}
	l.readings = append(l.readings, numberedReading{l.n, r})
	return l.n, earlier
}

func (l *live) throttledNow(now time.Time, look func() Throttled) Throttled {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.throttledAt) >= throttledFor {
		l.throttled, l.throttledAt = look(), now
	}
	return l.throttled
}

type liveInput struct {
	Since uint64 `query:"since" doc:"The n of an earlier answer: what is counted is what happened after it. Without it, or when it is too long ago, since the server started"`
}

func (s *Server) liveRoutes(api huma.API) {
	register(s, api, access.Read, huma.Operation{OperationID: "live", Method: http.MethodGet, Path: "/live", Tags: []string{"system"},
		Summary:     "What happens just now",
		Description: "What `dialtree top` shows. Ask once, and again each second with `since` the `n` of the answer before."},
		func(_ context.Context, in *liveInput) (*body[Live], error) {
			l, err := s.liveNow(in.Since)
			return &body[Live]{l}, err
		})
}

func (s *Server) liveNow(since uint64) (Live, error) {
	r, err := s.trends.Now()
	if err != nil {
		return Live{}, err
	}
	n, earlier := s.live.compare(r, since)
	from := earlier.At
	if from.IsZero() {
		from = s.started
	}
	f := r.Since(&earlier)
	seconds := max(r.At.Sub(from).Seconds(), 1e-3)
	l := Live{
		N: n, At: r.At.UTC(), Seconds: seconds, Uptime: r.At.Sub(s.started).Seconds(),
		Binds: rateOf(f.Binds, seconds), Searches: rateOf(f.Searches, seconds), Outcomes: f.Outcomes,
		Connections: int(r.Connections), Upstreams: liveUpstreams(&f, seconds), Runs: s.liveRuns(),
		Memory: LiveMemory{Resident: int64(r.Resident), Heap: int64(r.Heap), Goroutines: int(r.Goroutines), Descriptors: int(r.Descriptors)},
	}
	l.Throttled = shutOut(s.live.throttledNow(r.At, s.options.LoginWatch.Throttled), r.At)
	names, addresses := s.options.Refusals.Top(mostLive)
	l.RefusedNames, l.RefusedAddresses = liveCounts(names), liveCounts(addresses)
	return l, nil
}

func rateOf(t trends.Timed, seconds float64) Rate {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return Rate{Count: t.Count, PerSecond: t.Count / seconds, P50: ms(t.P50), P99: ms(t.P99)}
}

// liveUpstreams returns the upstreams, the slowest first.
func liveUpstreams(f *trends.Figures, seconds float64) []LiveUpstream {
	out := make([]LiveUpstream, 0, len(f.Upstreams))
	for name, u := range f.Upstreams {
		shown := LiveUpstream{Name: name, Binds: rateOf(u.Binds, seconds), Idle: int(u.Idle), Busy: int(u.Busy), Servers: []LiveServer{}}
		for server, up := range u.Servers {
			shown.Servers = append(shown.Servers, LiveServer{server, up})
		}
		slices.SortFunc(shown.Servers, func(a, b LiveServer) int { return cmp.Compare(a.Server, b.Server) })
		out = append(out, shown)
	}
	slices.SortFunc(out, func(a, b LiveUpstream) int {
		return cmp.Or(cmp.Compare(b.Binds.P99, a.Binds.P99), cmp.Compare(a.Name, b.Name))
	})
	return out
}

func (s *Server) liveRuns() []LiveRun {
	out := []LiveRun{}
	for _, j := range s.jobs.list() {
		if job := j.shown(); !job.Done {
			out = append(out, LiveRun{Connector: job.Connector, By: job.By, Started: job.Started, Phase: job.Progress.Phase, Done: job.Progress.Done, Total: job.Progress.Total})
		}
	}
	return out
}

// shutOut leaves those that are shut out now.
func shutOut(t Throttled, now time.Time) LiveThrottled {
	only := func(names []ThrottledName) (int, []ThrottledName) {
		out := []ThrottledName{}
		for _, n := range names {
			if n.Until != nil && n.Until.After(now) {
				out = append(out, n)
			}
		}
		return len(out), out[:min(len(out), mostLive)]
	}
	var out LiveThrottled
	out.UserCount, out.Users = only(t.Users)
	out.AddressCount, out.Addresses = only(t.Addresses)
	return out
}

func liveCounts(counts []refusals.Count) []LiveCount {
	out := []LiveCount{}
	for _, c := range counts {
		out = append(out, LiveCount(c))
	}
	return out
}
