//go:build e2e

package e2e_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
	"github.com/dialtree/dialtree/e2e/openapi"
)

// guarded starts the product with TLS on its admin listener and some objects.
func guarded(t *testing.T) *fixture.Dialtree {
	t.Helper()
	o := options(t)
	o.Authority = must[*fixture.Authority](t)(authority())
	cert := must[fixture.Certificate](t)(o.Authority.Issue("admin", "127.0.0.1"))
	o.AdminTLS = &cert
	return dialtree(t, o, strings.Join([]string{
		"kind: phonebook\nname: customers\nreaders: [everyone]",
		"kind: user\nusername: alice\ndisplayname: Alice",
		"kind: contact\nphonebook: customers\ndisplayname: Taxi\nphone: ['030 1234']",
		"kind: speeddial\nshortcode: '11'\ndisplayname: Help desk\nphone: ['100']",
		"kind: device\nname: reception\npassword: " + planted + " of the device",
		"kind: upstream\nname: directory\nurls: ['ldap://127.0.0.1:1']\nbind_dn: uid=%",
		"kind: connector\nname: staff\ntemplate: csv-users\nsource: {csv: {path: /nonexistent/staff.csv}}\nauthentication: {method: none}",
	}, "\n---\n"))
}

// state is the number of the store's last change: the same, and nothing was changed.
func state(t *testing.T, d *fixture.Dialtree) uint64 {
	t.Helper()
	var figures struct{ Change uint64 }
	owner(d).done(t, http.MethodGet, "/api/v1/store", nil, &figures)
	return figures.Change
}

// Whoever has not signed in is told so by every operation, whatever he brings along, and changes nothing.
func TestNothingWithoutSignIn(t *testing.T) {
	d := guarded(t)
	_, all := operations(t, d)
	nobody := network(d)
	before := state(t, d)
	for title, c := range map[string]caller{
		"nobody":             nobody,
		"a made-up session":  nobody.browser().with("Cookie", "__Host-dialtree_session=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
		"an empty session":   nobody.browser().with("Cookie", "__Host-dialtree_session="),
		"a made-up token":    nobody.with("Authorization", "Bearer dialtree_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
		"an empty token":     nobody.with("Authorization", "Bearer "),
		"a name and nothing": nobody.with("Authorization", "Basic cmVjZXB0aW9uOg=="),
	} {
		for _, o := range all {
			if o.Scope == "public" {
				continue
			}
			a := c.ask(t, o.Method, nowhere(o), nil)
			if a.status != http.StatusUnauthorized || a.header.Get("WWW-Authenticate") == "" || strings.Contains(a.body, planted) {
				t.Errorf("%s: %v: %d %v %.300s", title, o, a.status, a.header, a.body)
			}
		}
	}
	if after := state(t, d); after != before {
		t.Errorf("the store went from change %d to %d", before, after)
	}
}

// Every operation lets in those who have its scope, and nobody else who has signed in.
func TestScopes(t *testing.T) {
	d := guarded(t)
	_, all := operations(t, d)
	callers := map[string]struct {
		caller caller
		scopes []string
	}{
		"a viewer":  {signedIn(t, d, viewerName, viewerPassword, "viewer"), []string{"read"}},
		"an editor": {signedIn(t, d, "edith", planted+" of the editor", "editor"), []string{"read", "contacts"}},
	}
	for _, scope := range []string{"read", "contacts", "users", "run", "admin"} {
		callers["a token for "+scope] = struct {
			caller caller
			scopes []string
		}{withToken(t, d, scope), []string{scope}}
	}
	for title, who := range callers {
		for _, o := range all {
			if o.Scope == "public" || o.Scope == "signed-in" {
				continue
			}
			may := slices.Contains(who.scopes, o.Scope) || slices.Contains(who.scopes, "admin")
			a := who.caller.ask(t, o.Method, nowhere(o), emptyBody(o))
			if refused := a.status == http.StatusForbidden; refused == may || a.status == http.StatusUnauthorized {
				t.Errorf("%s: %v, which needs %s: %d %.300s", title, o, o.Scope, a.status, a.body)
			}
		}
	}
}

// emptyBody is a body that an operation looks at and does nothing for.
func emptyBody(o openapi.Operation) any {
	if len(o.Bodies) == 0 {
		return nil
	}
	return []byte("{}")
}

// What a page of another site makes the administrator's browser send is refused before anything is done.
func TestForeignSites(t *testing.T) {
	d := guarded(t)
	_, all := operations(t, d)
	ada := signedIn(t, d, adminName, adminPassword, "admin")
	before := state(t, d)
	foreign := map[string]caller{
		"another origin":      ada.with("Origin", "https://evil.example").with("Sec-Fetch-Site", "cross-site"),
		"only an origin":      without(ada.with("Origin", "https://evil.example"), "Sec-Fetch-Site"),
		"no origin":           without(without(ada, "Origin"), "Sec-Fetch-Site"),
		"null":                without(ada.with("Origin", "null"), "Sec-Fetch-Site"),
		"a host of this site": ada.with("Sec-Fetch-Site", "same-site").with("Origin", strings.Replace(d.AdminURL(), "127.0.0.1", "127.0.0.2", 1)),
		"another scheme":      without(ada.with("Origin", strings.Replace(d.AdminURL(), "https:", "http:", 1)), "Sec-Fetch-Site").with("Sec-Fetch-Site", "cross-site"),
	}
	for title, c := range foreign {
		for _, o := range all {
			if !o.Changes() {
				continue
			}
			if a := c.ask(t, o.Method, nowhere(o), emptyBody(o)); a.status != http.StatusForbidden {
				t.Errorf("%s: %v: %d %.300s", title, o, a.status, a.body)
			}
		}
		for _, form := range []string{"/sign-out", "/sign-in", "/administrators/new", "/devices/new"} {
			if a := c.ask(t, http.MethodPost, form, "name=evil&role=admin"); a.status != http.StatusForbidden {
				t.Errorf("%s: POST %s: %d %.300s", title, form, a.status, a.body)
			}
		}
	}
	if after := state(t, d); after != before {
		t.Errorf("the store went from change %d to %d", before, after)
	}
	if a := ada.ask(t, http.MethodGet, "/api/v1/me", nil); a.status != http.StatusOK {
		t.Errorf("the session ended: %d %s", a.status, a.body)
	}
	for _, header := range []string{"Access-Control-Allow-Origin", "Access-Control-Allow-Credentials"} {
		if a := foreign["another origin"].ask(t, http.MethodOptions, "/api/v1/users", nil); a.header.Get(header) != "" {
			t.Errorf("another site may: %s: %s", header, a.header.Get(header))
		}
	}
}

func without(c caller, key string) caller {
	c.header = c.header.Clone()
	c.header.Del(key)
	return c
}

// Two administrators who change the same thing do not overwrite each other.
func TestStaleTags(t *testing.T) {
	d := guarded(t)
	first, second := signedIn(t, d, adminName, adminPassword, "admin"), withToken(t, d, "admin")
	for _, c := range []struct{ path, document string }{
		{"/api/v1/users/alice", `{"kind":"user","username":"alice","displayname":"%s"}`},
		{"/api/v1/phonebooks/customers", `{"kind":"phonebook","name":"customers","title":"%s","readers":["everyone"]}`},
		{"/api/v1/speeddials/11", `{"kind":"speeddial","shortcode":"11","displayname":"%s","phone":["100"]}`},
		{"/api/v1/devices/reception", `{"kind":"device","name":"reception","title":"%s"}`},
		{"/api/v1/upstreams/directory", `{"kind":"upstream","name":"directory","urls":["ldap://127.0.0.1:1"],"search":{"base":"dc=x","filter":"(uid=%%)","bind_dn":"%s","password":"x"}}`},
		{"/api/v1/connectors/staff", `{"kind":"connector","name":"staff","template":"csv-users","filter":"username != '%s'","source":{"csv":{"path":"/nonexistent/staff.csv"}},"authentication":{"method":"none"}}`},
		{"/api/v1/administrators/" + adminName, `{"kind":"administrator","name":"` + adminName + `","role":"admin","title":"%s"}`},
	} {
		t.Run(c.path, func(t *testing.T) {
			tag := first.done(t, http.MethodGet, c.path, nil, nil).header.Get("ETag")
			if tag == "" {
				t.Fatal("no ETag")
			}
			document := func(text string) []byte { return fmt.Appendf(nil, c.document, text) }
			if a := second.with("If-Match", tag).ask(t, http.MethodPut, c.path, document("cn=second")); a.status >= 300 {
				t.Fatalf("the second administrator's change: %d %s", a.status, a.body)
			}
			for _, late := range []answer{
				first.with("If-Match", tag).ask(t, http.MethodPut, c.path, document("cn=first")),
				first.with("If-Match", tag).ask(t, http.MethodDelete, c.path, nil),
				first.with("If-None-Match", "*").ask(t, http.MethodPut, c.path, document("cn=new")),
			} {
				if late.status != http.StatusPreconditionFailed {
					t.Errorf("a change of what was changed meanwhile: %d %s", late.status, late.body)
				}
			}
			if a := first.done(t, http.MethodGet, c.path, nil, nil); !strings.Contains(a.body, "cn=second") {
				t.Errorf("the second administrator's change is lost: %s", a.body)
			}
		})
	}
}

// Sessions end when they should, and with them what their cookies were good for.
func TestSessionsEnd(t *testing.T) {
	d := guarded(t)
	ada := signedIn(t, d, adminName, adminPassword, "admin")
	other := signIn(t, d, adminName, adminPassword)
	in := func(c caller) bool { return c.ask(t, http.MethodGet, "/api/v1/me", nil).status == http.StatusOK }
	if !in(ada) || !in(other) {
		t.Fatal("not signed in")
	}
	const fresh = planted + " of the administrator, changed"
	if a := ada.ask(t, http.MethodPut, "/api/v1/me/password", map[string]string{"current": "wrong", "new": fresh}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("a change without the present password: %d %s", a.status, a.body)
	}
	ada.done(t, http.MethodPut, "/api/v1/me/password", map[string]string{"current": adminPassword, "new": fresh}, nil)
	if !in(ada) || in(other) {
		t.Errorf("after the password was changed: the session that changed it %t, another one %t", in(ada), in(other))
	}
	if a := network(d).ask(t, http.MethodPost, "/api/v1/session", map[string]string{"login": adminName, "password": adminPassword}); a.status != http.StatusUnauthorized {
		t.Errorf("the old password: %d %s", a.status, a.body)
	}

	third := signIn(t, d, adminName, fresh)
	var sessions []struct {
		ID      string
		Current bool
	}
	third.done(t, http.MethodGet, "/api/v1/sessions", nil, &sessions)
	for _, s := range sessions {
		if !s.Current {
			third.done(t, http.MethodDelete, "/api/v1/sessions/"+s.ID, nil, nil)
		}
	}
	if in(ada) || !in(third) {
		t.Errorf("after one session ended another: %t and %t", in(ada), in(third))
	}
	third.done(t, http.MethodDelete, "/api/v1/session", nil, nil)
	if in(third) {
		t.Error("a cookie is good after its session was signed out")
	}

	vera := signedIn(t, d, viewerName, viewerPassword, "viewer")
	owner(d).apply(t, "kind: administrator\nname: "+viewerName+"\nrole: viewer\ndisabled: true\n")
	if in(vera) {
		t.Error("the session of a disabled administrator goes on")
	}
}

// The cookie is for this server's pages alone.
func TestCookie(t *testing.T) {
	d := guarded(t)
	signedIn(t, d, adminName, adminPassword, "admin")
	a := network(d).browser().done(t, http.MethodPost, "/api/v1/session", map[string]string{"login": adminName, "password": adminPassword}, nil)
	cookies := (&http.Response{Header: a.header}).Cookies()
	if len(cookies) != 1 {
		t.Fatalf("cookies %v", cookies)
	}
	c := cookies[0]
	if !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || !strings.HasPrefix(c.Name, "__Host-") {
		t.Errorf("%s", a.header.Get("Set-Cookie"))
	}
	if len(c.Value) < 26 { // 128 bits
		t.Errorf("a session's secret of %d characters", len(c.Value))
	}
	if strings.Contains(a.body, c.Value) {
		t.Error("the answer's body has the session's secret")
	}
}

// Wrong passwords are counted; the right one is not taken while they are too many.
func TestSignInIsThrottled(t *testing.T) {
	d := guarded(t)
	signedIn(t, d, adminName, adminPassword, "admin")
	last := 0
	for i := range 8 {
		wrong := map[string]string{"login": adminName, "password": fmt.Sprint("wrong ", i)}
		last = network(d).ask(t, http.MethodPost, "/api/v1/session", wrong).status
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("the eighth wrong password: %d", last)
	}
	if a := network(d).ask(t, http.MethodPost, "/api/v1/session", map[string]string{"login": adminName, "password": adminPassword}); a.status != http.StatusTooManyRequests {
		t.Errorf("the right password while there are too many: %d", a.status)
	}
}

// Every answer forbids the browser what no page of the product needs, also where nothing is found.
func TestSecurityHeaders(t *testing.T) {
	d := guarded(t)
	ada := signedIn(t, d, adminName, adminPassword, "admin")
	start := ada.ask(t, http.MethodGet, "/", nil)
	paths := append(linked.FindAllString(start.body, -1),
		"/", "/nowhere", "/static/x/nowhere.css", "/sign-in", "/first?code=x", "/healthz", "/readyz", "/metrics", "/api/v1/users", "/api/v1/nowhere", "/api/v1/openapi.json", "/api/v1/docs", "/api/v1/docs.css", "/api/v1/phonebooks/customers/contacts", "/favicon.ico", "/../x")
	statics := 0
	for title, c := range map[string]caller{"nobody": network(d), "an administrator": ada} {
		for _, path := range paths {
			path = strings.Trim(path, `"`)
			if strings.HasPrefix(path, "/static/") {
				statics++
			}
			for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodOptions, "TRACE"} {
				a := c.ask(t, method, path, nil)
				if wrong := weakHeaders(a.header); wrong != "" {
					t.Errorf("%s: %s %s: %d: %s", title, method, path, a.status, wrong)
				}
			}
		}
	}
	if statics < 4 {
		t.Errorf("the page has %d static files", statics)
	}
}

// weakHeaders says what is missing in the header of an answer; empty: nothing.
func weakHeaders(h http.Header) string {
	policy := h.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, want) {
			return fmt.Sprintf("the policy %q has no %s", policy, want)
		}
	}
	for _, unwanted := range []string{"unsafe-inline", "unsafe-eval", "*", "http:"} {
		if strings.Contains(policy, unwanted) {
			return fmt.Sprintf("the policy %q has %s", policy, unwanted)
		}
	}
	for key, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Strict-Transport-Security": "max-age=", "Referrer-Policy": "", "Cross-Origin-Opener-Policy": "same-origin"} {
		if got := h.Get(key); got == "" || !strings.Contains(got, want) {
			return fmt.Sprintf("%s: %q", key, got)
		}
	}
	if h.Get("Server") != "" || h.Get("X-Powered-By") != "" {
		return "it says what it is made of"
	}
	return ""
}

// A body that is too large, or does not come, ends the request and not the server.
func TestLargeAndSlowBodies(t *testing.T) {
	t.Parallel() // it waits for most of its time
	d := guarded(t)
	ada := signedIn(t, d, adminName, adminPassword, "admin")
	for title, c := range map[string]struct {
		caller caller
		path   string
		size   int
	}{
		"an administrator's": {ada, "/api/v1/apply", 33 << 20},
		"a program's":        {withToken(t, d, "admin"), "/api/v1/apply", 33 << 20},
		"nobody's":           {network(d), "/api/v1/session", 100 << 10},
		"nobody's, a form":   {network(d), "/sign-in", 100 << 10},
	} {
		var body any = []byte(strings.Repeat(" ", c.size))
		if !strings.HasPrefix(c.path, "/api/") {
			body = strings.Repeat("a", c.size)
		}
		if a := c.caller.ask(t, http.MethodPost, c.path, body); a.status != http.StatusRequestEntityTooLarge {
			t.Errorf("%s body of %d bytes: %d %.200s", title, c.size, a.status, a.body)
		}
	}
	slow := map[string]string{
		"a body":                   "POST /api/v1/session HTTP/1.1\r\nHost: dialtree\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{",
		"a form":                   "POST /sign-in HTTP/1.1\r\nHost: dialtree\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\na",
		"a body that nobody reads": "POST /api/v1/users/bulk HTTP/1.1\r\nHost: dialtree\r\nContent-Length: 1000\r\n\r\n{",
		"a header":                 "GET / HTTP/1.1\r\nHost: dialtree\r\nX-Slow: ",
	}
	type cut struct {
		title string
		after time.Duration
		err   error
	}
	cuts := make(chan cut, len(slow))
	for title, begin := range slow {
		c := must[*tls.Conn](t)(tls.Dial("tcp", d.AdminAddress, must[*fixture.Authority](t)(authority()).ClientConfig("127.0.0.1")))
		defer c.Close()
		go func() {
			after, err := dribble(c, begin)
			cuts <- cut{title, after, err}
		}()
	}
	for range slow {
		if c := <-cuts; c.after > 45*time.Second {
			t.Errorf("%s that comes a byte a second: the connection was open for %v: %v", c.title, c.after, c.err)
		}
	}
}

// dribble begins a request, sends the rest of it a byte a second, and returns how long the server let it, for a minute at most.
func dribble(c net.Conn, begin string) (time.Duration, error) {
	begun := time.Now()
	if _, err := io.WriteString(c, begin); err != nil {
		return 0, err
	}
	go func() {
		for range time.Tick(time.Second) {
			if _, err := io.WriteString(c, "a"); err != nil {
				return
			}
		}
	}()
	if err := c.SetReadDeadline(begun.Add(time.Minute)); err != nil {
		return 0, err
	}
	_, err := io.Copy(io.Discard, c)
	return time.Since(begun), err
}
