package syncer

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/dialtree/dialtree/store"
)

// sortMissing decides what becomes of the entries that the source does not have. With retention, one that goes is hidden for a
// while before it is removed for good, unless another entry takes its name.
func (p *plan) sortMissing(now time.Time) {
	if p.lost > 0 {
		return // they may be what was rejected
	}
	claimed := map[string]bool{}
	for _, c := range p.claims {
		claimed[c.holder] = true
	}
	for _, k := range p.known {
		hidden := k.removed != 0
		switch {
		case k.seen || k.id == "":
		case hidden && (claimed[k.id] || now.Unix()-k.removed >= int64(p.job.retain.Seconds())):
			p.purge = append(p.purge, k)
		case hidden || !p.job.mirror:
		case p.job.retain > 0 && !claimed[k.id]:
			p.hide = append(p.hide, k)
		default:
			p.remove = append(p.remove, k)
		}
	}
	for _, list := range [][]*known{p.remove, p.hide, p.purge} {
		slices.SortFunc(list, func(a, b *known) int { return strings.Compare(a.key, b.key) })
	}
}

// empty tells whether the plan changes nothing.
func (p *plan) empty() bool {
	return len(p.put)+len(p.remove)+len(p.hide)+len(p.purge)+len(p.displaced) == 0
}

// removals are the entries that the plan takes out of sight.
func (p *plan) removals() []*known { return slices.Concat(p.remove, p.hide) }

// displace plans to remove a hidden entry of another connector whose name is wanted: it is only kept in case it comes back.
func (p *plan) displace(e *store.Entry) {
	p.displaced = append(p.displaced, store.Expectation{Ref: e.Ref(), Seq: e.Seq})
}

// hidden returns the entries that are hidden, as they will be.
func (p *plan) hidden(now time.Time) ([]store.Entry, error) {
	var list []store.Entry
	for _, k := range p.hide {
		e, err := p.store.Entry(store.Ref{Kind: p.job.kind, ID: k.id})
		if err != nil {
			return nil, changedMeanwhile(err, k, p.job.kind)
		}
		e.Removed = now.UTC().Truncate(time.Second)
		list = append(list, e)
	}
	return list, nil
}

// changes puts the plan into a change of the store. Nothing may have touched what it replaces or removes since it was made.
func (p *plan) changes(c *store.Changes, now time.Time) error {
	hidden, err := p.hidden(now)
	if err != nil {
		return err
	}
	c.Put = append(p.put, hidden...)
	for i := range p.about {
		if a := &p.about[i]; a.seq != 0 {
			c.Expect = append(c.Expect, store.Expectation{Ref: p.put[i].Ref(), Seq: a.seq})
		}
	}
	for _, k := range p.hide {
		c.Expect = append(c.Expect, p.expect(k))
	}
	for _, k := range slices.Concat(p.remove, p.purge) {
		c.Expect = append(c.Expect, p.expect(k))
		c.Remove = append(c.Remove, store.Ref{Kind: p.job.kind, ID: k.id})
	}
	for _, e := range p.displaced {
		c.Expect = append(c.Expect, e)
		c.Remove = append(c.Remove, e.Ref)
	}
	return nil
}

func (p *plan) expect(k *known) store.Expectation {
	return store.Expectation{Ref: store.Ref{Kind: p.job.kind, ID: k.id}, Seq: k.seq}
}

// changedMeanwhile makes one error of an entry that was removed while the plan was made and one that Apply finds changed.
func changedMeanwhile(err error, k *known, kind store.Kind) error {
	if errors.Is(err, store.ErrNotFound) {
		return &store.ChangedError{Ref: store.Ref{Kind: kind, ID: k.id}, Want: k.seq}
	}
	return err
}
