package admin_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// An operation of the API, as its description has it.
type operation struct {
	method, path, scope string
}

// operations reads the description of the API, so that a new operation is in the tests below.
func (b *bench) operations(t *testing.T) []operation {
	t.Helper()
	_, text := b.raw(t, http.MethodGet, "/api/v1/openapi.json", "")
	var described struct {
		Paths map[string]map[string]struct {
			Scope string `json:"x-scope"`
		}
	}
	if err := json.Unmarshal([]byte(text[strings.Index(text, "{"):]), &described); err != nil {
		t.Fatal(err)
	}
	var all []operation
	for path, methods := range described.Paths {
		for method, op := range methods {
			all = append(all, operation{strings.ToUpper(method), strings.NewReplacer("{", "", "}", "").Replace(path), op.Scope})
		}
	}
	if len(all) < 50 {
		t.Fatalf("only %d operations", len(all))
	}
	slices.SortFunc(all, func(x, y operation) int { return strings.Compare(x.path+x.method, y.path+y.method) })
	return all
}

// Every operation refuses who may not, before it looks at what was sent.
func TestEveryOperationRefuses(t *testing.T) {
	b := start(t)
	b.apply(t, people)
	nobody, stale := b.visitor(), b.visitor()
	stale.cookie = &http.Cookie{Name: "dialtree_session", Value: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}
	viewer, editor, owner := b.signedIn(t, "vera"), b.signedIn(t, "ed"), b.signedIn(t, "ada")
	foreign := *owner
	foreign.header = map[string]string{"Origin": "https://evil.example"}
	crossSite := *owner
	crossSite.header = map[string]string{"Sec-Fetch-Site": "cross-site"}
	silent := *owner
	silent.header = nil
	for _, op := range b.operations(t) {
		t.Run(op.method+" "+op.path, func(t *testing.T) {
			status := func(v *visitor) int { return v.ask(t, op.method, op.path, "").Code }
			if op.scope == "" {
				t.Fatal("it says not what it needs")
			}
			unsafe := op.method != http.MethodGet
			if op.scope != "public" {
				for _, v := range []*visitor{nobody, stale} {
					if got := status(v); got != http.StatusUnauthorized {
						t.Errorf("nobody: %d", got)
					}
				}
			}
			own := op.scope == "public" || op.scope == "signed-in"
			if got := status(viewer); !own && (got == http.StatusForbidden) != (op.scope != "read") {
				t.Errorf("a viewer: %d", got)
			}
			if got := status(viewer); unsafe && !own && got != http.StatusForbidden {
				t.Errorf("a viewer changes something: %d", got)
			}
			if got := status(editor); !own && (got == http.StatusForbidden) != (op.scope != "read" && op.scope != "contacts") {
				t.Errorf("an editor: %d", got)
			}
			if !unsafe {
				return // looking from another site changes nothing, and some answers never end
			}
			for _, v := range []*visitor{&foreign, &crossSite, &silent} {
				if got := status(v); got != http.StatusForbidden {
					t.Errorf("from another site, %v: %d", v.header, got)
				}
			}
		})
		// What a test above has ended begins anew.
		for login, v := range map[string]*visitor{"vera": viewer, "ed": editor} {
			if v.ask(t, http.MethodGet, "/api/v1/me", "").Code != http.StatusOK {
				*v = *b.signedIn(t, login)
			}
		}
	}
}

func TestOrigins(t *testing.T) {
	b := start(t)
	b.apply(t, people)
	for _, tt := range []struct {
		name   string
		header map[string]string
		want   int
	}{
		{"a form of the page", map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1:8389"}, 204},
		{"an older browser", map[string]string{"Origin": "http://127.0.0.1:8389"}, 204},
		{"typed by hand", map[string]string{"Sec-Fetch-Site": "none"}, 204},
		{"another port", map[string]string{"Origin": "http://127.0.0.1:8390"}, 403},
		{"another site", map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, 403},
		{"another host of the domain", map[string]string{"Sec-Fetch-Site": "same-site"}, 403},
		{"an origin that is none", map[string]string{"Origin": "null"}, 403},
		{"nothing", nil, 403},
	} {
		v := b.signedIn(t, "ada")
		v.header = tt.header
		if w := v.ask(t, http.MethodDelete, "/api/v1/session", ""); w.Code != tt.want {
			t.Errorf("%s: %d %s, want %d", tt.name, w.Code, w.Body, tt.want)
		}
	}
}

// Secrets in the clear are taken from this machine and from admin.clear_text_from alone.
func TestSecretsInClear(t *testing.T) {
	b := start(t)
	b.apply(t, people)
	token := b.apply(t, "{kind: token, name: t, scopes: [read], expires: '"+time.Now().Add(time.Hour).Format(time.RFC3339)+"'}")[0].Password
	for remote, want := range map[string]int{"127.0.0.1:1": 200, "192.0.2.9:1": 200, "[::1]:1": 200, "198.51.100.1:1": 403, "": 403} {
		v := b.visitor()
		v.remote = remote
		if w := v.signIn(t, "ada", "right"); w.Code != want {
			t.Errorf("%q: a password: %d", remote, w.Code)
		}
		v = b.signedIn(t, "ada")
		v.remote = remote
		if w := v.ask(t, http.MethodGet, "/api/v1/me", ""); w.Code != want {
			t.Errorf("%q: a cookie: %d", remote, w.Code)
		}
		v = b.visitor()
		v.remote, v.header = remote, map[string]string{"Authorization": "Bearer " + token}
		if w := v.ask(t, http.MethodGet, "/api/v1/me", ""); w.Code != want {
			t.Errorf("%q: a token: %d", remote, w.Code)
		}
	}
}

// Whoever is nobody cannot make the server keep much in memory.
func TestLargeBodies(t *testing.T) {
	b := start(t)
	b.apply(t, people)
	large := `{"login":"` + strings.Repeat("x", 64<<10) + `","password":"x"}`
	if w := b.visitor().ask(t, http.MethodPost, "/api/v1/session", large); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	read := &countingReader{Reader: strings.NewReader(strings.Repeat("x", 1<<20))}
	r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:8389/api/v1/apply", read)
	r.RemoteAddr = "127.0.0.1:1"
	w := httptest.NewRecorder()
	b.server.PublicHandler().ServeHTTP(w, r)
	if w.Code != http.StatusUnauthorized || read.n > 0 {
		t.Errorf("%d after %d bytes", w.Code, read.n)
	}
}

type countingReader struct {
	io.Reader
	n int
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += n
	return n, err
}
