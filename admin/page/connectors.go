package page

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/admin/access"
)

// kindConnector is the kind of connectors, as the API calls it.
const kindConnector admin.Kind = "connector"

// handImports is what the runs of files that were imported by hand belong to, in place of a connector.
const handImports = "import"

// connectorRoutes are those of connectors, their jobs and their runs. The templates of new ones lie at /connectors/new/TEMPLATE, which
// looks like a page of a connector that is called new: hence the two patterns that tell them apart.
func (p *Page) connectorRoutes() {
	p.handle("GET /connectors", (*request).connectors)
	p.handle("GET /connectors/new", forAdmins((*request).connectorTemplates))
	p.handle("GET /connectors/{name}", (*request).connector)
	p.handle("GET /connectors/{name}/{page}", byPage(map[string]handler{
		"edit": forAdmins((*request).editConnector), "yaml": (*request).connectorYAML, "delete": forAdmins((*request).deleteConnector), "runs": (*request).connectorRuns,
	}))
	p.handle("POST /connectors/{name}/{page}", byPage(map[string]handler{
		"edit": forAdmins((*request).saveConnector), "delete": (*request).connectorDeleted, "jobs": (*request).startConnectorJob,
	}))
	p.handle("GET /connectors/{name}/jobs/{id}", (*request).connectorJob)
	p.handle("POST /connectors/{name}/jobs/{id}", (*request).cancelConnectorJob)
	p.handle("GET /connectors/{name}/runs/{id}", (*request).connectorRun)
	p.handle("GET /connectors/{name}/runs/{id}/undo", (*request).askUndo)
	p.handle("POST /connectors/{name}/runs/{id}/undo", (*request).undoRun)
}

func byPage(pages map[string]handler) handler {
	return func(r *request) error {
		h, ok := pages[r.PathValue("page")]
		switch {
		case r.PathValue("name") == "new" && r.Method == http.MethodPost:
			h = forAdmins((*request).saveConnector)
		case r.PathValue("name") == "new":
			h = forAdmins((*request).newConnector)
		case !ok:
			return errNoPage
		}
		return h(r)
	}
}

// forAdmins refuses a form that the API would only refuse once it is filled in.
func forAdmins(h handler) handler {
	return func(r *request) error {
		if !r.who.May(access.Admin) {
			return &admin.Problem{Status: http.StatusForbidden, Detail: string(onlyAdmins)}
		}
		return h(r)
	}
}

const onlyAdmins = text("Only administrators change connectors.")

func connectorPath(name string) string { return "/connectors/" + url.PathEscape(name) }

// A connectorCard is a connector in the list.
type connectorCard struct {
	admin.ConnectorState
	Target text // in words
	Words  templateWords
	Job    *admin.Job // that runs now
}

// Wrong is why the last run did not succeed.
func (c connectorCard) Wrong() string { return stopReason(c.LastError) }

// Path is where the connector is shown.
func (c connectorCard) Path() string { return connectorPath(c.Name) }

// JobPath is where its job is shown.
func (c connectorCard) JobPath() string { return connectorJobPath(c.Name, c.Job.ID) }

func (r *request) connectors() error {
	overview, err := r.page.api.Overview(r.Context())
	if err != nil {
		return err
	}
	jobs, err := r.jobsUnderWay()
	if err != nil {
		return err
	}
	cards := make([]connectorCard, len(overview.Connectors))
	for i, s := range overview.Connectors {
		cards[i] = connectorCard{ConnectorState: s, Target: r.targetWords(s.Target), Words: templateTexts[s.Template], Job: jobs[s.Name]}
	}
	if r.Header.Get("X-Fragment") == "1" {
		return r.again("connectors", "connector-cards", cardsView{cards, r})
	}
	return r.show("connectors", text("Connectors"), cardsView{cards, r})
}

// cardsView is what the list shows.
type cardsView struct {
	Cards []connectorCard
	r     *request
}

// MayRun tells whether who looks may start runs.
func (v cardsView) MayRun() bool { return v.r.who.May(access.Run) }

// jobsUnderWay returns the jobs that run, by connector.
func (r *request) jobsUnderWay() (map[string]*admin.Job, error) {
	jobs, err := r.page.api.Jobs(r.Context())
	if err != nil {
		return nil, err
	}
	running := map[string]*admin.Job{}
	for i, j := range jobs {
		if !j.Done {
			running[j.Connector] = &jobs[i]
		}
	}
	return running, nil
}

// targetWords says where entries go.
func (r *request) targetWords(target string) text {
	switch target {
	case "users":
		return text("Users")
	case "speeddials":
		return text("Speed dials")
	}
	if name, ok := strings.CutPrefix(target, targetPhonebook); ok {
		return text(r.pageLanguage().translate(text("Phonebook %s"), name))
	}
	return text(target)
}

// pageLanguage is what the page is shown in.
func (r *request) pageLanguage() language {
	for _, l := range languages() {
		if l.Code == r.lang {
			return l
		}
	}
	return english
}

// connectorTemplate finds a template by its name.
func (r *request) connectorTemplate(name string) (admin.Template, error) {
	all, err := r.page.api.Templates(r.Context())
	if err != nil {
		return admin.Template{}, err
	}
	i := slices.IndexFunc(all, func(t admin.Template) bool { return t.Name == name })
	if i < 0 {
		return admin.Template{}, errNoPage
	}
	return all[i], nil
}

// objectNames returns the names of all objects of a kind.
func (r *request) objectNames(kind admin.Kind) ([]string, error) {
	documents, err := r.page.api.List(r.Context(), kind, admin.ListOptions{})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, d := range documents {
		var named struct{ Name string }
		if err := json.Unmarshal(d, &named); err != nil {
			return nil, err
		}
		names = append(names, named.Name)
	}
	return names, nil
}

// connectorLists returns what a connector may refer to.
func (r *request) connectorLists(self string) (connectorLists, error) {
	phonebooks, err1 := r.objectNames("phonebook")
	upstreams, err2 := r.objectNames("upstream")
	connectors, err3 := r.objectNames(kindConnector)
	connectors = slices.DeleteFunc(connectors, func(name string) bool { return name == self })
	return connectorLists{phonebooks, upstreams, connectors}, errors.Join(err1, err2, err3)
}
