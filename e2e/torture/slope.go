package torture

import (
	"math"
	"time"
)

// A Trend is the line that fits samples best, by least squares.
type Trend struct {
	PerHour float64 // how much the value grows
	Error   float64 // the standard error of that
}

// TrendOf fits a line to values at moments. Fewer than three, or none but one moment, have no trend.
func TrendOf(at []time.Duration, values []float64) Trend {
	n := float64(len(at))
	if len(at) < 3 || len(at) != len(values) {
		return Trend{}
	}
	var meanX, meanY float64
	for i := range at {
		meanX += at[i].Hours() / n
		meanY += values[i] / n
	}
	var xx, xy float64
	for i := range at {
		dx := at[i].Hours() - meanX
		xx += dx * dx
		xy += dx * (values[i] - meanY)
	}
	if xx == 0 {
		return Trend{}
	}
	slope := xy / xx
	var rest float64
	for i := range at {
		r := values[i] - meanY - slope*(at[i].Hours()-meanX)
		rest += r * r
	}
	return Trend{PerHour: slope, Error: math.Sqrt(rest / (n - 2) / xx)}
}
