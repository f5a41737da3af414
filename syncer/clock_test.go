package syncer_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer"
)

// A wrongClock is a time of day that can be set.
type wrongClock struct{ by atomic.Int64 }

func (c *wrongClock) now() time.Time { return time.Now().Add(time.Duration(c.by.Load())) }

func (c *wrongClock) set(by time.Duration) { c.by.Add(int64(by)) }

// Whichever way the clock is set, a schedule is planned anew; what was due in a time that was left out runs once, not as often
// as it would have been due.
func TestClockSetWhileScheduled(t *testing.T) {
	w := newWorld(t)
	w.write("username", "alice")
	w.connector.Schedule = "@every 1h"
	w.apply(&w.connector)
	var clock wrongClock
	s, err := syncer.New(syncer.Options{Store: w.store, BaseDir: w.dir, Now: clock.now})
	if err != nil {
		t.Fatal(err)
	}
	s.SetClockEvery(5 * time.Millisecond)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	eventually(t, "scheduled", func() bool { _, ok := s.Schedule("staff"); return ok })
	runs := func() int {
		list, err := w.store.Runs("staff", 0)
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	for _, tc := range []struct {
		name string
		by   time.Duration
		runs int // more
	}{
		{"by less than a clock is ever wrong", time.Second, 0},
		{"a minute ahead", time.Minute, 0},
		{"a year ahead", 365 * 24 * time.Hour, 1},
		{"a year back", -365 * 24 * time.Hour, 0},
		{"a day ahead", 24 * time.Hour, 1},
	} {
		before := runs()
		clock.set(tc.by)
		eventually(t, tc.name, func() bool { return runs() == before+tc.runs })
		time.Sleep(50 * time.Millisecond)
		if got := runs(); got != before+tc.runs {
			t.Errorf("%s: %d runs, want %d", tc.name, got-before, tc.runs)
		}
		next, ok := s.Schedule("staff")
		if left := time.Until(next.Next); !ok || left <= 0 || left > time.Hour {
			t.Errorf("%s: the next run is due in %v", tc.name, left)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A run that began before the clock was set back does not end before it began.
func TestClockSetDuringRun(t *testing.T) {
	w := newWorld(t)
	w.write("username", "alice")
	var clock wrongClock
	s, err := syncer.New(syncer.Options{Store: w.store, BaseDir: w.dir, Now: clock.now})
	if err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	r, err := s.Import(t.Context(), "staff", syncer.ImportOptions{Progress: func(syncer.Progress) {
		once.Do(func() { clock.set(-time.Hour) })
	}})
	if err != nil {
		t.Fatal(err)
	}
	if clock.by.Load() == 0 {
		t.Fatal("the run made no progress")
	}
	if took := r.Run.Finished.Sub(r.Run.Started); took < 0 || took > 10*time.Second {
		t.Errorf("the run took %v", took)
	}
}

// Once what is in a directory was read at a time that has not come yet, everything is read again rather than what changed since.
func TestFetchedInTheFuture(t *testing.T) {
	d := newCountingDirectory("alice", "bob", "carol")
	d.Start(t)
	w := newWorld(t, func(c *store.Connector) {
		c.Template, c.Source = "ad-users", store.Source{AD: &store.ADSource{}}
		readFrom(c, d.Peer)
		c.Source.AD.Incremental = true
	})
	var clock wrongClock
	var err error
	if w.syncer, err = syncer.New(syncer.Options{Store: w.store, Now: clock.now}); err != nil {
		t.Fatal(err)
	}
	fetch := func(partial bool) {
		t.Helper()
		r, err := w.syncer.ImportChanges(t.Context(), "staff")
		if err != nil {
			t.Fatal(err)
		}
		if r.Run.Fetch == nil || r.Run.Fetch.Partial != partial {
			t.Errorf("the fetch is %+v, want partial %t", r.Run.Fetch, partial)
		}
	}
	clock.set(365 * 24 * time.Hour)
	fetch(false)
	fetch(true)
	clock.set(-365 * 24 * time.Hour)
	fetch(false)
	fetch(true)
}

// What becomes of a schedule on the days on which the clocks change: an hour that does not exist is left out, one that
// comes twice counts twice, and an interval is what passes.
func TestSummerTime(t *testing.T) {
	const zone = "Europe/Berlin"
	berlin, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	spring, autumn := time.Date(2027, 3, 28, 0, 0, 0, 0, berlin), time.Date(2027, 10, 31, 0, 0, 0, 0, berlin)
	for _, tc := range []struct {
		schedule       string
		spring, autumn int // times within the day
	}{
		{"0 * * * *", 23, 25},
		{"*/30 * * * *", 46, 50},
		{"@every 30m", 46, 50},
		{"0 6 * * *", 1, 1},
		{"30 1 * * *", 1, 1},
		{"30 2 * * *", 0, 2},
		{"30 3 * * *", 1, 1},
	} {
		for day, want := range map[time.Time]int{spring: tc.spring, autumn: tc.autumn} {
			from := day.Add(-time.Second)
			s, err := syncer.New(syncer.Options{Store: newWorld(t).store, Now: func() time.Time { return from }})
			if err != nil {
				t.Fatal(err)
			}
			times, err := s.NextTimes(tc.schedule, zone, 100)
			if err != nil {
				t.Fatal(err)
			}
			got := 0
			for _, at := range times {
				if !at.Before(day) && at.Before(day.AddDate(0, 0, 1)) {
					got++
				}
			}
			if got != want {
				t.Errorf("%s on %s: %d times, want %d", tc.schedule, day.Format(time.DateOnly), got, want)
			}
		}
	}
}
