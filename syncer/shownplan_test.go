package syncer_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer"
)

// The plan that is shown is the one that a confirmed run applies, or none does.
func TestPlanIsWhatConfirmApplies(t *testing.T) {
	w := newWorld(t)
	digest := func() string {
		t.Helper()
		r, ok, err := w.syncer.Plan("staff")
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return ""
		}
		if r.Run.Finished.IsZero() || len(r.Changes) == 0 {
			t.Errorf("%+v", r)
		}
		return r.Run.PlanDigest
	}
	if digest() != "" {
		t.Error("a plan before any run")
	}
	w.write(users(0, 20)...)
	dry := w.run(syncer.ImportOptions{DryRun: true})
	if digest() != dry.Run.PlanDigest || dry.Run.PlanDigest == "" {
		t.Errorf("the plan is not that of the dry run")
	}
	w.run(syncer.ImportOptions{})
	if digest() != "" {
		t.Error("a plan after a run that was applied")
	}
	w.write(users(0, 5)...)
	stopped := w.run(syncer.ImportOptions{})
	if stopped.Run.Result != store.RunStopped || digest() != stopped.Run.PlanDigest {
		t.Errorf("the plan is not that of the run that was stopped: %+v", stopped.Run)
	}
	w.write(users(0, 6)...)
	seen := w.run(syncer.ImportOptions{DryRun: true})
	if digest() != seen.Run.PlanDigest {
		t.Error("the plan is not that of the later dry run")
	}
	w.write(users(0, 5)...) // the plan that was stopped, and not the one that is shown
	if r := w.run(syncer.ImportOptions{Confirm: true}); r.Run.Result != store.RunFailed {
		t.Errorf("another plan than the one that is shown was applied: %+v", r.Run)
	}
	w.write(users(0, 6)...)
	if r := w.run(syncer.ImportOptions{Confirm: true}); r.Run.Result != store.RunDone || r.Run.PlanDigest != seen.Run.PlanDigest {
		t.Errorf("%+v", r.Run)
	}
	if digest() != "" {
		t.Error("a plan after it was applied")
	}
	w.write(users(0, 7)...)
	w.run(syncer.ImportOptions{DryRun: true})
	w.configure(func(c *store.Connector) { c.Filter = `username != "x"` })
	if digest() != "" {
		t.Error("a plan of the connector as it was before")
	}
	if _, _, err := w.syncer.Plan("nobody"); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
}

// A plan that is larger than the store takes is kept with fewer changes.
func TestLargePlan(t *testing.T) {
	long := syncer.Report{Run: store.Run{PlanDigest: "d"}}
	for range 500 {
		long.Changes = append(long.Changes, syncer.PlannedChange{Name: strings.Repeat("x", 5000)})
	}
	text, err := json.Marshal(map[string]any{"report": long})
	if err != nil {
		t.Fatal(err)
	}
	once, ok := syncer.DecodeShown(text)
	if !ok || len(once) > 1<<20 || len(once) < 1<<18 {
		t.Errorf("%d bytes, %v", len(once), ok)
	}
}

// What a node wrote, another reads as it was; anything else is no plan.
func FuzzShownPlan(f *testing.F) {
	f.Add([]byte(`{"job":"ab","report":{"run":{"id":"","connector":"staff","plan_digest":"d"},"dry_run":true,"changes":[{"change":"create","name":"alice"}]}}`))
	f.Add([]byte(`{"report":{"run":{}}}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, text []byte) {
		once, ok := syncer.DecodeShown(text)
		if !ok {
			return
		}
		if twice, ok := syncer.DecodeShown(once); !ok || !bytes.Equal(once, twice) {
			t.Errorf("%s became %s", once, twice)
		}
	})
}
