package page

import (
	"net/url"

	"github.com/dialtree/dialtree/admin"
)

// A runRow is a run in a table.
type runRow struct {
	ID, Result, Error                              string
	Path                                           string
	Created, Updated, Removed, Unchanged, Rejected int
	Undoes, By                                     string
	UndoneBy                                       string
	Started                                        any
	Took                                           float64 // milliseconds
}

// keptRuns is how many runs the server keeps of a connector.
const keptRuns = 100

func connectorRunPath(connector, run string) string {
	return connectorPath(connector) + "/runs/" + url.PathEscape(run)
}

// runRows returns the last runs of a connector.
func (r *request) runRows(connector string, limit int) ([]runRow, error) {
	runs, err := r.page.api.Runs(r.Context(), connector, limit)
	if err != nil {
		return nil, err
	}
	undone := map[string]string{}
	for _, run := range runs {
		if run.Undoes != "" && run.Result == "done" {
			undone[run.Undoes] = run.ID
		}
	}
	rows := make([]runRow, len(runs))
	for i, run := range runs {
		rows[i] = runRow{
			ID: run.ID, Result: string(run.Result), Error: stopReason(run.Error), Path: connectorRunPath(connector, run.ID),
			Created: run.Created, Updated: run.Updated, Removed: run.Removed, Unchanged: run.Unchanged, Rejected: run.Rejected,
			Undoes: run.Undoes, By: run.By, UndoneBy: undone[run.ID], Started: run.Started,
			Took: float64(run.Finished.Sub(run.Started).Microseconds()) / 1000,
		}
	}
	return rows, nil
}

// runsView is the history of a connector, or of the files that were imported by hand.
type runsView struct {
	Name string
	Hand bool
	Rows []runRow
	More string // the address of the older ones
}

// Path is where the connector is.
func (v runsView) Path() string { return connectorPath(v.Name) }

func (r *request) connectorRuns() error {
	v := runsView{Name: r.PathValue("name"), Hand: r.PathValue("name") == handImports}
	var err error
	if v.Rows, err = r.runRows(v.Name, keptRuns); err != nil {
		return err
	}
	if r.URL.Query().Get("all") == "" && len(v.Rows) > plannedPage {
		v.Rows, v.More = v.Rows[:plannedPage], r.URL.Path+"?all=1"
	}
	if v.Hand {
		return r.show("connector-runs", text("Files imported by hand"), v)
	}
	return r.showNamed("connector-runs", text("History"), v.Name, v)
}

// runView is one run with what it changed.
type runView struct {
	*admin.RunDetail
	Plan   *planView
	Report *admin.Report // of an undo that was just done
	Ask    bool          // whether to undo
}

// Path is where the run's connector is; the history for files that were imported by hand.
func (v runView) Path() string {
	if v.Run.Connector == handImports {
		return v.RunsPath()
	}
	return connectorPath(v.Run.Connector)
}

// RunsPath is where the history is.
func (v runView) RunsPath() string { return connectorPath(v.Run.Connector) + "/runs" }

// RunPath is where another run of the connector is.
func (v runView) RunPath(id string) string { return connectorRunPath(v.Run.Connector, id) }

func (r *request) loadRun() (*runView, error) {
	detail, err := r.page.api.RunDetail(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	if detail.Run.Connector != r.PathValue("name") {
		return nil, errNoPage
	}
	return &runView{RunDetail: detail, Plan: r.planOf(&admin.Report{Run: detail.Run, Changes: detail.Changes})}, nil
}

func (r *request) connectorRun() error {
	v, err := r.loadRun()
	if err != nil {
		return err
	}
	return r.showNamed("connector-run", text("Run"), v.Run.ID, v)
}

func (r *request) askUndo() error {
	v, err := r.loadRun()
	if err != nil {
		return err
	}
	v.Ask = true
	return r.showNamed("connector-run", text("Undo the run"), v.Run.ID, v)
}

// undoRun shows what the undo did: what was changed since is left alone, and said there.
func (r *request) undoRun() error {
	report, err := r.page.api.Undo(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	v := &runView{RunDetail: &admin.RunDetail{Run: report.Run, Changes: report.Changes}, Report: report}
	r.URL.Path = connectorRunPath(report.Run.Connector, report.Run.ID) // where the parts of a long report are
	v.Plan = r.planOf(report)
	return r.showNamed("connector-run", text("Undone"), r.PathValue("id"), v)
}
