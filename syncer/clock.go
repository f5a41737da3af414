package syncer

import (
	"context"
	"time"
)

const (
	// clockEvery is how often Run looks whether the clock was set, or the machine slept.
	clockEvery = 5 * time.Second
	// clockSlack is more than a clock that is kept right ever moves at once.
	clockSlack = 2 * time.Second
)

// A setClock notices that the time of day went another way than time itself. Timers count what passes, and the scheduler
// counts on from the time that it had planned. So after the clock was set back by a year, a schedule would rest for a
// year; after a night that a virtual machine slept through, one would be late by that night.
type setClock struct {
	now    func() time.Time     // the time of day
	passed func() time.Duration // since some moment; never set, and at rest while the machine sleeps
	begun  time.Time
	off    time.Duration // how far the two were apart at the last look
}

func newSetClock(now func() time.Time) *setClock {
	start := time.Now()
	return &setClock{now: now, passed: func() time.Duration { return time.Since(start) }, begun: now().Round(0)}
}

// jumped returns by how much the clock was set since it was called last; 0 for not.
func (c *setClock) jumped() time.Duration {
	off := c.now().Round(0).Sub(c.begun) - c.passed() // Round(0) leaves the time of day alone
	jump := off - c.off
	if jump.Abs() < clockSlack {
		return 0
	}
	c.off = off
	return jump
}

// clockWasSet plans all schedules anew. What was due in a time that was left out runs once.
func (f *following) clockWasSet(by time.Duration) {
	f.log.Warn("the clock was set, or the machine slept: schedules are planned anew", "by", by.Round(time.Second).String())
	now := f.now()
	f.mu.Lock()
	planned := make(map[string]time.Time, len(f.scheduled))
	for name, p := range f.scheduled {
		if next, err := p.job.NextRun(); err == nil {
			planned[name] = next
		}
	}
	f.mu.Unlock()
	for name, next := range planned {
		f.unschedule(name)
		if by > 0 && next.Before(now) {
			f.log.Info("connector was due in the time that was left out", "connector", name, "due", next)
			f.tasks.start(func(ctx context.Context) { f.due(ctx, name, nil) })
		}
	}
}

// finished is the time at which something ends that began then: never before, whatever the clock was set to.
func (s *Syncer) finished(began time.Time) time.Time {
	return began.Add(max(0, s.now().Sub(began))).UTC()
}
