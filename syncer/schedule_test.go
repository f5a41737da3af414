package syncer_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer"
)

// eventually waits for what another goroutine does.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !f(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 10 s", what)
		}
	}
}

func TestRunFollowsConnectors(t *testing.T) {
	w := newWorld(t)
	w.write("username", "alice")
	w.done(1, 0, 0, 0, 0)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.syncer.Run(ctx) }()
	if _, ok := w.syncer.Schedule("staff"); ok {
		t.Error("scheduled without a schedule")
	}
	for _, spec := range []string{"@every 1h", "0 6 * * *"} {
		w.configure(func(c *store.Connector) { c.Schedule = spec })
		eventually(t, spec, func() bool {
			s, ok := w.syncer.Schedule("staff")
			return ok && s.Spec == spec && s.Next.After(time.Now())
		})
	}
	w.configure(func(c *store.Connector) { c.Schedule = "" })
	eventually(t, "no schedule", func() bool { _, ok := w.syncer.Schedule("staff"); return !ok })
	w.configure(func(c *store.Connector) { c.Schedule = "@every 1h" })
	eventually(t, "scheduled again", func() bool { _, ok := w.syncer.Schedule("staff"); return ok })
	remove := &store.Changes{RemoveObjects: []store.ObjectRef{{Kind: store.ObjectConnector, Name: "staff"}}, Force: true}
	if _, err := w.store.Apply(t.Context(), remove); err != nil {
		t.Fatal(err)
	}
	eventually(t, "connector gone", func() bool { _, ok := w.syncer.Schedule("staff"); return !ok })
	eventually(t, "series gone", func() bool {
		n, err := testutil.GatherAndCount(w.registry, "dialtree_connector_runs_total")
		return err == nil && n == 0
	})
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// The least interval is 10 s; a connector that was not checked may have any.
func TestScheduledRuns(t *testing.T) {
	w := newWorld(t)
	w.write("username", "alice")
	w.connector.Schedule = "@every 1s"
	w.apply(&w.connector)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.syncer.Run(ctx) }()
	eventually(t, "two runs", func() bool {
		runs, err := w.store.Runs("staff", 0)
		return err == nil && len(runs) >= 2 && runs[0].Result == store.RunDone
	})
	if s, ok := w.syncer.Schedule("staff"); !ok || s.Last.IsZero() {
		t.Errorf("schedule %+v", s)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	runs, _ := w.store.Runs("staff", 0)
	time.Sleep(1100 * time.Millisecond)
	if later, _ := w.store.Runs("staff", 0); len(later) != len(runs) {
		t.Error("it ran after Run had ended")
	}
}

func TestMetrics(t *testing.T) {
	w := newWorld(t)
	w.write("username", "alice", "bob", "carol", "dave", "erin", ",")
	w.done(5, 0, 0, 0, 0)
	w.write("username,phone", "alice,1", "bob,", "carol,", "dave,", ",5")
	w.done(0, 1, 1, 3, 1)
	os.Remove(filepath.Join(w.dir, "users.csv"))
	w.run(syncer.ImportOptions{})
	want := `
# HELP dialtree_connector_changes_total Entries that runs of a connector changed by change: created, updated or removed; and records they rejected.
# TYPE dialtree_connector_changes_total counter
dialtree_connector_changes_total{change="created",connector="staff"} 5
dialtree_connector_changes_total{change="rejected",connector="staff"} 1
dialtree_connector_changes_total{change="removed",connector="staff"} 1
dialtree_connector_changes_total{change="updated",connector="staff"} 1
# HELP dialtree_connector_runs_total Runs of a connector by result: done, failed or stopped.
# TYPE dialtree_connector_runs_total counter
dialtree_connector_runs_total{connector="staff",result="done"} 2
dialtree_connector_runs_total{connector="staff",result="failed"} 1
`
	if err := testutil.GatherAndCompare(w.registry, strings.NewReader(want), "dialtree_connector_changes_total", "dialtree_connector_runs_total"); err != nil {
		t.Error(err)
	}
	if n, err := testutil.GatherAndCount(w.registry, "dialtree_connector_last_success_timestamp_seconds"); err != nil || n != 1 {
		t.Errorf("last success: %d, %v", n, err)
	}
	if problems, err := testutil.GatherAndLint(w.registry); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}
}

func TestOneRunAtATime(t *testing.T) {
	w := newWorld(t)
	w.write(users(0, 2000)...)
	once := sync.OnceFunc(func() {
		_, err := w.syncer.Import(t.Context(), "staff", syncer.ImportOptions{})
		var running *syncer.RunningError
		if !errors.As(err, &running) || running.Connector != "staff" {
			t.Errorf("a second run: %v", err)
		}
		if _, err := w.syncer.Undo(t.Context(), "staff-1", "ada"); err == nil {
			t.Error("an undo during a run")
		}
	})
	w.run(syncer.ImportOptions{Progress: func(syncer.Progress) { once() }})
	w.done(0, 0, 0, 2000, 0)
}

func TestProgress(t *testing.T) {
	w := newWorld(t)
	w.write(users(0, 8_000)...)
	var seen []syncer.Progress
	began := time.Now()
	w.run(syncer.ImportOptions{Progress: func(p syncer.Progress) { seen = append(seen, p) }})
	if most := int(time.Since(began)/(50*time.Millisecond)) + 4; len(seen) > most {
		t.Errorf("%d calls, at most %d expected", len(seen), most)
	}
	phases := ""
	for i, p := range seen {
		if i == 0 || seen[i-1].Phase != p.Phase {
			phases += p.Phase + " "
		}
		if p.Done > p.Total && p.Total > 0 {
			t.Errorf("%+v", p)
		}
	}
	if phases != "fetch plan apply " || seen[len(seen)-1] != (syncer.Progress{Phase: "apply", Done: 8_000, Total: 8_000}) {
		t.Errorf("%s %+v", phases, seen[len(seen)-1])
	}
}

// An entry that changes between plan and apply: the run plans again.
func TestChangeWhileARunIsUnderWay(t *testing.T) {
	w := newWorld(t)
	w.write(users(0, 3000)...)
	w.done(3000, 0, 0, 0, 0)
	w.write(strings.ReplaceAll(strings.Join(users(0, 3000), "\n"), "User", "Person"))
	once := sync.OnceFunc(func() {
		e := w.user("user7")
		e.Values = e.Values.With(store.Job, "Boss")
		e.Local = e.Local.With(store.Job)
		w.put(e)
	})
	r := w.run(syncer.ImportOptions{Progress: func(p syncer.Progress) {
		if p.Phase == "plan" {
			once()
		}
	}})
	w.want(r, store.RunDone, 0, 3000, 0, 0, 0)
	e := w.user("user7")
	if e.Values.First(store.Job) != "Boss" || e.Values.First(store.DisplayName) != "Person 7" {
		t.Errorf("%s", describe(&e))
	}
}

func TestCancelledRun(t *testing.T) {
	w := newWorld(t)
	w.write(users(0, 5000)...)
	ctx, cancel := context.WithCancel(t.Context())
	r, err := w.syncer.Import(ctx, "staff", syncer.ImportOptions{Progress: func(syncer.Progress) { cancel() }})
	if err != nil || r.Run.Result != store.RunFailed || r.Run.ID != "staff-1" || len(w.dump()) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

// A pipe whose writer does not come must not hold the run.
func TestPipe(t *testing.T) {
	w := newWorld(t)
	if err := syscall.Mkfifo(filepath.Join(w.dir, "users.csv"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.fails(store.RunFailed, "DIR/users.csv is not a file")
}
