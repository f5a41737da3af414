package refusals

import (
	"cmp"
	"slices"
	"time"

	"github.com/dialtree/dialtree/store"
)

// A Count is a name or an address with how often it was refused.
type Count struct {
	Name  string
	Count int
}

// Top returns the names and the addresses that were refused most in about the last minute.
func (c *Collector) Top(most int) (names, addresses []Count) {
	if c == nil {
		return nil, nil
	}
	since := c.now().Add(-time.Minute)
	byName, byAddress := map[string]int{}, map[string]int{}
	count := func(r *store.Refusal) {
		if r.Name != "" {
			byName[r.Name] += r.Count
		}
		if r.From != "" {
			byAddress[r.From] += r.Count
		}
	}
	c.mu.Lock()
	latest := slices.Clone(c.latest)
	running := make([]store.Refusal, 0, len(c.kinds))
	for r, t := range c.kinds {
		running = append(running, record(r, t))
	}
	c.mu.Unlock()
	for _, batch := range append(latest, running) {
		for i := range batch {
			if batch[i].Last.After(since) {
				count(&batch[i])
			}
		}
	}
	return mostFirst(byName, most), mostFirst(byAddress, most)
}

func mostFirst(counts map[string]int, most int) []Count {
	out := make([]Count, 0, len(counts))
	for name, n := range counts {
		out = append(out, Count{name, n})
	}
	slices.SortFunc(out, func(a, b Count) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name)) })
	return out[:min(len(out), most)]
}
