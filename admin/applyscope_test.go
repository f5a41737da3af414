package admin_test

import (
	"net/http"
	"testing"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/admin/access"
)

// TestApplyByScope: each document, and each target of an import, wants the scope of its kind and no other.
func TestApplyByScope(t *testing.T) {
	b := start(t)
	b.apply(t, "kind: phonebook\nname: customers\n")
	documents := map[access.Scope][]string{
		access.Contacts: {"{kind: contact, phonebook: customers, displayname: C}", "{kind: speeddial, shortcode: '*1', displayname: S, phone: ['1']}"},
		access.Users:    {"{kind: user, username: ute, displayname: Ute}"},
		access.Admin:    {"{kind: phonebook, name: office}", "{kind: device, name: desk}", "{kind: connector, name: x}", "{kind: upstream, name: y}", "{kind: token, name: z}"},
	}
	targets := map[access.Scope][]string{access.Contacts: {"phonebook/customers", "speeddials"}, access.Users: {"users"}}
	for _, has := range []access.Scope{access.Read, access.Run, access.Contacts, access.Users} {
		client, ctx := as(b, t, has)
		for needs, texts := range documents {
			for _, text := range texts {
				_, err := client.Apply(ctx, []admin.File{{Name: "a.yaml", Text: text}}, true)
				if refused := status(err) == http.StatusForbidden; refused != (has != needs) || !refused && err != nil {
					t.Errorf("%s applies %s: %v", has, text, err)
				}
			}
		}
		for needs, list := range targets {
			for _, to := range list {
				f := admin.HandFile{Name: "a.csv", Content: []byte("a"), Target: to}
				_, direct := client.Import(ctx, f, admin.ImportOptions{DryRun: true})
				_, job := client.StartImport(ctx, f, admin.ImportOptions{DryRun: true})
				for _, err := range []error{direct, job} {
					if refused := status(err) == http.StatusForbidden; refused != (has != needs) {
						t.Errorf("%s imports into %s: %v", has, to, err)
					}
				}
			}
		}
	}
}

// TestApplyOfNothing: who may change nothing learns nothing of what would have been wrong.
func TestApplyOfNothing(t *testing.T) {
	b := start(t)
	client, ctx := as(b, t, access.Read)
	for _, text := range []string{"", "{kind: nonsense}", "]"} {
		if _, err := client.Apply(ctx, []admin.File{{Name: "a.yaml", Text: text}}, true); status(err) != http.StatusForbidden {
			t.Errorf("%q: %v", text, err)
		}
	}
}
