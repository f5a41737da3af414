package cluster

import (
	"testing"
	"time"
)

func TestPastHeads(t *testing.T) {
	start := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	at := func(seconds float64) time.Time { return start.Add(time.Duration(seconds * float64(time.Second))) }
	var m pastHeads
	if got := m.before(start); got != 0 {
		t.Errorf("of nothing: %d", got)
	}
	for _, c := range []headAt{{at(0), 7}, {at(0.1), 8}, {at(0.2), 9}, {at(5), 12}, {at(5.5), 13}} {
		m.note(c.index, c.at)
	}
	for _, c := range []struct {
		name    string
		seconds float64
		want    uint64
	}{
		{"before all", -1, 0},
		{"within a second the first counts", 3, 7},
		{"at a change", 5, 12},
		{"the last one is not forgotten for being close to another", 5.5, 13},
		{"long after", 500, 13},
	} {
		if got := m.before(at(c.seconds)); got != c.want {
			t.Errorf("%s: %d, not %d", c.name, got, c.want)
		}
	}
	for i := range 3 * maxHeads {
		m.note(uint64(100+i), at(float64(10+2*i)))
	}
	if len(m.past) != maxHeads || m.before(at(10)) != 0 {
		t.Errorf("%d heads are kept", len(m.past))
	}
	if last := at(float64(10 + 2*(3*maxHeads-1))); m.before(last) != uint64(100+3*maxHeads-1) {
		t.Errorf("the last is %d", m.before(last))
	}
}
