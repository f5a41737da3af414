package page

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/admin/access"
)

// now is when the tests' pages are shown.
var now = time.Date(2026, 11, 24, 18, 30, 0, 0, time.UTC)

// A fakeAPI answers the API's paths with what a test says, and keeps what it was asked.
type fakeAPI struct {
	t       *testing.T
	answers map[string]any // by "METHOD /path" below /api/v1: a value to be sent as JSON, an *admin.Problem, or an http.HandlerFunc
	asked   []asked
}

// asked is one request that the page made.
type asked struct {
	What  string // "METHOD /path"
	Query url.Values
	Body  string
}

// ServeHTTP implements http.Handler.
func (f *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	what := r.Method + " " + strings.TrimPrefix(r.URL.Path, "/api/v1")
	var body strings.Builder
	if r.Body != nil {
		var raw json.RawMessage
		if json.NewDecoder(r.Body).Decode(&raw) == nil {
			body.Write(raw)
		}
	}
	f.asked = append(f.asked, asked{what, r.URL.Query(), body.String()})
	answer, ok := f.answers[what]
	if !ok {
		answer = &admin.Problem{Status: http.StatusNotFound, Detail: "the fake knows no " + what}
	}
	switch a := answer.(type) {
	case http.HandlerFunc:
		a(w, r)
		return
	case *admin.Problem:
		w.WriteHeader(a.Status)
	case nil:
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		f.t.Error(err)
	}
}

// A bench is a page over a fakeAPI.
type bench struct {
	*fakeAPI
	page *Page
	who  *access.Identity
	lang string
	at   admin.Standing // of the node that makes the pages
}

func start(t *testing.T, answers map[string]any) *bench {
	t.Helper()
	api := &fakeAPI{t: t, answers: answers}
	p, err := New(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	p.now = func() time.Time { return now }
	p.Over(admin.NewLocalClient(api))
	return &bench{api, p, &access.Identity{Name: "anna", Door: access.DoorSession, Role: access.RoleAdmin, Scopes: access.RoleAdmin.Scopes()}, "en", admin.Standing{}}
}

// get asks for a page.
func (b *bench) get(t *testing.T, path string) *httptest.ResponseRecorder {
	t.Helper()
	return b.send(t, httptest.NewRequest(http.MethodGet, path, nil))
}

// post sends a form.
func (b *bench) post(t *testing.T, path string, form url.Values) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.send(t, r)
}

func (b *bench) send(t *testing.T, r *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	r.Header.Set("Accept-Language", b.lang)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if b.who != nil {
		ctx = access.With(ctx, b.who)
	}
	ctx = admin.WithStanding(ctx, b.at)
	w := httptest.NewRecorder()
	b.page.ServeHTTP(w, r.WithContext(ctx))
	return w
}

// wants fails unless the answer has the status and holds the texts.
func wants(t *testing.T, w *httptest.ResponseRecorder, status int, texts ...string) {
	t.Helper()
	if w.Code != status {
		t.Errorf("status %d, not %d: %s", w.Code, status, w.Body)
	}
	for _, s := range texts {
		if !strings.Contains(w.Body.String(), s) {
			t.Errorf("%q is not in %s", s, w.Body)
		}
	}
	for _, forbidden := range []string{"style=\"", "onclick=", "<no value>", "%!", "ZgotmplZ"} {
		if strings.Contains(w.Body.String(), forbidden) {
			t.Errorf("%q is in %s", forbidden, w.Body)
		}
	}
}

func sampleTrends() *admin.Trends {
	tr := &admin.Trends{Step: 5 * time.Minute}
	for i := range 288 {
		busy := float64(i % 60)
		p := admin.TrendPoint{At: now.Add(time.Duration(i-287) * 5 * time.Minute), Accepted: 20 + busy, Refused: float64(i % 7), Searches: 100 + 3*busy, BindP95: 8 + busy/10, Connections: 300}
		if i > 200 && i < 206 {
			p.NotFoundOut = 12
		}
		tr.Points = append(tr.Points, p)
	}
	return tr
}

func sampleOverview() *admin.Overview {
	ago, soon := now.Add(-20*time.Minute), now.Add(10*time.Minute)
	return &admin.Overview{
		Ready:  true,
		Logins: admin.LoginFigures{Accepted: 1532, Refused: 41, Throttled: 2, P95: 12.4, PerSecond: 0.4},
		Upstreams: []admin.UpstreamHealth{{Name: "corp", Servers: []admin.ServerHealth{{URL: "ldaps://dc1.example.com", Up: true},
			{URL: "ldaps://dc2.example.com", LastError: "connection refused"}}}},
		Connectors: []admin.ConnectorState{{Name: "staff", Template: "ad-users", Target: "users", State: "fresh", LastSuccess: &ago, NextRun: &soon, Entries: 1998},
			{Name: "customers", Template: "csv-phonebook", Target: "phonebook/customers", State: "failed", Entries: 12033}},
		Entries:   map[string]int{"user": 1998, "contact": 12033, "speeddial": 40},
		Attention: []admin.Attention{{Severity: "warning", Code: "connector_failed", Subject: "customers"}, {Severity: "note", Code: "new_code", Text: "Something new."}},
		Checklist: []admin.ChecklistStep{{Code: "upstream", Done: true}, {Code: "users", Done: true}, {Code: "login"}, {Code: "backup"}},
	}
}

func TestOverview(t *testing.T) {
	b := start(t, map[string]any{"GET /overview": sampleOverview(), "GET /trends": sampleTrends()})
	wants(t, b.get(t, "/"), http.StatusOK, "1,532", "Logins are working.", "ldaps://dc2.example.com", "connection refused",
		"The last run of connector customers failed.", "Something new.", `<rect class="good"`, `<path class="line"`)
	b.lang = "de"
	wants(t, b.get(t, "/"), http.StatusOK, "1.532", "Anmeldungen funktionieren.", "Der letzte Lauf von Konnektor customers ist gescheitert.", `lang="de"`)
	if w := b.get(t, "/?done=saved"); !strings.Contains(w.Body.String(), "Gespeichert.") {
		t.Error("what was done is not said")
	}
	if w := b.get(t, "/?done=%3Cscript%3E"); strings.Contains(w.Body.String(), "script&gt;") {
		t.Error("a text of the address is shown")
	}
}

// Each kind of attention is said in the language of the page.
func TestEveryAttentionHasAText(t *testing.T) {
	field, _ := reflect.TypeFor[admin.Attention]().FieldByName("Code")
	codes := strings.Split(field.Tag.Get("doc"), ", ")
	if len(codes) < 20 {
		t.Fatal(codes)
	}
	for _, code := range codes {
		if attentionTexts[code] == "" {
			t.Errorf("%s has no text", code)
		}
	}
	for code := range attentionTexts {
		if !slices.Contains(codes, code) {
			t.Errorf("the API does not tell of %s", code)
		}
	}
}

func TestSignIn(t *testing.T) {
	b := start(t, map[string]any{
		"POST /session": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.SetCookie(w, &http.Cookie{Name: "dialtree_session", Value: "s3", HttpOnly: true, SameSite: http.SameSiteStrictMode})
			json.NewEncoder(w).Encode(admin.SignedIn{})
		}),
		"DELETE /session": nil,
	})
	b.who = nil
	w := b.get(t, "/users?q=anna")
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/sign-in?to=%2Fusers%3Fq%3Danna" {
		t.Fatal(w.Code, w.Header())
	}
	wants(t, b.get(t, "/sign-in?to=/users"), http.StatusOK, `value="/users"`)
	w = b.post(t, "/sign-in", url.Values{"login": {"anna"}, "password": {"pw"}, "to": {"/users"}})
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/users" || !strings.Contains(w.Header().Get("Set-Cookie"), "dialtree_session=s3") {
		t.Fatal(w.Code, w.Header())
	}
	for _, to := range []string{"//evil.example", "https://evil.example", `/\evil.example`, "javascript:alert(1)", "/a\r\nX: y"} {
		w := b.post(t, "/sign-in", url.Values{"login": {"anna"}, "password": {"pw"}, "to": {to}})
		if at := w.Header().Get("Location"); at != "/" {
			t.Errorf("%q leads to %q", to, at)
		}
	}
	b.answers["POST /session"] = &admin.Problem{Status: http.StatusUnauthorized, Detail: "the name or the password is wrong"}
	w = b.post(t, "/sign-in", url.Values{"login": {"<anna>"}, "password": {"pw-typed"}})
	wants(t, w, http.StatusUnauthorized, "the name or the password is wrong", "&lt;anna&gt;")
	b.lang = "de"
	b.answers["POST /session"] = &admin.Problem{Status: http.StatusServiceUnavailable, Detail: "the password could not be checked: try again later"}
	wants(t, b.post(t, "/sign-in", url.Values{"login": {"anna"}, "password": {"pw"}}), http.StatusServiceUnavailable, "Das Kennwort konnte nicht geprüft werden")
	if strings.Contains(w.Body.String(), "pw-typed") {
		t.Error("the password comes back")
	}
}

func TestNoPage(t *testing.T) {
	b := start(t, nil)
	wants(t, b.get(t, "/nowhere"), http.StatusNotFound, "Not found")
	b.answers = map[string]any{"GET /overview": &admin.Problem{Status: http.StatusForbidden, Detail: "anna may not do this"}}
	wants(t, b.get(t, "/"), http.StatusForbidden, "Not allowed", "anna may not do this")
}

func TestSettings(t *testing.T) {
	b := start(t, nil)
	w := b.post(t, "/language", url.Values{"value": {"de"}, "to": {"/users?q=x"}})
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/users?q=x" || !strings.HasPrefix(w.Header().Get("Set-Cookie"), "language=de;") {
		t.Error(w.Code, w.Header())
	}
}

func TestStatic(t *testing.T) {
	b := start(t, nil)
	w := b.get(t, b.page.static.url("app.css"))
	if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/css") || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
		t.Error(w.Code, w.Header())
	}
	for _, path := range []string{"/static/x/..%2fpage.go", "/static/x/page.go", "/static/x/de.json"} {
		if w := b.get(t, path); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}
