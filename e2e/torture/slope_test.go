package torture_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/torture"
)

func TestTrend(t *testing.T) {
	at := make([]time.Duration, 180)
	line, noisy := make([]float64, len(at)), make([]float64, len(at))
	r := rand.New(rand.NewPCG(1, 2))
	for i := range at {
		at[i] = time.Duration(i) * 10 * time.Second
		line[i] = 100 + 12*at[i].Hours()
		noisy[i] = line[i] + r.NormFloat64()
	}
	if got := torture.TrendOf(at, line); math.Abs(got.PerHour-12) > 1e-9 || got.Error > 1e-9 {
		t.Errorf("a line of 12 an hour: %+v", got)
	}
	if got := torture.TrendOf(at, noisy); math.Abs(got.PerHour-12) > 3*got.Error || got.Error < .2 || got.Error > 1 {
		t.Errorf("a noisy line of 12 an hour: %+v", got)
	}
	for name, samples := range map[string]int{"none": 0, "two": 2} {
		if got := torture.TrendOf(at[:samples], line[:samples]); got != (torture.Trend{}) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	same := []time.Duration{1, 1, 1}
	if got := torture.TrendOf(same, []float64{1, 2, 3}); got != (torture.Trend{}) {
		t.Errorf("one moment: %+v", got)
	}
}
