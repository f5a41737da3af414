package admin_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/store"
)

func codeOf(t *testing.T, l *admin.Link) string {
	t.Helper()
	if l == nil {
		t.Fatal("there is no link")
	}
	code, ok := strings.CutPrefix(l.URL, "https://pbx.example.com:8389/first?code=")
	if !ok || len(code) != 32 {
		t.Fatalf("%q", l.URL)
	}
	return code
}

func first(t *testing.T, b *bench, code, name, password string) (int, string) {
	t.Helper()
	w := b.visitor().ask(t, http.MethodPost, "/api/v1/session/first", fmt.Sprintf(`{"code":%q,"name":%q,"password":%q}`, code, name, password))
	return w.Code, w.Body.String()
}

func TestFirstLink(t *testing.T) {
	b := start(t)
	link, err := b.server.FirstLink()
	if err != nil {
		t.Fatal(err)
	}
	code := codeOf(t, link)
	for _, tt := range []struct {
		name, code, login, password string
		status                      int
		want                        string
	}{
		{"a wrong code", strings.Repeat("a", 32), "ada", "long enough", 401, "this link was used"},
		{"a short password", code, "ada", "abc", 422, `"location":"password"`},
		{"no name", code, "", "long enough", 422, `"location":"name"`},
		{"right, as the mistakes did not use it up", code, "ada", "long enough", 200, `"name":"ada","door":"session","role":"admin"`},
		{"used", code, "eve", "long enough", 401, "this link was used"},
	} {
		if status, text := first(t, b, tt.code, tt.login, tt.password); status != tt.status || !strings.Contains(text, tt.want) {
			t.Errorf("%s: %d %s", tt.name, status, text)
		}
	}
	if link, err := b.server.FirstLink(); link != nil || err != nil {
		t.Errorf("there is an administrator, and yet %v %v", link, err)
	}
	if log := b.log.String(); strings.Contains(log, code) || strings.Contains(log, "long enough") {
		t.Errorf("the log is\n%s", log)
	}
}

// Every node that started while nobody could sign in has such a link. The first that is used voids those of the others.
func TestFirstLinkOfAnotherNode(t *testing.T) {
	var options admin.Options
	b := startWith(t, func(o *admin.Options) { options = *o })
	other, err := admin.New(options) // shares the content
	if err != nil {
		t.Fatal(err)
	}
	here, err1 := b.server.FirstLink()
	there, err2 := other.FirstLink()
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if status, text := first(t, b, codeOf(t, here), "ada", "long enough"); status != http.StatusOK {
		t.Fatalf("%d %s", status, text)
	}
	b.server = other
	if status, text := first(t, b, codeOf(t, there), "eve", "long enough"); status != http.StatusConflict || !strings.Contains(text, "somebody can sign in by now") {
		t.Errorf("a second one comes in: %d %s", status, text)
	}
}

func TestLinks(t *testing.T) {
	b := start(t)
	b.apply(t, people)
	old, err := b.client.NewLink(t.Context(), "vera")
	if err != nil {
		t.Fatal(err)
	}
	link, err := b.client.NewLink(t.Context(), "vera")
	if err != nil {
		t.Fatal(err)
	}
	if status, text := first(t, b, codeOf(t, old), "", "long enough"); status != 401 {
		t.Errorf("the link of before: %d %s", status, text)
	}
	if status, text := first(t, b, codeOf(t, link), "ada", "long enough"); status != 409 {
		t.Errorf("for another one: %d %s", status, text)
	}
	if status, text := first(t, b, codeOf(t, link), "", "long enough"); status != 200 || !strings.Contains(text, `"name":"vera","door":"session","role":"viewer"`) {
		t.Errorf("%d %s", status, text)
	}
	if link, err = b.client.NewLink(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if status, text := first(t, b, codeOf(t, link), "ada", "long enough"); status != 409 || !strings.Contains(text, "an administrator ada already") {
		t.Errorf("an account is taken over: %d %s", status, text)
	}
	for name, want := range map[string]string{"nobody": "does not exist", "off": "is disabled"} {
		if _, err := b.client.NewLink(t.Context(), name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The last way in for an administrator goes by the socket alone.
func TestLastAdministrator(t *testing.T) {
	only := "{kind: administrator, name: ada, role: admin, password: right}"
	for _, tt := range []struct {
		name, setUp, method, path, body string
		status                          int
	}{
		{"deleted", only, "DELETE", "/api/v1/administrators/ada", "", 409},
		{"disabled", only, "POST", "/api/v1/apply", "{kind: administrator, name: ada, role: admin, disabled: true}", 409},
		{"another role", only, "POST", "/api/v1/apply", "{kind: administrator, name: ada, role: viewer}", 409},
		{"another title", only, "POST", "/api/v1/apply", "{kind: administrator, name: ada, role: admin, title: A}", 200},
		{"with another one", only + "\n---\n" + strings.Replace(only, "ada", "bea", 1), "DELETE", "/api/v1/administrators/ada", "", 204},
		{"with one who never had a password", only + "\n---\n{kind: administrator, name: bea, role: admin}", "DELETE", "/api/v1/administrators/ada", "", 409},
		{"with a group that has the role", only + "\n---\n{kind: role, name: admin, groups: [it]}", "DELETE", "/api/v1/administrators/ada", "", 204},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := start(t)
			b.apply(t, tt.setUp)
			body := tt.body
			if body != "" {
				body = fmt.Sprintf(`{"files":[{"name":"f","text":%q}]}`, body)
			}
			if w := b.signedIn(t, "ada").ask(t, tt.method, tt.path, body); w.Code != tt.status {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
	b := start(t)
	b.apply(t, only)
	if err := b.client.Delete(t.Context(), "administrator", "ada", admin.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if log := b.log.String(); !strings.Contains(log, "nobody can sign in as an administrator any more") {
		t.Errorf("it goes silently:\n%s", log)
	}
}

// Who may change users cannot give himself more than he may.
func TestUsersCannotRise(t *testing.T) {
	b := start(t)
	b.apply(t, people)
	token := b.apply(t, tokenYAML("hr", time.Now().Add(time.Hour), "read, contacts, users"))[0].Password
	v := b.visitor()
	v.header = map[string]string{"Authorization": "Bearer " + token}
	document := func(text string) string { return fmt.Sprintf(`{"files":[{"name":"f","text":%q}]}`, text) }
	for _, tt := range []struct {
		name, method, path, body string
		status                   int
	}{
		{"an ordinary user", "POST", "/api/v1/apply", document("{kind: user, username: new, displayname: N}"), 200},
		{"the password of one", "PUT", "/api/v1/users/paul/password", `{"password":"long enough"}`, 204},
		{"into the group", "POST", "/api/v1/apply", document("{kind: user, username: paul, displayname: P, groups: [PHONE admins]}"), 403},
		{"a new one in the group", "POST", "/api/v1/apply", document("{kind: user, username: eve, displayname: E, groups: [phone admins]}"), 403},
		{"the password of who has the role", "PUT", "/api/v1/users/dora/password", `{"password":"long enough"}`, 403},
		{"out of the group and back with a password", "POST", "/api/v1/apply", document("{kind: user, username: dora, displayname: D, password: long enough}"), 403},
		{"the login method", "PUT", "/api/v1/users/dora/auth", `{"method":"internal"}`, 403},
		{"an administrator", "POST", "/api/v1/apply", document("{kind: administrator, name: eve, role: admin}"), 403},
		{"a token", "POST", "/api/v1/apply", document(tokenYAML("more", time.Now().Add(time.Hour), "admin")), 403},
		{"a role", "POST", "/api/v1/apply", document("{kind: role, name: admin, users: [paul]}"), 403},
	} {
		if w := v.ask(t, tt.method, tt.path, tt.body); w.Code != tt.status {
			t.Errorf("%s: %d %s", tt.name, w.Code, w.Body)
		}
	}
	if w := b.signedIn(t, "ed").ask(t, "POST", "/api/v1/import?to=users&file=u.csv", "x"); w.Code != http.StatusForbidden {
		t.Errorf("an editor imports users: %d %s", w.Code, w.Body)
	}
	if e, err := b.store.User("dora"); err != nil || e.Auth.Method != store.AuthInternal || !e.Values.Has(store.Groups) {
		t.Errorf("%+v %v", e, err)
	}
}
