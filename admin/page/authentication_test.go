package page

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/admin"
)

const (
	corp = `{"kind":"upstream","name":"corp","urls":["ldaps://dc1.example.com","ldaps://dc2.example.com"],"bind_dn":"uid=%,ou=people,dc=example,dc=com","tls":{"insecure_skip_verify":true},"cache":{"refused":"30s"},"max_connections":4}`
	hunt = `{"kind":"upstream","name":"hunt","urls":["ldap://a"],"search":{"base":"dc=a","filter":"(uid=%)","bind_dn":"cn=\"<x>","password":"[secret]"},"tls":{"start_tls":true,"pinned_key":"sha256/abc"},"cache":{}}`
)

func authAnswers() map[string]any {
	a := userAnswers()
	a["GET /overview"] = sampleOverview()
	a["GET /upstreams"] = pageOf(corp, hunt)
	a["GET /upstreams/corp"], a["GET /upstreams/hunt"] = tagged(corp), tagged(hunt)
	return a
}

func TestAuthentication(t *testing.T) {
	b := start(t, authAnswers())
	w := b.get(t, "/authentication")
	wants(t, w, http.StatusOK, "uid=%,ou=people,dc=example,dc=com", "uid=alice,ou=people,dc=example,dc=com", "(uid=alice)", "a server is down", "connection refused",
		"1,998 users", "its certificate is not checked", "2001:db8::/64", "Forget the failures of Alice", "must change &lt;password&gt;", "could not find out", "not asked yet")
	if strings.Contains(w.Body.String(), "[secret]") {
		t.Error("a secret's mark is shown")
	}
	r := httptest.NewRequest(http.MethodGet, "/authentication?outcome=unavailable&user=bob", nil)
	r.Header.Set("X-Fragment", "1")
	b.asked = nil
	w = b.send(t, r)
	if body := w.Body.String(); strings.Contains(body, "<html") || !strings.Contains(body, "bob") || strings.Contains(body, "alice") || b.asked[0].Query.Get("user") != "bob" {
		t.Error(body, b.asked)
	}
	a := authAnswers()
	a["GET /upstreams"], a["GET /throttle"], a["GET /logins"] = pageOf(), admin.Throttled{}, []admin.Login{}
	wants(t, start(t, a).get(t, "/authentication"), http.StatusOK, "No directory yet", "Nobody: there were no failed logins", "None of that kind")
	b.who = viewer()
	if w := b.get(t, "/authentication"); strings.Contains(w.Body.String(), "Forget") || strings.Contains(w.Body.String(), "upstreams/new") || strings.Contains(w.Body.String(), "/authentication/test") {
		t.Error("a viewer sees what he may not do")
	}
}

func TestResetThrottle(t *testing.T) {
	a := authAnswers()
	a["DELETE /throttle/addresses/2001:db8::/64"], a["DELETE /throttle/users/a/b"] = nil, nil
	b := start(t, a)
	for kind, name := range map[string]string{"addresses": "2001:db8::/64", "users": "a/b"} {
		if w := b.post(t, "/authentication/reset", url.Values{"kind": {kind}, "name": {name}}); w.Header().Get("Location") != "/authentication?done=reset" {
			t.Error(kind, w.Code, w.Body)
		}
	}
}

func TestUpstreamForm(t *testing.T) {
	b := start(t, authAnswers())
	wants(t, b.get(t, "/authentication/upstreams/new"), http.StatusOK, `name="name"`, `id="mode-template" name="mode" value="template" checked`)
	wants(t, b.get(t, "/authentication/upstreams/corp"), http.StatusOK, "ldaps://dc1.example.com\nldaps://dc2.example.com", "uid=alice,ou=people", `value="30s"`, `name="insecure_skip_verify" value="true" checked`, `value="4"`)
	w := b.get(t, "/authentication/upstreams/hunt")
	wants(t, w, http.StatusOK, `value="search" checked`, "(uid=alice)", "cn=&#34;&lt;x&gt;", "One is stored", `name="start_tls" value="true" checked`)
	if strings.Contains(w.Body.String(), "[secret]") {
		t.Error("a secret's mark is in an input")
	}
}

func TestSaveUpstream(t *testing.T) {
	form := func(pairs ...string) url.Values {
		v := url.Values{"tag": {`"tag-0"`}, "urls": {"ldap://a\r\nldap://b"}, "mode": {"template"}, "bind_dn": {"%@example.com"}, "search_filter": {"(uid=%)"}, "search_bind_dn": {"cn=x"}}
		for i := 0; i < len(pairs); i += 2 {
			v.Set(pairs[i], pairs[i+1])
		}
		return v
	}
	b := start(t, nil)
	for _, tt := range []struct {
		name, upstream string
		form           url.Values
		sent           string
	}{
		{"template", "corp", form("max_connections", "7", "connect_timeout", "3s", "cache_offline", "8h", "pinned_key", "sha256/x", "start_tls", "true"),
			`{"name":"corp","urls":["ldap://a","ldap://b"],"bind_dn":"%@example.com","tls":{"start_tls":true,"pinned_key":"sha256/x"},"connect_timeout":"3s","max_connections":7,"cache":{"offline":"8h"}}`},
		{"no number", "corp", form("max_connections", "many"), `"max_connections":"many"`},
		{"the stored password stays", "hunt", form("mode", "search", "search_base", "dc=b"), `"search":{"base":"dc=b","filter":"(uid=%)","bind_dn":"cn=x","password":"[secret]"}`},
		{"a new password", "hunt", form("mode", "search", "search_password", "n3w"), `"password":"n3w"`},
		{"an anonymous search", "hunt", form("mode", "search", "search_bind_dn", ""), `"search":{"base":"","filter":"(uid=%)"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := authAnswers()
			a["PUT /upstreams/"+tt.upstream] = admin.Applied{Name: tt.upstream}
			b.answers, b.asked = a, nil
			if w := b.post(t, "/authentication/upstreams/"+tt.upstream, tt.form); w.Header().Get("Location") != "/authentication?done=saved" {
				t.Fatal(w.Code, w.Body)
			}
			if sent := b.asked[1].Body; !strings.Contains(sent, tt.sent) {
				t.Errorf("%s is not in %s", tt.sent, sent)
			}
		})
	}
}

func TestUpstreamProblems(t *testing.T) {
	form := url.Values{"name": {"hunt"}, "tag": {`"tag-0"`}, "urls": {"ldap://<a>"}, "mode": {"search"}, "search_filter": {"uid"}, "search_bind_dn": {"cn=x"}, "search_password": {"s3cret"}, "domain": {"example.com"}}
	b := start(t, nil)
	for _, tt := range []struct {
		name, path, asks string
		problem          *admin.Problem
		wants            []string
	}{
		{"beside the inputs", "/authentication/upstreams/hunt", "PUT /upstreams/hunt", &admin.Problem{Status: 422, Errors: []admin.ProblemDetail{{Location: "search.filter", Message: "is no <filter>"}, {Location: "urls[0]", Message: "is no URL"}}},
			[]string{"is no &lt;filter&gt;", `id="e-search_filter"`, `id="e-urls"`, "see what is marked below"}},
		{"above the form", "/authentication/upstreams/hunt", "PUT /upstreams/hunt", &admin.Problem{Status: 409, Detail: "something <else>"}, []string{"something &lt;else&gt;"}},
		{"changed meanwhile", "/authentication/upstreams/hunt", "PUT /upstreams/hunt", &admin.Problem{Status: 412, Detail: "changed"}, []string{"Somebody else changed this", `href="/authentication/upstreams/hunt"`, "&#34;tag-0&#34;"}},
		{"exists", "/authentication/upstreams/new", "PUT /upstreams/hunt", &admin.Problem{Status: 412, Detail: "upstream hunt exists already"}, []string{"upstream hunt exists already", `action="/authentication/upstreams/new"`}},
		{"still used", "/authentication/upstreams/hunt/delete", "DELETE /upstreams/hunt", &admin.Problem{Status: 409, Detail: "12 users log in by it"}, []string{"12 users log in by it"}},
		{"deleted too late", "/authentication/upstreams/hunt/delete", "DELETE /upstreams/hunt", &admin.Problem{Status: 412, Detail: "changed"}, []string{"this is how it is now"}},
		{"tried", "/authentication/upstreams/hunt/try", "POST /upstreams/test", &admin.Problem{Status: 422, Errors: []admin.ProblemDetail{{Location: "search.filter", Message: "is no filter"}}}, []string{`id="e-search_filter"`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := authAnswers()
			a[tt.asks] = tt.problem
			b.answers = a
			w := b.post(t, tt.path, form)
			wants(t, w, tt.problem.Status, tt.wants...)
			if !strings.HasSuffix(tt.path, "delete") {
				wants(t, w, tt.problem.Status, "ldap://&lt;a&gt;")
			}
			if strings.Contains(w.Body.String(), "s3cret") {
				t.Error("the password comes back")
			}
		})
	}
}

func TestTryUpstream(t *testing.T) {
	const pinned = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	a := authAnswers()
	a["POST /upstreams/test"] = admin.UpstreamTest{Servers: []admin.ServerTest{
		{URL: "ldaps://dc1", OK: true, Steps: []admin.LoginStep{{Name: "tls", OK: true, Detail: "dc1: <name>, until 2027, pin " + pinned, Duration: 12e6}}},
		{URL: "ldaps://dc2", Steps: []admin.LoginStep{{Name: "connect", Detail: "connection refused"}}}}}
	form := url.Values{"urls": {"ldaps://dc1"}, "mode": {"search"}, "search_bind_dn": {"cn=x"}, "search_password": {"s3cret"}, "name": {"new"}}
	for _, path := range []string{"/authentication/try", "/authentication/upstreams/hunt/try"} {
		b := start(t, a)
		w := b.post(t, path, form)
		wants(t, w, http.StatusOK, "&lt;name&gt;", "connection refused", "does not work", "12 ms", `data-fill="{&#34;f-pinned_key&#34;:&#34;`+strings.ReplaceAll(pinned, "+", "&#43;"), "Encrypt the connection")
		if strings.Contains(w.Body.String(), "s3cret") {
			t.Error("the password comes back")
		}
		if last := b.asked[len(b.asked)-1]; last.What != "POST /upstreams/test" || !strings.Contains(last.Body, `"password":"s3cret"`) {
			t.Error(last)
		}
	}
	b := start(t, a)
	send := func() *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, "/authentication/try", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("X-Fragment", "1")
		return b.send(t, r)
	}
	if w := send(); w.Code != http.StatusOK || strings.Contains(w.Body.String(), "<form") || !strings.Contains(w.Body.String(), "connection refused") {
		t.Error(w.Body)
	}
	a["POST /upstreams/test"] = &admin.Problem{Status: 422, Detail: "mistakes", Errors: []admin.ProblemDetail{{Location: "urls", Message: "is <missing>"}, {Location: "bind_dn", Message: "is missing"}}}
	if w := send(); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "is &lt;missing&gt;") {
		t.Error(w.Body)
	}
}

func TestExample(t *testing.T) {
	b := start(t, authAnswers())
	for _, tt := range []struct {
		name  string
		form  url.Values
		wants string
	}{
		{"a DN", url.Values{"bind_dn": {"uid=%,ou=<people>"}}, "uid=alice,ou=&lt;people&gt;"},
		{"a user principal name", url.Values{"bind_dn": {"%@example.com"}}, "alice@example.com"},
		{"a domain", url.Values{"bind_dn": {`EXAMPLE\%`}}, `EXAMPLE\alice`},
		{"a search", url.Values{"mode": {"search"}, "search_filter": {"(uid=%)"}, "search_base": {"dc=x"}}, "<code>(uid=alice)</code> below <code>dc=x</code>"},
		{"no place for the login", url.Values{"bind_dn": {"uid=alice"}}, "exactly one %"},
		{"two places", url.Values{"bind_dn": {"uid=%,cn=%"}}, "exactly one %"},
		{"no form", url.Values{"bind_dn": {"x%"}}, "neither a DN"},
		{"a filter without parentheses", url.Values{"mode": {"search"}, "search_filter": {"uid=%"}}, "in parentheses"},
		{"forms of a domain", url.Values{"domain": {"Corp.Example.com"}}, `<code>uid=%,cn=users,dc=corp,dc=example,dc=com</code>`},
		{"short name", url.Values{"domain": {"corp.example.com"}}, `<code>CORP\%</code>`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := b.post(t, "/authentication/example", tt.form)
			wants(t, w, http.StatusOK, tt.wants)
			if strings.Contains(w.Body.String(), "<html") {
				t.Error("a whole page")
			}
		})
	}
	if forms := nameForms(`evil",dc=x`); forms != nil {
		t.Error(forms)
	}
}
