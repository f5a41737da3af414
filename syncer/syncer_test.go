package syncer_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer"
)

// A world is a store with a connector "staff" that reads users.csv.
type world struct {
	t         *testing.T
	dir       string
	store     *store.Store
	syncer    *syncer.Syncer
	registry  *prometheus.Registry
	connector store.Connector
	later     time.Duration // how far the syncer's clock is ahead
}

func newWorld(t *testing.T, change ...func(*store.Connector)) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), registry: prometheus.NewRegistry()}
	var err error
	w.store, err = store.Open(t.Context(), store.Options{Dir: filepath.Join(w.dir, "data")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		problems, err := w.store.Check(context.Background())
		if err != nil || len(problems) > 0 {
			t.Errorf("check of the store: %v, %v", problems, err)
		}
		if err := w.store.Close(); err != nil {
			t.Error(err)
		}
	})
	w.syncer, err = syncer.New(syncer.Options{
		Store: w.store, Registerer: w.registry, BaseDir: w.dir,
		Now:          func() time.Time { return time.Now().Add(w.later) },
		HashPassword: func(password string) (store.Secret, error) { return store.Literal("hashed " + password), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	w.apply(&store.Upstream{Name: "corp", URLs: []string{"ldaps://dc.example.com"}, BindDN: "uid=%,dc=example,dc=com"},
		&store.Phonebook{Name: "customers"})
	w.connector = store.Connector{
		Name: "staff", Template: "csv-users", Source: store.Source{CSV: &store.CSVSource{Path: "users.csv"}},
		Authentication: &store.Authentication{Method: "upstream", Upstream: "corp"},
	}
	w.configure(change...)
	return w
}

// fills gives the connector another template, and phonebook/customers to fill.
func fills(template string) func(*store.Connector) {
	return func(c *store.Connector) {
		c.Template = template
		if template != "csv-users" {
			c.Authentication = nil
		}
		if template == "csv-phonebook" {
			c.Target = "phonebook/customers"
		}
	}
}

// configure changes the connector.
func (w *world) configure(change ...func(*store.Connector)) {
	w.t.Helper()
	for _, f := range change {
		f(&w.connector)
	}
	if err := w.syncer.Check(&w.connector); err != nil {
		w.t.Fatal(err)
	}
	w.apply(&w.connector)
}

func (w *world) apply(objects ...store.Object) {
	w.t.Helper()
	if _, err := w.store.Apply(w.t.Context(), &store.Changes{PutObjects: objects}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) put(e store.Entry) {
	w.t.Helper()
	if _, err := w.store.Apply(w.t.Context(), &store.Changes{Put: []store.Entry{e}}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) write(lines ...string) {
	w.t.Helper()
	w.writeFile("users.csv", lines...)
}

func (w *world) writeFile(name string, lines ...string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) run(o syncer.ImportOptions) *syncer.Report {
	w.t.Helper()
	r, err := w.syncer.Import(w.t.Context(), "staff", o)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// done runs the connector and wants these counts.
func (w *world) done(created, updated, removed, unchanged, rejected int) *syncer.Report {
	w.t.Helper()
	r := w.run(syncer.ImportOptions{})
	w.want(r, store.RunDone, created, updated, removed, unchanged, rejected)
	return r
}

func (w *world) want(r *syncer.Report, result store.RunResult, created, updated, removed, unchanged, rejected int) {
	w.t.Helper()
	got := []int{r.Run.Created, r.Run.Updated, r.Run.Removed, r.Run.Unchanged, r.Run.Rejected}
	want := []int{created, updated, removed, unchanged, rejected}
	if r.Run.Result != result || !slices.Equal(got, want) {
		w.t.Fatalf("run %s %v, want %s %v (created, updated, removed, unchanged, rejected): %s %+v", r.Run.Result, got, result, want, r.Run.Error, r.Run.Rejects)
	}
}

// fails runs the connector and wants this error, with the store as it was.
func (w *world) fails(result store.RunResult, want string) {
	w.t.Helper()
	before, seq := w.dump(), w.store.Seq()
	r := w.run(syncer.ImportOptions{})
	want = strings.ReplaceAll(want, "DIR", w.dir)
	if r.Run.Result != result || r.Run.Error != want {
		w.t.Errorf("run %s: %s\nwant %s: %s", r.Run.Result, r.Run.Error, result, want)
	}
	if after := w.dump(); !slices.Equal(before, after) || w.store.Seq() != seq {
		w.t.Errorf("the store changed: %q, then %q", before, after)
	}
	if recorded, err := w.store.Run(r.Run.ID); err != nil || recorded.Error != want {
		w.t.Errorf("the recorded run: %+v, %v", recorded, err)
	}
}

// dump returns the entries as lines: name, owner, key, fields and login method of users; see describe.
func (w *world) dump() []string {
	w.t.Helper()
	var lines []string
	for e, err := range w.store.Entries(w.t.Context(), store.Query{}) {
		if err != nil {
			w.t.Fatal(err)
		}
		lines = append(lines, describe(&e))
	}
	slices.Sort(lines)
	return lines
}

func describe(e *store.Entry) string {
	var b strings.Builder
	if e.Kind != store.KindUser {
		// A derived key is opaque.
		fmt.Fprintf(&b, "%s owner=%s", strings.TrimPrefix(e.Kind.String()+" "+e.Phonebook, "contact "), e.Owner)
		for _, v := range e.Values {
			fmt.Fprintf(&b, " %s=%s", v.Field, v.Text)
		}
		if e.Hidden() {
			b.WriteString(" hidden")
		}
		return strings.ReplaceAll(b.String(), "  ", " ")
	}
	fmt.Fprintf(&b, "%s owner=%s key=%s", e.Values.First(store.Username), e.Owner, e.Key)
	for _, v := range e.Values {
		if v.Field != store.Username {
			fmt.Fprintf(&b, " %s=%s", v.Field, v.Text)
		}
	}
	fmt.Fprintf(&b, " auth=%s", e.Auth.Method)
	if e.Auth.Upstream != "" {
		b.WriteString("/" + e.Auth.Upstream)
	}
	if hash, err := e.Auth.Hash.Resolve(); err == nil && hash != "" {
		b.WriteString("/" + hash)
	}
	if e.Auth.Disabled {
		b.WriteString(" disabled")
	}
	if e.Hidden() {
		b.WriteString(" hidden")
	}
	return b.String()
}

func (w *world) wantUsers(want ...string) {
	w.t.Helper()
	slices.Sort(want)
	if got := w.dump(); !slices.Equal(got, want) {
		w.t.Errorf("users\n got %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

func (w *world) user(name string) store.Entry {
	w.t.Helper()
	e, err := w.store.User(name)
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

// byHand is a user that an administrator made.
func byHand(name string) store.Entry {
	return store.Entry{Kind: store.KindUser, Values: store.Values{{Field: store.Username, Text: name}, {Field: store.DisplayName, Text: name}}}
}

func users(from, to int) []string {
	lines := []string{"username,displayname,phone"}
	for i := from; i < to; i++ {
		lines = append(lines, fmt.Sprintf("user%d,User %d,%d", i, i, 1000+i))
	}
	return lines
}
