package syncer

import (
	"time"

	"github.com/dialtree/dialtree/store"
)

// maxLate is how long after its time a connector may still be at work, or be tried again, before
// what it fills counts as stale.
const maxLate = 2 * time.Hour

// DueBy returns when a connector whose last success was then must have succeeded again: at its next time
// and one interval more, two hours at most, and its jitter. That is twice the interval for one that runs
// every half hour, 26 hours for a daily one, and Monday for one that rests at weekends. False is for a
// connector without a schedule of its own.
func DueBy(c *store.Connector, success time.Time) (time.Time, bool) {
	if c.Schedule == "" {
		return time.Time{}, false
	}
	calendar, err := calendarOf(c, success)
	if err != nil {
		return time.Time{}, false
	}
	due := calendar.Next(success)
	if due.IsZero() {
		return time.Time{}, false
	}
	late := maxLate
	if after := calendar.Next(due); !after.IsZero() {
		late = min(late, after.Sub(due))
	}
	return due.Add(late + time.Duration(c.Jitter)), true
}
