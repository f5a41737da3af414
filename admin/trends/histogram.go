package trends

import (
	dto "github.com/prometheus/client_model/go"
)

// maxBuckets is more than the metrics have; others are left out.
const maxBuckets = 20

// A histogram counts by duration. An array, so that a step needs no memory of its own.
type histogram struct {
	bounds  [maxBuckets]float64 // seconds, ascending
	within  [maxBuckets]float64 // how many did not exceed the bound: cumulative
	buckets int
	count   float64
}

func readHistogram(h *dto.Histogram) histogram {
	out := histogram{count: float64(h.GetSampleCount())}
	for _, b := range h.GetBucket() {
		if out.buckets == maxBuckets {
			break
		}
		out.bounds[out.buckets], out.within[out.buckets] = b.GetUpperBound(), float64(b.GetCumulativeCount())
		out.buckets++
	}
	return out
}

// since returns what was counted after an earlier reading of the same histogram.
func (h histogram) since(earlier histogram) histogram {
	if h.count < earlier.count {
		return h // it began anew
	}
	h.count -= earlier.count
	for i := range earlier.buckets {
		h.within[i] = counted(h.within[i], earlier.within[i])
	}
	return h
}

func (h *histogram) add(other histogram) {
	if h.buckets == 0 {
		h.bounds, h.buckets = other.bounds, other.buckets
	}
	h.count += other.count
	for i := range other.buckets {
		h.within[i] += other.within[i]
	}
}

// quantile returns the time in seconds that this share of the counted does not exceed, as
// Prometheus's histogram_quantile does: evenly spread within a bucket, and the last bound
// for what is beyond it. Nothing counted is 0.
func (h *histogram) quantile(share float64) float64 {
	if h.count == 0 || h.buckets == 0 {
		return 0
	}
	rank := share * h.count
	below, from := 0.0, 0.0
	for i := range h.buckets {
		if h.within[i] >= rank {
			inside := h.within[i] - below
			if inside <= 0 {
				return from
			}
			return from + (h.bounds[i]-from)*(rank-below)/inside
		}
		below, from = h.within[i], h.bounds[i]
	}
	return from
}
