package syncer_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer"
)

// A committer decides about the store's changes in place of etcd.
type committer struct {
	mu   sync.Mutex
	fail error // of every commit
}

func (c *committer) set(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fail = err
}

func (c *committer) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fail
}

func (c *committer) Draft(ctx context.Context, alone bool) (store.Draft, error) {
	var away *store.AwayError
	if err := c.failure(); errors.As(err, &away) {
		return nil, err
	}
	return draft{c}, ctx.Err()
}

type draft struct{ *committer }

func (draft) Write(p []byte) (int, error) { return len(p), nil }
func (draft) Discard()                    {}

// Commit refuses what is done under a fence that is lost, as package cluster does: its error is one of a context that ended.
func (d draft) Commit(ctx context.Context, after store.Position) (store.Position, error) {
	for _, lost := range fences(ctx) {
		if lost.Err() != nil {
			return after, fmt.Errorf("this node no longer holds what it was working under: %w", context.Canceled)
		}
	}
	if err := d.failure(); err != nil {
		return after, err
	}
	return store.Position{Index: after.Index + 1, Chain: sha256.Sum256(after.Chain[:])}, ctx.Err()
}

// clustered has the store's changes decided by a committer.
func (w *world) clustered() *committer {
	w.t.Helper()
	c := &committer{}
	if err := w.store.Begin(w.t.Context(), "8a1f2c9e-0000-4000-8000-000000000001", [32]byte{1}); err != nil {
		w.t.Fatal(err)
	}
	w.store.Share(c)
	return c
}

// A node that loses its duty while a run is under way has no record of it: the node that takes over makes up for it.
func TestTakeOverOfARun(t *testing.T) {
	w := newWorld(t)
	w.due()
	w.clustered()
	n := newNodes()
	a, b := w.node(n, "a"), w.node(n, "b")
	stalled, quick := &stallingSource{}, &flakySource{}
	stalled.fetches.Store(1)
	a.SetSource(stalled)
	b.SetSource(quick)
	w.serveNode(a)
	eventually(t, "the run on a", func() bool { return stalled.fetches.Load() == 2 })
	w.serveNode(b)
	time.Sleep(20 * time.Millisecond)
	if quick.fetches.Load() != 0 {
		t.Fatal("b ran what is due while a is on duty")
	}
	n.endDuty("a")
	eventually(t, "the run on b", func() bool { return len(w.results("staff")) == 2 })
	time.Sleep(20 * time.Millisecond)
	if got := w.results("staff"); !slices.Equal(got, []store.RunResult{store.RunDone, store.RunDone}) || quick.fetches.Load() != 1 {
		t.Errorf("runs %v, %d on b", got, quick.fetches.Load())
	}
}

// What one node alone knows, because it was shown while etcd was away, is over once any node has run the connector.
func TestPlanShownWhileAwayIsOverAfterARunElsewhere(t *testing.T) {
	w := newWorld(t)
	c, n := w.clustered(), newNodes()
	a, b := w.node(n, "a"), w.node(n, "b")
	w.write(users(0, 20)...)
	shown := func() bool {
		_, ok, err := a.Plan("staff")
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	c.set(&store.AwayError{Err: errors.New("etcd does not answer")})
	if _, err := a.Import(t.Context(), "staff", syncer.ImportOptions{DryRun: true}); err != nil || !shown() {
		t.Fatalf("no plan is shown: %v", err)
	}
	c.set(nil)
	if !shown() {
		t.Error("the plan is gone when etcd is back")
	}
	if r, err := b.Import(t.Context(), "staff", syncer.ImportOptions{}); err != nil || r.Run.Result != store.RunDone {
		t.Fatalf("%+v, %v", r, err)
	}
	if shown() {
		t.Error("a plan after a run that was applied")
	}
}

// A run that cannot be recorded says in its report why it failed.
func TestFailedRunsWithoutARecord(t *testing.T) {
	away := &store.AwayError{Err: errors.New("etcd does not answer")}
	tests := []struct {
		name string
		lose func(*nodes, *committer)
		want string
	}{
		{"its claim is lost", func(n *nodes, _ *committer) { n.loseClaim("staff") }, errClaim.Error()},
		{"etcd is away", func(_ *nodes, c *committer) { c.set(away) }, "etcd does not answer"},
		{"etcd does not say", func(_ *nodes, c *committer) { c.set(&store.DoubtError{Err: errors.New("no answer")}) }, "whether it was made"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			c, n := w.clustered(), newNodes()
			a := w.node(n, "a")
			w.write("username", "alice")
			once := sync.OnceFunc(func() { tt.lose(n, c) })
			r, err := a.Import(t.Context(), "staff", syncer.ImportOptions{Progress: func(p syncer.Progress) {
				if p.Phase == "plan" {
					once()
				}
			}})
			if err != nil {
				t.Fatal(err)
			}
			if r.Run.Result != store.RunFailed || !strings.Contains(r.Run.Error, tt.want) || !r.Temporary || r.Run.ID != "" || r.Run.Created != 0 {
				t.Errorf("%+v", r)
			}
			if !strings.Contains(strings.Join(r.Notes, "\n"), "not in the history") {
				t.Errorf("%q", r.Notes)
			}
			c.set(nil)
			if got := w.results("staff"); got != nil {
				t.Errorf("runs %v", got)
			}
			if r, err := a.Import(t.Context(), "staff", syncer.ImportOptions{}); err != nil || r.Run.Result != store.RunDone {
				t.Errorf("afterwards: %+v, %v", r, err)
			}
		})
	}
}

// A run that other nodes' changes overtake is planned three times.
func TestOvertakenRuns(t *testing.T) {
	w := newWorld(t)
	c := w.clustered()
	source := &flakySource{}
	w.syncer.SetSource(source)
	c.set(&store.OvertakenError{})
	r, err := w.syncer.Import(t.Context(), "staff", syncer.ImportOptions{})
	if err == nil {
		t.Errorf("%+v", r) // it cannot be recorded either
	}
	if got := source.fetches.Load(); got != 3 {
		t.Errorf("planned %d times", got)
	}
}

// What a dry run shows while etcd is away is known to its node, and gives way to what any node shows later.
func TestDryRunWhileAway(t *testing.T) {
	w := newWorld(t)
	c, n := w.clustered(), newNodes()
	a, b := w.node(n, "a"), w.node(n, "b")
	w.write(users(0, 3)...)
	c.set(&store.AwayError{Err: errors.New("etcd does not answer")})
	dry, err := a.Import(t.Context(), "staff", syncer.ImportOptions{DryRun: true})
	if err != nil || dry.Run.Result != store.RunDone || !strings.Contains(strings.Join(dry.Notes, "\n"), "only this node knows the plan") {
		t.Fatalf("%+v, %v", dry, err)
	}
	if seen, ok, err := a.Plan("staff"); err != nil || !ok || seen.Run.PlanDigest != dry.Run.PlanDigest {
		t.Errorf("%+v, %v, %v", seen, ok, err)
	}
	if _, ok, err := b.Plan("staff"); err != nil || ok {
		t.Errorf("another node: %v", err)
	}
	c.set(nil)
	w.write(users(0, 4)...)
	later, err := b.Import(t.Context(), "staff", syncer.ImportOptions{DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	if seen, ok, err := a.Plan("staff"); err != nil || !ok || seen.Run.PlanDigest != later.Run.PlanDigest {
		t.Errorf("%+v, %v, %v", seen, ok, err)
	}
	if r, err := a.Import(t.Context(), "staff", syncer.ImportOptions{Confirm: true}); err != nil || r.Run.Result != store.RunDone {
		t.Errorf("%+v, %v", r, err)
	}
}

// A scheduled run that etcd stood in the way of is tried again, without end, when it is back.
func TestScheduledRunWhileAway(t *testing.T) {
	w := newWorld(t)
	w.due()
	c, n := w.clustered(), newNodes()
	a := w.node(n, "a")
	source := &flakySource{}
	a.SetSource(source)
	a.SetPauses(nil, nil)
	c.set(&store.AwayError{Err: errors.New("etcd does not answer")})
	w.serveNode(a)
	eventually(t, "three attempts", func() bool { return source.fetches.Load() >= 3 })
	c.set(nil)
	eventually(t, "the run", func() bool { return len(w.results("staff")) == 2 })
	if got := w.results("staff"); got[1] != store.RunDone {
		t.Errorf("runs %v", got)
	}
}
