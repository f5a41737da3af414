package admin_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/store"
)

// people are an administrator of each role, whose password is "right", a directory user with a role by group and one without.
const people = `
kind: administrator
name: ada
role: admin
password: right
---
kind: administrator
name: ed
role: editor
password: right
---
kind: administrator
name: vera
role: viewer
password: right
---
kind: administrator
name: off
role: admin
password: right
disabled: true
---
kind: role
name: admin
groups: [Phone Admins]
---
kind: user
username: dora
displayname: Dora
groups: [phone admins]
auth: {method: internal}
password: whatever
---
kind: user
username: paul
displayname: Paul
auth: {method: internal}
password: whatever
`

// A visitor is a browser or program at the public listener.
type visitor struct {
	b      *bench
	remote string
	header map[string]string
	cookie *http.Cookie
}

func (b *bench) visitor() *visitor {
	return &visitor{b: b, remote: "127.0.0.1:40000", header: map[string]string{"Sec-Fetch-Site": "same-origin"}}
}

// ask returns the answer to a request.
func (v *visitor) ask(t *testing.T, method, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, "http://127.0.0.1:8389"+path, strings.NewReader(body))
	r.RemoteAddr = v.remote
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for key, value := range v.header {
		r.Header.Set(key, value)
	}
	if v.cookie != nil {
		r.AddCookie(v.cookie)
	}
	w := httptest.NewRecorder()
	v.b.server.PublicHandler().ServeHTTP(w, r)
	return w
}

// signIn begins a session.
func (v *visitor) signIn(t *testing.T, login, password string) *httptest.ResponseRecorder {
	t.Helper()
	w := v.ask(t, http.MethodPost, "/api/v1/session", fmt.Sprintf(`{"login":%q,"password":%q}`, login, password))
	for _, c := range w.Result().Cookies() {
		v.cookie = c
	}
	return w
}

func (b *bench) signedIn(t *testing.T, login string) *visitor {
	t.Helper()
	v := b.visitor()
	if w := v.signIn(t, login, "right"); w.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", login, w.Code, w.Body)
	}
	return v
}

func TestSignIn(t *testing.T) {
	b := start(t)
	b.apply(t, people)
	for _, tt := range []struct {
		name, login, password string
		status                int
		want                  string
	}{
		{"an administrator", "ada", "right", 200, `"name":"ada","door":"session","role":"admin","scopes":["admin"]`},
		{"in capitals", "ADA", "right", 200, `"name":"ada"`},
		{"an editor", "ed", "right", 200, `"scopes":["read","contacts"]`},
		{"a viewer", "vera", "right", 200, `"scopes":["read"]`},
		{"a directory user with a role", "Dora", "right", 200, `"name":"dora","door":"session","role":"admin"`},
		{"a directory user without", "paul", "right", 403, "has no role here"},
		{"a wrong password", "ada", "wrong", 401, "not the name and the password"},
		{"nobody", "nobody", "wrong", 401, "not the name and the password"},
		{"disabled", "off", "right", 401, "not the name and the password"},
		{"no name", "", "right", 401, "not the name and the password"},
		{"no password", "ada", "", 401, "not the name and the password"},
		{"a wrong password of a directory user", "dora", "wrong", 401, "not the name and the password"},
		{"too many failures", "ada", "throttled", 429, "try again later"},
		{"an outage", "ada", "outage", 503, "could not be checked: try again later"},
		{"an outage of a user", "dora", "outage", 503, "could not be checked: try again later"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := b.visitor()
			w := v.signIn(t, tt.login, tt.password)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) || strings.Contains(w.Body.String(), "hunter2") {
				t.Errorf("%d %s\nwant %d %s", w.Code, w.Body, tt.status, tt.want)
			}
			if (v.cookie != nil) != (tt.status == 200) {
				t.Errorf("the cookie is %v", v.cookie)
			}
		})
	}
	if log := b.log.String(); strings.Contains(log, "hunter2") || strings.Contains(log, "right\"") {
		t.Errorf("the log is\n%s", log)
	}
}

// Whether a name is somebody's does not show in how long its refusal takes.
func TestRefusalsTakeTheirTime(t *testing.T) {
	b := start(t)
	b.apply(t, people)
	for _, login := range []string{"ada", "dora", "off", "nobody", ""} {
		begun := time.Now()
		b.visitor().signIn(t, login, "wrong")
		if took := time.Since(begun); took < 500*time.Millisecond || took > 900*time.Millisecond {
			t.Errorf("%q: %v", login, took)
		}
	}
}

func TestCookie(t *testing.T) {
	b := start(t)
	b.apply(t, people)
	w := b.visitor().signIn(t, "ada", "right")
	cookie := w.Header().Get("Set-Cookie")
	if name, rest, _ := strings.Cut(cookie, "="); name != "dialtree_session" || !strings.HasSuffix(rest, "; Path=/; HttpOnly; SameSite=Strict") {
		t.Errorf("%s", cookie)
	}
	v := b.visitor()
	r := httptest.NewRequest(http.MethodPost, "https://pbx.example.com/api/v1/session", strings.NewReader(`{"login":"ada","password":"right"}`))
	r.RemoteAddr = "198.51.100.1:4000"
	w = httptest.NewRecorder()
	v.b.server.PublicHandler().ServeHTTP(w, r)
	cookie = w.Header().Get("Set-Cookie")
	if name, rest, _ := strings.Cut(cookie, "="); name != "__Host-dialtree_session" || !strings.HasSuffix(rest, "; Path=/; HttpOnly; Secure; SameSite=Strict") {
		t.Errorf("%s", cookie)
	}
	// The cookie of the one door is none at the other.
	v.cookie = &http.Cookie{Name: "__Host-dialtree_session", Value: w.Result().Cookies()[0].Value}
	if w := v.ask(t, http.MethodGet, "/api/v1/me", ""); w.Code != http.StatusUnauthorized {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestHeaders(t *testing.T) {
	b := start(t)
	want := map[string]string{
		"Content-Security-Policy":      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; font-src 'self'",
		"X-Content-Type-Options":       "nosniff",
		"Referrer-Policy":              "same-origin",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Permissions-Policy":           "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
		"Cache-Control":                "no-store",
		"Strict-Transport-Security":    "",
	}
	for _, path := range []string{"/", "/api/v1/me", "/api/v1/openapi.json", "/healthz", "/nowhere"} {
		w := b.visitor().ask(t, http.MethodGet, path, "")
		for name, value := range want {
			if got := w.Header().Get(name); got != value {
				t.Errorf("%s: %s is %q, want %q", path, name, got, value)
			}
		}
	}
	r := httptest.NewRequest(http.MethodGet, "https://pbx.example.com/healthz", nil)
	w := httptest.NewRecorder()
	b.server.PublicHandler().ServeHTTP(w, r)
	if got := w.Header().Get("Strict-Transport-Security"); got != "max-age=31536000" {
		t.Errorf("over TLS: %q", got)
	}
}

// Every way by which a session ends.
func TestSessionsEnd(t *testing.T) {
	edit := func(login string, change func(*store.Session)) func(*testing.T, *bench, *visitor) {
		return func(t *testing.T, b *bench, _ *visitor) {
			t.Helper()
			all, err := b.store.Sessions()
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range all {
				if s.Name == login {
					change(&s)
					if _, err := b.store.Apply(t.Context(), &store.Changes{PutSessions: []store.Session{s}}); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
	yaml := func(text string) func(*testing.T, *bench, *visitor) {
		return func(t *testing.T, b *bench, _ *visitor) { b.apply(t, text) }
	}
	request := func(method, path, body string, status int) func(*testing.T, *bench, *visitor) {
		return func(t *testing.T, _ *bench, v *visitor) {
			if w := v.ask(t, method, path, body); w.Code != status {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
		}
	}
	for _, tt := range []struct {
		name, login string
		event       func(*testing.T, *bench, *visitor)
		ends        bool
	}{
		{"nothing happens", "ada", func(*testing.T, *bench, *visitor) {}, false},
		{"its time is over", "ada", edit("ada", func(s *store.Session) { s.Expires = time.Now() }), true},
		{"it was not used for long", "ada", edit("ada", func(s *store.Session) { s.Seen = time.Now().Add(-30 * time.Minute) }), true},
		{"it was used a while ago", "ada", edit("ada", func(s *store.Session) { s.Seen = time.Now().Add(-29 * time.Minute) }), false},
		{"another hash", "ada", edit("ada", func(s *store.Session) { s.Hash = bytes.Repeat([]byte{1}, 32) }), true},
		{"sign out", "ada", request("DELETE", "/api/v1/session", "", 204), true},
		{"disabled", "vera", yaml("{kind: administrator, name: vera, role: viewer, disabled: true}"), true},
		{"another role", "vera", yaml("{kind: administrator, name: vera, role: editor}"), true},
		{"another title", "vera", yaml("{kind: administrator, name: vera, role: viewer, title: V}"), false},
		{"his own new password", "ada", request("PUT", "/api/v1/me/password", `{"current":"right","new":"new password"}`, 204), false},
		{"deleted", "vera", func(t *testing.T, b *bench, _ *visitor) {
			if err := b.client.Delete(t.Context(), "administrator", "vera", admin.DeleteOptions{}); err != nil {
				t.Fatal(err)
			}
		}, true},
		{"the role's group is another", "dora", yaml("{kind: role, name: admin, groups: [others]}"), true},
		{"the user is disabled", "dora", yaml("{kind: user, username: dora, displayname: D, groups: [phone admins], auth: {method: internal, disabled: true}}"), true},
		{"the user left the group", "dora", yaml("{kind: user, username: dora, displayname: D, auth: {method: internal}}"), true},
		{"the user has another name on phones", "dora", yaml("{kind: user, username: dora, displayname: D, groups: [phone admins], auth: {method: internal}}"), false},
		{"signed in anew", "ada", func(t *testing.T, _ *bench, v *visitor) {
			old := v.cookie
			v.signIn(t, "ada", "right")
			if v.cookie.Value == old.Value {
				t.Error("the cookie is the same")
			}
			v.cookie = old
		}, true},
		{"ended by another", "vera", func(t *testing.T, b *bench, v *visitor) {
			sessions, err := b.client.Sessions(t.Context())
			if err != nil || len(sessions) != 1 || sessions[0].Current || sessions[0].Name != "vera" || sessions[0].From != v.remote {
				t.Fatalf("%+v %v", sessions, err)
			}
			if err := b.client.EndSession(t.Context(), sessions[0].ID); err != nil {
				t.Fatal(err)
			}
		}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := start(t)
			b.apply(t, people)
			v := b.signedIn(t, tt.login)
			tt.event(t, b, v)
			w := v.ask(t, http.MethodGet, "/api/v1/me", "")
			if want := map[bool]int{false: 200, true: 401}[tt.ends]; w.Code != want {
				t.Errorf("%d %s, want %d", w.Code, w.Body, want)
			}
		})
	}
}

// A password that was set elsewhere ends all sessions; his own change all but the one that he makes it in.
func TestPasswordChangeEndsOtherSessions(t *testing.T) {
	b := start(t)
	b.apply(t, people)
	mine, other := b.signedIn(t, "ada"), b.signedIn(t, "ada")
	if _, err := b.store.Apply(t.Context(), &store.Changes{PutObjects: []store.Object{
		&store.Administrator{Name: "ada", Role: "admin", Password: store.Literal(hashOf + "YW5vdGhlci1oYXNoLWFub3RoZXItaGFzaC0xMjM0NTY")}}}); err != nil {
		t.Fatal(err)
	}
	for _, v := range []*visitor{mine, other} {
		if w := v.ask(t, http.MethodGet, "/api/v1/me", ""); w.Code != http.StatusUnauthorized {
			t.Errorf("after a password set elsewhere: %d", w.Code)
		}
	}
	mine, other = b.signedIn(t, "ada"), b.signedIn(t, "ada")
	for _, tt := range []struct {
		body   string
		status int
		want   string
	}{
		{`{"current":"wrong","new":"long enough"}`, 422, `"location":"current"`},
		{`{"current":"right","new":"abc"}`, 422, `"location":"new"`},
		{`{"current":"throttled","new":"long enough"}`, 429, ""},
		{`{"current":"right","new":"long enough"}`, 204, ""},
	} {
		if w := mine.ask(t, http.MethodPut, "/api/v1/me/password", tt.body); w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) {
			t.Errorf("%s: %d %s", tt.body, w.Code, w.Body)
		}
	}
	if w := mine.ask(t, http.MethodGet, "/api/v1/me", ""); w.Code != http.StatusOK {
		t.Errorf("his own session: %d", w.Code)
	}
	if w := other.ask(t, http.MethodGet, "/api/v1/me", ""); w.Code != http.StatusUnauthorized {
		t.Errorf("the other one: %d", w.Code)
	}
	if w := b.signedIn(t, "dora").ask(t, http.MethodPut, "/api/v1/me/password", `{"current":"right","new":"long enough"}`); w.Code != http.StatusConflict {
		t.Errorf("of the directory: %d %s", w.Code, w.Body)
	}
}
