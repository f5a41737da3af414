package authproxy

import (
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
