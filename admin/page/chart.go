package page

import (
	"fmt"
	"strings"
	"time"

	"github.com/dialtree/dialtree/admin"
)

// A chart is a small chart over time, drawn as SVG by the template chart. Its looks are the style
// sheet's.
type chart struct {
	Title  text
	Unit   text
	Bars   []bar  // the first series lowest
	Line   string // the d of a path; empty for none
	Area   string // the same, closed at the bottom
	Max    float64
	Latest float64
	Ticks  []tick
	Series []series
	Empty  bool
}

// A bar is one part of a stack.
type bar struct {
	X, Y, Width, Height string
	Class               string
}

// A tick is a mark of the time axis.
type tick struct {
	X    string
	Text string
}

// A series is a line of the legend.
type series struct {
	Class string
	Label text
	Sum   float64
}

// The size of a chart in its own units; it fills the width that it is given.
const (
	chartWidth  = 600.0
	chartHeight = 120.0
)

// valueOf reads one series from a point.
type valueOf func(admin.TrendPoint) float64

func loginChart(t *admin.Trends) *chart {
	return stacked(t, text("Logins"), text("per 5 minutes"), []series{
		{Class: "good", Label: text("accepted")},
		{Class: "warn", Label: text("refused")},
		{Class: "note", Label: text("throttled")},
		{Class: "bad", Label: text("could not find out")},
	}, []valueOf{
		func(p admin.TrendPoint) float64 { return p.Accepted },
		func(p admin.TrendPoint) float64 { return p.Refused },
		func(p admin.TrendPoint) float64 { return p.Throttled },
		func(p admin.TrendPoint) float64 { return p.NotFoundOut },
	})
}

func searchChart(t *admin.Trends) *chart {
	return stacked(t, text("Searches of phones"), text("per 5 minutes"), []series{{Class: "accent", Label: text("searches")}},
		[]valueOf{func(p admin.TrendPoint) float64 { return p.Searches }})
}

func timeChart(t *admin.Trends) *chart {
	return lined(t, text("Time of a login"), text("ms, 95 of 100 are faster"), func(p admin.TrendPoint) float64 { return p.BindP95 })
}

// span is the time that a chart shows: a day, whatever is known of it.
const span = 24 * time.Hour

// positions returns where each point stands, from its age.
func positions(t *admin.Trends) (x []float64, width float64) {
	if len(t.Points) == 0 {
		return nil, 0
	}
	last := t.Points[len(t.Points)-1].At
	width = chartWidth * float64(t.Step) / float64(span)
	for _, p := range t.Points {
		x = append(x, chartWidth*(1-float64(last.Sub(p.At))/float64(span))-width)
	}
	return x, width
}

func stacked(t *admin.Trends, title, unit text, legend []series, values []valueOf) *chart {
	c := &chart{Title: title, Unit: unit, Series: legend, Ticks: ticks(t), Empty: true}
	for _, p := range t.Points {
		sum := 0.0
		for i, v := range values {
			sum += v(p)
			c.Series[i].Sum += v(p)
		}
		c.Max = max(c.Max, sum)
	}
	if c.Max == 0 {
		return c
	}
	c.Empty = false
	x, width := positions(t)
	for i, p := range t.Points {
		base := chartHeight
		for j, v := range values {
			height := v(p) / c.Max * (chartHeight - 6)
			if height <= 0 {
				continue
			}
			base -= height
			c.Bars = append(c.Bars, bar{decimal(x[i]), decimal(base), decimal(max(width-0.6, 0.8)), decimal(height), legend[j].Class})
		}
	}
	return c
}

// lined draws a line. Steps in which nothing happened interrupt it: there was nothing to measure.
func lined(t *admin.Trends, title, unit text, value valueOf) *chart {
	c := &chart{Title: title, Unit: unit, Ticks: ticks(t), Empty: true}
	for _, p := range t.Points {
		c.Max = max(c.Max, value(p))
		if value(p) > 0 {
			c.Latest = value(p)
		}
	}
	if c.Max == 0 {
		return c
	}
	c.Empty = false
	x, width := positions(t)
	var line, area strings.Builder
	start := -1
	finish := func(end int) {
		if start >= 0 {
			fmt.Fprintf(&area, "L%s %sL%s %sZ", decimal(x[end]+width), decimal(chartHeight), decimal(x[start]), decimal(chartHeight))
			start = -1
		}
	}
	for i, p := range t.Points {
		if value(p) <= 0 {
			finish(i - 1)
			continue
		}
		y := decimal(chartHeight - value(p)/c.Max*(chartHeight-6))
		if start < 0 {
			start = i
			fmt.Fprintf(&line, "M%s %s", decimal(x[i]), y)
			fmt.Fprintf(&area, "M%s %s", decimal(x[i]), y)
		}
		// A step is as wide as it lasted: one alone shows too.
		fmt.Fprintf(&line, "L%s %s", decimal(x[i]+width), y)
		fmt.Fprintf(&area, "L%s %s", decimal(x[i]+width), y)
	}
	finish(len(t.Points) - 1)
	c.Line, c.Area = line.String(), area.String()
	return c
}

// ticks marks every sixth hour of the day that the chart shows.
func ticks(t *admin.Trends) []tick {
	if len(t.Points) == 0 {
		return nil
	}
	last := t.Points[len(t.Points)-1].At.Local()
	var all []tick
	at := time.Date(last.Year(), last.Month(), last.Day(), last.Hour()/6*6, 0, 0, 0, last.Location())
	for ; last.Sub(at) < span-time.Hour; at = at.Add(-6 * time.Hour) {
		x := chartWidth * (1 - float64(last.Sub(at))/float64(span))
		if x < chartWidth-20 {
			all = append(all, tick{decimal(x), at.Format("15:04")})
		}
	}
	return all
}

func decimal(f float64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", f), "0"), ".")
}
