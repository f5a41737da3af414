package syncer

import (
	"context"
	"time"
)

const (
	// dutyPause is between two looks at what another node stands in the way of.
	dutyPause = 10 * time.Second
	// awayPause is between two tries of a run that etcd stood in the way of.
	awayPause = 15 * time.Second
)

// serveOnDuty keeps and carries out the schedules while this node is the one that does, until ctx ends. When its duty ends, the runs that were due
// are cancelled, and their changes come too late: the node that takes over makes up for what was due and is not in the history.
func (s *Syncer) serveOnDuty(ctx context.Context) error {
	for {
		duty, err := s.duty.OnDuty(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			s.log.Error("schedules rest, because nobody knows which node runs them", "error", err)
			wait(ctx, s.dutyPause)
			continue
		}
		if err := s.serve(duty); err != nil {
			return err
		}
		if ctx.Err() != nil || duty.Err() == nil { // or the store was closed
			return nil
		}
	}
}

// misses tells whether a connector was due since its last run.
func (s *Syncer) misses(name string) bool {
	c, err := s.store.Connector(name)
	if err != nil || c.Schedule == "" {
		return false
	}
	runs, err := s.store.Runs(name, 1)
	return err == nil && missed(c, runs, s.now())
}

// scheduleElsewhere is about a connector whose schedule another node runs: when it is due follows from its last run.
func (s *Syncer) scheduleElsewhere(name string) (Schedule, bool) {
	c, err := s.store.Connector(name)
	if err != nil || c.Schedule == "" {
		return Schedule{}, false
	}
	now := s.now()
	calendar, err := calendarOf(c, now)
	if err != nil {
		return Schedule{}, false
	}
	out := Schedule{Connector: name, Spec: c.Schedule, Next: calendar.Next(now)}
	runs, err := s.store.Runs(name, 1)
	if err != nil || len(runs) == 0 {
		return out, true
	}
	if runs[0].By == BySchedule {
		out.Last = runs[0].Started
	}
	if next := calendar.Next(runs[0].Started); next.After(now) {
		out.Next = next
	}
	return out, true
}
