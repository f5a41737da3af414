package authproxy

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/dialtree/dialtree/store"
)

// hear notes what happened at another node, so long ago. What has happened here since is not undone by it.
func (l *ledger) hear(e *event, now time.Time, age time.Duration) {
	var from netip.Addr
	if e.hasAddress {
		from = l.open(e.address)
	}
	at := now.Add(-age)
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.heardOf(e, now)
	switch {
	case e.kind == eventRefused:
		l.hearRefused(e, a, from, at)
	case e.kind == eventForgotten && e.hasAddress:
		if f := l.addresses[from]; f != nil && !f.last().After(at) {
			delete(l.addresses, from)
		}
	case a == nil:
	case e.kind == eventCleared:
		a.clear(from, at)
		a.lockedUntil = time.Time{}
		if t := a.trust(from); t != nil {
			t.failures = t.failures.since(at)
		}
	case e.kind == eventLocked:
		if until := at.Add(min(e.lasts, maxRefusedFor)); until.After(a.lockedUntil) {
			a.lockedUntil = until
		}
		a.end(at)
	case e.kind == eventEnded:
		a.end(at)
	case e.kind == eventGuessed:
		if t := a.trust(from); t != nil {
			t.failures = t.failures.add(at, l.limits.UserFailures)
		}
	case e.kind == eventForgotten:
		a.forgive(at)
	case e.kind == eventAsking:
		a.turn().others(e.password, at.Add(min(e.lasts, turnLasts)), now)
	case e.kind == eventAnswered:
		a.turn().answered(e.password)
	}
}

// heardOf returns the account that an event is of, made where the event is one that has to be remembered. The caller holds mu.
func (l *ledger) heardOf(e *event, now time.Time) *account {
	if !e.hasAccount {
		return nil
	}
	a := l.byID[e.account]
	if a == nil && (e.kind == eventRefused || e.kind == eventLocked || e.kind == eventAsking) {
		if !l.room(e.exists || e.kind == eventLocked, now) {
			return nil
		}
		a = &account{elsewhere: &elsewhere{id: e.account, device: e.device}}
		l.byID[e.account] = a
	}
	return a
}

// hearRefused notes a failed login of another node. The caller holds mu.
func (l *ledger) hearRefused(e *event, a *account, from netip.Addr, at time.Time) {
	again := e.again
	limit := l.limitOf(e.device)
	if a != nil {
		if a.hasProven && a.proven == e.password {
			if a.provenAt.After(at) {
				return // it has worked since
			}
			a.hasProven = false
		}
		again = again || a.refusedBefore(e.password, at)
	}
	l.count(a, limit, again, from, at)
	if a == nil || e.lasts <= 0 {
		return
	}
	// How long is what the other node has reckoned: two that refuse at the same time have met the password once.
	lasts := min(e.lasts, maxLasts)
	if r := a.refusal(e.password); r.until.Before(at.Add(lasts)) {
		*r = refusedPassword{hash: e.password, until: at.Add(lasts), lasts: lasts, forget: at.Add(lasts + maxRefusedFor)}
	}
}

// end notes that no cache lets anybody in on a password that worked before then.
func (a *account) end(at time.Time) {
	if !a.provenAt.After(at) {
		a.provenAt = time.Time{}
	}
}

// forgive forgets what has kept logins out up to a time. It is false where there was nothing.
func (a *account) forgive(at time.Time) bool {
	any := len(a.failures)+len(a.refused) > 0 || !a.lockedUntil.IsZero()
	times, who := a.failures[:0], a.failedFrom[:0]
	for i, t := range a.failures {
		if t.After(at) {
			times, who = append(times, t), append(who, a.failedFrom[i])
		}
	}
	a.failures, a.failedFrom, a.lockedUntil = times, who, time.Time{}
	a.refused = slices.DeleteFunc(a.refused, func(r refusedPassword) bool { return !r.until.Add(-r.lasts).After(at) })
	for i := range a.trusted {
		a.trusted[i].failures = a.trusted[i].failures.since(at)
	}
	return any
}

// since leaves the failures that are later than a time.
func (f failures) since(at time.Time) failures {
	return slices.DeleteFunc(f, func(t time.Time) bool { return !t.After(at) })
}

// unnamed returns the accounts that count now and whose name is not known here, without those for which no name was found at this number of the store.
func (l *ledger) unnamed(now time.Time, seq uint64) map[accountID]bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	ids := make(map[accountID]bool)
	for id, a := range l.byID {
		if x := a.elsewhere; !x.named && x.soughtAt != seq+1 && l.throttledAccount(a, l.limitOf(x.device), now).counts() {
			x.soughtAt = seq + 1 // 0: not yet
			ids[id] = true
		}
	}
	return ids
}

// nameAll notes whose accounts some are.
func (l *ledger) nameAll(keys map[accountID]string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, key := range keys {
		if a := l.byID[id]; a != nil && !a.elsewhere.named {
			l.name(a, key)
		}
	}
}

// accountKeys are the keys of all accounts that are stored; those that can be read.
func (f *Front) accountKeys(yield func(string) bool) {
	for e, err := range f.store.Entries(context.Background(), store.Query{Kind: store.KindUser}) {
		if name, ok := store.NormalizeName(e.Values.First(store.Username)); err == nil && ok && !yield(name) {
			return
		}
	}
	for kind, key := range map[store.ObjectKind]func(string) string{store.ObjectDevice: deviceKey, store.ObjectAdministrator: administratorKey} {
		objects, err := f.store.Objects(kind)
		if err != nil {
			continue
		}
		for _, o := range objects {
			if name, ok := store.NormalizeName(o.ObjectName()); ok && !yield(key(name)) {
				return
			}
		}
	}
}
