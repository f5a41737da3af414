// Package dialtree_test holds the rules of the whole tree.
package dialtree_test

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/dialtree/dialtree/"

// mayImport says for each part which of our packages it may import: a prefix
// ends in a slash. What is missing here may import nothing of ours.
var mayImport = map[string][]string{
	"peertrust":                    {},
	"store":                        {},
	"authproxy/ldapwire":           {},
	"authproxy/ldapserver":         {"authproxy/ldapwire"},
	"authproxy/upstream":           {"authproxy/ldapwire", "peertrust"},
	"authproxy/directory":          {"authproxy/ldapwire", "store"},
	"refusals":                     {"store"},
	"cluster":                      {"store"},
	"cluster/etcd":                 {"cluster"},
	"cluster/kvtest":               {"cluster"},
	"cluster/simulated":            {"cluster"},
	"authproxy/trace":              {"authproxy/ldapserver", "authproxy/ldapwire", "refusals"},
	"authproxy":                    {"authproxy/", "refusals", "store"},
	"syncer":                       {"syncer/", "store"},
	"syncer/source":                {},
	"syncer/source/file":           {"syncer/source"},
	"csvcell":                      {},
	"syncer/source/csv":            {"csvcell", "syncer/source", "syncer/source/file"},
	"syncer/source/smb":            {"syncer/source", "syncer/source/file"},
	"syncer/source/web":            {"peertrust", "syncer/source", "syncer/source/file"},
	"syncer/source/xlsx":           {"syncer/source", "syncer/source/file"},
	"syncer/source/sourcetest":     {"syncer/source"},
	"syncer/source/rest":           {"syncer/source", "syncer/source/file", "syncer/source/web"},
	"syncer/source/ldap":           {"syncer/source", "authproxy/upstream"},
	"syncer/source/ldap/ldaptest":  {"authproxy/ldapwire"},
	"admin":                        {"admin/", "csvcell", "refusals", "store"},
	"admin/access":                 {"store"},
	"admin/page":                   {"admin", "admin/access", "admin/phonesettings", "admin/yamldoc", "store"},
	"admin/logtail":                {},
	"admin/trends":                 {},
	"admin/reference":              {},
	"admin/export":                 {"csvcell", "store"},
	"admin/phonesettings":          {"admin/yamldoc", "store"},
	"admin/yamldoc":                {},
	"cmd/dialtree":                 {"cmd/dialtree/", "admin", "admin/access", "admin/export", "admin/logtail", "admin/page", "admin/phonesettings", "admin/yamldoc", "authproxy", "authproxy/directory", "csvcell", "authproxy/ldapserver", "authproxy/trace", "authproxy/upstream", "cluster", "cluster/etcd", "refusals", "store", "syncer"},
	"cmd/dialtree/internal/config": {"admin/yamldoc", "authproxy/ldapwire", "store"},
	"cmd/dialtree/internal/":       {"admin/yamldoc", "authproxy/ldapwire", "cmd/dialtree/internal/"},
	"e2e":                          {"authproxy/ldapwire", "e2e/"},
	"e2e/":                         {"authproxy/ldapwire", "e2e/"},
	"e2e/followers":                {"cluster", "cluster/etcd", "store"}, // a hundred nodes as processes do not fit on the machine of a test
}

// owner says which packages alone may import a library, directly.
var owner = map[string][]string{
	"go.etcd.io/bbolt":                 {"store"},
	"go.etcd.io/etcd/client":           {"cluster/etcd"},
	"go.etcd.io/etcd/server":           {"cmd/dialtree/internal/demoetcd"},
	"github.com/klauspost/compress":    {"cluster"},
	"github.com/go-ldap/ldap/v3":       {"authproxy/upstream", "syncer/source/ldap"},
	"github.com/jimlambrt/gldap":       {"cmd/dialtree"},
	"github.com/expr-lang/expr":        {"syncer"},
	"github.com/spf13/cobra":           {"cmd/dialtree"},
	"github.com/danielgtaylor/huma/v2": {"admin", "admin/reference"},
	"golang.org/x/crypto/argon2":       {"authproxy"},
	"github.com/cloudsoda/go-smb2":     {"syncer/source/smb"},
	"github.com/xuri/excelize/v2":      {"syncer/source/xlsx", "admin/export"},
	"github.com/chromedp":              {"e2e/browser"},
	"github.com/rivo/uniseg":           {"cmd/dialtree/internal/terminal"},
}

func TestWhoImportsWhom(t *testing.T) {
	out, err := exec.Command("go", "list", "-tags", "e2e", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	packages := 0
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		name, ours := strings.CutPrefix(p.ImportPath, module)
		if !ours {
			continue
		}
		packages++
		for _, imported := range p.Imports {
			if other, ours := strings.CutPrefix(imported, module); ours && !allowed(name, other) {
				t.Errorf("%s imports %s", name, other)
			}
			for library, owners := range owner {
				if (imported == library || strings.HasPrefix(imported, library+"/")) && !contains(owners, name) {
					t.Errorf("%s imports %s, which only %s may", name, imported, strings.Join(owners, " and "))
				}
			}
		}
	}
	if packages < 8 {
		t.Fatalf("only %d packages were found", packages)
	}
}

func allowed(name, other string) bool {
	rules, ok := mayImport[name]
	if !ok {
		for prefix, r := range mayImport {
			if strings.HasSuffix(prefix, "/") && strings.HasPrefix(name, prefix) {
				rules = r
			}
		}
	}
	return contains(rules, other)
}

func contains(rules []string, name string) bool {
	for _, r := range rules {
		if r == name || strings.HasSuffix(r, "/") && strings.HasPrefix(name, r) {
			return true
		}
	}
	return false
}
