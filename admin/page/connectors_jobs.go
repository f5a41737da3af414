package page

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/dialtree/dialtree/admin"
)

func connectorJobPath(connector, id string) string {
	return connectorPath(connector) + "/jobs/" + url.PathEscape(id)
}

// startConnectorJob starts a run: one that only shows the plan, one that imports, or one that applies the plan
// that was seen.
func (r *request) startConnectorJob() error {
	name := r.PathValue("name")
	var o admin.ImportOptions
	switch r.PostFormValue("do") {
	case "simulate":
		o.DryRun = true
	case "confirm":
		o.Confirm = true
	}
	job, err := r.page.api.StartRun(r.Context(), name, o)
	var problem *admin.Problem
	if errors.As(err, &problem) && problem.Status == http.StatusConflict {
		if running, err := r.jobsUnderWay(); err == nil && running[name] != nil {
			return r.redirect(connectorJobPath(name, running[name].ID), "")
		}
	}
	if err != nil {
		return err
	}
	return r.redirect(connectorJobPath(name, job.ID), "")
}

// A jobView is a run that goes on, or its report.
type jobView struct {
	*admin.Job
	Plan *planView // when it is done
}

// Path is where the job's connector is.
func (v jobView) Path() string { return connectorPath(v.Connector) }

// Hand tells whether it is a file that is imported by hand: its content is gone, so that it cannot be confirmed here.
func (v jobView) Hand() bool { return v.Connector == handImports }

// Stopped tells whether the guard stopped the run.
func (v jobView) Stopped() bool { return v.Plan != nil && v.Plan.Result() == "stopped" }

// Failed tells whether the run failed.
func (v jobView) Failed() bool { return v.Plan != nil && v.Plan.Result() == "failed" }

// Empty tells whether nothing would change.
func (v jobView) Empty() bool {
	run := v.Plan.Run
	return run.Created+run.Updated+run.Removed == 0
}

// Confirmable tells whether exactly this plan can be imported.
func (v jobView) Confirmable() bool {
	return v.Plan != nil && !v.Hand() && !v.Failed() && (v.DryRun || v.Stopped()) && !v.Empty()
}

// jobGone is about a run of which no node tells any more.
const jobGone = text("Nothing is known of this run any more: it ended a while ago, or the server on which it ran is away or was started again. The history says what runs have changed.")

// isGone tells whether the API knows nothing of what was asked for.
func isGone(err error) bool {
	var problem *admin.Problem
	return errors.As(err, &problem) && problem.Status == http.StatusNotFound
}

func (r *request) connectorJob() error {
	name := r.PathValue("name")
	job, err := r.page.api.Job(r.Context(), r.PathValue("id"))
	if isGone(err) {
		gone := &admin.Problem{Status: http.StatusNotFound, Detail: string(jobGone)}
		r.URL.RawQuery = "" // what was done to it is no news any more
		r.renderView(gone.Status, "connector-job", &view{Title: text("Run"), Name: name, Data: jobView{Job: &admin.Job{Connector: name, Done: true, Problem: gone}}})
		return nil
	}
	if err != nil {
		return err
	}
	if job.Connector != name {
		return errNoPage
	}
	v := jobView{Job: job}
	if job.Report != nil {
		if v.Plan, err = r.plannedOf(job); err != nil {
			return err
		}
	}
	title := text("Import")
	if job.DryRun {
		title = text("Simulation")
	}
	return r.showNamed("connector-job", title, job.Connector, v)
}

// plannedOf returns the report of a job. One that the guard stopped recorded no change: the plan is kept apart.
func (r *request) plannedOf(job *admin.Job) (*planView, error) {
	report := job.Report
	if report.Run.Result == "stopped" && len(report.Changes) == 0 {
		plan, err := r.page.api.Plan(r.Context(), job.Connector)
		switch {
		case err == nil:
			plan.Run = report.Run
			report = plan
		case !isGone(err):
			return nil, err
		}
	}
	return r.planOf(report), nil
}

func (r *request) cancelConnectorJob() error {
	path := connectorJobPath(r.PathValue("name"), r.PathValue("id"))
	err := r.page.api.CancelJob(r.Context(), r.PathValue("id"))
	var problem *admin.Problem
	if errors.As(err, &problem) && problem.Status == http.StatusConflict { // it has ended meanwhile
		return r.redirect(path, "")
	}
	if err != nil {
		return err
	}
	return r.redirect(path, "cancelled")
}
