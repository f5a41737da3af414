package directory_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/authproxy/directory"
	"github.com/dialtree/dialtree/store"
)

// named is a user with a display name of its own.
func named(login, name string, pairs ...string) store.Entry {
	e := contact(append([]string{"username", login, "displayname", name}, pairs...)...)
	e.Kind, e.Phonebook = store.KindUser, ""
	return e
}

// namesOf are the display names of what was found.
func (b *bench) namesOf(ids []string) string {
	b.t.Helper()
	var names []string
	for _, id := range ids {
		e, err := b.store.EntryByID(id)
		if err != nil {
			b.t.Fatal(err)
		}
		names = append(names, e.Values.First(store.DisplayName))
	}
	return strings.Join(names, ", ")
}

func TestFind(t *testing.T) {
	b := newBench(t, &store.Changes{PutObjects: []store.Object{&store.Phonebook{Name: "secret", Readers: []string{"user:alice"}}}, Put: []store.Entry{
		contact("displayname", "Müller, Anna", "organisation", "ACME GmbH", "phone", "+49 30 1234567", "email", "anna@example.com"),
		contact("displayname", "Zöllner Peter", "phone", "0171 7654321", "customernumber", "030 12"),
		contact("displayname", "ångström, Åsa", "phone", "*97"),
		named("zoe", "Adler, Zoe", "groups", "sales"),
		named("Adam", "Xaver, Adam", "email", "adam.x@example.com"),
	}})
	hidden := contact("displayname", "Secret Partner", "phone", "0711 99")
	hidden.Phonebook = "secret"
	b.apply(&store.Changes{Put: []store.Entry{hidden}})
	for _, tc := range []struct {
		name, book, text, want string
		kind                   store.Kind
	}{
		{"everything, by display name", "", "", "ångström, Åsa, Müller, Anna, Secret Partner, Zöllner Peter", store.KindContact},
		{"users, by login name", "", "", "Xaver, Adam, Adler, Zoe", store.KindUser},
		{"a phonebook", "customers", "", "ångström, Åsa, Müller, Anna, Zöllner Peter", store.KindContact},
		{"one that nobody may read", "secret", "part", "Secret Partner", store.KindContact},
		{"no such phonebook", "none", "", "", store.KindContact},
		{"base letters", "", "mull", "Müller, Anna", store.KindContact},
		{"a digraph", "", "MUELL", "Müller, Anna", store.KindContact},
		{"a mark that was typed", "", "müll", "Müller, Anna", store.KindContact},
		{"a wrong mark", "", "mùll", "", store.KindContact},
		{"parts of two fields", "", "nna acm", "Müller, Anna", store.KindContact},
		{"mail", "", "anna@ex", "Müller, Anna", store.KindContact},
		{"a national number", "", "030 1234", "Müller, Anna", store.KindContact},
		{"an international one", "", "0049 30 1234567", "Müller, Anna", store.KindContact},
		{"the end of a number", "", "4567", "Müller, Anna", store.KindContact},
		{"digits in a text", "", "030 12", "Müller, Anna, Zöllner Peter", store.KindContact},
		{"a feature code", "", "*97", "ångström, Åsa", store.KindContact},
		{"a name and digits", "", "peter 0171", "Zöllner Peter", store.KindContact},
		{"a login name", "", "ADA", "Xaver, Adam", store.KindUser},
		{"a group", "", "sales", "Adler, Zoe", store.KindUser},
		{"nobody", "", "xyzzy", "", store.KindContact},
		{"no text", "", "\xff", "", store.KindContact},
	} {
		t.Run(tc.name, func(t *testing.T) {
			found, err := b.tree.Find(t.Context(), directory.FindQuery{Kind: tc.kind, Phonebook: tc.book, Text: tc.text})
			got := b.namesOf(found.IDs)
			if err != nil || got != tc.want || found.Total != len(found.IDs) || found.Next != "" {
				t.Errorf("%q, %d in all, next %q, %v; want %q", got, found.Total, found.Next, err, tc.want)
			}
		})
	}
}

// TestFindPages reads lists page by page while entries change: what does not change is there once.
func TestFindPages(t *testing.T) {
	fill := &store.Changes{Put: manyContacts(700)}
	for i := range 300 {
		fill.Put = append(fill.Put, named(fmt.Sprintf("u%d", i*7919%1000), "Müller"))
	}
	b := newBench(t, fill)
	for _, tc := range []struct {
		name, text string
		kind       store.Kind
	}{{"contacts", "", store.KindContact}, {"found contacts", "a", store.KindContact}, {"users", "", store.KindUser}, {"found users", "müll", store.KindUser}} {
		t.Run(tc.name, func(t *testing.T) {
			q := directory.FindQuery{Kind: tc.kind, Text: tc.text}
			whole, err := b.tree.Find(t.Context(), q)
			if err != nil || len(whole.IDs) < 200 {
				t.Fatal(len(whole.IDs), err)
			}
			var read []string
			gone := map[string]bool{}
			for q.Limit = 23; ; {
				page, err := b.tree.Find(t.Context(), q)
				if err != nil || page.Total != len(whole.IDs)-len(gone) {
					t.Fatalf("%d in all, want %d; %v", page.Total, len(whole.IDs)-len(gone), err)
				}
				read = append(read, page.IDs...)
				if q.After = page.Next; page.Next == "" {
					break
				}
				// The last entry of the page and one of the next page go.
				for _, id := range []string{read[len(read)-1], whole.IDs[min(len(whole.IDs)-1, len(read)+3)]} {
					if !gone[id] {
						gone[id] = true
						b.apply(&store.Changes{Remove: []store.Ref{{Kind: tc.kind, ID: id}}})
					}
				}
			}
			want := slices.DeleteFunc(slices.Clone(whole.IDs), func(id string) bool { return gone[id] && !slices.Contains(read, id) })
			if !slices.Equal(read, want) {
				t.Errorf("read %d entries, want %d in the order of the whole list", len(read), len(want))
			}
		})
	}
}

func TestFindOnly(t *testing.T) {
	b := newBench(t, &store.Changes{Put: manyContacts(50)})
	all, err := b.tree.Find(t.Context(), directory.FindQuery{Kind: store.KindContact})
	if err != nil {
		t.Fatal(err)
	}
	only := map[string]bool{all.IDs[7]: true, all.IDs[3]: true, all.IDs[9]: true}
	found, err := b.tree.Find(t.Context(), directory.FindQuery{Kind: store.KindContact, Only: only, Limit: 2})
	if err != nil || !slices.Equal(found.IDs, []string{all.IDs[3], all.IDs[7]}) || found.Total != 3 || found.Next == "" {
		t.Errorf("%+v, %v", found, err)
	}
}

func FuzzFindPlace(f *testing.F) {
	b := newBench(f, &store.Changes{Put: manyContacts(5)})
	page, err := b.tree.Find(f.Context(), directory.FindQuery{Kind: store.KindContact, Limit: 2})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(page.Next)
	f.Add("")
	f.Add("xyz")
	f.Fuzz(func(t *testing.T, after string) {
		found, err := b.tree.Find(t.Context(), directory.FindQuery{Kind: store.KindContact, After: after})
		if err != nil && !errors.Is(err, directory.ErrBadPlace) || len(found.IDs) > 5 {
			t.Errorf("%v, %v", found, err)
		}
	})
}

func BenchmarkFind(b *testing.B) {
	fill := &store.Changes{Put: manyContacts(200_000)}
	for i, e := range manyContacts(50_000) {
		e.Kind, e.Phonebook = store.KindUser, ""
		e.Values = append(store.Values{{Field: store.Username, Text: fmt.Sprintf("u%d", i*7919%100_000)}}, e.Values...)
		fill.Put = append(fill.Put, e)
	}
	bench := newBench(b, fill)
	for _, kind := range []store.Kind{store.KindContact, store.KindUser} {
		for _, text := range []string{"", "a", "an", "müller", "mar gmbh", "0171", "30 12", "xyzzy"} {
			b.Run(fmt.Sprintf("%s/%q", kind, text), func(b *testing.B) {
				q := directory.FindQuery{Kind: kind, Text: text, Limit: 50}
				page, err := bench.tree.Find(b.Context(), q)
				if err != nil {
					b.Fatal(err)
				}
				q.After = page.Next
				for b.Loop() {
					if _, err := bench.tree.Find(b.Context(), q); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(page.Total), "found")
			})
		}
	}
}
