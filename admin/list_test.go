package admin_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/store"
)

// listWorld is what the tests of lists find: a connector that made bob and carl, who is hidden.
func listWorld(t *testing.T, b *bench) {
	t.Helper()
	b.apply(t, `
kind: upstream
name: corp
urls: [ldaps://dc1]
bind_dn: "%@example.com"
---
kind: phonebook
name: customers
---
kind: phonebook
name: suppliers
---
kind: connector
name: staff
template: csv-users
source: {csv: {path: users.csv}}
---
{kind: user, username: alice, displayname: Zoe, groups: ["CN=Sales,DC=example"], auth: {method: upstream, upstream: corp}}
---
{kind: user, username: dora, displayname: Dora, auth: {method: none, disabled: true}}
---
{kind: contact, phonebook: customers, displayname: Beta, phone: "0301"}
---
{kind: contact, phonebook: suppliers, displayname: Alpha}
`)
	made := func(login string, removed time.Time) store.Entry {
		return store.Entry{Kind: store.KindUser, Owner: "staff", Key: login, Removed: removed, LocalAuth: login == "bob",
			Values: store.Values{{Field: store.Username, Text: login}, {Field: store.DisplayName, Text: strings.ToUpper(login)}}}
	}
	_, err := b.store.Apply(t.Context(), &store.Changes{Put: []store.Entry{made("bob", time.Time{}), made("carl", time.Unix(1e9, 0).UTC())}})
	if err != nil {
		t.Fatal(err)
	}
}

// called are what people call the documents.
func called(t *testing.T, documents []admin.Document) string {
	t.Helper()
	var names []string
	for _, d := range documents {
		var keys struct{ Username, Displayname, Name string }
		if err := json.Unmarshal(d, &keys); err != nil {
			t.Fatal(err)
		}
		switch {
		case keys.Username != "":
			names = append(names, keys.Username)
		case keys.Name != "":
			names = append(names, keys.Name)
		default:
			names = append(names, keys.Displayname)
		}
	}
	return strings.Join(names, " ")
}

func TestList(t *testing.T) {
	b := start(t)
	listWorld(t, b)
	for _, tc := range []struct {
		name string
		kind admin.Kind
		o    admin.ListOptions
		want string
	}{
		{"users by login name, without those that are hidden", "user", admin.ListOptions{}, "alice bob dora"},
		{"contacts by display name", "contact", admin.ListOptions{}, "Alpha Beta"},
		{"objects by name", "phonebook", admin.ListOptions{}, "customers suppliers"},
		{"a phonebook", "contact", admin.ListOptions{Phonebook: "customers"}, "Beta"},
		{"words", "user", admin.ListOptions{Query: "Zo"}, "alice"},
		{"words in objects", "upstream", admin.ListOptions{Query: "dc1 CORP"}, "corp"},
		{"words in no object", "upstream", admin.ListOptions{Query: "dc2"}, ""},
		{"a connector", "user", admin.ListOptions{Connector: "staff"}, "bob"},
		{"a method", "user", admin.ListOptions{Method: "upstream"}, "alice"},
		{"an upstream", "user", admin.ListOptions{Upstream: "corp"}, "alice"},
		{"a group by the name in its DN", "user", admin.ListOptions{Group: "sales"}, "alice"},
		{"a group by its DN", "user", admin.ListOptions{Group: "cn=sales,dc=example"}, "alice"},
		{"no such group", "user", admin.ListOptions{Group: "sale"}, ""},
		{"enabled", "user", admin.ListOptions{State: "enabled"}, "alice bob"},
		{"disabled", "user", admin.ListOptions{State: "disabled"}, "dora"},
		{"changed by hand", "user", admin.ListOptions{State: "changed"}, "bob"},
		{"removed", "user", admin.ListOptions{State: "removed"}, "carl"},
		{"removed, with words", "user", admin.ListOptions{State: "removed", Query: "CAR"}, "carl"},
		{"removed, with other words", "user", admin.ListOptions{State: "removed", Query: "bob"}, ""},
		{"a connector and a phonebook", "contact", admin.ListOptions{Connector: "staff", Phonebook: "customers"}, ""},
		{"what objects do not have", "upstream", admin.ListOptions{Method: "upstream"}, ""},
		{"what contacts do not have", "contact", admin.ListOptions{State: "enabled"}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			page, err := b.client.ListPage(t.Context(), tc.kind, tc.o)
			if err != nil || called(t, page.Items) != tc.want || page.Total != len(page.Items) || page.Next != "" {
				t.Errorf("%s, %d in all, next %q, %v; want %s", called(t, page.Items), page.Total, page.Next, err, tc.want)
			}
			tc.o.Limit = 1
			var items []admin.Document
			for range 9 {
				if page, err = b.client.ListPage(t.Context(), tc.kind, tc.o); err != nil {
					t.Fatal(err)
				}
				items = append(items, page.Items...)
				if tc.o.After = page.Next; page.Next == "" {
					break
				}
			}
			if called(t, items) != tc.want {
				t.Errorf("page by page: %s, want %s", called(t, items), tc.want)
			}
		})
	}
}

func FuzzListPlace(f *testing.F) {
	dir := f.TempDir()
	st, err := store.Open(f.Context(), store.Options{Dir: dir})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { st.Close() })
	handler := newServer(f, st).LocalHandler()
	client := admin.NewLocalClient(handler)
	for i := range 3 {
		name := fmt.Sprintf("book%d", i)
		if _, err := client.Apply(f.Context(), []admin.File{{Name: "f", Text: "{kind: phonebook, name: " + name + "}"}}, false); err != nil {
			f.Fatal(err)
		}
	}
	f.Add("Ym9vazA")
	f.Add("!")
	f.Fuzz(func(t *testing.T, after string) {
		page, err := client.ListPage(t.Context(), "phonebook", admin.ListOptions{After: after})
		var problem *admin.Problem
		switch {
		case errors.As(err, &problem):
			if problem.Status != http.StatusBadRequest && problem.Status != http.StatusUnprocessableEntity {
				t.Error(problem)
			}
		case err != nil || len(page.Items) > 3:
			t.Error(page, err)
		}
	})
}
