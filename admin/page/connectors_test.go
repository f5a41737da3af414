package page

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/admin/access"
	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer"
)

// realTemplates are the templates as the API tells them.
func realTemplates() []admin.Template {
	var out []admin.Template
	for _, t := range syncer.Templates() {
		made := admin.Template{Name: t.Name, Title: t.Title, Help: t.Help, Source: t.Source, Target: t.Target, Key: t.Key, Filter: t.Filter}
		for _, v := range t.Variables {
			made.Variables = append(made.Variables, admin.TemplateVariable(v))
		}
		out = append(out, made)
	}
	return out
}

const staffDocument = `{"kind":"connector","name":"staff","template":"ad-users","source":{"ad":{"domain":"example.com","server":"dc1.example.com",
"username":"dialtree","password":"[secret]","tls":{"ca_file":"/etc/dialtree/ca.pem"}}},"mode":"mirror","variables":{"phone":"e164(telephoneNumber)"},
"schedule":"*/30 * * * *","authentication":{"method":"upstream","upstream":"corp"},"status":{"last_run":"staff-3"}}`

// hostile is a name from a source that must reach the page as text only.
const hostile = `<script>alert("x")</script>`

func list(documents ...string) admin.Page {
	page := admin.Page{Items: []admin.Document{}}
	for _, d := range documents {
		page.Items = append(page.Items, admin.Document(d))
	}
	return page
}

func withTag(document string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", `"v1"`)
		w.Write([]byte(document))
	}
}

// noContent answers that something is done. The client does not read a body that it expects none of.
var noContent = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })

func sampleReport(result store.RunResult) *admin.Report {
	r := &admin.Report{Run: store.Run{ID: "staff-4", Connector: "staff", Started: now.Add(-time.Minute), Finished: now, Result: result,
		Created: 40, Updated: 30, Removed: 1, Unchanged: 1900, Rejected: 1}}
	for i := range 40 {
		r.Changes = append(r.Changes, admin.PlannedChange{Change: "create", Name: "new" + strings.Repeat("x", i%5), Row: i + 1,
			Fields: []admin.FieldChange{{Field: "displayname", New: "Anna Neu"}, {Field: "phone", New: "+49 30 1234"}}})
	}
	for range 30 {
		r.Changes = append(r.Changes, admin.PlannedChange{Change: "update", Name: "alice", ID: "u1",
			Fields: []admin.FieldChange{{Field: "phone", Old: "30000", New: "30001"}}})
	}
	r.Changes = append(r.Changes, admin.PlannedChange{Change: "remove", Name: hostile},
		admin.PlannedChange{Change: "reject", Name: "bob", Row: 7, Column: "telephoneNumber", Reason: `"abc" is no number`})
	r.Notes = []string{"2 numbers cannot be dialled and stay as they are: <b>12</b>"}
	return r
}

func sampleLook() admin.SourceLook {
	return admin.SourceLook{
		Columns: []string{"sAMAccountName", "telephoneNumber", "Room number"}, Fields: []string{"username", "phone"},
		Preview: admin.Preview{Records: []admin.PreviewedRecord{
			{Row: 1, Source: []admin.NamedValues{{Name: "sAMAccountName", Values: []string{"alice"}}, {Name: "telephoneNumber", Values: []string{"030 1234"}}, {Name: "Room number", Values: []string{hostile}}},
				Entry: []admin.NamedValues{{Name: "username", Values: []string{"alice"}}, {Name: "phone", Values: []string{"+49301234"}}}, Notes: []string{`telephoneNumber: "12x" cannot be dialled`}},
			{Row: 2, Source: []admin.NamedValues{{Name: "sAMAccountName", Values: []string{"printer"}}}, LeftOut: true},
			{Row: 3, Source: []admin.NamedValues{{Name: "sAMAccountName", Values: []string{"bob"}}}, Column: "displayname", Reason: "is missing"},
		}},
	}
}

// connectorAnswers are those of an API with two connectors.
func connectorAnswers() map[string]any {
	overview := sampleOverview()
	undo := sampleReport(store.RunDone)
	undo.Run.ID, undo.Run.Undoes = "staff-5", "staff-4"
	return map[string]any{
		"GET /overview": overview, "GET /templates": realTemplates(),
		"GET /jobs":             []admin.Job{{ID: "j1", Connector: "customers", By: "anna", Started: now, Progress: admin.Progress{Phase: "fetch", Done: 1200, Total: 5000}}},
		"GET /connectors":       list(staffDocument, `{"kind":"connector","name":"customers"}`),
		"GET /connectors/staff": withTag(staffDocument),
		"GET /phonebooks":       list(`{"kind":"phonebook","name":"customers"}`), "GET /upstreams": list(`{"kind":"upstream","name":"corp"}`),
		"GET /schedule": admin.NextTimes{Times: []time.Time{now.Add(time.Hour), now.Add(26 * time.Hour), now.Add(90 * time.Hour)}},
		"GET /connectors/staff/runs": []store.Run{
			{ID: "staff-5", Connector: "staff", By: "vera-starts", Started: now.Add(-time.Hour), Finished: now.Add(-time.Hour + 3*time.Second), Result: store.RunDone, Removed: 40, Undoes: "staff-4"},
			{ID: "staff-4", Connector: "staff", Started: now.Add(-2 * time.Hour), Finished: now.Add(-2 * time.Hour), Result: store.RunDone, Created: 40},
			{ID: "staff-3", Connector: "staff", Started: now.Add(-3 * time.Hour), Finished: now.Add(-3 * time.Hour), Result: store.RunFailed, Error: "dial tcp: " + hostile},
		},
		"GET /connectors/import/runs": []store.Run{},
		"POST /connectors/preview":    sampleLook(),
		"PUT /connectors/staff":       admin.Applied{Effect: "updated"},
		"POST /apply":                 admin.ApplyOutput{},
		"POST /connectors/staff/jobs": admin.Job{ID: "j2", Connector: "staff"},
		"GET /jobs/j1":                admin.Job{ID: "j1", Connector: "customers", By: "anna", Started: now, Progress: admin.Progress{Phase: "fetch", Done: 1200, Total: 5000}},
		"GET /jobs/j2":                admin.Job{ID: "j2", Connector: "staff", DryRun: true, By: "anna", Started: now, Done: true, Report: sampleReport("")},
		"DELETE /jobs/j1":             noContent, "DELETE /connectors/staff": noContent,
		"GET /runs/staff-4":       admin.RunDetail{Run: sampleReport(store.RunDone).Run, Changes: sampleReport(store.RunDone).Changes, Undoable: true},
		"POST /runs/staff-4/undo": undo,
	}
}

// Where the page of a connector leads to there is a page.
func TestPathOfEntries(t *testing.T) {
	b := start(t, phonebookAnswers())
	for target, want := range map[string]string{"users": "/users?connector=crm", "speeddials": "/phonebooks/speeddials", "phonebook/customers": "/phonebooks/books/customers"} {
		v := &connectorView{ConnectorState: admin.ConnectorState{Name: "crm", Target: target}}
		if got := v.EntriesPath(); got != want {
			t.Errorf("%s: %s", target, got)
		}
	}
	wants(t, b.get(t, "/phonebooks/books/customers"), http.StatusOK)
}

// lacks fails when the answer holds a text.
func lacks(t *testing.T, w *httptest.ResponseRecorder, texts ...string) {
	t.Helper()
	for _, s := range texts {
		if strings.Contains(w.Body.String(), s) {
			t.Errorf("%q is in %s", s, w.Body)
		}
	}
}

// last returns the last request of a kind that the page made.
func (f *fakeAPI) last(t *testing.T, what string) asked {
	t.Helper()
	for i := len(f.asked) - 1; i >= 0; i-- {
		if f.asked[i].What == what {
			return f.asked[i]
		}
	}
	t.Fatalf("the page did not ask %s but %v", what, f.asked)
	return asked{}
}

// viewer makes the visitor one who only looks.
func (b *bench) viewer() {
	b.who = &access.Identity{Name: "otto", Role: access.RoleViewer, Scopes: access.RoleViewer.Scopes()}
}

func TestConnectorList(t *testing.T) {
	b := start(t, connectorAnswers())
	wants(t, b.get(t, "/connectors"), http.StatusOK, `href="/connectors/staff"`, "Users from Active Directory", "1,998", "20 min ago", "Phonebook customers",
		"Import now", "Simulate", `data-job="j1"`, `value="1200"`, "Files imported by hand", "Add a connector")
	b.lang = "de"
	wants(t, b.get(t, "/connectors"), http.StatusOK, "Konnektoren", "Jetzt importieren", "Telefonbuch customers")
	b.viewer()
	lacks(t, b.get(t, "/connectors"), "Jetzt importieren", "Konnektor anlegen")

	b = start(t, map[string]any{"GET /overview": admin.Overview{}, "GET /jobs": []admin.Job{}})
	wants(t, b.get(t, "/connectors"), http.StatusOK, "There is no connector yet.", `href="/connectors/new"`)
	b.viewer()
	lacks(t, b.get(t, "/connectors"), `href="/connectors/new"`)
}

func TestConnectorListIsAFragmentToo(t *testing.T) {
	b := start(t, connectorAnswers())
	r := httptest.NewRequest(http.MethodGet, "/connectors", nil)
	r.Header.Set("X-Fragment", "1")
	w := b.send(t, r)
	wants(t, w, http.StatusOK, `<ul class="cards">`)
	lacks(t, w, "<html")
}

func TestConnectorTemplates(t *testing.T) {
	b := start(t, connectorAnswers())
	w := b.get(t, "/connectors/new")
	for _, template := range realTemplates() {
		wants(t, w, http.StatusOK, `href="/connectors/new/`+template.Name+`"`)
		if words, ok := templateTexts[template.Name]; !ok || words.Title == "" {
			t.Errorf("the page has no words for template %s", template.Name)
		}
	}
	wants(t, b.get(t, "/connectors/new/none"), http.StatusNotFound)
}

var inputs = regexp.MustCompile(`<(?:input|select|textarea)[^>]* name="([^"]+)"`)

func TestConnectorForms(t *testing.T) {
	for _, template := range realTemplates() {
		t.Run(template.Name, func(t *testing.T) {
			b := start(t, connectorAnswers())
			w := b.get(t, "/connectors/new/"+template.Name)
			wants(t, w, http.StatusOK, "Test connection", "Save the connector", "More settings", `name="variables.displayname"`)
			seen := map[string]bool{}
			for _, m := range inputs.FindAllStringSubmatch(w.Body.String(), -1) {
				if m[1] != "value" && m[1] != "to" && seen[m[1]] {
					t.Errorf("the input %s occurs twice", m[1])
				}
				seen[m[1]] = true
				if !strings.Contains(w.Body.String(), `for="f-`+m[1]+`"`) && m[1] != "tag" && m[1] != "to" && !strings.Contains(w.Body.String(), `type="checkbox" id="f-`+m[1]+`"`) {
					t.Errorf("the input %s has no label", m[1])
				}
			}
			if w.Body.Len() > 100<<10 {
				t.Errorf("the page has %d bytes", w.Body.Len())
			}
		})
	}
}

func TestConnectorPage(t *testing.T) {
	b := start(t, connectorAnswers())
	w := b.get(t, "/connectors/staff")
	wants(t, w, http.StatusOK, "example.com (dc1.example.com)", "every 30 minutes", "The next times:", "today at", "directory corp checks the passwords", "Own variables",
		"Copy as YAML", "Last runs", "Undone by staff-5.", "Undid the run staff-4.", "&lt;script&gt;", "/connectors/staff/runs/staff-3")
	lacks(t, w, hostile, "[secret]")
	b.viewer()
	lacks(t, b.get(t, "/connectors/staff"), "Import now", "/edit", "/delete")
	wants(t, b.get(t, "/connectors/nobody"), http.StatusNotFound)
}

func TestOnlyAdministratorsChangeConnectors(t *testing.T) {
	b := start(t, connectorAnswers())
	b.viewer()
	for _, path := range []string{"/connectors/new", "/connectors/new/csv-users", "/connectors/staff/edit", "/connectors/staff/delete"} {
		wants(t, b.get(t, path), http.StatusForbidden, "Only administrators change connectors.")
	}
	for _, path := range []string{"/connectors/new/csv-users", "/connectors/staff/edit", "/connectors/staff/edit?part=look"} {
		wants(t, b.post(t, path, url.Values{"name": {"x"}}), http.StatusForbidden)
	}
	if len(b.asked) > 0 {
		t.Errorf("the API was asked %v", b.asked)
	}
	b.who = nil
	for _, path := range []string{"/connectors", "/connectors/staff", "/connectors/staff/runs", "/connectors/staff/jobs/j2"} {
		if w := b.get(t, path); w.Code != http.StatusSeeOther || !strings.HasPrefix(w.Header().Get("Location"), "/sign-in") {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

func TestConnectorYAML(t *testing.T) {
	b := start(t, connectorAnswers())
	wants(t, b.get(t, "/connectors/staff/yaml"), http.StatusOK, "template: ad-users", "[secret]", `data-copy="yaml"`)
}

func TestDeleteConnector(t *testing.T) {
	b := start(t, connectorAnswers())
	wants(t, b.get(t, "/connectors/staff/delete"), http.StatusOK, "The 1,998 entries that it made stay", `value="&#34;v1&#34;"`)
	match := ""
	b.answers["DELETE /connectors/staff"] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if match = r.Header.Get("If-Match"); match != `"v1"` {
			w.WriteHeader(http.StatusPreconditionFailed)
			json.NewEncoder(w).Encode(admin.Problem{Status: http.StatusPreconditionFailed, Detail: "connector staff was changed since it was read"})
			return
		}
		noContent(w, r)
	})
	wants(t, b.post(t, "/connectors/staff/delete", url.Values{"tag": {`"v0"`}}), http.StatusPreconditionFailed, "was changed since it was read")
	w := b.post(t, "/connectors/staff/delete", url.Values{"tag": {`"v1"`}})
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/connectors?done=deleted" {
		t.Errorf("%d %s %s", w.Code, w.Header(), w.Body)
	}
	if b.last(t, "DELETE /connectors/staff").Query.Get("force") != "true" {
		t.Error("the entries would be in the way")
	}
}
