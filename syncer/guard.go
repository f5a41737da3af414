package syncer

import (
	"fmt"

	"github.com/dialtree/dialtree/store"
)

// A limit is a share or a number, and the least that it comes to.
type limit struct {
	n       int
	percent bool
	least   int
	most    int // 0: no bound
}

// removalLimit is the lower of 500 and 10 % but at least 5, where an administrator said nothing.
func removalLimit(s string) limit {
	if n, percent, ok := store.ParseLimit(s); ok {
		return limit{n: n, percent: percent}
	}
	return limit{n: 10, percent: true, least: 5, most: 500}
}

// rejectLimit never stops a run for one record where it is a share: in a small file one is a large share, and one bad record
// must not stop the rest.
func rejectLimit(s string) limit {
	n, percent, ok := store.ParseLimit(s)
	if !ok {
		n, percent = 20, true
	}
	if percent {
		return limit{n: n, percent: true, least: 1}
	}
	return limit{n: n}
}

// of returns how many of a total are within the limit.
func (l limit) of(total int) int {
	n := l.n
	if l.percent {
		n = total * l.n / 100
	}
	if l.most > 0 {
		n = min(n, l.most)
	}
	return max(n, l.least)
}

// guard says why the plan must not be applied unconfirmed; "" when it may.
func (p *plan) guard() string {
	for _, judge := range []func() string{p.guardRemovals, p.guardRejects} {
		if why := judge(); why != "" {
			return fmt.Sprintf("%s: nothing was changed: look at the plan with dialtree connector run %s --dry-run; if it is right, run it with --confirm", why, p.job.connector)
		}
	}
	return ""
}

func (p *plan) guardRemovals() string {
	if n, most := len(p.remove)+len(p.hide), p.job.removals.of(p.owned); n > most {
		return fmt.Sprintf("%d of %d entries would be removed, and limits.removals allows %d", n, p.owned, most)
	}
	return ""
}

func (p *plan) guardRejects() string {
	total := p.accepted + p.rejected
	if most := p.job.rejected.of(total); p.rejected > most {
		return fmt.Sprintf("%d of %d records were rejected, and limits.rejected allows %d; %s", p.rejected, total, most, p.firstReject())
	}
	return ""
}

// firstReject is an example, since one cause is most often behind them all.
func (p *plan) firstReject() string {
	r := p.rejects[0]
	if r.Column == "" {
		return fmt.Sprintf("the first is row %d: %s", r.Row, r.Reason)
	}
	return fmt.Sprintf("the first is row %d, %s: %s", r.Row, r.Column, r.Reason)
}
