package upstream_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/authproxy/upstream"
)

// Each thing that can be wrong, and a part of the sentence that says so.
func TestNewRefuses(t *testing.T) {
	noCertificate := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(noCertificate, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	urls := func(urls ...string) func(*upstream.Options) {
		return func(o *upstream.Options) { o.URLs = urls }
	}
	template := func(text string) func(*upstream.Options) {
		return func(o *upstream.Options) { o.BindDN = text }
	}
	search := func(s upstream.Search) func(*upstream.Options) {
		return func(o *upstream.Options) { o.BindDN, o.Search = "", &s }
	}
	for _, test := range []struct {
		name   string
		change func(*upstream.Options)
		says   string
	}{
		{"no server", urls(), "urls: none"},
		{"no scheme", urls("dc1.example.com"), "scheme"},
		{"another scheme", urls("https://dc1.example.com"), "scheme"},
		{"no host", urls("ldap://"), "host is missing"},
		{"a path", urls("ldap://dc1/dc=example"), "more than a host"},
		{"a user", urls("ldap://u:p@dc1"), "more than a host"},
		{"a port that is none", urls("ldap://dc1:x"), "not a URL"},
		{"a server twice", urls("ldap://dc1", "ldap://dc1:389"), "the same server"},
		{"no % in the template", template("uid=alice,dc=x"), "exactly one %"},
		{"two % in the template", template("uid=%,ou=%,dc=x"), "exactly one %"},
		{"% in the place of a type", template("%=alice,dc=x"), "bind_dn"},
		{"no DN", template("uid=%,dc"), "bind_dn"},
		{"a bare %", template("%"), "want a DN"},
		{"no domain", template("%@"), "want a DN"},
		{"no Windows domain", template(`\%`), "want a DN"},
		{"a control character", template("uid=%\n,dc=x"), "control character"},
		{"template and search", func(o *upstream.Options) { o.Search = &upstream.Search{Filter: "(uid=%)"} }, "exclude each other"},
		{"no filter", search(upstream.Search{}), "search.filter"},
		{"a filter that is none", search(upstream.Search{Filter: "uid=%"}), "search.filter"},
		{"no % in the filter", search(upstream.Search{Filter: "(uid=alice)"}), "want a %"},
		{"a base that is no DN", search(upstream.Search{Base: "example", Filter: "(uid=%)"}), "search.base"},
		{"no password", search(upstream.Search{Filter: "(uid=%)", BindDN: "cn=proxy"}), "search.password"},
		{"no CA file", func(o *upstream.Options) { o.TLS.CAFile = noCertificate + "x" }, "tls.ca_file"},
		{"a CA file without a certificate", func(o *upstream.Options) { o.TLS.CAFile = noCertificate }, "no certificate"},
		{"a pin without its kind", func(o *upstream.Options) { o.TLS.PinnedKey = "AAAA" }, "tls.pinned_key"},
		{"a pin that is too short", func(o *upstream.Options) { o.TLS.PinnedKey = "sha256/AAAA" }, "tls.pinned_key"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := options("ldap://dc1.example.com")
			test.change(&o)
			if _, err := upstream.New(o); err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %v does not say %q", err, test.says)
			}
		})
	}
}

func TestNewTakes(t *testing.T) {
	for _, url := range []string{"ldap://dc1", "LDAPS://dc1/", "ldap://[::1]:3389", "ldaps://192.0.2.1", "ldap://dc1:389"} {
		if _, err := upstream.New(options(url)); err != nil {
			t.Error(err)
		}
	}
}
