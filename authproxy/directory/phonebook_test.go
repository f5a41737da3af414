package directory_test

import (
	"context"
	"testing"
	"time"

	"github.com/dialtree/dialtree/authproxy/directory"
	"github.com/dialtree/dialtree/store"
)

// phonebook returns a phonebook as a reader sees it once searches see the store as it is.
func (b *bench) phonebook(r *directory.Reader, name string) (directory.Phonebook, bool) {
	b.t.Helper()
	b.caughtUp()
	p, ok, err := b.tree.Phonebook(context.Background(), r, name)
	if err != nil {
		b.t.Fatal(err)
	}
	return p, ok
}

func TestPhonebook(t *testing.T) {
	c := newCompany(t)
	alice := &directory.Reader{User: "alice", UserID: c.ids["alice"], DN: "uid=alice,ou=users,dc=example,dc=com"}
	lobby := &directory.Reader{Device: "lobby", DN: "cn=lobby,ou=devices,dc=example,dc=com"}
	for _, tt := range []struct {
		name   string
		reader *directory.Reader
		book   string
		want   bool
	}{
		{"everyone's", device, "open", true},
		{"of those who log in", device, "customers", true},
		{"the device's own", device, "desk", true},
		{"another device's", lobby, "desk", false},
		{"of those who log in, for a device that is gone", lobby, "customers", false},
		{"a group's", alice, "sales", true},
		{"a group's, for a device", device, "sales", false},
		{"a user's", device, "alice-own", false},
		{"one that is not there", device, "none", false},
		{"no name, which users and speed dials have", alice, "", false},
		{"nobody", nil, "open", false},
	} {
		if p, ok := c.phonebook(tt.reader, tt.book); ok != tt.want || ok && p.Name != tt.book || !ok && p != (directory.Phonebook{}) {
			t.Errorf("%s: %+v, %v", tt.name, p, ok)
		}
	}
	if p, _ := c.phonebook(device, "open"); p.Title != "Everybody's" || p.Total != 1 {
		t.Errorf("%+v", p)
	}
	c.apply(&store.Changes{PutObjects: []store.Object{&store.Device{Name: "reception", Password: store.Literal("secret"), Disabled: true}}})
	if _, ok := c.phonebook(device, "customers"); ok {
		t.Error("a device that is disabled reads on")
	}
}

// The version changes with the phonebook and with nothing else.
func TestPhonebookVersion(t *testing.T) {
	b := newBench(t, &store.Changes{Put: []store.Entry{contact("displayname", "Ann", "phone", "1"), contact("displayname", "Bob", "phone", "2")}})
	version := func(total int) string {
		t.Helper()
		p, ok := b.phonebook(device, "customers")
		if !ok || p.Total != total || p.Version == "" {
			t.Fatalf("%+v, %v", p, ok)
		}
		return p.Version
	}
	seen := map[string]string{}
	changes := func(step, version string) {
		t.Helper()
		if earlier, ok := seen[version]; ok {
			t.Errorf("%s: the version is that of %s", step, earlier)
		}
		seen[version] = step
	}
	first := version(2)
	changes("the beginning", first)
	b.apply(&store.Changes{Put: []store.Entry{user("carol")}})
	b.apply(&store.Changes{PutObjects: []store.Object{&store.Phonebook{Name: "other"}}})
	if version(2) != first {
		t.Error("the version changed with something else")
	}
	b.apply(&store.Changes{PutObjects: []store.Object{&store.Connector{Name: "nightly", Template: "csv-phonebook", Source: store.Source{CSV: &store.CSVSource{Path: "a.csv"}}}}})
	cem := contact("displayname", "Cem", "phone", "3")
	cem.Owner, cem.Key = "nightly", "cem"
	cem.ID = b.apply(&store.Changes{Put: []store.Entry{cem}}).IDs[0]
	changes("one more", version(3))
	stored, err := b.store.Entry(store.Ref{Kind: store.KindContact, ID: cem.ID})
	if err != nil {
		t.Fatal(err)
	}
	stored.Values[1].Text = "4"
	b.apply(&store.Changes{Put: []store.Entry{stored}})
	changes("another number", version(3))
	b.apply(&store.Changes{PutObjects: []store.Object{&store.Phonebook{Name: "customers", Title: "Customers"}}})
	changes("another title", version(3))
	stored, err = b.store.Entry(store.Ref{Kind: store.KindContact, ID: cem.ID})
	if err != nil {
		t.Fatal(err)
	}
	stored.Removed = time.Now().UTC().Truncate(time.Second)
	b.apply(&store.Changes{Put: []store.Entry{stored}})
	b.apply(&store.Changes{PutObjects: []store.Object{&store.Phonebook{Name: "customers"}}})
	if version(2) != first {
		t.Error("hidden entries have a part in the version")
	}
	// The same content, read anew, has the same version.
	again, err := directory.New(directory.Options{Store: b.store, BaseDN: "dc=example,dc=com"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- again.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	if p, ok, err := again.Phonebook(t.Context(), device, "customers"); err != nil || !ok || p.Version != first {
		t.Errorf("%+v, %v, %v, want %s", p, ok, err, first)
	}
}
