package statistics_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/dialtree/dialtree/e2e/statistics"
)

func TestCompare(t *testing.T) {
	for _, tt := range []struct {
		name             string
		a, b             []float64
		auc, distance, p float64
	}{
		{"apart", []float64{1, 2, 3}, []float64{4, 5, 6}, 1, 1, 0.0495},
		{"apart, the other way", []float64{4, 5, 6}, []float64{1, 2, 3}, 0, 1, 0.0495},
		{"the same", []float64{1, 2, 3}, []float64{3, 2, 1}, 0.5, 0, 1},
		{"all equal", []float64{7, 7}, []float64{7, 7, 7}, 0.5, 0, 1},
		{"some ties", []float64{1, 2, 2, 3}, []float64{2, 3, 3, 4}, 0.8125, 0.5, 0.1292},
	} {
		c := statistics.Compare(tt.a, tt.b)
		if math.Abs(c.AUC-tt.auc) > 1e-9 || math.Abs(c.Distance-tt.distance) > 1e-9 || math.Abs(c.P-tt.p) > 0.001 {
			t.Errorf("%s: %+v, want AUC %v, distance %v, p %v", tt.name, c, tt.auc, tt.distance, tt.p)
		}
	}
}

// Samples of one kind are as rarely beyond the margin as it says, and a shift that matters is found.
func TestMargin(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	sample := func(n int, shift float64) []float64 {
		values := make([]float64, n)
		for i := range values {
			values[i] = math.Exp(random.NormFloat64()) + shift
		}
		return values
	}
	const rounds, alpha = 2000, 0.05
	beyond, found, apart := 0, 0, 0
	distance := statistics.DistanceMargin(100, 100, 1, alpha)
	margin := statistics.Margin(100, 100, 1, alpha)
	for range rounds {
		c := statistics.Compare(sample(100, 0), sample(100, 0))
		if math.Abs(c.AUC-0.5) > margin {
			beyond++
		}
		if c.Distance > distance {
			apart++
		}
		if math.Abs(statistics.Compare(sample(100, 0), sample(100, 1)).AUC-0.5) > margin {
			found++
		}
	}
	if beyond < rounds*alpha/2 || beyond > rounds*alpha*2 {
		t.Errorf("%d of %d are beyond the margin, want about %v", beyond, rounds, rounds*alpha)
	}
	if apart < rounds*alpha/4 || apart > rounds*alpha*2 {
		t.Errorf("%d of %d are further apart than chance allows, want about %v", apart, rounds, rounds*alpha)
	}
	if found < rounds*99/100 {
		t.Errorf("a shift is found %d times of %d", found, rounds)
	}
	if many := statistics.Margin(100, 100, 20, alpha); many <= margin {
		t.Errorf("of twenty comparisons: %v, and of one: %v", many, margin)
	}
}
