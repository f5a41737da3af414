package torture

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
)

// A Footprint is what a process holds.
type Footprint struct {
	Resident    int64 // anonymous memory in bytes: without the pages of files that are mapped
	Descriptors int
	Goroutines  int // 0 where the process has none
}

// FootprintOf looks at the product. The look itself leaves nothing behind.
func FootprintOf(ctx context.Context, d *fixture.Dialtree) (Footprint, error) {
	n, err := d.Metric(ctx, "go_goroutines")
	if err != nil {
		return Footprint{}, err
	}
	f, err := FootprintOfProcess(d.Process)
	f.Goroutines = int(n)
	return f, err
}

// FootprintOfProcess looks at any server from outside.
func FootprintOfProcess(p *fixture.Process) (Footprint, error) {
	resident, err := p.AnonymousRSS()
	if err != nil {
		return Footprint{}, err
	}
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.PID()))
	return Footprint{Resident: resident, Descriptors: len(open)}, err
}

func (f Footprint) String() string {
	return fmt.Sprintf("%d MiB, %d descriptors, %d goroutines", f.Resident>>20, f.Descriptors, f.Goroutines)
}

// slack is what a footprint may have grown and still be what it was: connections that the pools keep,
// the collector's leftovers.
var slack = Footprint{Resident: 48 << 20, Descriptors: 16, Goroutines: 24}

// Returns fails the test unless the product is back at what it held before within the limit.
func Returns(t testing.TB, d *fixture.Dialtree, before Footprint, limit time.Duration) Footprint {
	t.Helper()
	deadline := time.Now().Add(limit)
	for {
		now, err := FootprintOf(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		if now.Resident <= before.Resident+slack.Resident && now.Descriptors <= before.Descriptors+slack.Descriptors &&
			now.Goroutines <= before.Goroutines+slack.Goroutines {
			return now
		}
		if time.Now().After(deadline) {
			t.Errorf("%v after the attack the product holds %v, and held %v before", limit, now, before)
			return now
		}
		time.Sleep(200 * time.Millisecond)
	}
}
