package authproxy

import "time"

type refusedPassword struct {
	hash   passwordHash
	until  time.Time
	forget time.Time     // when the next refusal starts afresh
	lasts  time.Duration // how long the last refusal was remembered
}

// refused remembers that a password is wrong, for how long it says. lasts is the upstream's setting;
// zero remembers nothing but that it does not work any more. exists is as for failed.
func (l *ledger) refused(key string, hash passwordHash, exists bool, lasts time.Duration, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a := l.known(key); a != nil && a.hasProven && a.proven == hash {
		a.hasProven = false // it worked once
	}
	if lasts <= 0 {
		return 0
	}
	a := l.account(key, exists, now)
	if a == nil {
		return lasts
	}
	r := a.refusal(hash)
	switch {
	case r.hash != hash || !now.Before(r.forget):
	case now.Before(r.until): // refused twice at the same time, by two who asked: it has not come back
		lasts = max(lasts, r.lasts)
	default:
		lasts = max(lasts, min(4*r.lasts, maxRefusedFor))
	}
	*r = refusedPassword{hash: hash, until: now.Add(lasts), lasts: lasts, forget: now.Add(lasts + maxRefusedFor)}
	return lasts
}

// refusal returns what is remembered of a password, or the place where that goes.
func (a *account) refusal(hash passwordHash) *refusedPassword {
	for i := range a.refused {
		if a.refused[i].hash == hash {
			return &a.refused[i]
		}
	}
	if len(a.refused) < maxRefused {
		a.refused = append(a.refused, refusedPassword{})
		return &a.refused[len(a.refused)-1]
	}
	at := 0 // the one whose time ends first makes room
	for i := range a.refused {
		if a.refused[i].until.Before(a.refused[at].until) {
			at = i
		}
	}
	a.refused[at] = refusedPassword{}
	return &a.refused[at]
}

// refusedBefore tells whether a password is a guess that was made before.
func (a *account) refusedBefore(hash passwordHash, now time.Time) bool {
	for i := range a.refused {
		if r := &a.refused[i]; r.hash == hash && now.Before(r.forget) {
			return true
		}
	}
	return false
}
