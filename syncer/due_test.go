package syncer_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer"
	"github.com/dialtree/dialtree/syncer/source"
)

// A flakySource fails until a number of fetches was made.
type flakySource struct {
	failures int64
	err      error
	fetches  atomic.Int64
}

func (f *flakySource) Notes() []string { return nil }

func (f *flakySource) Records(context.Context) iter.Seq2[source.Record, error] {
	return func(yield func(source.Record, error) bool) {
		columns, _ := source.NewColumns([]string{"username"})
		if f.fetches.Add(1) <= f.failures {
			yield(source.Record{}, f.err)
			return
		}
		yield(source.Record{Row: 1, Columns: columns, Values: [][]string{{"alice"}}}, nil)
	}
}

// serve runs the syncer until the test ends or stop is called.
func (w *world) serve() (stop func()) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.syncer.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				w.t.Error(err)
			}
		case <-time.After(10 * time.Second):
			w.t.Error("Run does not end")
		}
	}
	w.t.Cleanup(stop)
	eventually(w.t, "Run", w.syncer.Serving)
	return stop
}

func (w *world) results(connector string) []store.RunResult {
	w.t.Helper()
	runs, err := w.store.Runs(connector, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	var results []store.RunResult
	for _, r := range slices.Backward(runs) {
		results = append(results, r.Result)
	}
	return results
}

// due makes the connector miss a run, so that it is due as soon as Run begins.
func (w *world) due(change ...func(*store.Connector)) {
	w.t.Helper()
	past := time.Now().Add(-2 * time.Hour)
	if _, err := w.store.Apply(w.t.Context(), &store.Changes{Run: &store.Run{Connector: "staff", Started: past, Finished: past, Result: store.RunDone}}); err != nil {
		w.t.Fatal(err)
	}
	w.configure(append(change, func(c *store.Connector) { c.Schedule = "@every 1h" })...)
}

func TestTemporaryFailuresAreTriedAgain(t *testing.T) {
	busy := temporary("the server is busy")
	const done, failed = store.RunDone, store.RunFailed
	tests := []struct {
		name   string
		source *flakySource
		want   []store.RunResult
	}{
		{"passes", &flakySource{failures: 2, err: busy}, []store.RunResult{done, failed, failed, done}},
		{"does not pass", &flakySource{failures: 9, err: busy}, []store.RunResult{done, failed, failed, failed, failed}},
		{"not temporary", &flakySource{failures: 2, err: errors.New("wrong password")}, []store.RunResult{done, failed}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.due()
			w.syncer.SetSource(tt.source)
			w.syncer.SetPauses([]time.Duration{1, 2, 3}, nil)
			stop := w.serve()
			eventually(t, "runs", func() bool { return len(w.results("staff")) >= len(tt.want) })
			time.Sleep(20 * time.Millisecond)
			stop()
			if got := w.results("staff"); !slices.Equal(got, tt.want) {
				t.Errorf("runs %v, want %v", got, tt.want)
			}
		})
	}
}

// While it waits to be tried again, a connector must not keep the program from ending.
func TestRunEndsWhileAConnectorWaits(t *testing.T) {
	for name, change := range map[string]func(*store.Connector){
		"to be tried again": func(*store.Connector) {},
		"its jitter":        func(c *store.Connector) { c.Jitter = store.Duration(24 * time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.due(change)
			src := &flakySource{failures: 9, err: temporary("busy")}
			w.syncer.SetSource(src)
			w.syncer.SetPauses([]time.Duration{time.Hour}, nil)
			stop := w.serve()
			if w.connector.Jitter == 0 {
				eventually(t, "the first attempt", func() bool { return len(w.results("staff")) == 2 })
			} else {
				eventually(t, "its schedule", func() bool { _, ok := w.syncer.Schedule("staff"); return ok })
			}
			stop()
			if w.connector.Jitter != 0 && src.fetches.Load() != 0 {
				t.Error("it did not wait")
			}
		})
	}
}

func TestMissedRuns(t *testing.T) {
	ago := func(d time.Duration) *time.Time { at := time.Now().Add(-d); return &at }
	tests := []struct {
		name     string
		schedule string
		last     *time.Time
		runs     bool
	}{
		{"missed by far", "@every 1h", ago(100 * time.Hour), true},
		{"missed cron", "0 * * * *", ago(3 * time.Hour), true},
		{"not yet due", "@every 1h", ago(time.Minute), false},
		{"never ran", "@every 1h", nil, false},
		{"no schedule", "", ago(100 * time.Hour), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, func(c *store.Connector) { c.Schedule = tt.schedule })
			before := 0
			if tt.last != nil {
				run := &store.Run{Connector: "staff", Started: *tt.last, Finished: *tt.last, Result: store.RunFailed}
				if _, err := w.store.Apply(t.Context(), &store.Changes{Run: run}); err != nil {
					t.Fatal(err)
				}
				before = 1
			}
			w.syncer.SetSource(&flakySource{})
			stop := w.serve()
			if tt.runs {
				eventually(t, "the missed run", func() bool { return len(w.results("staff")) > before })
			}
			time.Sleep(50 * time.Millisecond)
			stop()
			want := before
			if tt.runs {
				want++
			}
			if got := len(w.results("staff")); got != want {
				t.Errorf("%d runs, want %d", got, want)
			}
		})
	}
}

// One that is configured while the server runs has missed nothing.
func TestNewConnectorsMissNothing(t *testing.T) {
	w := newWorld(t)
	w.syncer.SetSource(&flakySource{})
	stop := w.serve()
	other := w.connector
	other.Name = "other"
	w.apply(&other)
	past := time.Now().Add(-2 * time.Hour)
	if _, err := w.store.Apply(t.Context(), &store.Changes{Run: &store.Run{Connector: "other", Started: past, Finished: past, Result: store.RunDone}}); err != nil {
		t.Fatal(err)
	}
	other.Schedule = "@every 1h"
	w.apply(&other)
	eventually(t, "its schedule", func() bool { _, ok := w.syncer.Schedule("other"); return ok })
	stop()
	if got := w.results("other"); len(got) != 1 {
		t.Errorf("runs %v", got)
	}
}

func TestConnectorsRunAfterOthers(t *testing.T) {
	w := newWorld(t)
	w.write("username", "alice")
	second, third := w.connector, w.connector
	second.Name, second.After, second.Source.CSV = "second", "staff", &store.CSVSource{Path: "second.csv"}
	third.Name, third.After, third.Source.CSV = "third", "second", &store.CSVSource{Path: "third.csv"}
	w.apply(&second, &third)
	w.writeFile("second.csv", "username", "bob")
	w.writeFile("third.csv", "username", "carol")

	// Not without Run, not after a dry run, not after a failure.
	w.done(1, 0, 0, 0, 0)
	stop := w.serve()
	w.run(syncer.ImportOptions{DryRun: true})
	w.write("nobody")
	w.run(syncer.ImportOptions{})
	w.write("username", "alice")
	if got := w.results("second"); got != nil {
		t.Fatalf("second ran: %v", got)
	}
	w.done(0, 0, 0, 1, 0)
	eventually(t, "third", func() bool { return len(w.results("third")) == 1 })
	stop()
	for _, name := range []string{"alice", "bob", "carol"} {
		w.user(name)
	}
	if got := w.results("second"); len(got) != 1 {
		t.Errorf("second ran %v", got)
	}
}

// Circles are refused, but two connectors that are stored together may make one.
func TestCircleOfConnectorsEnds(t *testing.T) {
	w := newWorld(t)
	w.write("username", "alice")
	second := w.connector
	second.Name, second.After = "second", "staff"
	second.Source.CSV = &store.CSVSource{Path: "second.csv"}
	w.writeFile("second.csv", "username", "bob")
	w.apply(&second)
	w.connector.After = "second"
	w.apply(&w.connector)
	stop := w.serve()
	w.done(1, 0, 0, 0, 0)
	eventually(t, "second", func() bool { return len(w.results("second")) == 1 })
	time.Sleep(50 * time.Millisecond)
	stop()
	if a, b := w.results("staff"), w.results("second"); len(a) != 1 || len(b) != 1 {
		t.Errorf("runs %v and %v", a, b)
	}
}

// The time zone of a connector, not that of the server, says when it is due.
func TestTimezone(t *testing.T) {
	w := newWorld(t, func(c *store.Connector) { c.Schedule, c.Timezone = "30 6 * * *", "Asia/Kolkata" })
	w.serve()
	var s syncer.Schedule
	eventually(t, "its schedule", func() bool {
		var ok bool
		s, ok = w.syncer.Schedule("staff")
		return ok && !s.Next.IsZero()
	})
	if next := s.Next.UTC(); next.Hour() != 1 || next.Minute() != 0 || s.Spec != "30 6 * * *" {
		t.Errorf("%+v", s)
	}
}

func temporary(message string) error { return source.Temporary(errors.New(message)) }
