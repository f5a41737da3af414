package admin_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/store"
)

func tokenYAML(name string, expires time.Time, scopes string) string {
	return "{kind: token, name: " + name + ", scopes: [" + scopes + "], expires: '" + expires.Format(time.RFC3339) + "'}"
}

func TestTokens(t *testing.T) {
	b := start(t)
	soon := time.Now().Add(time.Hour)
	made := b.apply(t, tokenYAML("reports_1", soon, "read"))[0]
	token, ok := strings.CutPrefix(made.Password, "dialtree_reports_1_")
	if !ok || len(token) != 32 || made.Effect != "created" {
		t.Fatalf("%+v", made)
	}
	if again := b.apply(t, tokenYAML("reports_1", soon, "read"))[0]; again.Password != "" || again.Effect != "unchanged" {
		t.Errorf("it is shown again: %+v", again)
	}
	ask := func(authorization, method, path string) (int, string) {
		v := b.visitor()
		v.header = map[string]string{"Authorization": authorization}
		w := v.ask(t, method, path, "")
		return w.Code, w.Body.String()
	}
	for _, tt := range []struct {
		name, authorization, method, path string
		status                            int
		want                              string
	}{
		{"right", "Bearer " + made.Password, "GET", "/api/v1/me", 200, `"name":"reports_1","door":"token","scopes":["read"]`},
		{"in lower case", "bearer  " + made.Password, "GET", "/api/v1/me", 200, ""},
		{"a list", "Bearer " + made.Password, "GET", "/api/v1/users", 200, ""},
		{"more than it may", "Bearer " + made.Password, "DELETE", "/api/v1/users/alice", 403, "reports_1 may not do this: it needs the scope users"},
		{"a wrong secret", "Bearer dialtree_reports_1_" + strings.Repeat("a", 32), "GET", "/api/v1/me", 401, "not a token of this server"},
		{"another name", "Bearer dialtree_none_" + token, "GET", "/api/v1/me", 401, "not a token of this server"},
		{"no token", "Bearer x", "GET", "/api/v1/me", 401, "not a token of this server"},
		{"a wrong one for what is public", "Bearer x", "POST", "/api/v1/session", 401, "not a token of this server"},
		{"a device's login", "Basic YnJhbmNoOnJpZ2h0", "GET", "/api/v1/me", 401, "sign in first"},
		{"its password", "Bearer " + made.Password, "PUT", "/api/v1/me/password", 400, ""},
	} {
		if status, text := ask(tt.authorization, tt.method, tt.path); status != tt.status || !strings.Contains(text, tt.want) || strings.Contains(text, token) {
			t.Errorf("%s: %d %s", tt.name, status, text)
		}
	}
	// One that expired, as time would do it.
	object, err := b.store.Object(store.ObjectToken, "reports_1")
	if err != nil {
		t.Fatal(err)
	}
	object.(*store.Token).Expires = time.Now().Add(-time.Second).Format(time.RFC3339)
	if _, err := b.store.Apply(t.Context(), &store.Changes{PutObjects: []store.Object{object}}); err != nil {
		t.Fatal(err)
	}
	if status, text := ask("Bearer "+made.Password, "GET", "/api/v1/me"); status != 401 || !strings.Contains(text, "the token reports_1 expired on") {
		t.Errorf("%d %s", status, text)
	}
	if status, text := ask("Bearer dialtree_reports_1_"+strings.Repeat("a", 32), "GET", "/api/v1/me"); status != 401 || strings.Contains(text, "expired") {
		t.Errorf("who does not have the secret is told: %d %s", status, text)
	}
	if err := b.client.Delete(t.Context(), "token", "reports_1", admin.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if status, _ := ask("Bearer "+made.Password, "GET", "/api/v1/me"); status != http.StatusUnauthorized {
		t.Errorf("deleted: %d", status)
	}
	status, answer := b.raw(t, "GET", "/api/v1/audit", "")
	if log := b.log.String(); status != 200 || strings.Contains(log+answer, token) {
		t.Errorf("the secret is in the log or the audit log")
	}
}

func TestTokenDocuments(t *testing.T) {
	b := start(t)
	now := time.Now()
	for _, tt := range []struct{ name, yaml, want string }{
		{"over already", tokenYAML("t", now.Add(-time.Hour), "read"), "expires: is over already"},
		{"too long", tokenYAML("t", now.AddDate(3, 0, 0), "read"), "expires: is too far away: a token lasts two years"},
		{"no time", "{kind: token, name: t, scopes: [read]}", "expires: is missing"},
		{"a date", "{kind: token, name: t, scopes: [read], expires: 2030-01-01}", "is not a time such as"},
		{"no scope", "{kind: token, name: t, expires: '" + now.Add(time.Hour).Format(time.RFC3339) + "'}", "scopes: is missing"},
		{"an unknown scope", tokenYAML("t", now.Add(time.Hour), "device"), `scopes[0]: "device" is not a scope`},
		{"a hash of one's own", strings.TrimSuffix(tokenYAML("t", now.Add(time.Hour), "read"), "}") + ", hash: " + strings.Repeat("ab", 32) + "}", "hash: is made by the server"},
		{"an administrator without a role", "{kind: administrator, name: x}", "role: \"\" is not a role"},
		{"a short password", "{kind: administrator, name: x, role: admin, password: abc}", "password: is too short"},
		{"a role that is none", "{kind: role, name: owner}", `name: "owner" is not a role`},
		{"a member that is none", `{kind: role, name: viewer, groups: ["a\u0007"]}`, "groups[0]"},
	} {
		_, err := b.client.Apply(t.Context(), []admin.File{{Name: "f.yaml", Text: tt.yaml}}, false)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// Nothing that is secret of a token or an administrator is in an answer.
func TestAccessSecrets(t *testing.T) {
	b := start(t)
	b.apply(t, people)
	made := b.apply(t, tokenYAML("t", time.Now().Add(time.Hour), "read"))[0].Password
	for _, path := range []string{"/api/v1/administrators", "/api/v1/administrators/ada", "/api/v1/tokens", "/api/v1/tokens/t", "/api/v1/sessions", "/api/v1/audit?limit=1000", "/api/v1/audit/file?format=json", "/api/v1/audit/file?format=csv"} {
		status, answer := b.raw(t, "GET", path, "")
		if status != 200 || strings.Contains(answer, "argon2id") || strings.Contains(answer, made[len(made)-10:]) {
			t.Errorf("%s: %d %s", path, status, answer)
		}
	}
	if _, answer := b.raw(t, "GET", "/api/v1/tokens/t", ""); !strings.Contains(answer, `"hash":"[secret]"`) {
		t.Errorf("%s", answer)
	}
}
