package admin_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/refusals"
	"github.com/dialtree/dialtree/store"
)

// fakeRefusals takes note of what is refused.
type fakeRefusals struct {
	mu  sync.Mutex
	all []refusals.Refusal
}

func (f *fakeRefusals) Add(r refusals.Refusal) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = append(f.all, r)
}

func (f *fakeRefusals) Top(int) (names, addresses []refusals.Count) {
	return []refusals.Count{{Name: "mallory", Count: 7}}, []refusals.Count{{Name: "192.0.2.9", Count: 3}}
}

func (f *fakeRefusals) take() []refusals.Refusal {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.all
	f.all = nil
	return all
}

// Each request that is refused leaves one note: with who asked, for what, and why. Passwords are noted by who checks them.
func TestRefusedRequestsAreNoted(t *testing.T) {
	notes := &fakeRefusals{}
	b := startWith(t, func(o *admin.Options) { o.Refusals = notes })
	b.apply(t, people)
	vera := b.signedIn(t, "vera")
	nobody := b.visitor()
	evil := b.visitor()
	evil.cookie, evil.header = vera.cookie, map[string]string{"Sec-Fetch-Site": "cross-site"}
	remote := b.visitor()
	remote.remote, remote.cookie = "203.0.113.9:1", vera.cookie
	token := b.visitor()
	token.header["Authorization"] = "Bearer dialtree_x_" + strings.Repeat("a", 32)
	device := func(v *visitor, login string) *visitor {
		v.header["Authorization"] = login
		return v
	}
	for _, tt := range []struct {
		title        string
		who          *visitor
		method, path string
		body         string
		status       int
		want         string // door, outcome, name and reason; empty: no note
	}{
		{"what she may", vera, "GET", "/api/v1/users", "", 200, ""},
		{"what is not there", vera, "GET", "/api/v1/users/none", "", 404, ""},
		{"a scope that she has not", vera, "DELETE", "/api/v1/users/alice", "", 403, "page forbidden vera DELETE /api/v1/users/alice: vera may not do this: it needs the scope users"},
		{"nobody", nobody, "GET", "/api/v1/users", "", 401, "api unauthenticated  GET /api/v1/users: sign in first"},
		{"another site", evil, "POST", "/api/v1/apply", "{}", 403, "page foreign_site vera POST /api/v1/apply: this request was sent by a page of another site"},
		{"in the clear", remote, "GET", "/api/v1/users", "", 403, "api tls_required  GET /api/v1/users: secrets are taken over TLS only"},
		{"a wrong token", token, "GET", "/api/v1/users", "", 401, "api unauthenticated  GET /api/v1/users: this is not a token"},
		{"a wrong link", nobody, "POST", "/api/v1/session/first", `{"code":"x","name":"y","password":"long enough"}`, 401, "api unauthenticated  POST /api/v1/session/first: this link was used"},
		{"a wrong password", nobody, "POST", "/api/v1/session", `{"login":"ada","password":"wrong"}`, 401, ""},
		{"throttled", nobody, "POST", "/api/v1/session", `{"login":"ada","password":"throttled"}`, 429, ""},
		{"without a role", nobody, "POST", "/api/v1/session", `{"login":"paul","password":"right"}`, 403, "page forbidden paul the password is right, but the user has no role here"},
		{"a phone that asks first without a name", b.visitor(), "GET", "/api/v1/phonebooks/customers/contacts", "", 401, ""},
		{"a device's wrong secret", device(b.visitor(), "Basic YnJhbmNoOndyb25n"), "GET", "/api/v1/phonebooks/customers/contacts", "", 401, ""},
	} {
		notes.take()
		if w := tt.who.ask(t, tt.method, tt.path, tt.body); w.Code != tt.status {
			t.Fatalf("%s: %d %s", tt.title, w.Code, w.Body)
		}
		got := notes.take()
		if tt.want == "" {
			if len(got) > 0 {
				t.Errorf("%s: %+v", tt.title, got)
			}
			continue
		}
		if len(got) != 1 {
			t.Errorf("%s: %+v", tt.title, got)
			continue
		}
		r := got[0]
		if text := strings.Join([]string{r.Door, r.Outcome, r.Name, r.Reason}, " "); !strings.HasPrefix(text, tt.want) || r.Code != tt.status || !r.From.IsValid() {
			t.Errorf("%s: %q, want %q: %+v", tt.title, text, tt.want, r)
		}
	}
}

// The log of refusals, its filters and its files.
func TestRefusalRoutes(t *testing.T) {
	b := start(t)
	now := time.Now().UTC().Truncate(time.Second)
	old := now.Add(-3 * time.Hour)
	if _, err := b.store.Apply(t.Context(), &store.Changes{Refusals: []store.Refusal{
		{First: old, Last: old, Count: 1, Door: "ldap", Name: "alice", From: "192.0.2.1", Outcome: "refused", Code: 49, Reason: "wrong password"},
		{First: now, Last: now, Count: 2, Door: "ldaps", Name: `EXAMPLE\Alice`, From: "192.0.2.2", Outcome: "throttled", Code: 51, Reason: "too many"},
		{First: now, Last: now, Count: 9, Door: "api", Name: "=cmd", From: "2001:db8::1", Outcome: "unauthenticated", Code: 401, Reason: "GET /"},
		{First: now, Last: now, Count: 77, Outcome: "others", Others: true},
	}}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		o    admin.RefusalOptions
		want []int // counts, the last first
	}{
		{"all", admin.RefusalOptions{}, []int{77, 9, 2, 1}},
		{"two", admin.RefusalOptions{Limit: 2}, []int{77, 9}},
		{"those before", admin.RefusalOptions{After: 3}, []int{2, 1}},
		{"of a user", admin.RefusalOptions{User: "alice"}, []int{2, 1}},
		{"of an address", admin.RefusalOptions{Address: "192.0.2.1"}, []int{1}},
		{"of a network", admin.RefusalOptions{Address: "192.0.2.7/24"}, []int{2, 1}},
		{"of another network", admin.RefusalOptions{Address: "2001:db8::/32"}, []int{9}},
		{"of a class", admin.RefusalOptions{Outcome: "throttled"}, []int{2}},
		{"at a door", admin.RefusalOptions{Door: "ldap"}, []int{1}},
		{"lately", admin.RefusalOptions{User: "alice", Since: now.Add(-time.Hour)}, []int{2}},
	} {
		got, err := b.client.Refusals(t.Context(), tt.o)
		counts := []int{}
		for _, r := range got {
			counts = append(counts, r.Count)
		}
		if err != nil || !slices.Equal(counts, tt.want) {
			t.Errorf("%s: %v %v, want %v", tt.name, counts, err, tt.want)
		}
	}
	if _, err := b.client.Refusals(t.Context(), admin.RefusalOptions{Address: "here"}); err == nil || !strings.Contains(err.Error(), "neither an address nor a network") {
		t.Error(err)
	}
	for format, want := range map[string]string{
		"csv":  "n,first,last,count,door,name,from,outcome,code,reason\r\n4,",
		"json": `{"n":4,"first":"` + now.Format(time.RFC3339) + `"`,
	} {
		download, err := b.client.RefusalsFile(t.Context(), admin.RefusalOptions{}, format)
		if err != nil {
			t.Fatal(err)
		}
		text := readAll(t, download)
		if !strings.HasPrefix(text, want) || format == "csv" && !strings.Contains(text, ",'=cmd,") {
			t.Errorf("%s: %s", format, text)
		}
	}
	records, err := b.client.Audit(t.Context(), admin.AuditOptions{Limit: 1})
	if err != nil || records[0].Action != "downloaded what was refused" {
		t.Errorf("%+v %v", records, err)
	}
}

func readAll(t *testing.T, d *admin.Download) string {
	t.Helper()
	defer d.Close()
	var b strings.Builder
	buffer := make([]byte, 4096)
	for {
		n, err := d.Read(buffer)
		b.Write(buffer[:n])
		if err != nil {
			return b.String()
		}
	}
}

func TestLive(t *testing.T) {
	b := startWith(t, func(o *admin.Options) { o.Refusals = &fakeRefusals{} })
	first, err := b.client.Live(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	again, err := b.client.Live(t.Context(), first.N)
	if err != nil || again.N <= first.N || again.Seconds > 60 || len(again.RefusedNames) != 1 || again.RefusedNames[0].Count != 7 || again.Throttled.UserCount != 0 {
		t.Errorf("%+v %v", again, err)
	}
	for range 100 { // readings are forgotten
		if _, err := b.client.Live(t.Context(), first.N); err != nil {
			t.Fatal(err)
		}
	}
}

// fakeTracer tells of one event, and then of nothing.
type fakeTracer struct {
	mu     sync.Mutex
	what   string
	closed chan struct{}
	err    error
}

func (f *fakeTracer) Follow(what string) (admin.Follower, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.what = what
	return &fakeFollower{f: f}, f.err
}

type fakeFollower struct {
	f    *fakeTracer
	told bool
}

func (f *fakeFollower) Next(ctx context.Context) (*admin.TraceBatch, error) {
	if !f.told {
		f.told = true
		return &admin.TraceBatch{Events: []admin.TraceEvent{{Conn: 7, Kind: "request", What: "bind", Attrs: []admin.LogAttr{{Key: "name", Value: "alice"}}}}, Lost: 2}, nil
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

func (f *fakeFollower) Close() { close(f.f.closed) }

// Following ends by itself, with its client and with the server; who followed whom is in the audit log.
func TestTrace(t *testing.T) {
	for _, end := range []string{"time", "client", "server"} {
		t.Run(end, func(t *testing.T) {
			tracer := &fakeTracer{closed: make(chan struct{})}
			b := startWith(t, func(o *admin.Options) { o.Tracer = tracer })
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			lasts := time.Hour
			if end == "time" {
				lasts = time.Second
			}
			events := 0
			err := b.client.Trace(ctx, "alice", lasts, func(batch *admin.TraceBatch) error {
				events += len(batch.Events)
				if batch.Lost != 2 || batch.Events[0].Attrs[0].Value != "alice" {
					t.Errorf("%+v", batch)
				}
				records, err := b.client.Audit(t.Context(), admin.AuditOptions{Limit: 1})
				if err != nil || records[0].Action != "followed requests" || records[0].Name != "alice" {
					t.Errorf("%+v %v", records, err)
				}
				switch end {
				case "client":
					cancel()
				case "server":
					go b.stop()
				}
				return nil
			})
			if events != 1 || end == "client" != errors.Is(err, context.Canceled) {
				t.Errorf("%d events, %v", events, err)
			}
			select {
			case <-tracer.closed:
			case <-time.After(10 * time.Second):
				t.Error("it goes on")
			}
		})
	}
}

func TestTraceIsRefused(t *testing.T) {
	tracer := &fakeTracer{err: errors.New("others are following already")}
	b := startWith(t, func(o *admin.Options) { o.Tracer = tracer })
	if err := b.client.Trace(t.Context(), "alice", time.Minute, nil); err == nil || !strings.Contains(err.Error(), "others are following") {
		t.Error(err)
	}
	for _, network := range []string{"10.0.0.0/33", "10.0.0.0/", "2001:db8::/129"} {
		if err := b.client.Trace(t.Context(), network, time.Minute, nil); err == nil || !strings.Contains(err.Error(), "is no network") {
			t.Errorf("%s: %v", network, err)
		}
	}
	b.apply(t, people)
	if w := b.signedIn(t, "vera").ask(t, "GET", "/api/v1/trace/events?what=alice", ""); w.Code != http.StatusForbidden {
		t.Errorf("a viewer follows: %d", w.Code)
	}
}

// Profiles are served on the socket, to nobody else, and each is in the audit log.
func TestProfiles(t *testing.T) {
	b := start(t)
	b.apply(t, people)
	for _, name := range admin.Profiles() {
		seconds := 0
		if name == "cpu" {
			seconds = 1
		}
		download, err := b.client.Profile(t.Context(), name, seconds)
		if err != nil {
			t.Fatal(name, err)
		}
		if text := readAll(t, download); !strings.HasPrefix(text, "\x1f\x8b") {
			t.Errorf("%s is no profile: %.100q", name, text)
		}
		records, err := b.client.Audit(t.Context(), admin.AuditOptions{Limit: 1})
		if err != nil || records[0].Action != "took a profile" || records[0].Name != name {
			t.Errorf("%s: %+v %v", name, records, err)
		}
	}
	for _, name := range []string{"cmdline", "trace", "symbol", "x"} {
		if _, err := b.client.Profile(t.Context(), name, 0); err == nil {
			t.Errorf("%s is served", name)
		}
	}
	for _, who := range []*visitor{b.visitor(), b.signedIn(t, "ada")} {
		for _, path := range []string{"/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/cmdline", "/debug/pprof/cpu", "/debug/vars"} {
			if w := who.ask(t, "GET", path, ""); w.Code == http.StatusOK {
				t.Errorf("%s is served over the network: %.100s", path, w.Body)
			}
		}
	}
}
