// Package statistics tells whether two sets of times could be one: what somebody learns who measures
// how long answers take.
//
// Everything goes by ranks, so that neither the shape of the times nor a few very long ones matter.
package statistics

import (
	"math"
	"slices"
)

// A Comparison is what one can tell about two samples.
type Comparison struct {
	N, M int
	// AUC is how often a value of the second sample is larger than one of the first, ties counting
	// half: 0.5 tells nothing, 0 and 1 tell everything. It is the area under the curve of all who
	// decide by one threshold.
	AUC float64
	// Distance is the largest distance of the two distributions (Kolmogorov and Smirnov): by how
	// much the best single threshold does better than chance, 0 to 1.
	Distance float64
	// P is how likely an AUC at least this far from 0.5 is where the samples are of one kind
	// (Mann and Whitney, two-sided, by the normal approximation with ties).
	P float64
}

// Compare compares two samples, none of them empty.
func Compare(a, b []float64) Comparison {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	n, m := float64(len(a)), float64(len(b))
	c := Comparison{N: len(a), M: len(b)}
	var wins, ties float64 // of b over a; the sum of t³-t over groups of equals
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		value := math.Inf(1)
		if i < len(a) {
			value = a[i]
		}
		if j < len(b) {
			value = min(value, b[j])
		}
		equalA, equalB := run(a[i:], value), run(b[j:], value)
		wins += float64(equalB) * (float64(i) + float64(equalA)/2)
		t := float64(equalA + equalB)
		ties += t*t*t - t
		i, j = i+equalA, j+equalB
		c.Distance = max(c.Distance, math.Abs(float64(i)/n-float64(j)/m))
	}
	c.AUC = wins / (n * m)
	all := n + m
	sigma := math.Sqrt((all + 1 - ties/(all*(all-1))) / (12 * n * m))
	if sigma == 0 || math.IsNaN(sigma) {
		c.P = 1
		return c
	}
	c.P = math.Erfc(math.Abs(c.AUC-0.5) / sigma / math.Sqrt2)
	return c
}

// run is how many values at the start of a sorted list are value.
func run(sorted []float64, value float64) int {
	n := 0
	for n < len(sorted) && sorted[n] == value {
		n++
	}
	return n
}

// Margin is how far from 0.5 an AUC of samples of n and m may be by chance: further is less likely than alpha that any of so
// many comparisons is, where all are of samples of one kind (Bonferroni).
func Margin(n, m, comparisons int, alpha float64) float64 {
	sigma := math.Sqrt(float64(n+m+1) / (12 * float64(n) * float64(m)))
	return sigma * math.Sqrt2 * math.Erfcinv(alpha/float64(comparisons))
}

// DistanceMargin is how large a Distance of samples of n and m may be by chance, as Margin says it of an AUC.
func DistanceMargin(n, m, comparisons int, alpha float64) float64 {
	level := alpha / float64(comparisons)
	return math.Sqrt(-math.Log(level/2) / 2 * float64(n+m) / (float64(n) * float64(m)))
}
