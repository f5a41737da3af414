package admin_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/admin/access"
	"github.com/dialtree/dialtree/store"
)

// A fakeHub is what several nodes tell each other.
type fakeHub struct {
	mu        sync.Mutex
	published map[string]map[string][]byte // node, ID
	count     int
	cancels   map[string]chan admin.CancelRequest
	away      error
}

// fakePeers is a node's side of a hub.
type fakePeers struct {
	*fakeHub
	node string
}

func (f fakePeers) Node() string { return f.node }

func (f fakePeers) Publish(_ context.Context, id string, job []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count++
	switch {
	case f.away != nil:
		return f.away
	case job == nil:
		delete(f.published[f.node], id)
		return nil
	case f.published[f.node] == nil:
		f.published[f.node] = map[string][]byte{}
	}
	f.published[f.node][id] = job
	return nil
}

func (f fakePeers) Published() []admin.PublishedJob {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []admin.PublishedJob
	for node, jobs := range f.published {
		for id, job := range jobs {
			if node != f.node {
				all = append(all, admin.PublishedJob{Node: node, ID: id, Job: job})
			}
		}
	}
	return all
}

func (f fakePeers) Cancel(_ context.Context, id, by string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.away != nil {
		return f.away
	}
	for node, jobs := range f.published {
		if jobs[id] != nil {
			f.cancels[node] <- admin.CancelRequest{ID: id, By: by}
		}
	}
	return nil
}

func (f fakePeers) Cancels(context.Context) <-chan admin.CancelRequest { return f.cancels[f.node] }

// A pair is two nodes, of which only what they tell each other is at work. It is made within a bubble.
type pair struct {
	hub        *fakeHub
	a, b       *admin.Client
	aCtx, bCtx context.Context
	syncer     *fakeSyncer
	server     *admin.Server // of a
}

// inPair runs a test of two nodes in a bubble.
func inPair(t *testing.T, test func(t *testing.T, p *pair)) {
	var options admin.Options
	b := startWith(t, func(o *admin.Options) { options = *o })
	b.apply(t, staff)
	synctest.Test(t, func(t *testing.T) {
		p := &pair{syncer: &fakeSyncer{block: make(chan struct{})}, hub: &fakeHub{published: map[string]map[string][]byte{}, cancels: map[string]chan admin.CancelRequest{
			"a": make(chan admin.CancelRequest, 4), "b": make(chan admin.CancelRequest, 4)}}}
		options.Syncer = p.syncer
		ctx, cancel := context.WithCancel(t.Context())
		var nodes sync.WaitGroup
		defer nodes.Wait()
		defer cancel()
		node := func(name string) *admin.Server {
			options.Peers = fakePeers{p.hub, name}
			s, err := admin.New(options)
			if err != nil {
				t.Fatal(err)
			}
			nodes.Go(func() { s.KeepPeers(ctx) })
			return s
		}
		p.server = node("a")
		p.a, p.b = p.server.OwnClient(), node("b").OwnClient()
		p.aCtx = access.With(ctx, &access.Identity{Name: "ada", Door: access.DoorToken, Scopes: []access.Scope{access.Admin}})
		p.bCtx = access.With(ctx, &access.Identity{Name: "bob", Door: access.DoorToken, Scopes: []access.Scope{access.Admin}})
		test(t, p)
	})
}

// begin starts a run on a, and waits until b knows.
func (p *pair) begin(t *testing.T, o admin.ImportOptions) *admin.Job {
	t.Helper()
	j, err := p.a.StartRun(p.aCtx, "staff", o)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(1100 * time.Millisecond)
	return j
}

func TestJobOfAnotherNode(t *testing.T) {
	inPair(t, func(t *testing.T, p *pair) {
		j := p.begin(t, admin.ImportOptions{})
		if j.Node != "a" {
			t.Errorf("%+v", j)
		}
		seen, err := p.b.Job(p.bCtx, j.ID)
		if err != nil || seen.Node != "a" || seen.Connector != "staff" || seen.By != "ada" || seen.Done || seen.Progress.Phase != "apply" {
			t.Errorf("%+v, %v", seen, err)
		}
		list, err := p.b.Jobs(p.bCtx)
		if err != nil || len(list) != 1 || list[0].ID != j.ID {
			t.Errorf("%+v, %v", list, err)
		}
		document, err := p.b.Get(p.bCtx, "connector", "staff")
		if err != nil || !strings.Contains(string(document), `"running":"`+j.ID+`","running_node":"a"`) {
			t.Errorf("%s, %v", document, err)
		}
		overview, err := p.b.Overview(p.bCtx)
		if err != nil || overview.Connectors[0].State != "running" || overview.Connectors[0].JobNode != "a" {
			t.Errorf("%+v, %v", overview, err)
		}
		var told []admin.Progress
		var report *admin.Report
		watched := make(chan error)
		go func() {
			var err error
			report, err = p.b.Watch(p.bCtx, j.ID, func(p admin.Progress) { told = append(told, p) })
			watched <- err
		}()
		time.Sleep(20 * time.Second)
		close(p.syncer.block)
		if err := <-watched; err != nil || report.Run.ID != "staff-1" || len(report.Changes) != 1 || len(told) == 0 {
			t.Errorf("%+v, %v, %v", report, told, err)
		}
		if seen, err = p.b.Job(p.bCtx, j.ID); err != nil || !seen.Done || seen.Report.Run.Created != 2 || len(seen.Report.Changes) != 1 {
			t.Errorf("%+v, %v", seen, err)
		}
		if err := p.b.CancelJob(p.bCtx, j.ID); status(err) != http.StatusConflict {
			t.Errorf("cancelled after its end: %v", err)
		}
	})
}

func TestSimulationOfAnotherNode(t *testing.T) {
	inPair(t, func(t *testing.T, p *pair) {
		close(p.syncer.block)
		p.syncer.report = &admin.Report{DryRun: true, Run: store.Run{Connector: "staff", PlanDigest: "d", Result: store.RunDone}, Changes: make([]admin.PlannedChange, 3)}
		j := p.begin(t, admin.ImportOptions{DryRun: true})
		seen, err := p.b.Job(p.bCtx, j.ID)
		if err != nil || !seen.Done || len(seen.Report.Changes) != 1 { // those that the store has, as fakeSyncer.Plan tells them
			t.Errorf("%+v, %v", seen.Report, err)
		}
	})
}

func TestCancelAtAnotherNode(t *testing.T) {
	inPair(t, func(t *testing.T, p *pair) {
		j := p.begin(t, admin.ImportOptions{})
		reader := access.With(p.bCtx, &access.Identity{Name: "rob", Door: access.DoorToken, Scopes: []access.Scope{access.Read, access.Contacts}})
		if err := p.b.CancelJob(reader, j.ID); status(err) != http.StatusForbidden {
			t.Errorf("by who may not: %v", err)
		}
		if err := p.b.CancelJob(p.bCtx, "none"); status(err) != http.StatusNotFound {
			t.Errorf("one that nobody has: %v", err)
		}
		if err := p.b.CancelJob(p.bCtx, j.ID); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		seen, err := p.a.Job(p.aCtx, j.ID)
		if err != nil || !seen.Done || seen.Problem == nil || seen.Problem.Detail != "cancelled by bob" {
			t.Errorf("%+v, %v", seen, err)
		}
		if _, err := p.b.Watch(p.bCtx, j.ID, nil); err == nil || err.Error() != "cancelled by bob" {
			t.Errorf("%v", err)
		}
	})
}

// While etcd is away nothing is told, and everything is when it is back. What is known already is not told again.
func TestJobsAreToldWhenTheOthersAreBack(t *testing.T) {
	inPair(t, func(t *testing.T, p *pair) {
		p.hub.away = &store.AwayError{Err: errors.New("etcd does not answer")}
		j := p.begin(t, admin.ImportOptions{})
		if list, err := p.b.Jobs(p.bCtx); err != nil || len(list) != 0 {
			t.Errorf("%+v, %v", list, err)
		}
		p.hub.mu.Lock()
		p.hub.away = nil
		p.hub.mu.Unlock()
		time.Sleep(time.Second)
		if _, err := p.b.Job(p.bCtx, j.ID); err != nil {
			t.Error(err)
		}
		p.hub.mu.Lock()
		before := p.hub.count
		p.hub.away = &store.AwayError{Err: errors.New("etcd does not answer")}
		p.hub.mu.Unlock()
		time.Sleep(time.Minute)
		p.hub.mu.Lock()
		if p.hub.count != before {
			t.Errorf("told %d times of what is as it was", p.hub.count-before)
		}
		p.hub.mu.Unlock()
		var problem *admin.Problem
		if err := p.b.CancelJob(p.bCtx, j.ID); !errors.As(err, &problem) || problem.Status != http.StatusServiceUnavailable || !strings.Contains(problem.Detail, "etcd does not answer") {
			t.Errorf("%v", err)
		}
		close(p.syncer.block)
	})
}

func TestFewEndedJobsAreTold(t *testing.T) {
	inPair(t, func(t *testing.T, p *pair) {
		close(p.syncer.block)
		for range 15 {
			p.begin(t, admin.ImportOptions{})
		}
		list, err := p.b.Jobs(p.bCtx)
		if err != nil || len(list) != 10 {
			t.Errorf("%d jobs, %v", len(list), err)
		}
		if !slices.IsSortedFunc(list, func(a, b admin.Job) int { return b.Started.Compare(a.Started) }) {
			t.Error("they are not in the order of their beginning")
		}
	})
}

// A node that goes away takes its jobs along: whoever follows one is told.
func TestWatchOfANodeThatGoes(t *testing.T) {
	inPair(t, func(t *testing.T, p *pair) {
		j := p.begin(t, admin.ImportOptions{})
		watched := make(chan error)
		go func() {
			_, err := p.b.Watch(p.bCtx, j.ID, nil)
			watched <- err
		}()
		time.Sleep(3 * time.Second)
		p.hub.mu.Lock()
		clear(p.hub.published["a"])
		p.hub.mu.Unlock()
		if err := <-watched; status(err) != http.StatusNotFound {
			t.Errorf("%v", err)
		}
		close(p.syncer.block)
	})
}

// What one node wrote, another reads as it was; anything else is passed over.
func FuzzPeerJob(f *testing.F) {
	f.Add("j1", `{"needs":"run","job":{"id":"j1","connector":"staff","done":true,"report":{"run":{"id":"staff-1"},"changes":[]}}}`)
	f.Add("j1", `{"job":{"id":"j1","progress":{"phase":"fetch","done":1}}}`)
	f.Add("j1", `{"job":{"id":"j2"}}`)
	f.Add("", `null`)
	f.Fuzz(func(t *testing.T, id, text string) {
		once, ok := admin.DecodePeerJob(admin.PublishedJob{Node: "a", ID: id, Job: []byte(text)})
		if !ok {
			return
		}
		twice, ok := admin.DecodePeerJob(admin.PublishedJob{Node: "a", ID: id, Job: once})
		if !ok || string(once) != string(twice) {
			t.Errorf("%s became %s", once, twice)
		}
	})
}
