package syncer

import (
	"time"

	"github.com/dialtree/dialtree/store"
)

// maxTimes bounds how many times are told.
const maxTimes = 100

// NextTimes returns when a schedule is due next, in its time zone, which is that of this machine where none is given. A connector's jitter
// comes on top. Its errors are *store.FieldError with the path schedule or timezone.
func (s *Syncer) NextTimes(schedule, timezone string, count int) ([]time.Time, error) {
	if schedule == "" {
		return nil, &store.FieldError{Path: "schedule", Message: `is missing: write cron, such as "*/30 * * * *" (minute, hour, day, month, weekday), or such as "@every 30m"`}
	}
	c := &store.Connector{Schedule: schedule, Timezone: timezone}
	now := s.now()
	if err := checkSchedule(c, now); err != nil {
		return nil, err
	}
	calendar, err := calendarOf(c, now)
	if err != nil {
		return nil, &store.FieldError{Path: "schedule", Message: err.Error()}
	}
	zone := time.Local
	if timezone != "" {
		if zone, err = time.LoadLocation(timezone); err != nil {
			return nil, &store.FieldError{Path: "timezone", Message: err.Error()}
		}
	}
	var times []time.Time
	for next := now; len(times) < min(max(count, 1), maxTimes); {
		if next = calendar.Next(next); next.IsZero() {
			break // a day that does not come again
		}
		times = append(times, next.In(zone))
	}
	return times, nil
}

// NextTime returns when a schedule is due next after a time, in the time zone of this machine.
func NextTime(schedule string, after time.Time) (time.Time, error) {
	c := &store.Connector{Schedule: schedule}
	if err := checkSchedule(c, after); err != nil {
		return time.Time{}, err
	}
	calendar, err := calendarOf(c, after)
	if err != nil {
		return time.Time{}, err
	}
	return calendar.Next(after), nil
}
