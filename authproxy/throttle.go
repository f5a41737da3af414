package authproxy

import (
	"net/netip"
	"slices"
	"time"
)

// ThrottleOptions are the limits on failed logins. Zero means the default.
type ThrottleOptions struct {
	UserFailures    int           // default 5
	AddressFailures int           // default 50
	Window          time.Duration // default 5m
	Delay           time.Duration // default 30s
}

func (o ThrottleOptions) withDefaults() ThrottleOptions {
	if o.UserFailures == 0 {
		o.UserFailures = 5
	}
	if o.AddressFailures == 0 {
		o.AddressFailures = 50
	}
	if o.Window == 0 {
		o.Window = 5 * time.Minute
	}
	if o.Delay == 0 {
		o.Delay = 30 * time.Second
	}
	return o
}

// failures are the times of failed logins, oldest first.
type failures []time.Time

func (f failures) within(now time.Time, window time.Duration) int {
	n := 0
	for i := len(f) - 1; i >= 0 && now.Sub(f[i]) < window; i-- {
		n++
	}
	return n
}

func (f failures) last() time.Time {
	if len(f) == 0 {
		return time.Time{}
	}
	return f[len(f)-1]
}

// throttled tells whether limit failures lie within the window, or did and the
// delay is not over.
func (f failures) throttled(now time.Time, limit int, o ThrottleOptions) bool {
	if f.within(now, o.Window) >= limit {
		return true
	}
	return len(f) >= limit && now.Sub(f.last()) < o.Delay && f[len(f)-1].Sub(f[len(f)-limit]) < o.Window
}

// add puts a time in its place, nearly always the end, and keeps no more than the latest limit times, which is all that
// throttled looks at.
func (f failures) add(at time.Time, limit int) failures {
	if len(f) >= limit {
		if at.Before(f[0]) {
			return f
		}
		copy(f, f[len(f)-limit+1:])
		f = f[:limit-1]
	}
	f = append(f, at)
	for i := len(f) - 1; i > 0 && f[i].Before(f[i-1]); i-- {
		f[i], f[i-1] = f[i-1], f[i]
	}
	return f
}

// place is where a time that was added went.
func (f failures) place(at time.Time) int {
	i := len(f) - 1
	for i > 0 && f[i].After(at) {
		i--
	}
	return i
}

// clear forgets the failures from an address up to a time.
func (a *account) clear(from netip.Addr, at time.Time) (cleared bool) {
	times, who := a.failures[:0], a.failedFrom[:0]
	for i, t := range a.failures {
		if a.failedFrom[i] != from || t.After(at) {
			times, who = append(times, t), append(who, a.failedFrom[i])
		}
	}
	cleared = len(times) < len(a.failures)
	a.failures, a.failedFrom = times, who
	return cleared
}

// failed counts a failure of a login. exists tells whether there is such a user. One of a
// test, which is from no address, counts for the account alone. again tells that the same was tried before.
func (l *ledger) failed(key string, hash passwordHash, exists bool, from netip.Addr, now time.Time) (again bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.account(key, exists, now)
	again = a != nil && a.refusedBefore(hash, now)
	l.count(a, l.limit(key), again, from, now)
	return again
}

// count counts a failure of an account, which is nil where no more are remembered, and for the address unless it is one again. The caller holds mu.
func (l *ledger) count(a *account, limit int, again bool, from netip.Addr, at time.Time) {
	if a != nil {
		a.fail(at, from, limit)
		if t := a.trust(from); t != nil {
			t.failures = t.failures.add(at, l.limits.UserFailures)
		}
	}
	if !from.IsValid() || again {
		return
	}
	f := l.addresses[from]
	if f == nil {
		if len(l.addresses) >= maxAddresses {
			l.sweep(at)
		}
		if len(l.addresses) >= maxAddresses {
			return
		}
		f = new(failures)
		l.addresses[from] = f
	}
	*f = f.add(at, l.addressLimit(from))
}

// fail notes a failure and who it was of; one of another node may be older than the last.
func (a *account) fail(at time.Time, from netip.Addr, limit int) {
	if len(a.failures) >= limit && at.Before(a.failures[0]) {
		return
	}
	a.failures = a.failures.add(at, limit)
	if len(a.failedFrom) >= limit {
		copy(a.failedFrom, a.failedFrom[len(a.failedFrom)-limit+1:])
		a.failedFrom = a.failedFrom[:limit-1]
	}
	a.failedFrom = slices.Insert(a.failedFrom, a.failures.place(at), from)
}
