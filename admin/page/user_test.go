package page

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/admin/access"
)

func viewer() *access.Identity {
	return &access.Identity{Name: "vera", Door: access.DoorSession, Role: access.RoleViewer, Scopes: access.RoleViewer.Scopes()}
}

func TestUser(t *testing.T) {
	b := start(t, userAnswers())
	wants(t, b.get(t, "/users/alice"), http.StatusOK, "Alice Ångström", "uid=alice,ou=users,dc=dialtree", "4711", "changed here", "emptied here",
		"AD 773, must change &lt;password&gt;", "Logins are refused after too many wrong passwords", `<option value="upstream:corp" selected>`, "refused", `name="field" value="phone"`)
	if strings.Contains(b.get(t, "/users/alice").Body.String(), "Set a password") {
		t.Error("the password of somebody whom a directory checks can be set")
	}
	wants(t, b.get(t, "/users/%3Cb%3Eevil%3C%2Fb%3E"), http.StatusOK, "&lt;b&gt;evil", "&lt;i&gt;x", "&lt;script&gt;", "Set a password", "Made by hand", "Allow the login")
	w := b.get(t, "/users/gone")
	wants(t, w, http.StatusOK, "has this user no more")
	if strings.Contains(w.Body.String(), "/login\"") {
		t.Error("the login of a hidden user can be changed")
	}
	b.lang = "de"
	wants(t, b.get(t, "/users/alice"), http.StatusOK, "hier geändert", "Anmeldung sperren")
	wants(t, b.get(t, "/users/nobody"), http.StatusNotFound, "Nicht gefunden")
}

func TestUserActions(t *testing.T) {
	b := start(t, nil)
	for _, tt := range []struct {
		name, path string
		form       url.Values
		asks, body string // what of the API
		done       string
	}{
		{"method", "login", url.Values{"choice": {"upstream:corp"}}, "PUT /users/alice/auth", `{"method":"upstream","upstream":"corp"}`, "saved"},
		{"no login", "login", url.Values{"choice": {"none"}}, "PUT /users/alice/auth", `{"method":"none"}`, "saved"},
		{"password", "password", url.Values{"password": {"s3cret"}, "again": {"s3cret"}}, "PUT /users/alice/password", `{"password":"s3cret"}`, "passwordset"},
		{"disable", "state", url.Values{"enabled": {"false"}}, "POST /users/alice/disable", "", "saved"},
		{"enable", "state", url.Values{"enabled": {"true"}}, "POST /users/alice/enable", "", "saved"},
		{"give one back", "give-back", url.Values{"field": {"phone"}}, "DELETE /users/alice/local", "", "givenback"},
		{"give all back", "give-back", nil, "DELETE /users/alice/local", "", "givenback"},
		{"reset", "reset", nil, "DELETE /throttle/users/alice", "", "reset"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := userAnswers()
			a[tt.asks] = nil
			b.answers, b.asked = a, nil
			w := b.post(t, "/users/alice/"+tt.path, tt.form)
			if at := w.Header().Get("Location"); w.Code != http.StatusSeeOther || at != "/users/alice?done="+tt.done {
				t.Fatal(w.Code, at, w.Body)
			}
			asked := b.asked[0]
			if asked.What != tt.asks || asked.Body != tt.body || strings.Join(asked.Query["field"], " ") != tt.form.Get("field") {
				t.Error(asked)
			}
			if _, ok := doneTexts[tt.done]; !ok {
				t.Error("nothing is said of it")
			}
			a[tt.asks] = &admin.Problem{Status: http.StatusConflict, Detail: "it cannot be <done>"}
			w = b.post(t, "/users/alice/"+tt.path, tt.form)
			wants(t, w, http.StatusConflict, "it cannot be &lt;done&gt;")
			if strings.Contains(w.Body.String(), "s3cret") {
				t.Error("the password comes back")
			}
		})
	}
}

func TestPasswordsThatDiffer(t *testing.T) {
	a := userAnswers()
	a["GET /users/alice"] = tagged(strings.Replace(alice, `{"method":"upstream","upstream":"corp"}`, `{"method":"internal"}`, 1))
	b := start(t, a)
	w := b.post(t, "/users/alice/password", url.Values{"password": {"s3cret"}, "again": {"s3cre"}})
	wants(t, w, http.StatusUnprocessableEntity, "The two passwords differ", `id="e-password"`)
	if strings.Contains(w.Body.String(), "s3cre") || b.asked[0].What != "GET /users/alice" {
		t.Error(w.Body, b.asked)
	}
}

func TestDeleteUser(t *testing.T) {
	a := userAnswers()
	a["DELETE /users/alice"] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-Match") != `"tag-1"` {
			w.WriteHeader(http.StatusPreconditionFailed)
			json.NewEncoder(w).Encode(admin.Problem{Status: http.StatusPreconditionFailed, Detail: "changed"})
		}
	})
	b := start(t, a)
	wants(t, b.post(t, "/users/alice/delete", url.Values{"tag": {"old"}}), http.StatusPreconditionFailed, "Somebody else changed this user", "tag-1")
	if w := b.post(t, "/users/alice/delete", url.Values{"tag": {`"tag-1"`}}); w.Header().Get("Location") != "/users?done=deleted" {
		t.Error(w.Code, w.Header())
	}
}

func TestEditUser(t *testing.T) {
	a := userAnswers()
	a["PUT /users/alice"] = admin.Applied{Name: "alice"}
	b := start(t, a)
	w := b.get(t, "/users/alice/edit")
	wants(t, w, http.StatusOK, "30000\n&#43;49 30 1</textarea>", `name="tag" value="&#34;tag-1&#34;"`, "comes from connector staff")
	if strings.Contains(w.Body.String(), `name="username"`) {
		t.Error("the key of a connector's user can be changed")
	}
	form := url.Values{"tag": {"tag-0"}, "displayname": {"Alice <A>"}, "phone": {"1\r\n\r\n 2 "}}
	b.asked = nil
	if w := b.post(t, "/users/alice/edit", form); w.Header().Get("Location") != "/users/alice?done=saved" {
		t.Fatal(w.Code, w.Body)
	}
	sent := b.asked[1].Body
	for _, want := range []string{`"displayname":"Alice \u003cA\u003e"`, `"phone":["1","2"]`, `"photo":"AAAA"`, `"groups":[]`, `"auth":{"method":"upstream","upstream":"corp"}`} {
		if !strings.Contains(sent, want) {
			t.Errorf("%s is not in %s", want, sent)
		}
	}
	a["PUT /users/alice"] = &admin.Problem{Status: http.StatusUnprocessableEntity, Detail: "mistakes", Errors: []admin.ProblemDetail{{Location: "phone[1]", Message: "is no <number>"}}}
	wants(t, b.post(t, "/users/alice/edit", form), http.StatusUnprocessableEntity, "is no &lt;number&gt;", `id="e-phone"`, "Alice &lt;A&gt;", `value="tag-0"`)
	a["PUT /users/alice"] = &admin.Problem{Status: http.StatusPreconditionFailed, Detail: "changed"}
	wants(t, b.post(t, "/users/alice/edit", form), http.StatusPreconditionFailed, "Somebody else changed this", `href="/users/alice/edit"`, "Alice &lt;A&gt;")
}

func TestAddUser(t *testing.T) {
	a := userAnswers()
	a["POST /users"] = admin.Applied{Name: "new"}
	b := start(t, a)
	wants(t, b.get(t, "/users/new"), http.StatusOK, `name="username"`, "Password kept here", `<option value="upstream:corp">`)
	form := url.Values{"username": {"new"}, "displayname": {"New"}, "choice": {"internal"}, "password": {"s3cret"}, "again": {"s3cret"}}
	b.asked = nil
	// A user called new has another address than the form of a new one.
	if w := b.post(t, "/users/new", form); w.Header().Get("Location") != "/users/NEW?done=created" {
		t.Fatal(w.Code, w.Header(), w.Body)
	}
	if sent := b.asked[1].Body; sent != `{"auth":{"method":"internal"},"displayname":"New","kind":"user","password":"s3cret","username":"new"}` {
		t.Error(sent)
	}
	for _, tt := range []struct {
		name    string
		problem *admin.Problem
		wants   string
	}{
		{"a mistake", &admin.Problem{Status: http.StatusUnprocessableEntity, Errors: []admin.ProblemDetail{{Location: "password", Message: "is too short"}}}, `id="e-password"`},
		{"one exists", &admin.Problem{Status: http.StatusPreconditionFailed, Detail: "user new exists already"}, "user new exists already"},
		{"a method", &admin.Problem{Status: http.StatusUnprocessableEntity, Errors: []admin.ProblemDetail{{Location: "auth", Message: "is not possible"}}}, `id="e-choice"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a["POST /users"] = tt.problem
			w := b.post(t, "/users/new", form)
			wants(t, w, tt.problem.Status, tt.wants, `value="New"`)
			if strings.Contains(w.Body.String(), "s3cret") {
				t.Error("the password comes back")
			}
		})
	}
	form.Set("again", "other")
	wants(t, b.post(t, "/users/new", form), http.StatusUnprocessableEntity, "The two passwords differ")
}
