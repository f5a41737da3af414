package phonesettings_test

import (
	"errors"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/admin/phonesettings"
	"github.com/dialtree/dialtree/store"
)

var update = flag.Bool("update", false, "write the golden files anew")

// settings are those of a server that offers everything.
func settings() phonesettings.Settings {
	return phonesettings.Settings{
		Server: phonesettings.Server{
			Listeners: []phonesettings.Listener{
				{Address: netip.MustParseAddrPort("0.0.0.0:389")},
				{Address: netip.MustParseAddrPort("0.0.0.0:636"), TLS: true},
			},
			StartTLS: true, Host: "ldap.example.com", Hostname: "pbx",
		},
		BaseDN: "dc=example,dc=com", Base: "ou=phonebook,dc=example,dc=com", Users: "ou=users,dc=example,dc=com",
		Device: "reception", DeviceDN: "cn=reception,ou=devices,dc=example,dc=com", Secret: store.Literal("geheim2"),
	}
}

// TestGolden compares every vendor's settings with what was read and found right.
// With -update it writes them.
func TestGolden(t *testing.T) {
	vendors := phonesettings.List()
	if len(vendors) < 25 {
		t.Fatalf("only %d vendors", len(vendors))
	}
	for _, v := range vendors {
		t.Run(v.Name, func(t *testing.T) {
			sheet, err := phonesettings.Render(v.Name, settings())
			if err != nil {
				t.Fatal(err)
			}
			got := sheet.Text + "\n-- notes --\n" + strings.Join(sheet.Notes, "\n") + "\n"
			golden := filepath.Join("testdata", v.Name+".txt")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("differs from %s (-update writes it):\n%s", golden, got)
			}
		})
	}
}

// TestEverySheet holds for each vendor, whatever it can do.
func TestEverySheet(t *testing.T) {
	for _, v := range phonesettings.List() {
		t.Run(v.Name, func(t *testing.T) {
			s := settings()
			sheet, err := phonesettings.Render(v.Name, s)
			if err != nil {
				t.Fatal(err)
			}
			if sheet.Connection.Security != v.Can[0] {
				t.Errorf("connects with %s although it can use %s", sheet.Connection.Security, v.Can[0])
			}
			everything := sheet.Text + strings.Join(sheet.Notes, "\n")
			if !strings.Contains(everything, "ldap.example.com") || !strings.Contains(everything, "geheim2") {
				t.Error("neither settings nor notes have the server's name and the secret")
			}
			if warned := strings.Contains(everything, "travels in clear"); warned != (sheet.Connection.Security == phonesettings.Plain) {
				t.Errorf("warning of clear text: %v over %s", warned, sheet.Connection.Security)
			}
			if len(sheet.Notes) < 2 || strings.Contains(everything, "<no value>") {
				t.Errorf("notes: %q", sheet.Notes)
			}

			s.Secret = store.Secret{}
			hidden, err := phonesettings.Render(v.Name, s)
			if err != nil {
				t.Fatal(err)
			}
			everything = hidden.Text + strings.Join(hidden.Notes, "\n")
			if !strings.Contains(everything, "REPLACE-WITH-THE-SECRET-OF-reception") || !strings.Contains(everything, "--show-secret") {
				t.Errorf("does not say how the secret is seen:\n%s", everything)
			}
		})
	}
}

// TestDocumented: the page for users has a line for every vendor.
func TestDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/phones.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range phonesettings.List() {
		if !strings.Contains(string(page), "\n| `"+v.Name+"` |") {
			t.Errorf("docs/phones.md says nothing of %s", v.Name)
		}
	}
}

func TestFind(t *testing.T) {
	seen := map[string]string{}
	for _, v := range phonesettings.List() {
		if v.Title == "" || v.Models == "" || v.Paste == "" || len(v.Can) == 0 {
			t.Errorf("%+v has a gap", v)
		}
		for _, name := range append([]string{v.Name}, v.Aliases...) {
			if seen[name] != "" {
				t.Errorf("%s is both %s and %s", name, seen[name], v.Name)
			}
			seen[name] = v.Name
			if found, err := phonesettings.Find(" " + strings.ToUpper(name)); err != nil || found.Name != v.Name {
				t.Errorf("%s is %s, %v", name, found.Name, err)
			}
		}
	}
	var unknown *phonesettings.UnknownVendorError
	_, err := phonesettings.Find("yaelink")
	if !errors.As(err, &unknown) || !strings.Contains(err.Error(), "did you mean yealink?") {
		t.Error(err)
	}
}
