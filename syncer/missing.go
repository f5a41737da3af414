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
	return p.put.Len()+len(p.remove)+len(p.hide)+len(p.purge)+len(p.displaced) == 0
}

// removals are the entries that the plan takes out of sight.
func (p *plan) removals() []*known { return slices.Concat(p.remove, p.hide) }

// displace plans to remove a hidden entry of another connector whose name is wanted: it is only kept in case it comes back.
func (p *plan) displace(e *store.Entry) {
	p.displaced = append(p.displaced, store.Expectation{Ref: e.Ref(), Seq: e.Seq})
}

// putHidden puts the entries that are hidden, as they will be, behind the others.
func (p *plan) putHidden(now time.Time) error {
	for _, k := range p.hide {
		e, err := p.store.Entry(store.Ref{Kind: p.job.kind, ID: k.id})
		if err != nil {
			return changedMeanwhile(err, k, p.job.kind)
		}
		e.Removed = now.UTC().Truncate(time.Second)
		p.put.Add(&e)
	}
	return nil
}

// changes puts the plan into a change of the store. Nothing may have touched what it replaces or removes since it was made. The plan's
// puts are gone when they are applied.
func (p *plan) changes(c *store.Changes, now time.Time) error {
	if slices.ContainsFunc(p.about, func(a about) bool { return a.seq != 0 }) {
		for i, e := range p.put.All() {
			if seq := p.about[i].seq; seq != 0 {
				c.Expect = append(c.Expect, store.Expectation{Ref: e.Ref(), Seq: seq})
			}
		}
	}
	if err := p.putHidden(now); err != nil {
		return err
	}
	c.PutEach = p.drain
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

// drain gives the puts, and forgets each that was given.
func (p *plan) drain(yield func(*store.Entry) bool) {
	for i, e := range p.put.Drain() {
		if word := p.passwords[i]; word != nil {
			e.Auth.Hash = word.hash
		}
		if !yield(e) {
			return
		}
	}
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
