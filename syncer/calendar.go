package syncer

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-co-op/gocron/v2"

	"github.com/dialtree/dialtree/store"
)

// minEvery keeps a slip of the pen from running an import all the time.
const minEvery = 10 * time.Second

// checkSchedule tells what is wrong with when a connector runs by itself, as a *store.FieldError.
func checkSchedule(c *store.Connector, now time.Time) error {
	if c.Timezone != "" {
		if _, err := time.LoadLocation(c.Timezone); err != nil {
			return &store.FieldError{Path: "timezone", Message: fmt.Sprintf("%q is not a time zone such as Europe/Berlin", c.Timezone)}
		}
	}
	if c.Schedule == "" {
		return nil
	}
	calendar, err := calendarOf(c, now)
	if err != nil {
		return &store.FieldError{Path: "schedule", Message: fmt.Sprintf(
			`%q is neither cron, such as "*/30 * * * *" (minute, hour, day, month, weekday), nor such as "@every 30m"`, c.Schedule)}
	}
	first := calendar.Next(now) // there is one, or it would not be valid
	if calendar.Next(first).Sub(first) < minEvery {
		return &store.FieldError{Path: "schedule", Message: fmt.Sprintf("%q is more often than every %s", c.Schedule, minEvery)}
	}
	return nil
}

// calendarOf returns when a connector is due.
func calendarOf(c *store.Connector, now time.Time) (gocron.Cron, error) {
	calendar := gocron.NewDefaultCron(false)
	if spec := strings.TrimSpace(c.Schedule); strings.Contains(spec, "TZ=") && !strings.Contains(spec, " ") {
		return calendar, errors.New("nothing follows the time zone") // robfig/cron 3.0.1 panics
	}
	return calendar, calendar.IsValid(crontab(c), time.Local, now)
}

// crontab is the connector's schedule with its time zone, as the scheduler reads it.
func crontab(c *store.Connector) string {
	if c.Timezone == "" {
		return c.Schedule
	}
	return "CRON_TZ=" + c.Timezone + " " + c.Schedule
}

// missed tells whether a connector was due since its last run, which can only be while no server ran.
func missed(c *store.Connector, runs []store.Run, now time.Time) bool {
	if len(runs) == 0 {
		return false // nobody knows since when it is scheduled
	}
	calendar, err := calendarOf(c, now)
	if err != nil {
		return false
	}
	next := calendar.Next(runs[0].Started)
	return !next.IsZero() && next.Before(now)
}
