package admin_test

import (
	"slices"
	"testing"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/store"
)

// TestEmptiedFields: a field without a value empties that of an entry that a connector made, and one that is
// left out keeps it.
func TestEmptiedFields(t *testing.T) {
	b := start(t)
	b.apply(t, secrets)
	for _, tt := range []struct {
		name, yaml, json string
		phones           []string
		notes            string
		local            []store.FieldID
	}{
		{"left out", "", "", []string{"1", "2"}, "n", nil},
		{"an empty list", "phone: []\n", `,"phone":[]`, nil, "n", []store.FieldID{store.Phone}},
		{"an empty text", "notes: ''\n", `,"notes":""`, []string{"1", "2"}, "", []store.FieldID{store.Notes}},
		{"nothing behind the key", "phone:\nnotes:\n", `,"phone":null,"notes":null`, nil, "", []store.FieldID{store.Phone, store.Notes}},
		{"what was empty before", "fax: []\n", `,"fax":[]`, []string{"1", "2"}, "n", nil},
	} {
		for door, apply := range map[string]func(*testing.T){
			"yaml": func(t *testing.T) { b.apply(t, "kind: user\nusername: dora\n"+tt.yaml) },
			"json": func(t *testing.T) {
				body := admin.Document(`{"username":"dora"` + tt.json + `}`)
				if _, err := b.client.Put(t.Context(), "user", "dora", body, admin.PutOptions{}); err != nil {
					t.Fatal(err)
				}
			},
		} {
			t.Run(tt.name+" in "+door, func(t *testing.T) {
				made := store.Entry{Kind: store.KindUser, Owner: "staff", Key: "k1", Values: store.Values{
					{Field: store.Username, Text: "dora"}, {Field: store.DisplayName, Text: "Dora"},
					{Field: store.Phone, Text: "1"}, {Field: store.Phone, Text: "2"}, {Field: store.Notes, Text: "n"}}}
				if old, err := b.store.User("dora"); err == nil {
					made.ID = old.ID
				}
				if _, err := b.store.Apply(t.Context(), &store.Changes{Put: []store.Entry{made}}); err != nil {
					t.Fatal(err)
				}
				apply(t)
				e, err := b.store.User("dora")
				if err != nil {
					t.Fatal(err)
				}
				if got := e.Values.All(store.Phone); !slices.Equal(got, tt.phones) {
					t.Errorf("phones %q, want %q", got, tt.phones)
				}
				if got := e.Values.First(store.Notes); got != tt.notes {
					t.Errorf("notes %q, want %q", got, tt.notes)
				}
				if got := e.Local.Fields(); !slices.Equal(got, tt.local) {
					t.Errorf("local %v, want %v", got, tt.local)
				}
			})
		}
	}
}
