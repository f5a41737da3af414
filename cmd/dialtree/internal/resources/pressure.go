package resources

import (
	"context"
	"math"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

const (
	pressureEvery = 250 * time.Millisecond
	// fullAt is which share of the runtime's limit may be in use by what is no garbage. Beyond it the
	// collector runs all the time, and a little later the kernel ends the process.
	fullAt = 0.9
)

// A Pressure tells whether memory is nearly used up. The zero value says that it is not.
type Pressure struct{ full atomic.Bool }

// Full tells it as of a moment ago.
func (p *Pressure) Full() bool { return p.full.Load() }

// Watch looks until ctx ends. Without a limit (GOMEMLIMIT, or debug.SetMemoryLimit) it returns at once.
func (p *Pressure) Watch(ctx context.Context) {
	samples := []metrics.Sample{
		{Name: "/gc/gomemlimit:bytes"},
		{Name: "/gc/heap/live:bytes"},
		{Name: "/memory/classes/heap/stacks:bytes"},
	}
	t := time.NewTicker(pressureEvery)
	defer t.Stop()
	for {
		metrics.Read(samples)
		limit := samples[0].Value.Uint64()
		if limit >= math.MaxInt64 {
			return
		}
		p.full.Store(float64(samples[1].Value.Uint64()+samples[2].Value.Uint64()) > fullAt*float64(limit))
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}
