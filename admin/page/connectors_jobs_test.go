package page

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/store"
)

func TestStartJob(t *testing.T) {
	for do, query := range map[string]string{"simulate": "dry_run=true", "import": "", "confirm": "confirm=true"} {
		t.Run(do, func(t *testing.T) {
			b := start(t, connectorAnswers())
			w := b.post(t, "/connectors/staff/jobs", url.Values{"do": {do}})
			if w.Header().Get("Location") != "/connectors/staff/jobs/j2" {
				t.Errorf("%d %s", w.Code, w.Header())
			}
			if got := b.last(t, "POST /connectors/staff/jobs").Query.Encode(); got != query {
				t.Errorf("asked %s", got)
			}
		})
	}
	t.Run("one that runs already is shown", func(t *testing.T) {
		b := start(t, connectorAnswers())
		b.answers["POST /connectors/customers/jobs"] = &admin.Problem{Status: http.StatusConflict, Detail: "it runs"}
		if w := b.post(t, "/connectors/customers/jobs", nil); w.Header().Get("Location") != "/connectors/customers/jobs/j1" {
			t.Errorf("%d %s", w.Code, w.Header())
		}
	})
	t.Run("refused", func(t *testing.T) {
		b := start(t, connectorAnswers())
		b.answers["POST /connectors/staff/jobs"] = &admin.Problem{Status: http.StatusForbidden, Detail: "you may not"}
		wants(t, b.post(t, "/connectors/staff/jobs", nil), http.StatusForbidden, "Not allowed")
	})
}

func TestJobUnderWay(t *testing.T) {
	b := start(t, connectorAnswers())
	w := b.get(t, "/connectors/customers/jobs/j1")
	wants(t, w, http.StatusOK, `data-job="j1"`, `max="5000"`, "fetching", "1,200 / 5,000", "Load again", "Cancel the run")
	lacks(t, w, "http-equiv")
	b.viewer()
	lacks(t, b.get(t, "/connectors/customers/jobs/j1"), "Cancel the run")
	wants(t, b.get(t, "/connectors/staff/jobs/j1"), http.StatusNotFound)
}

func TestJobUnderWayAtAnotherNode(t *testing.T) {
	b := start(t, connectorAnswers())
	b.answers["GET /jobs/j1"] = &admin.Job{ID: "j1", Connector: "customers", Node: "b<"}
	wants(t, b.get(t, "/connectors/customers/jobs/j1"), http.StatusOK, "on node b&lt;")
	b.answers["GET /jobs/j1"] = &admin.Job{ID: "j1", Connector: "customers"}
	lacks(t, b.get(t, "/connectors/customers/jobs/j1"), "on node")
}

func TestCancelJob(t *testing.T) {
	b := start(t, connectorAnswers())
	if w := b.post(t, "/connectors/customers/jobs/j1", nil); w.Header().Get("Location") != "/connectors/customers/jobs/j1?done=cancelled" {
		t.Errorf("%d %s %s", w.Code, w.Header(), w.Body)
	}
	b.answers["DELETE /jobs/j1"] = &admin.Problem{Status: http.StatusConflict, Detail: "the run has ended"}
	if w := b.post(t, "/connectors/customers/jobs/j1", nil); w.Header().Get("Location") != "/connectors/customers/jobs/j1" {
		t.Errorf("%d %s", w.Code, w.Header())
	}
}

// A cancelled run ends a little later, and may have been done before: the page that follows says only what is so in both cases.
func TestCancelledJob(t *testing.T) {
	b := start(t, connectorAnswers())
	b.answers["GET /jobs/j1"] = &admin.Job{ID: "j1", Connector: "customers", Done: true, Report: sampleReport(store.RunDone)}
	w := b.get(t, "/connectors/customers/jobs/j1?done=cancelled")
	wants(t, w, http.StatusOK, "The import is done.", "The run is cancelled, unless it was done already.")
	lacks(t, w, "nothing of it was applied")
}

// What ended a while ago at another node, or with its server, is known nowhere any more.
func TestJobThatNobodyKnows(t *testing.T) {
	b := start(t, connectorAnswers())
	gone := &admin.Problem{Status: http.StatusNotFound, Detail: "job j9 does not exist"}
	b.answers["GET /jobs/j9"] = gone
	w := b.get(t, "/connectors/staff/jobs/j9?done=cancelled")
	wants(t, w, http.StatusNotFound, "Nothing is known of this run any more", `href="/connectors/staff/runs"`)
	lacks(t, w, "does not exist", "started by", "is cancelled")
	b.lang = "de"
	wants(t, b.get(t, "/connectors/staff/jobs/j9"), http.StatusNotFound, "Von diesem Lauf ist nichts mehr bekannt")
}

func TestRunErrorsInGerman(t *testing.T) {
	b := start(t, connectorAnswers())
	b.lang = "de"
	for said, want := range map[string]string{
		"cancelled by anna": "abgebrochen von anna",
		"the source or the store has changed since the plan was shown: nothing was done: look at the new plan with a dry run, then confirm that": "Seit der Plan gezeigt wurde",
		"there is no plan to confirm: look at it with a dry run first":                                                                           "Es gibt keinen Plan",
	} {
		b.answers["GET /jobs/j3"] = &admin.Job{ID: "j3", Connector: "staff", Done: true,
			Report: &admin.Report{Run: store.Run{ID: "staff-4", Connector: "staff", Result: store.RunFailed, Error: said}}}
		wants(t, b.get(t, "/connectors/staff/jobs/j3"), http.StatusOK, want)
		b.answers["GET /runs/staff-4"] = admin.RunDetail{Run: store.Run{ID: "staff-4", Connector: "staff", Result: store.RunFailed, Error: said}}
		wants(t, b.get(t, "/connectors/staff/runs/staff-4"), http.StatusOK, want)
		b.answers["GET /connectors/staff/runs"] = []store.Run{{ID: "staff-4", Connector: "staff", Result: store.RunFailed, Error: said}}
		wants(t, b.get(t, "/connectors/staff/runs"), http.StatusOK, want)
	}
}

func TestSimulation(t *testing.T) {
	b := start(t, connectorAnswers())
	w := b.get(t, "/connectors/staff/jobs/j2")
	wants(t, w, http.StatusOK, "Simulation of staff", "Nothing was changed yet.", `value="confirm"`, "1 entry is removed.", `<ins class="new">Anna Neu</ins>`, "1,900", "&lt;b&gt;12&lt;/b&gt;",
		`href="/connectors/staff/jobs/j2?change=update#plan"`, `href="/connectors/staff/jobs/j2?from=50#plan"`)
	w = b.get(t, "/connectors/staff/jobs/j2?from=50")
	wants(t, w, http.StatusOK, "First page", "&lt;script&gt;", "row 7", "<code>telephoneNumber</code>", "is no number")
	lacks(t, w, hostile, "Next page", "<b>12")
	w = b.get(t, "/connectors/staff/jobs/j2?change=update")
	wants(t, w, http.StatusOK, `<del class="old">30000</del> → <ins class="new">30001</ins>`)
	lacks(t, w, "Anna Neu")
	wants(t, b.get(t, "/connectors/staff/jobs/j2?change=update&from=99999"), http.StatusOK)
	b.viewer()
	lacks(t, b.get(t, "/connectors/staff/jobs/j2"), `value="confirm"`)
}

func TestEndsOfJobs(t *testing.T) {
	long := sampleReport(store.RunDone)
	long.Run.Created = 9000
	stopped := sampleReport(store.RunStopped)
	stopped.Run.Error = "412 of 3000 users would be removed: nothing was changed: look at the plan with dialtree connector run staff --dry-run"
	bare := *stopped
	bare.Changes = nil
	failed := &admin.Report{Run: store.Run{ID: "staff-4", Connector: "staff", Result: store.RunFailed, Error: "dc1: connection refused"}}
	nothing := &admin.Report{Run: store.Run{Connector: "staff", Unchanged: 7}, DryRun: true}
	for _, c := range []struct {
		name           string
		job            admin.Job
		wants, without []string
	}{
		{"done", admin.Job{Report: long}, []string{"The import is done.", "In the history", "the first 72 changes are shown"}, []string{`value="confirm"`}},
		{"stopped", admin.Job{Report: stopped}, []string{"The guard stopped this run", "412 of 3000 users would be removed", `value="confirm"`, "Anna Neu"}, []string{"--dry-run"}},
		{"stopped, the plan is kept apart", admin.Job{Report: &bare}, []string{"The guard stopped this run", "Anna Neu", `value="confirm"`}, nil},
		{"a simulation that the guard would stop", admin.Job{DryRun: true, Report: stopped}, []string{"Nothing was changed yet.", "The guard would stop it and ask you:", "412 of 3000 users would be removed", `value="confirm"`}, []string{"The guard stopped this run"}},
		{"failed", admin.Job{Report: failed}, []string{"It failed, and nothing was changed.", "dc1: connection refused"}, []string{`value="confirm"`}},
		{"nothing to do", admin.Job{DryRun: true, Report: nothing}, []string{"Everything is up to date"}, []string{`value="confirm"`}},
		{"no report", admin.Job{Problem: &admin.Problem{Status: 409, Detail: "cancelled by anna"}}, []string{"cancelled by anna"}, []string{`value="confirm"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := start(t, connectorAnswers())
			c.job.ID, c.job.Connector, c.job.Done = "j3", "staff", true
			b.answers["GET /jobs/j3"] = c.job
			b.answers["GET /connectors/staff/plan"] = stopped
			w := b.get(t, "/connectors/staff/jobs/j3")
			wants(t, w, http.StatusOK, c.wants...)
			lacks(t, w, c.without...)
		})
	}
}

func TestPlansAreSmallPages(t *testing.T) {
	report := &admin.Report{Run: store.Run{ID: "staff-4", Connector: "staff", Created: 500}}
	for range 500 {
		c := admin.PlannedChange{Change: "create", Name: strings.Repeat("n", 30), Row: 123456}
		for _, f := range store.Fields()[:14] {
			c.Fields = append(c.Fields, admin.FieldChange{Field: f.Name, New: strings.Repeat("v", 30)})
		}
		c.Fields[0].New = strings.Repeat("long ", 100)
		report.Changes = append(report.Changes, c)
	}
	b := start(t, connectorAnswers())
	b.answers["GET /jobs/j5"] = admin.Job{ID: "j5", Connector: "staff", DryRun: true, Done: true, Report: report}
	begun := time.Now()
	w := b.get(t, "/connectors/staff/jobs/j5")
	wants(t, w, http.StatusOK, "long …")
	if w.Body.Len() > 100<<10 {
		t.Errorf("the page has %d bytes", w.Body.Len())
	}
	t.Logf("%d bytes in %s", w.Body.Len(), time.Since(begun))
}

func TestJobOfAFile(t *testing.T) {
	b := start(t, connectorAnswers())
	b.answers["GET /jobs/j4"] = admin.Job{ID: "j4", Connector: "import", DryRun: true, Done: true, Report: sampleReport("")}
	w := b.get(t, "/connectors/import/jobs/j4")
	wants(t, w, http.StatusOK, "/connectors/import/runs", "Anna Neu")
	lacks(t, w, `value="confirm"`)
}

func TestHistory(t *testing.T) {
	b := start(t, connectorAnswers())
	wants(t, b.get(t, "/connectors/staff/runs"), http.StatusOK, "History of staff", "vera-starts", "Undone by staff-5.", "failed", "/connectors/staff/runs/staff-4")
	wants(t, b.get(t, "/connectors/import/runs"), http.StatusOK, "No file was imported by hand yet.")
	var many []store.Run
	for range 80 {
		many = append(many, store.Run{ID: "staff-1", Connector: "staff", Result: store.RunDone})
	}
	b.answers["GET /connectors/staff/runs"] = many
	w := b.get(t, "/connectors/staff/runs")
	wants(t, w, http.StatusOK, "/connectors/staff/runs?all=1")
	if n := strings.Count(w.Body.String(), "/runs/staff-1"); n != 50 {
		t.Errorf("%d runs are shown", n)
	}
}

func TestRunAndUndo(t *testing.T) {
	b := start(t, connectorAnswers())
	w := b.get(t, "/connectors/staff/runs/staff-4")
	wants(t, w, http.StatusOK, "Run staff-4", `href="/connectors/staff/runs/staff-4/undo"`, "Anna Neu")
	wants(t, b.get(t, "/connectors/staff/runs/staff-4/undo"), http.StatusOK, "40 entries that it made are removed.", "30 entries get back", "1 entry that it removed comes back.", `method="post" action="/connectors/staff/runs/staff-4/undo"`)
	w = b.post(t, "/connectors/staff/runs/staff-4/undo", nil)
	wants(t, w, http.StatusOK, "The run was undone.", "/connectors/staff/runs/staff-5?from=50#plan", "Worth knowing")
	wants(t, b.get(t, "/connectors/customers/runs/staff-4"), http.StatusNotFound)
	b.viewer()
	lacks(t, b.get(t, "/connectors/staff/runs/staff-4"), "/undo")
	lacks(t, b.get(t, "/connectors/staff/runs/staff-4/undo"), "<button class=\"danger\"")

	b = start(t, connectorAnswers())
	b.answers["GET /runs/staff-4"] = admin.RunDetail{Run: sampleReport(store.RunDone).Run, Undoable: true, UndoneBy: "staff-5"}
	w = b.get(t, "/connectors/staff/runs/staff-4")
	wants(t, w, http.StatusOK, "This run was undone.", "/connectors/staff/runs/staff-5")
	lacks(t, w, "/undo\"")
}
