package admin_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/admin/access"
	"github.com/dialtree/dialtree/store"
)

// as returns a client who may do what a scope allows.
func as(b *bench, t *testing.T, scopes ...access.Scope) (*admin.Client, context.Context) {
	t.Helper()
	ctx := access.With(t.Context(), &access.Identity{Name: "somebody", Door: access.DoorToken, Scopes: scopes})
	return b.server.OwnClient(), ctx
}

func blocked(t *testing.T) *bench {
	t.Helper()
	b := start(t)
	b.apply(t, staff)
	b.syncer.block = make(chan struct{})
	return b
}

func status(err error) int {
	var p *admin.Problem
	if errors.As(err, &p) {
		return p.Status
	}
	return 0
}

func TestJob(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	b := blocked(t)
	defer b.stop()
	ctx := t.Context()
	j, err := b.client.StartRun(ctx, "staff", admin.ImportOptions{DryRun: true})
	if err != nil || j.Connector != "staff" || !j.DryRun || j.Done || j.By != caller(t, b) || j.Started.IsZero() {
		t.Fatalf("%+v, %v", j, err)
	}
	document, err := b.client.Get(ctx, "connector", "staff")
	if err != nil || !strings.Contains(string(document), `"running":"`+j.ID+`"`) {
		t.Errorf("%s, %v", document, err)
	}
	leaving, leave := context.WithCancel(ctx)
	_, err = b.client.Watch(leaving, j.ID, func(admin.Progress) { leave() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a watcher that left: %v", err)
	}
	type end struct {
		report *admin.Report
		err    error
		first  admin.Progress
	}
	ends, watching := make(chan end), make(chan struct{}, 2)
	for range 2 {
		go func() {
			var e end
			e.report, e.err = b.client.Watch(ctx, j.ID, func(p admin.Progress) {
				if e.first.Phase == "" {
					e.first = p
					watching <- struct{}{}
				}
			})
			ends <- e
		}()
	}
	<-watching
	<-watching
	close(b.syncer.block)
	for range 2 {
		if e := <-ends; e.err != nil || e.report.Run.ID != "staff-1" || e.first != (admin.Progress{Phase: "apply", Done: 2, Total: 2}) {
			t.Errorf("%+v", e)
		}
	}
	if j, err = b.client.Job(ctx, j.ID); err != nil || !j.Done || j.Report.Run.Created != 2 || j.Problem != nil {
		t.Errorf("%+v, %v", j, err)
	}
	if late, err := b.client.Watch(ctx, j.ID, nil); err != nil || late.Run.ID != "staff-1" {
		t.Errorf("watched after its end: %+v, %v", late, err)
	}
	if err := b.client.CancelJob(ctx, j.ID); status(err) != http.StatusConflict {
		t.Errorf("cancelled after its end: %v", err)
	}
	if _, err := b.client.Job(ctx, "none"); status(err) != http.StatusNotFound {
		t.Errorf("%v", err)
	}
}

func TestJobOfAnImport(t *testing.T) {
	b := start(t)
	file := admin.HandFile{Name: "a.csv", Content: []byte("username\nalice\n"), Target: "users"}
	j, err := b.client.StartImport(t.Context(), file, admin.ImportOptions{})
	if err != nil || j.Connector != store.HandImports {
		t.Fatalf("%+v, %v", j, err)
	}
	r, err := b.client.Watch(t.Context(), j.ID, nil)
	if err != nil || r.Notes[0] != "a.csv: username\nalice\n" {
		t.Errorf("%+v, %v", r, err)
	}
	file.Target = "people"
	var problem *admin.Problem
	if _, err = b.client.StartImport(t.Context(), file, admin.ImportOptions{}); !errors.As(err, &problem) || len(problem.Errors) != 1 || problem.Errors[0].Location != "to" {
		t.Errorf("%v", err)
	}
}

func TestJobCancelled(t *testing.T) {
	b := blocked(t)
	j, err := b.client.StartRun(t.Context(), "staff", admin.ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.client.CancelJob(t.Context(), j.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := b.client.Watch(t.Context(), j.ID, nil); err == nil || err.Error() != "cancelled by "+caller(t, b) {
		t.Errorf("%v", err)
	}
}

func TestJobsAreBounded(t *testing.T) {
	b := blocked(t)
	ctx := t.Context()
	for range 8 {
		if _, err := b.client.StartRun(ctx, "staff", admin.ImportOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.client.StartRun(ctx, "staff", admin.ImportOptions{}); status(err) != http.StatusTooManyRequests {
		t.Errorf("the ninth: %v", err)
	}
	close(b.syncer.block)
	for range 60 {
		if _, err := b.client.Run(ctx, "staff", admin.ImportOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	list, err := b.client.Jobs(ctx)
	if err != nil || len(list) < 50 || len(list) > 51 {
		t.Errorf("%d jobs, %v", len(list), err)
	}
	if !slices.IsSortedFunc(list, func(a, b admin.Job) int { return b.Started.Compare(a.Started) }) {
		t.Error("they are not in the order of their beginning")
	}
}

// A run that its starter cannot follow to its end because the server ends is cancelled, and told so.
func TestJobsEndWithTheServer(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	b := blocked(t)
	j, err := b.client.StartRun(t.Context(), "staff", admin.ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	watching := make(chan struct{}, 2)
	go func() {
		_, err := b.client.Watch(t.Context(), j.ID, func(admin.Progress) { watching <- struct{}{} })
		ended <- err
	}()
	<-watching
	b.stop()
	if err := <-ended; err == nil || err.Error() != "the server is stopping" {
		t.Errorf("%v", err)
	}
	client, ctx := as(b, t, access.Run)
	if _, err := client.StartRun(ctx, "staff", admin.ImportOptions{}); status(err) == 0 {
		t.Errorf("started on a server that has ended: %v", err)
	}
}

func TestScheduledRunIsAJob(t *testing.T) {
	b := start(t)
	b.apply(t, staff)
	var cause error
	progress, ended := b.server.Scheduled("staff", func(err error) { cause = err })
	progress(admin.Progress{Phase: "fetch", Done: 7})
	list, err := b.client.Jobs(t.Context())
	if err != nil || len(list) != 1 || list[0].By != "schedule" || list[0].Progress.Done != 7 || list[0].Done {
		t.Fatalf("%+v, %v", list, err)
	}
	if err := b.client.CancelJob(t.Context(), list[0].ID); err != nil || cause == nil || cause.Error() != "cancelled by "+caller(t, b) {
		t.Errorf("%v, %v", cause, err)
	}
	ended(&admin.Report{Run: store.Run{ID: "staff-3"}, Changes: make([]admin.PlannedChange, 3)}, nil)
	list, err = b.client.Jobs(t.Context())
	if err != nil || !list[0].Done || list[0].Report.Run.ID != "staff-3" || len(list[0].Report.Changes) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
	if j, err := b.client.Job(t.Context(), list[0].ID); err != nil || len(j.Report.Changes) != 3 {
		t.Errorf("%+v, %v", j, err)
	}
}

func TestJobsNeedScopes(t *testing.T) {
	b := blocked(t)
	running, err := b.client.StartRun(t.Context(), "staff", admin.ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	users := admin.HandFile{Name: "a", Content: []byte("a"), Target: "users"}
	for _, tc := range []struct {
		name   string
		scopes []access.Scope
		do     func(*admin.Client, context.Context) error
		want   int
	}{
		{"a reader lists", []access.Scope{access.Read}, func(c *admin.Client, ctx context.Context) error { _, err := c.Jobs(ctx); return err }, 0},
		{"a reader cancels", []access.Scope{access.Read}, func(c *admin.Client, ctx context.Context) error { return c.CancelJob(ctx, running.ID) }, 403},
		{"a reader starts", []access.Scope{access.Read}, func(c *admin.Client, ctx context.Context) error {
			_, err := c.StartRun(ctx, "staff", admin.ImportOptions{})
			return err
		}, 403},
		{"an editor imports users", []access.Scope{access.Contacts}, func(c *admin.Client, ctx context.Context) error {
			_, err := c.StartImport(ctx, users, admin.ImportOptions{})
			return err
		}, 403},
		{"an editor imports users and waits", []access.Scope{access.Contacts}, func(c *admin.Client, ctx context.Context) error {
			_, err := c.Import(ctx, users, admin.ImportOptions{})
			return err
		}, 403},
		{"who runs connectors looks at another source", []access.Scope{access.Run}, func(c *admin.Client, ctx context.Context) error {
			_, err := c.LookAtSource(ctx, admin.Document(`{"kind":"connector"}`), 1)
			return err
		}, 403},
		{"who changes users tests an upstream", []access.Scope{access.Users, access.Run, access.Read}, func(c *admin.Client, ctx context.Context) error {
			_, err := c.TestUpstream(ctx, admin.Document(`{"kind":"upstream"}`))
			return err
		}, 403},
		{"nobody reads a schedule", nil, func(c *admin.Client, ctx context.Context) error {
			_, err := c.NextTimes(ctx, "@daily", "", 1)
			return err
		}, 403},
	} {
		client, ctx := as(b, t, tc.scopes...)
		if err := tc.do(client, ctx); status(err) != tc.want || tc.want == 0 && err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

// A run that says nothing is kept alive by comments. A panic ends it, and not the server.
func TestJobKeepsAlive(t *testing.T) {
	b := blocked(t)
	synctest.Test(t, func(t *testing.T) {
		b.syncer.block = make(chan struct{})
		client, ctx := as(b, t, access.Admin)
		j, err := client.StartRun(ctx, "staff", admin.ImportOptions{})
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("/api/v1/jobs/%s/events", j.ID), nil)
		watched := make(chan struct{})
		go func() { b.server.LocalHandler().ServeHTTP(w, r); close(watched) }()
		time.Sleep(46 * time.Second)
		close(b.syncer.block)
		<-watched
		if text := w.Body.String(); strings.Count(text, ": alive\n\n") != 3 || !strings.HasPrefix(text, "event: progress\n") || !strings.Contains(text, "event: report\n") {
			t.Errorf("%q", text)
		}
	})
}

func TestJobThatPanics(t *testing.T) {
	b := start(t)
	b.apply(t, staff)
	b.syncer.panics = true
	j, err := b.client.StartRun(t.Context(), "staff", admin.ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.client.Watch(t.Context(), j.ID, nil); status(err) != http.StatusInternalServerError || !strings.Contains(b.log.String(), "run panicked") {
		t.Errorf("%v", err)
	}
}

// caller is the name of who runs the test, as the socket tells it.
func caller(t *testing.T, b *bench) string {
	t.Helper()
	me, err := b.client.Me(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return me.Name
}
