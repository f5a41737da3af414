package trends_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/dialtree/dialtree/admin/trends"
)

// process plays the metrics of a process, which may be started anew.
type process struct {
	registry  atomic.Pointer[prometheus.Registry] // read by the sampler
	binds     *prometheus.CounterVec
	durations *prometheus.HistogramVec
	open      prometheus.Gauge
}

func (p *process) start() {
	registry := prometheus.NewRegistry()
	p.binds = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "dialtree_bind_total"}, []string{"method", "upstream", "outcome"})
	p.durations = prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "dialtree_ldap_request_duration_seconds", Buckets: []float64{.01, .1, 1}}, []string{"operation"})
	p.open = prometheus.NewGauge(prometheus.GaugeOpts{Name: "dialtree_ldap_connections"})
	registry.MustRegister(p.binds, p.durations, p.open)
	p.registry.Store(registry)
}

func (p *process) Gather() ([]*dto.MetricFamily, error) { return p.registry.Load().Gather() }

func (p *process) bind(outcome string, n int, took time.Duration) {
	for range n {
		p.binds.WithLabelValues("upstream", "corp", outcome).Inc()
		p.durations.WithLabelValues("bind").Observe(took.Seconds())
	}
}

func bench(t *testing.T, f func(*testing.T, *process, *trends.Sampler)) {
	synctest.Test(t, func(t *testing.T) {
		p := &process{}
		p.start()
		s := trends.New(p)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { s.Run(ctx); close(ended) }()
		synctest.Wait()
		f(t, p, s)
		cancel()
		<-ended
	})
}

func TestPoints(t *testing.T) {
	bench(t, func(t *testing.T, p *process, s *trends.Sampler) {
		time.Sleep(2 * time.Second)
		p.bind("accepted", 1, time.Millisecond)
		if got := s.Points(trends.Kept); len(got) != 1 || got[0].Accepted != 1 || got[0].Span != 2*time.Second {
			t.Fatalf("the running step is not told: %+v", got)
		}
		p.bind("accepted", 8, 5*time.Millisecond)
		p.bind("refused", 1, 5*time.Millisecond)
		p.bind("remembered", 2, time.Millisecond)
		p.bind("throttled", 3, time.Millisecond)
		p.bind("unavailable", 1, 500*time.Millisecond)
		p.bind("busy", 1, 500*time.Millisecond)
		p.open.Set(7)
		time.Sleep(trends.Step)
		p.open.Set(2)
		p.bind("accepted", 4, time.Millisecond)
		time.Sleep(trends.Step)
		got := s.Points(trends.Kept)
		if len(got) != 3 {
			t.Fatalf("%d points", len(got))
		}
		if a := got[0]; a.Accepted != 9 || a.Refused != 3 || a.Throttled != 3 || a.NotFoundOut != 2 || a.Binds != 17 || a.Connections != 7 {
			t.Errorf("the first step is %+v", a)
		}
		// 15 of 17 are in the first bucket; the 95th of 100 is 1.15 of 2 into the last one: .1 + .9 × .575.
		if p95 := got[0].BindP95.Round(10 * time.Millisecond); p95 != 620*time.Millisecond {
			t.Errorf("p95 is %v", p95)
		}
		if b := got[1]; b.Accepted != 4 || b.Refused != 0 || b.BindP95 != 9500*time.Microsecond {
			t.Errorf("the second step is %+v", b)
		}
		if total := s.Total(time.Hour); total.Accepted != 13 || total.Binds != 21 || total.Span != 2*trends.Step+2*time.Second {
			t.Errorf("the total is %+v", total)
		}
	})
}

func TestCounterThatBeginsAnew(t *testing.T) {
	bench(t, func(t *testing.T, p *process, s *trends.Sampler) {
		p.bind("accepted", 100, time.Millisecond)
		time.Sleep(time.Minute + time.Second) // not at the moment of a sample
		p.start()
		p.bind("accepted", 3, time.Millisecond)
		time.Sleep(time.Minute)
		if total := s.Total(time.Hour); total.Accepted != 103 || total.Binds != 103 {
			t.Errorf("the total is %+v", total)
		}
	})
}

func TestOnlyADayIsKept(t *testing.T) {
	bench(t, func(t *testing.T, p *process, s *trends.Sampler) {
		p.bind("accepted", 100, time.Millisecond)
		time.Sleep(25 * time.Hour)
		p.bind("accepted", 1, time.Millisecond)
		time.Sleep(time.Minute)
		got := s.Points(trends.Kept)
		if len(got) != 288 {
			t.Fatalf("%d points are kept", len(got))
		}
		for i := 1; i < len(got)-1; i++ {
			if got[i].At.Sub(got[i-1].At) != trends.Step {
				t.Fatalf("point %d is at %v after %v", i, got[i].At, got[i-1].At)
			}
		}
		if total := s.Total(trends.Kept); total.Accepted != 1 {
			t.Errorf("the total is %+v", total)
		}
		if got := s.Points(2 * time.Hour); len(got) != 25 { // the running one is the 25th
			t.Errorf("%d points of two hours", len(got))
		}
	})
}
