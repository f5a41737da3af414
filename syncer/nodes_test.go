package syncer_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer"
)

// nodes are what several nodes agree by, without etcd.
type nodes struct {
	mu    sync.Mutex
	taken map[string]*syncer.Taken
	away  error
	turn  chan struct{} // holds a token while nobody is on duty
	lose  map[string]context.CancelCauseFunc
}

func newNodes() *nodes {
	n := &nodes{taken: map[string]*syncer.Taken{}, lose: map[string]context.CancelCauseFunc{}, turn: make(chan struct{}, 1)}
	n.turn <- struct{}{}
	return n
}

var (
	errDuty  = errors.New("the election is lost")
	errClaim = errors.New("the claim is lost")
)

// A member is one of the nodes.
type member struct {
	*nodes
	name string
}

func (m member) OnDuty(ctx context.Context) (context.Context, error) {
	select {
	case <-m.turn:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	duty, lose := fenced(ctx)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lose[m.name] = lose
	context.AfterFunc(duty, func() { m.turn <- struct{}{} })
	return duty, nil
}

// fencesKey is where a context has what it rests on, as that of package cluster does: it stays there when the context is made one without a cancel.
type fencesKey struct{}

func fences(ctx context.Context) []context.Context {
	list, _ := ctx.Value(fencesKey{}).([]context.Context)
	return list
}

// fenced returns a context under which nothing is committed once it was lost.
func fenced(ctx context.Context) (context.Context, context.CancelCauseFunc) {
	fence, lose := context.WithCancelCause(context.Background())
	under, end := context.WithCancelCause(context.WithValue(ctx, fencesKey{}, append(slices.Clone(fences(ctx)), fence)))
	return under, func(cause error) { lose(cause); end(cause) }
}

func (n *nodes) loseClaim(connector string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lose[connector](errClaim)
}

// endDuty takes the schedules from a node, if it has them.
func (n *nodes) endDuty(name string) {
	n.mu.Lock()
	lose := n.lose[name]
	n.mu.Unlock()
	lose(errDuty)
}

func (m member) Claim(ctx context.Context, connector, by string) (context.Context, func(), *syncer.Taken, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away != nil {
		return nil, nil, nil, m.away
	}
	if t := m.taken[connector]; t != nil {
		return nil, nil, t, nil
	}
	m.taken[connector] = &syncer.Taken{Node: m.name, Started: time.Date(2026, 3, 1, 9, 30, 0, 0, time.Local), By: by}
	claimed, lose := fenced(ctx)
	m.lose[connector] = lose
	return claimed, func() {
		lose(nil)
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.taken, connector)
	}, nil, nil
}

func (n *nodes) setAway(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.away = err
}

// node makes a syncer among others that share the store.
func (w *world) node(n *nodes, name string) *syncer.Syncer {
	w.t.Helper()
	s, err := syncer.New(syncer.Options{Store: w.store, BaseDir: w.dir, Duty: member{n, name}, Claims: member{n, name}})
	if err != nil {
		w.t.Fatal(err)
	}
	s.SetDutyPauses(time.Millisecond)
	return s
}

// serveNode runs a node's schedules until the test ends or stop is called.
func (w *world) serveNode(s *syncer.Syncer) (stop func()) {
	before := w.syncer
	defer func() { w.syncer = before }()
	w.syncer = s
	return w.serve()
}

func TestScheduleOfAnotherNode(t *testing.T) {
	w := newWorld(t, func(c *store.Connector) { c.Schedule = "@every 1h" })
	n := newNodes()
	a, b := w.node(n, "a"), w.node(n, "b")
	w.serveNode(a)
	eventually(t, "the schedule on a", func() bool { _, ok := a.Schedule("staff"); return ok })
	if _, ok := b.Schedule("staff"); ok {
		t.Error("a schedule before Run")
	}
	w.serveNode(b)
	eventually(t, "the schedule as b knows it", func() bool { s, ok := b.Schedule("staff"); return ok && s.Next.After(time.Now()) })
	if _, ok := b.Schedule("nobody"); ok {
		t.Error("a schedule of no connector")
	}
}

func TestWhoIsNotOnDutyRunsWhatFollows(t *testing.T) {
	w := newWorld(t)
	n := newNodes()
	a, b := w.node(n, "a"), w.node(n, "b")
	second := w.connector
	second.Name, second.After = "second", "staff"
	w.apply(&second)
	w.serveNode(a)
	source := &flakySource{}
	a.SetSource(&flakySource{failures: 9, err: errors.New("a ran it")})
	b.SetSource(source)
	w.serveNode(b)
	if r, err := b.Import(t.Context(), "staff", syncer.ImportOptions{}); err != nil || r.Run.Result != store.RunDone {
		t.Fatalf("%+v, %v", r, err)
	}
	eventually(t, "second", func() bool { return len(w.results("second")) == 1 })
}

func TestOneNodeAtATimeRunsAConnector(t *testing.T) {
	w := newWorld(t)
	n := newNodes()
	a, b := w.node(n, "a"), w.node(n, "b")
	w.write("username", "alice")
	w.done(1, 0, 0, 0, 0)
	stalled := &stallingSource{}
	stalled.fetches.Store(1)
	a.SetSource(stalled)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = a.Import(ctx, "staff", syncer.ImportOptions{By: "ada"})
	}()
	eventually(t, "the run on a", func() bool { return stalled.fetches.Load() == 2 })
	const want = "connector staff has been running since 09:30:00 on node a: wait for it to end"
	for name, run := range map[string]func() error{
		"import": func() error { _, err := b.Import(t.Context(), "staff", syncer.ImportOptions{}); return err },
		"undo":   func() error { _, err := b.Undo(t.Context(), "staff-1", "bob"); return err },
	} {
		var running *syncer.RunningError
		if err := run(); !errors.As(err, &running) || running.Node != "a" || err.Error() != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if r, err := b.Import(t.Context(), "staff", syncer.ImportOptions{DryRun: true}); err != nil || r.Run.Error != "" {
		t.Errorf("a dry run, which changes nothing: %+v, %v", r, err)
	}
	file := syncer.HandFile{Name: "f.csv", Content: []byte("username\nbob\n"), Target: "users"}
	if _, err := b.ImportFile(t.Context(), file, syncer.ImportOptions{}); err != nil {
		t.Errorf("what is no run of the connector: %v", err)
	}
	cancel()
	<-ended
	if r, err := b.Import(t.Context(), "staff", syncer.ImportOptions{}); err != nil || r.Run.Result != store.RunDone {
		t.Errorf("after it has ended: %+v, %v", r, err)
	}
}

// A run whose claim is lost fails, and says why.
func TestLostClaim(t *testing.T) {
	w := newWorld(t)
	n := newNodes()
	a := w.node(n, "a")
	stalled := &stallingSource{}
	stalled.fetches.Store(1)
	a.SetSource(stalled)
	var report *syncer.Report
	ended := make(chan error, 1)
	go func() {
		var err error
		report, err = a.Import(t.Context(), "staff", syncer.ImportOptions{})
		ended <- err
	}()
	eventually(t, "the run", func() bool { return stalled.fetches.Load() == 2 })
	n.loseClaim("staff")
	if err := <-ended; err != nil || report.Run.Result != store.RunFailed || report.Run.Error != errClaim.Error() {
		t.Errorf("%+v, %v", report, err)
	}
}

// What is due while etcd is away runs when it is back.
func TestDueWhileAway(t *testing.T) {
	w := newWorld(t)
	w.due()
	n := newNodes()
	n.setAway(&store.AwayError{Err: errors.New("etcd does not answer")})
	a := w.node(n, "a")
	source := &flakySource{}
	a.SetSource(source)
	a.SetPauses(nil, nil) // no tries but those for etcd
	w.serveNode(a)
	time.Sleep(20 * time.Millisecond)
	if source.fetches.Load() != 0 {
		t.Error("it ran without a claim")
	}
	if _, err := a.Import(t.Context(), "staff", syncer.ImportOptions{}); !errors.Is(err, store.ErrAway) {
		t.Errorf("by hand: %v", err)
	}
	n.setAway(nil)
	eventually(t, "the run", func() bool { return slices.Contains(w.results("staff")[1:], store.RunDone) })
}

// An alert on the age of an import may ask any node.
func TestEachNodeKnowsWhenAConnectorRanLast(t *testing.T) {
	w := newWorld(t)
	n := newNodes()
	a, b := w.node(n, "a"), w.node(n, "b")
	w.serveNode(b)
	w.write("username", "alice")
	r, err := a.Import(t.Context(), "staff", syncer.ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := float64(r.Run.Finished.UnixMilli()) / 1e3
	eventually(t, "the time on b", func() bool { return testutil.ToFloat64(b.LastSuccess("staff")) == want })
}

// A plan is that of all nodes, and stays over a restart.
func TestPlanOfAnotherNode(t *testing.T) {
	w := newWorld(t)
	n := newNodes()
	a, b := w.node(n, "a"), w.node(n, "b")
	w.write(users(0, 20)...)
	dry, err := a.Import(t.Context(), "staff", syncer.ImportOptions{DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	seen, ok, err := b.Plan("staff")
	if err != nil || !ok || seen.Run.PlanDigest != dry.Run.PlanDigest || len(seen.Changes) != 20 || !seen.DryRun {
		t.Fatalf("%+v, %v, %v", seen, ok, err)
	}
	if r, err := b.Import(t.Context(), "staff", syncer.ImportOptions{Confirm: true}); err != nil || r.Run.Result != store.RunDone {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, ok, err := a.Plan("staff"); ok || err != nil {
		t.Errorf("a plan after it was applied: %v", err)
	}
	w.write(users(0, 5)...)
	if r, err := b.Import(t.Context(), "staff", syncer.ImportOptions{}); err != nil || r.Run.Result != store.RunStopped {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, ok, _ := a.Plan("staff"); !ok {
		t.Error("no plan of the run that the guard stopped elsewhere")
	}
	w.write(users(0, 20)...) // a dry run that changes nothing takes its place
	if _, err := a.Import(t.Context(), "staff", syncer.ImportOptions{DryRun: true}); err != nil {
		t.Fatal(err)
	}
	if _, ok, _ := b.Plan("staff"); ok {
		t.Error("a plan after one that changes nothing")
	}
}

// A plan holds what changed in words that name no secret.
func TestKeptPlanHoldsNoPassword(t *testing.T) {
	w := newWorld(t, func(c *store.Connector) {
		c.Authentication = &store.Authentication{Method: "internal"}
		c.Variables = map[string]string{"password": "secret"}
	})
	w.write("username,secret", "alice,correct-horse")
	w.run(syncer.ImportOptions{DryRun: true})
	text, err := w.store.Plan("staff")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "correct-horse") || strings.Contains(string(text), "hashed") || !strings.Contains(string(text), "[secret]") {
		t.Errorf("%s", text)
	}
}
