package page

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/admin"
)

const (
	alice = `{"kind":"user","username":"alice","displayname":"Alice Ångström","phone":["30000","+49 30 1"],"photo":"AAAA","groups":["sales"],"auth":{"method":"upstream","upstream":"corp"},"connector":"staff"}`
	evil  = `{"kind":"user","username":"<b>evil</b>","displayname":"\"><script>alert(1)</script>","auth":{"method":"internal","disabled":true}}`
	gone  = `{"kind":"user","username":"gone","displayname":"Gone","auth":{"method":"none"},"connector":"staff","removed":"2026-11-01T00:00:00Z"}`
)

func userAnswers() map[string]any {
	until := now.Add(20 * time.Second)
	list := pageOf(alice, evil, gone)
	list.Total, list.Next = 1998, "n2"
	return map[string]any{
		"GET /users":       list,
		"GET /upstreams":   pageOf(`{"kind":"upstream","name":"corp","urls":["ldaps://dc1.example.com"],"bind_dn":"%@example.com"}`),
		"GET /connectors":  pageOf(`{"kind":"connector","name":"staff"}`),
		"GET /users/alice": tagged(alice), "GET /users/gone": tagged(gone), "GET /users/<b>evil</b>": tagged(evil),
		"GET /users/alice/origin": admin.Origin{ID: "u1", DN: "uid=alice,ou=users,dc=dialtree", Connector: "staff", Key: "4711", Created: now.Add(-time.Hour), Modified: now, LocalAuth: true,
			Values: []admin.OriginValue{{Field: "username", Values: []string{"alice"}, From: "connector"}, {Field: "displayname", Values: []string{"Alice Ångström"}, From: "connector"},
				{Field: "phone", Values: []string{"30000", "+49 30 1"}, From: "hand"}, {Field: "notes", From: "hand"}}},
		"GET /users/gone/origin": admin.Origin{Connector: "staff", Removed: &now}, "GET /users/<b>evil</b>/origin": admin.Origin{DN: "uid=<b>evil", Values: []admin.OriginValue{{Field: "notes", Values: []string{"<i>x"}}}},
		"GET /logins": []admin.Login{{At: now.Add(-time.Minute), User: "alice", Address: "10.0.0.7", Method: "upstream", Upstream: "corp", Outcome: "refused", Detail: "AD 773, must change <password>", Milliseconds: 12},
			{At: now.Add(-time.Hour), User: "alice", Address: "10.0.0.7", Method: "upstream", Upstream: "corp", Outcome: "accepted", Milliseconds: 8},
			{At: now.Add(-time.Hour), User: "bob", Outcome: "unavailable", Milliseconds: 2000}},
		"GET /throttle": admin.Throttled{Users: []admin.ThrottledName{{Name: "Alice", Failures: 5, Last: now, Until: &until}}, Addresses: []admin.ThrottledName{{Name: "2001:db8::/64", Failures: 3, Last: now}}},
	}
}

func TestUsers(t *testing.T) {
	b := start(t, userAnswers())
	w := b.get(t, "/users?q=al&method=upstream&upstream=corp&connector=staff&group=sales&state=changed&after=n1")
	wants(t, w, http.StatusOK, "1,998 users", `href="/users/alice"`, "30000", "removed from the source", "disabled",
		"&lt;b&gt;evil&lt;/b&gt;", "&lt;script&gt;alert(1)", "after=n2", "all 1,998 that match", `<option value="corp" selected>`)
	if strings.Contains(w.Body.String(), "<script>alert") {
		t.Error("a name is not escaped")
	}
	asked := b.asked[0].Query
	for key, want := range map[string]string{"q": "al", "method": "upstream", "upstream": "corp", "connector": "staff", "group": "sales", "state": "changed", "after": "n1", "limit": "50"} {
		if asked.Get(key) != want {
			t.Errorf("%s was asked with %q, not %q", key, asked.Get(key), want)
		}
	}
	r := httptest.NewRequest(http.MethodGet, "/users?q=al", nil)
	r.Header.Set("X-Fragment", "1")
	if w := b.send(t, r); strings.Contains(w.Body.String(), "<html") || !strings.Contains(w.Body.String(), "30000") {
		t.Error(w.Body)
	}
	b.answers["GET /users"] = pageOf()
	wants(t, b.get(t, "/users?q=nobody"), http.StatusOK, "Nobody matches")
	wants(t, b.get(t, "/users"), http.StatusOK, "No users yet", "Run a connector")
	b.answers["GET /connectors"] = pageOf()
	wants(t, b.get(t, "/users"), http.StatusOK, "Add a connector")
}

func TestUsersPageIsSmall(t *testing.T) {
	var documents []string
	for i := range listLength {
		documents = append(documents, fmt.Sprintf(`{"username":"somebody.with.a.long.name.%d","displayname":"Somebody With A Long Name %d","phone":["+49 30 12345678"],"auth":{"method":"upstream","upstream":"corp"},"connector":"staff"}`, i, i))
	}
	a := userAnswers()
	a["GET /users"] = pageOf(documents...)
	began := time.Now()
	if w := start(t, a).get(t, "/users"); w.Body.Len() > 100<<10 || time.Since(began) > time.Second {
		t.Errorf("%d bytes in %s", w.Body.Len(), time.Since(began))
	}
}

func TestUsersByRole(t *testing.T) {
	b := start(t, userAnswers())
	b.who = viewer()
	for _, path := range []string{"/users", "/users/alice"} {
		for _, forbidden := range []string{"Add a user", "/edit", `name="change"`, "Disable the login", "give-back", "/delete", "Set a password", `type="password"`} {
			if strings.Contains(b.get(t, path).Body.String(), forbidden) {
				t.Errorf("%s shows %q to a viewer", path, forbidden)
			}
		}
	}
}

func TestExport(t *testing.T) {
	a := userAnswers()
	a["GET /export/users"] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/csv")
		w.Header().Set("Content-Disposition", `attachment; filename="users.csv"`)
		fmt.Fprint(w, "username\n"+r.FormValue("format"))
	})
	w := start(t, a).get(t, "/users/export?format=csv")
	if w.Body.String() != "username\ncsv" || w.Header().Get("Content-Disposition") != "attachment; filename=users.csv" || w.Header().Get("Content-Type") != "text/csv" {
		t.Error(w.Header(), w.Body)
	}
}

func TestBulk(t *testing.T) {
	a := userAnswers()
	a["POST /users/bulk"] = admin.BulkResult{Changed: 2, Unchanged: 1, Skipped: []admin.SkippedUser{{User: "<x>", Reason: "there is no <user> of this name"}}}
	b := start(t, a)
	for _, tt := range []struct {
		name, change string
		auth         *admin.NewAuth
	}{
		{"to an upstream", "upstream:corp", &admin.NewAuth{Method: "upstream", Upstream: "corp"}},
		{"kept here", "internal", &admin.NewAuth{Method: "internal"}},
		{"none", "none", &admin.NewAuth{Method: "none"}},
		{"disable", "disable", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b.asked = nil
			form := url.Values{"change": {tt.change}, "user": {"alice", "bob"}}
			wants(t, b.post(t, "/users/bulk", form), http.StatusOK, "This changes 2 users", `name="confirm" value="2"`, `value="bob"`, "&lt;x&gt;", "there is no &lt;user&gt;", "Change 2 users")
			form.Set("confirm", "2")
			wants(t, b.post(t, "/users/bulk", form), http.StatusOK, "Done", "Back to the list")
			bulks := bulksOf(t, b)
			if len(bulks) != 2 || !bulks[0].DryRun || bulks[1].DryRun || strings.Join(bulks[1].Users, " ") != "alice bob" {
				t.Fatalf("%+v", bulks)
			}
			got := bulks[1]
			if tt.auth == nil {
				if got.Auth != nil || got.Disabled == nil || !*got.Disabled {
					t.Errorf("%+v", got)
				}
			} else if got.Auth == nil || *got.Auth != *tt.auth || got.Disabled != nil {
				t.Errorf("%+v", got)
			}
		})
	}
}

// bulksOf are the changes of many users that the API was asked for.
func bulksOf(t *testing.T, b *bench) []admin.Bulk {
	t.Helper()
	var all []admin.Bulk
	for _, a := range b.asked {
		if a.What != "POST /users/bulk" {
			continue
		}
		var bulk admin.Bulk
		if err := json.Unmarshal([]byte(a.Body), &bulk); err != nil {
			t.Fatal(err)
		}
		all = append(all, bulk)
	}
	return all
}

func TestBulkOfAllThatMatch(t *testing.T) {
	a := userAnswers()
	first, second := pageOf(alice), pageOf(evil)
	first.Next = "n2"
	a["GET /users"] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("method") != "none" {
			t.Error("the filter is forgotten")
		}
		if r.FormValue("after") == "" {
			json.NewEncoder(w).Encode(first)
			return
		}
		json.NewEncoder(w).Encode(second)
	})
	a["POST /users/bulk"] = admin.BulkResult{Changed: 2}
	b := start(t, a)
	form := url.Values{"change": {"internal"}, "all": {"true"}, "method": {"none"}, "user": {"alice"}}
	wants(t, b.post(t, "/users/bulk", form), http.StatusOK, `name="confirm" value="2"`, `name="all" value="true"`, `name="method" value="none"`)
	if last := b.asked[len(b.asked)-2]; !strings.Contains(last.Body, `"alice"`) || !strings.Contains(last.Body, "evil") || !strings.Contains(last.Body, `"dry_run":true`) {
		t.Error(last)
	}
	form.Set("confirm", "7")
	wants(t, b.post(t, "/users/bulk", form), http.StatusOK, "Other users match now")
	if last := b.asked[len(b.asked)-2]; !strings.Contains(last.Body, `"dry_run":true`) {
		t.Error("what was not shown was done:", last)
	}
	first.Total = maxBulk + 1
	wants(t, b.post(t, "/users/bulk", form), http.StatusUnprocessableEntity, "More than 50,000 users match")
	wants(t, b.post(t, "/users/bulk", url.Values{"change": {"none"}}), http.StatusUnprocessableEntity, "No user is chosen")
	wants(t, b.post(t, "/users/bulk", url.Values{"user": {"alice"}}), http.StatusUnprocessableEntity, "No change is chosen")
}

// TestNamesAreNotTranslated: a connector that is named as a text of the page keeps its name in every language.
func TestNamesAreNotTranslated(t *testing.T) {
	a := userAnswers()
	a["GET /connectors"] = pageOf(`{"kind":"connector","name":"Users"}`)
	b := start(t, a)
	b.lang = "de"
	wants(t, b.get(t, "/users"), http.StatusOK, `<option value="Users">Users</option>`, "Benutzer")
}
