package syncer_test

import (
	"errors"
	"testing"
	"time"

	"github.com/dialtree/dialtree/store"
)

func TestNextTimes(t *testing.T) {
	w := newWorld(t)
	now := time.Now()
	for _, tc := range []struct {
		schedule, zone string
		count          int
		path           string // of the mistake
		every          time.Duration
	}{
		{"@every 30m", "", 3, "", 30 * time.Minute},
		{"*/5 * * * *", "Europe/Berlin", 100, "", 5 * time.Minute},
		{"0 * * * *", "UTC", 1000, "", time.Hour},
		{"", "", 1, "schedule", 0},
		{"daily", "", 1, "schedule", 0},
		{"@every 1s", "", 1, "schedule", 0},
		{"CRON_TZ=UTC", "", 1, "schedule", 0},
		{"@daily", "Berlin", 1, "timezone", 0},
	} {
		times, err := w.syncer.NextTimes(tc.schedule, tc.zone, tc.count)
		if tc.path != "" {
			var wrong *store.FieldError
			if !errors.As(err, &wrong) || wrong.Path != tc.path {
				t.Errorf("%q: %v, %v", tc.schedule, times, err)
			}
			continue
		}
		if err != nil || len(times) != min(tc.count, 100) || times[0].Before(now) || times[0].Sub(now) > tc.every+time.Minute {
			t.Fatalf("%q: %v, %v", tc.schedule, times, err)
		}
		for i := range times[1:] {
			if times[i+1].Sub(times[i]) != tc.every {
				t.Errorf("%q: %v", tc.schedule, times)
			}
		}
		if tc.zone != "" && times[0].Location().String() != tc.zone {
			t.Errorf("%q: in %s", tc.schedule, times[0].Location())
		}
	}
}
