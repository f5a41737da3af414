package admin_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
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
	cancel    map[string]func(id, by string)
	away      error
}

// fakePeers is a node's side of a hub.
type fakePeers struct {
	*fakeHub
	node string
}

func (f fakePeers) Node() string { return f.node }

func (f fakePeers) PublishJob(id string, job []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count++
	if f.published[f.node] == nil {
		f.published[f.node] = map[string][]byte{}
	}
	f.published[f.node][id] = job
}

func (f fakePeers) EndJob(id string, job []byte) { f.PublishJob(id, job) }

func (f fakePeers) Jobs() []admin.PublishedJob {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []admin.PublishedJob
	for node, jobs := range f.published {
		for id, job := range jobs {
			if node != f.node {
				all = append(all, admin.PublishedJob{Node: node, ID: id, Data: job})
			}
		}
	}
	return all
}

func (f fakePeers) CancelJob(_ context.Context, id, by string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.away != nil {
		return f.away
	}
	for node, jobs := range f.published {
		if jobs[id] != nil {
			f.cancel[node](id, by)
		}
	}
	return nil
}

func (f fakePeers) OnCancel(do func(id, by string)) { f.cancel[f.node] = do }

// A pair is two nodes, of which only what they tell each other is at work. It is made within a bubble.
type pair struct {
	hub        *fakeHub
	a, b       *admin.Client
	aCtx, bCtx context.Context
	syncer     *fakeSyncer
	server     *admin.Server // of a
	other      *admin.Server // of b
}

// inPair runs a test of two nodes in a bubble.
func inPair(t *testing.T, test func(t *testing.T, p *pair)) {
	var options admin.Options
	b := startWith(t, func(o *admin.Options) { options = *o })
	b.apply(t, staff)
	synctest.Test(t, func(t *testing.T) {
		p := &pair{syncer: &fakeSyncer{block: make(chan struct{})}, hub: &fakeHub{published: map[string]map[string][]byte{}, cancel: map[string]func(id, by string){}}}
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
		p.other = node("b")
		p.a, p.b = p.server.OwnClient(), p.other.OwnClient()
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

// Until a run has begun its first phase, there is no progress to be told: the page and commands have no words for a phase without a name.
func TestWatchOfARunThatSaysNothing(t *testing.T) {
	inPair(t, func(t *testing.T, p *pair) {
		p.syncer.silent = true
		j := p.begin(t, admin.ImportOptions{})
		var told []admin.Progress
		watched := make(chan error)
		go func() {
			_, err := p.b.Watch(p.bCtx, j.ID, func(p admin.Progress) { told = append(told, p) })
			watched <- err
		}()
		time.Sleep(3 * time.Second)
		close(p.syncer.block)
		if err := <-watched; err != nil || len(told) > 0 {
			t.Errorf("told %+v, %v", told, err)
		}
	})
}

// What the others know already is not told again.
func TestJobsAreToldOnce(t *testing.T) {
	inPair(t, func(t *testing.T, p *pair) {
		j := p.begin(t, admin.ImportOptions{})
		count := func() int {
			p.hub.mu.Lock()
			defer p.hub.mu.Unlock()
			return p.hub.count
		}
		time.Sleep(time.Minute)
		if n := count(); n != 1 {
			t.Errorf("told %d times of what is as it was", n)
		}
		close(p.syncer.block)
		time.Sleep(time.Minute)
		if n := count(); n != 2 {
			t.Errorf("told %d times of a run that has ended", n)
		}
		list, err := p.b.Jobs(p.bCtx)
		if err != nil || len(list) != 1 || list[0].ID != j.ID || !list[0].Done {
			t.Errorf("%+v, %v", list, err)
		}
	})
}

func TestNobodyCanBeAskedWhileEtcdIsAway(t *testing.T) {
	inPair(t, func(t *testing.T, p *pair) {
		j := p.begin(t, admin.ImportOptions{})
		p.hub.mu.Lock()
		p.hub.away = &store.AwayError{Err: errors.New("etcd does not answer")}
		p.hub.mu.Unlock()
		w := httptest.NewRecorder()
		p.server.LocalHandler().ServeHTTP(w, httptest.NewRequestWithContext(p.bCtx, http.MethodDelete, "/api/v1/jobs/"+j.ID, nil))
		if w.Code != http.StatusNoContent {
			t.Errorf("at its own node: %d %s", w.Code, w.Body)
		}
		j = p.begin(t, admin.ImportOptions{})
		w = httptest.NewRecorder()
		p.other.LocalHandler().ServeHTTP(w, httptest.NewRequestWithContext(p.bCtx, http.MethodDelete, "/api/v1/jobs/"+j.ID, nil))
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "5" || !strings.Contains(w.Body.String(), "etcd does not answer") {
			t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
		}
		close(p.syncer.block)
	})
}

func TestJobsAreInTheOrderOfTheirBeginning(t *testing.T) {
	inPair(t, func(t *testing.T, p *pair) {
		close(p.syncer.block)
		for i := range 6 {
			client, ctx := p.a, p.aCtx
			if i%2 == 1 {
				client, ctx = p.b, p.bCtx
			}
			if _, err := client.StartRun(ctx, "staff", admin.ImportOptions{}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Second)
		}
		list, err := p.b.Jobs(p.bCtx)
		if err != nil || len(list) != 6 || !slices.IsSortedFunc(list, func(a, b admin.Job) int { return b.Started.Compare(a.Started) }) {
			t.Errorf("%+v, %v", list, err)
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
	f.Add("j1", `{"job":{"id":"j1","done":true,"problem":{"title":"Conflict","status":409,"detail":"`+strings.Repeat("a", 300<<10)+`"}}}`) // too much to be told, and no report to shorten
	f.Fuzz(func(t *testing.T, id, text string) {
		once, ok := admin.DecodePeerJob(admin.PublishedJob{Node: "a", ID: id, Data: []byte(text)})
		if !ok {
			return
		}
		twice, ok := admin.DecodePeerJob(admin.PublishedJob{Node: "a", ID: id, Data: once})
		if !ok || string(once) != string(twice) {
			t.Errorf("%s became %s", once, twice)
		}
	})
}
