package admin_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/store"
)

func TestProblems(t *testing.T) {
	b := start(t)
	b.apply(t, secrets)
	for _, tc := range []struct {
		name, method, path, body string
		header                   []string
		status                   int
		want                     string
	}{
		{"unknown object", "GET", "/api/v1/upstreams/none", "", nil, 404, `"detail":"upstream none does not exist"`},
		{"unknown user", "GET", "/api/v1/users/none", "", nil, 404, `user \"none\" does not exist`},
		{"problems are RFC 9457's", "GET", "/api/v1/devices/none", "", nil, 404, "application/problem+json"},
		{"in use", "DELETE", "/api/v1/connectors/none", "", nil, 404, "connector none does not exist"},
		{"a stale ETag", "DELETE", "/api/v1/users/alice", "", []string{"If-Match", `"1234"`}, 412, "was changed since it was read"},
		{"a stale ETag of an object", "DELETE", "/api/v1/phonebooks/customers", "", []string{"If-Match", `"x"`}, 412, "was changed since it was read"},
		{"a query that is not known", "GET", "/api/v1/users?lmit=1", "", nil, 422, "lmit"},
		{"a page too large", "GET", "/api/v1/users?limit=100000", "", nil, 422, "limit"},
		{"a place that is none", "GET", "/api/v1/users?after=xyz", "", nil, 400, "after is not the next of a page"},
		{"a place that is none, of objects", "GET", "/api/v1/phonebooks?after=!", "", nil, 400, "after is not the next of a page"},
		{"an unknown state", "GET", "/api/v1/users?state=gone", "", nil, 422, "state"},
		{"an unknown operation", "PATCH", "/api/v1/users/alice", "", nil, 404, `"detail":"there is no operation PATCH /api/v1/users/alice`},
		{"no JSON", "POST", "/api/v1/apply", "{", nil, 400, ""},
		{"no files", "POST", "/api/v1/apply", `{"files":[]}`, nil, 422, "files"},
		{"a run of no connector", "POST", "/api/v1/connectors/none/run", "", nil, 404, "connector none does not exist"},
		{"an unknown template", "GET", "/api/v1/templates/none?name=x", "", nil, 422, `"location":"template"`},
		{"a short password", "PUT", "/api/v1/users/alice/password", `{"password":"abc"}`, nil, 422, "is too short"},
		{"an unknown method", "PUT", "/api/v1/users/alice/auth", `{"method":"ldap"}`, nil, 422, `"location":"auth.method"`},
		{"an upstream without name", "PUT", "/api/v1/users/alice/auth", `{"method":"upstream"}`, nil, 422, `"location":"auth.upstream"`},
		{"a relative backup", "POST", "/api/v1/backup", `{"path":"x"}`, nil, 422, "must be absolute"},
		{"a backup nowhere", "POST", "/api/v1/backup", `{"path":"/nonexistent/x"}`, nil, 422, "no such file"},
		{"too large", "POST", "/api/v1/apply", strings.Repeat(" ", 32<<20+1), nil, 413, "larger than 32 MiB"},
		{"a field error has its place", "POST", "/api/v1/apply", `{"files":[{"name":"u.yaml","text":"kind: phonebook\nname: x\nreaders: [nobody]\n"}]}`, nil, 422, `"file":"u.yaml","line":3`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			status, answer := b.raw(t, tc.method, tc.path, tc.body, tc.header...)
			if status != tc.status || !strings.Contains(answer, tc.want) {
				t.Errorf("%d %s\nwant %d with %s", status, answer, tc.status, tc.want)
			}
		})
	}
}

func TestETag(t *testing.T) {
	b := start(t)
	b.apply(t, secrets)
	for _, path := range []string{"/api/v1/users/alice", "/api/v1/phonebooks/customers"} {
		_, answer := b.raw(t, http.MethodGet, path, "")
		_, rest, _ := strings.Cut(answer, `Etag:["`)
		tag, _, _ := strings.Cut(rest, `"]`)
		tag = `"` + strings.Trim(tag, `"\`) + `"`
		query := ""
		if strings.Contains(path, "phonebooks") {
			query = "?force=true"
		}
		if status, answer := b.raw(t, http.MethodDelete, path+query, "", "If-Match", tag); status != http.StatusNoContent {
			t.Errorf("%s If-Match %s: %d %s", path, tag, status, answer)
		}
	}
}

func TestPaging(t *testing.T) {
	b := start(t)
	changes := &store.Changes{}
	for i := range 1203 {
		name := "u" + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + time.Duration(i).String()
		changes.Put = append(changes.Put, store.Entry{Kind: store.KindUser, Values: store.Values{
			{Field: store.Username, Text: name}, {Field: store.DisplayName, Text: name}}})
	}
	if _, err := b.store.Apply(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	after := ""
	pages := 0
	for {
		status, answer := b.raw(t, http.MethodGet, "/api/v1/users?limit=100&after="+after, "")
		if status != http.StatusOK {
			t.Fatal(status, answer)
		}
		pages++
		for _, part := range strings.Split(answer, `"username":"`)[1:] {
			name, _, _ := strings.Cut(part, `"`)
			if seen[name] {
				t.Fatalf("%s twice", name)
			}
			seen[name] = true
		}
		_, next, more := strings.Cut(answer, `"next":"`)
		if !more {
			break
		}
		after, _, _ = strings.Cut(next, `"`)
	}
	if len(seen) != 1203 || pages != 13 {
		t.Errorf("%d users on %d pages", len(seen), pages)
	}
	all, err := b.client.List(t.Context(), "user", admin.ListOptions{})
	if err != nil || len(all) != 1203 {
		t.Errorf("%d users, %v", len(all), err)
	}
}

func TestRun(t *testing.T) {
	b := start(t)
	b.apply(t, secrets)
	var phases []string
	progress := func(p admin.Progress) { phases = append(phases, p.Phase) }
	report, err := b.client.Run(t.Context(), "staff", admin.ImportOptions{DryRun: true, Progress: progress})
	if err != nil || !report.DryRun || report.Run.Created != 2 || strings.Join(phases, " ") != "fetch apply" {
		t.Errorf("%+v %v %v", report, phases, err)
	}
	b.syncer.report = &admin.Report{Run: store.Run{Result: store.RunStopped, Error: "11 of 12 would go"}}
	if report, err = b.client.Run(t.Context(), "staff", admin.ImportOptions{}); err != nil || report.Run.Result != store.RunStopped {
		t.Errorf("%+v %v", report, err)
	}
	b.syncer.report, b.syncer.err = nil, errors.New("another run is under way")
	var problem *admin.Problem
	if _, err = b.client.Run(t.Context(), "staff", admin.ImportOptions{}); !errors.As(err, &problem) || !strings.Contains(problem.Detail, "another run is under way") {
		t.Errorf("%v", err)
	}
	if report, err = b.client.Undo(t.Context(), "staff-1"); err != nil || report.Run.Undoes != "staff-1" {
		t.Errorf("%+v %v", report, err)
	}
	if _, err = b.client.Undo(t.Context(), "staff-9"); err == nil || err.Error() != "run staff-9 does not exist" {
		t.Errorf("%v", err)
	}
}

// TestShutdown: a run under way does not keep the server from ending.
func TestImportFile(t *testing.T) {
	b := start(t)
	content := "username\r\nalice\x00\xff\n" // as it is, whatever it is
	var phases []string
	r, err := b.client.Import(t.Context(), admin.HandFile{Name: "a b.csv", Content: []byte(content), Target: "users"},
		admin.ImportOptions{DryRun: true, Progress: func(p admin.Progress) { phases = append(phases, p.Phase) }})
	if err != nil || !r.DryRun || r.Run.Connector != store.HandImports || len(phases) == 0 {
		t.Errorf("%+v, %q, %v", r, phases, err)
	}
	if want := "a b.csv: " + strings.ToValidUTF8(content, "\uFFFD"); len(r.Notes) != 1 || r.Notes[0] != want {
		t.Errorf("notes %q, want %q", r.Notes, want)
	}
	_, err = b.client.Import(t.Context(), admin.HandFile{Name: "a.csv", Content: []byte("a"), Target: "people"}, admin.ImportOptions{})
	if err == nil || !strings.Contains(err.Error(), "to") {
		t.Errorf("error %v", err)
	}
	if runs, err := b.client.Runs(t.Context(), store.HandImports, 5); err != nil || len(runs) != 0 {
		t.Errorf("runs %+v, %v", runs, err)
	}
	_, err = b.client.Import(t.Context(), admin.HandFile{Name: "a.csv", Target: "users", Content: make([]byte, admin.MaxImport+1)}, admin.ImportOptions{})
	if err == nil || !strings.Contains(err.Error(), "larger than 32 MiB") {
		t.Errorf("error %v", err)
	}
}

func TestShutdown(t *testing.T) {
	b := start(t)
	b.apply(t, secrets)
	b.syncer.block = make(chan struct{})
	ended := make(chan error, 1)
	begun := make(chan struct{}, 2)
	go func() {
		_, err := b.client.Run(context.Background(), "staff", admin.ImportOptions{Progress: func(admin.Progress) { begun <- struct{}{} }})
		ended <- err
	}()
	<-begun
	start := time.Now()
	b.stop()
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
	if err := <-ended; err == nil {
		t.Error("the client was told of a success")
	}
}

func TestNotRunning(t *testing.T) {
	client := admin.NewClient("/nonexistent/data/dialtree.sock")
	_, err := client.Status(t.Context())
	var notRunning *admin.ErrNotRunning
	want := "dialtree is not running for data directory /nonexistent/data (no socket /nonexistent/data/dialtree.sock): start it with `dialtree serve --data-dir /nonexistent/data`, or name the right directory with --data-dir"
	if !errors.As(err, &notRunning) || err.Error() != want {
		t.Errorf("%v", err)
	}
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(text)
}

func TestPublicListener(t *testing.T) {
	b := start(t)
	for _, tc := range []struct {
		path   string
		status int
		want   string
	}{
		{"/healthz", 200, "ok"},
		{"/readyz", 200, `{"ready":true,"store":"ok","changes":"ok","listeners":"ok","upstreams":[{"name":"corp","servers":[{"url":"ldaps://dc1","up":false,"last_error":"timeout"}]}]}`},
		{"/metrics", 200, "dialtree_test 1"},
		{"/api/v1/status", 401, "sign in first"},
		{"/api/v1/users", 401, "sign in first"},
		{"/", 404, ""},
	} {
		if status, answer := get(t, "http://"+b.public+tc.path); status != tc.status || !strings.Contains(answer, tc.want) {
			t.Errorf("%s: %d %s", tc.path, status, answer)
		}
	}
	b.ready = errors.New("ldap.listen is down")
	if status, answer := get(t, "http://"+b.public+"/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(answer, `"listeners":"ldap.listen is down"`) {
		t.Errorf("%d %s", status, answer)
	}
}

func TestMetricsFrom(t *testing.T) {
	b := start(t)
	for remote, want := range map[string]int{
		"127.0.0.1:1": 200, "[::ffff:127.0.0.1]:1": 200, "192.0.2.1:1": 403, "[::1]:1": 403, "": 403, "@": 403,
	} {
		r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
		r.RemoteAddr = remote
		r.Header.Set("X-Forwarded-For", "127.0.0.1")
		w := httptest.NewRecorder()
		b.server.PublicHandler().ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%q: %d, want %d", remote, w.Code, want)
		}
	}
}

// TestUserDecisions: what an administrator decides of a user is marked, so that a
// sync leaves it alone.
func TestUserDecisions(t *testing.T) {
	b := start(t)
	b.apply(t, secrets)
	if _, err := b.store.Apply(t.Context(), &store.Changes{Put: []store.Entry{{Kind: store.KindUser, Owner: "staff", Key: "k1",
		Values: store.Values{{Field: store.Username, Text: "dora"}, {Field: store.DisplayName, Text: "Dora"}, {Field: store.Phone, Text: "1"}},
		Auth:   store.Auth{Method: store.AuthUpstream, Upstream: "corp", DN: "uid=dora"}}}}); err != nil {
		t.Fatal(err)
	}
	b.apply(t, "kind: user\nusername: dora\nphone: '2'\nconnector: staff\n")
	e, err := b.store.User("dora")
	if err != nil || e.Values.First(store.Phone) != "2" || e.Values.First(store.DisplayName) != "Dora" || e.Owner != "staff" {
		t.Fatalf("%+v %v", e, err)
	}
	if !e.Local.Has(store.Phone) || e.Local.Has(store.DisplayName) || e.LocalAuth {
		t.Errorf("local %v %v", e.Local.Fields(), e.LocalAuth)
	}
	if err := b.client.SetEnabled(t.Context(), "dora", false); err != nil {
		t.Fatal(err)
	}
	if e, _ = b.store.User("dora"); !e.Auth.Disabled || !e.LocalAuth || e.Auth.DN != "uid=dora" {
		t.Errorf("%+v", e.Auth)
	}
	// A method of its own forgets what belonged to the other.
	if err := b.client.SetAuth(t.Context(), "dora", admin.NewAuth{Method: "internal"}); err != nil {
		t.Fatal(err)
	}
	if e, _ = b.store.User("dora"); e.Auth.Method != store.AuthInternal || e.Auth.DN != "" || e.Auth.Upstream != "" || !e.Auth.Disabled {
		t.Errorf("%+v", e.Auth)
	}
}
