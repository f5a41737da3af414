package page

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/admin/yamldoc"
)

// A connectorView is one connector.
type connectorView struct {
	admin.ConnectorState
	Tag      string
	Words    templateWords
	Source   string // in words
	Target   text
	Schedule string
	When     text // the schedule in words; empty where it has no name
	Mode     string
	Key      string
	Login    string
	Upstream string
	After    string
	Changed  []string // the fields whose variables are not the template's
	Filter   string
	Times    *connectorTimes
	Runs     []runRow
	Job      *admin.Job
}

// Wrong is why the last run did not succeed.
func (v *connectorView) Wrong() string { return stopReason(v.LastError) }

// Path is where the connector is.
func (v *connectorView) Path() string { return connectorPath(v.Name) }

// JobPath is where its job is.
func (v *connectorView) JobPath() string { return connectorJobPath(v.Name, v.Job.ID) }

// EntriesPath is where its entries are listed.
func (v *connectorView) EntriesPath() string {
	switch v.ConnectorState.Target {
	case "users":
		return "/users?" + url.Values{"connector": {v.Name}}.Encode()
	case "speeddials":
		return "/phonebooks/speeddials"
	}
	if name, ok := strings.CutPrefix(v.ConnectorState.Target, targetPhonebook); ok {
		return "/phonebooks/books/" + url.PathEscape(name)
	}
	return ""
}

// latestRuns is how many runs the page of a connector shows.
const latestRuns = 8

func (r *request) connector() error {
	v, err := r.loadConnector()
	if err != nil {
		return err
	}
	if v.Runs, err = r.runRows(v.Name, latestRuns); err != nil {
		return err
	}
	jobs, err := r.jobsUnderWay()
	if err != nil {
		return err
	}
	v.Job = jobs[v.Name]
	return r.showNamed("connector", text("Connector"), v.Name, v)
}

// loadConnector reads a connector and how it fares.
func (r *request) loadConnector() (*connectorView, error) {
	document, tag, err := r.page.api.GetTagged(r.Context(), kindConnector, r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	d, err := parseConnector(document)
	if err != nil {
		return nil, err
	}
	overview, err := r.page.api.Overview(r.Context())
	if err != nil {
		return nil, err
	}
	v := &connectorView{
		ConnectorState: admin.ConnectorState{Name: d.value("name"), Template: d.value("template"), Target: d.value("target"), State: "never"},
		Tag:            tag, Words: templateTexts[d.value("template")], Source: sourceWords(d), Schedule: d.value("schedule"),
		Mode: shownValue(d.at("mode"), "mirror"), Key: d.value("key"), Login: shownValue(d.at("authentication.method"), "none"),
		Upstream: d.value("authentication.upstream"), After: d.value("after"), Filter: d.value("filter"), Changed: sortedKeys(asMap(d.at("variables"))),
	}
	if i := slices.IndexFunc(overview.Connectors, func(c admin.ConnectorState) bool { return c.Name == v.Name }); i >= 0 {
		v.ConnectorState = overview.Connectors[i]
	}
	v.Target, v.When = r.targetWords(v.ConnectorState.Target), scheduleWords(v.Schedule)
	v.Times, err = r.nextTimes(r.Context(), v.Schedule, d.value("timezone"))
	return v, err
}

// sourceWords says where records come from: the address, the path, the domain.
func sourceWords(d connectorDocument) string {
	for kind := range asMap(d.at("source")) {
		at := "source." + kind + "."
		switch {
		case d.value(at+"share.unc") != "":
			return d.value(at+"share.unc") + `\` + d.value(at+"path")
		case d.value(at+"url") != "":
			return withoutQuery(d.value(at + "url"))
		case d.value(at+"path") != "":
			return d.value(at + "path")
		}
		servers := strings.ReplaceAll(d.value(at+"urls"), "\n", ", ")
		if servers == "" {
			servers = d.value(at + "server")
		}
		if domain := d.value(at + "domain"); domain != "" {
			return domain + " (" + servers + ")"
		}
		return servers
	}
	return ""
}

// withoutQuery leaves out what may be a secret in an address.
func withoutQuery(address string) string {
	before, _, _ := strings.Cut(address, "?")
	return before
}

// yamlView is a connector as text.
type yamlView struct{ Name, Path, YAML string }

func (r *request) connectorYAML() error {
	document, err := r.page.api.Get(r.Context(), kindConnector, r.PathValue("name"))
	if err != nil {
		return err
	}
	yaml, err := yamldoc.FromJSON(document)
	if err != nil {
		return err
	}
	name := r.PathValue("name")
	return r.showNamed("connector-yaml", text("YAML"), name, yamlView{name, connectorPath(name), string(yaml)})
}

func (r *request) deleteConnector() error {
	v, err := r.loadConnector()
	if err != nil {
		return err
	}
	return r.showNamed("connector-delete", text("Delete the connector"), v.Name, deleteView{connectorView: v})
}

// deleteView asks whether to delete a connector.
type deleteView struct {
	*connectorView
	Problem *admin.Problem
}

func (r *request) connectorDeleted() error {
	err := r.page.api.Delete(r.Context(), kindConnector, r.PathValue("name"), admin.DeleteOptions{IfMatch: r.PostFormValue("tag"), Force: true})
	if err == nil {
		return r.redirect("/connectors", "deleted")
	}
	problem, ok := problemOf(err)
	if !ok || problem.Status == http.StatusNotFound {
		return err
	}
	v, err := r.loadConnector()
	if err != nil {
		return err
	}
	r.renderView(problem.Status, "connector-delete", &view{Title: text("Delete the connector"), Name: v.Name, Data: deleteView{v, problem}})
	return nil
}
