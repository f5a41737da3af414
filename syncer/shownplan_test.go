package syncer_test

import (
	"errors"
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
