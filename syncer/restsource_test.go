package syncer_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer"
)

// fromPBX makes a connector one that reads a phonebook from a URL.
func fromPBX(url string) func(*store.Connector) {
	return func(c *store.Connector) {
		c.Template, c.Target, c.Authentication = "pbx-phonebook", "phonebook/customers", nil
		c.Source = store.Source{REST: &store.RESTSource{URL: url, List: "/contacts", Total: "/total", Next: "/next"}}
	}
}

// A pbx serves contacts on pages of two, each written as JSON.
type pbx struct {
	*httptest.Server
	contacts []string
	status   int // instead of the second page; 0: none
}

func startPBX(t *testing.T, contacts ...string) *pbx {
	t.Helper()
	p := &pbx{contacts: contacts}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from := 0
		if _, err := fmt.Sscan(r.URL.Query().Get("from"), &from); err == nil && p.status != 0 {
			w.WriteHeader(p.status)
			return
		}
		to, next := min(from+2, len(p.contacts)), "null"
		if to < len(p.contacts) {
			next = fmt.Sprintf("%q", fmt.Sprintf("?from=%d", to))
		}
		fmt.Fprintf(w, `{"total":%d,"next":%s,"contacts":[%s]}`, len(p.contacts), next, strings.Join(p.contacts[from:to], ","))
	}))
	t.Cleanup(p.Close)
	return p
}

// importFromPBX runs a connector that was made from a template, on a contact that has everything.
func (w *world) importFromPBX(c *store.Connector) {
	w.t.Helper()
	everything := []string{`"id":"c1"`}
	for _, f := range store.Fields() {
		if f.UsedBy(store.KindContact) != store.Unused && f.Matching != store.MatchBytes {
			everything = append(everything, fmt.Sprintf(`%q:["1"]`, f.Name))
		}
	}
	c.Source.REST.URL = startPBX(w.t, "{"+strings.Join(everything, ",")+"}").URL
	c.Source.REST.Username, c.Source.REST.Password = "", store.Secret{}
	w.apply(c)
	r, err := w.syncer.Import(w.t.Context(), c.Name, syncer.ImportOptions{})
	if err != nil || r.Run.Created != 1 {
		w.t.Fatalf("%+v, %v", r, err)
	}
	for e, err := range w.store.Entries(w.t.Context(), store.Query{Owner: c.Name}) {
		if err != nil {
			w.t.Fatal(err)
		}
		for _, f := range store.Fields() {
			if f.UsedBy(e.Kind) != store.Unused && f.Matching != store.MatchBytes && !e.Values.Has(f.ID) {
				w.t.Errorf("%s is not filled", f.Name)
			}
		}
	}
}

// Whoever is renamed there is the same contact here, whoever is gone there goes here, and a page that fails changes nothing.
func TestContactsFromAnotherPBX(t *testing.T) {
	p := startPBX(t, `{"id":"a","displayname":"Ann","phone":["1","2"]}`, `{"id":"b","displayname":"Bob","phone":["3"]}`, `{"id":"c","displayname":"Cem","phone":["4"]}`)
	w := newWorld(t, fromPBX(p.URL))
	w.done(3, 0, 0, 0, 0)
	w.done(0, 0, 0, 3, 0)
	before, err := w.store.EntryByKey("staff", "b")
	if err != nil {
		t.Fatal(err)
	}
	p.contacts[1] = `{"id":"b","displayname":"Bob the Builder","phone":["3"]}`
	w.done(0, 1, 0, 2, 0)
	if after, err := w.store.EntryByKey("staff", "b"); err != nil || after.ID != before.ID || after.Values.First(store.DisplayName) != "Bob the Builder" {
		t.Errorf("%+v, %v", after, err)
	}
	p.status = http.StatusInternalServerError
	p.contacts = p.contacts[:3]
	r, err := w.syncer.Import(t.Context(), "staff", syncer.ImportOptions{})
	if want := "instead of the list: try again later"; err != nil || r.Run.Result != store.RunFailed || !strings.Contains(r.Run.Error, want) || !r.Temporary {
		t.Errorf("%+v, %v", r, err)
	}
	p.status, p.contacts = 0, p.contacts[:2]
	w.done(0, 0, 1, 2, 0)
}

// The columns of any list are named by paths; one that is not there is an error.
func TestContactsFromAnyList(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `[{"nr":7,"name":"Ann","address":{"city":"Ulm"},"numbers":[{"value":"1"},{"value":"2"}]}]`)
	}))
	defer s.Close()
	w := newWorld(t, fromPBX(s.URL), func(c *store.Connector) {
		c.Key, c.Source.REST = "nr", &store.RESTSource{URL: s.URL}
		c.Variables = map[string]string{"displayname": "name", "phone": "numbers.value", "notes": `"in " + col("address.city")`}
	})
	w.done(1, 0, 0, 0, 0)
	e, err := w.store.EntryByKey("staff", "7")
	if err != nil || len(e.Values.All(store.Phone)) != 2 || e.Values.First(store.Notes) != "in Ulm" {
		t.Errorf("%+v, %v", e, err)
	}
	w.configure(func(c *store.Connector) { c.Variables["phone"] = "number.value" })
	r, err := w.syncer.Import(t.Context(), "staff", syncer.ImportOptions{})
	if err != nil || r.Run.Result != store.RunFailed || !strings.Contains(r.Run.Error, "variables.phone: ") {
		t.Errorf("%+v, %v", r, err)
	}
}
