package admin_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/store"
)

func contactOf(book, name string, numbers ...string) store.Entry {
	values := store.Values{{Field: store.DisplayName, Text: name}}
	for _, n := range numbers {
		values = append(values, store.Value{Field: store.Phone, Text: n})
	}
	return store.Entry{Kind: store.KindContact, Phonebook: book, Values: values}
}

func TestDuplicates(t *testing.T) {
	b := start(t)
	b.apply(t, "{kind: phonebook, name: customers}\n---\n{kind: phonebook, name: many}")
	changes := &store.Changes{Put: []store.Entry{
		contactOf("customers", "Alpha", "030 1", "+49301"), contactOf("customers", "Beta", "0301"),
		contactOf("customers", " alpha", "1"), contactOf("customers", "Gamma", "2"), contactOf("many", "Gamma", "2"),
	}}
	for i := range 500 {
		changes.Put = append(changes.Put, contactOf("many", fmt.Sprint("n", i/2), fmt.Sprint(1000+i)))
	}
	for i := range 30 {
		changes.Put = append(changes.Put, contactOf("many", fmt.Sprint("same ", i), "7"))
	}
	if _, err := b.store.Apply(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
	d, err := b.client.Duplicates(t.Context(), "customers")
	if err != nil || d.More || len(d.Groups) != 2 {
		t.Fatalf("%+v, %v", d, err)
	}
	for i, want := range []string{"number +49301 Alpha Beta", "name alpha"} {
		g := d.Groups[i]
		if got := g.By + " " + g.Value + " " + called(t, g.Contacts); len(g.Contacts) != 2 || i == 0 && len(got) != len(want) || !strings.HasPrefix(got, want[:8]) {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if d, err = b.client.Duplicates(t.Context(), "many"); err != nil || !d.More || len(d.Groups) != 200 || len(d.Groups[0].Contacts) != 20 {
		t.Errorf("%d groups, more %t, %v", len(d.Groups), d.More, err)
	}
	// A change is seen.
	if _, err := b.client.Put(t.Context(), "contact", "", admin.Document(`{"phonebook":"customers","displayname":"Gamma"}`), admin.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	if d, err = b.client.Duplicates(t.Context(), "customers"); err != nil || len(d.Groups) != 3 {
		t.Errorf("%+v, %v", d, err)
	}
	if _, err := b.client.Duplicates(t.Context(), "none"); !problemIs(err, 404, "") {
		t.Error(err)
	}
}

func TestExport(t *testing.T) {
	b := start(t)
	listWorld(t, b)
	for _, tc := range []struct {
		name, book, format, file string
		kind                     admin.Kind
		status                   int
		want, wantNot            string
	}{
		{"contacts of a phonebook", "customers", "csv", "customers.csv", "contact", 0, "\nBeta,", "Alpha"},
		{"users", "", "csv", "users.csv", "user", 0, "\nalice,Zoe,", "carl"},
		{"vCards", "", "vcard", "contacts.vcf", "contact", 0, "FN:Alpha\r\n", "xxx"},
		{"a sheet", "", "xlsx", "users.xlsx", "user", 0, "PK", "xxx"},
		{"an unknown format", "", "pdf", "", "user", 422, "format", ""},
		{"no such phonebook", "none", "csv", "", "contact", 404, "does not exist", ""},
		{"a phonebook of users", "customers", "csv", "", "user", 422, "only contacts", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d, err := b.client.Export(t.Context(), tc.kind, tc.book, tc.format)
			if tc.status != 0 {
				if !problemIs(err, tc.status, tc.want) {
					t.Errorf("%v, want %d %s", err, tc.status, tc.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			content, err := io.ReadAll(d)
			if err != nil || d.Name != tc.file || !strings.Contains(string(content), tc.want) || strings.Contains(string(content), tc.wantNot) {
				t.Errorf("%s %s: %s, %v", d.Name, d.Type, content, err)
			}
		})
	}
}
