package ldap_test

import (
	"testing"

	"github.com/dialtree/dialtree/syncer/source/ldap"
)

func TestDomains(t *testing.T) {
	for _, test := range []struct {
		name                  string
		derive                func(ldap.Domain) (ldap.Options, string)
		domain                ldap.Domain
		url, base, bind, user string
	}{
		{"AD", ldap.ActiveDirectory, ldap.Domain{Name: "ad.example.com", Server: "dc1.ad.example.com", Username: "reader"},
			"ldaps://dc1.ad.example.com:636", "dc=ad,dc=example,dc=com", "reader@ad.example.com", "%@ad.example.com"},
		{"AD with StartTLS and another form of name", ldap.ActiveDirectory, ldap.Domain{Name: "example.com", Server: "dc1", Username: `EXAMPLE\reader`, StartTLS: true},
			"ldap://dc1:389", "dc=example,dc=com", `EXAMPLE\reader`, "%@example.com"},
		{"AD's global catalog", ldap.ActiveDirectory, ldap.Domain{Name: "example.com", Server: "dc1", Username: "cn=a,dc=b", GlobalCatalog: true},
			"ldaps://dc1:3269", "dc=example,dc=com", "cn=a,dc=b", "%@example.com"},
		{"the port says that it is LDAPS", ldap.ActiveDirectory, ldap.Domain{Name: "example.com", Server: "dc1:3269", StartTLS: true},
			"ldaps://dc1:3269", "dc=example,dc=com", "", "%@example.com"},
		{"an IPv6 address", ldap.ActiveDirectory, ldap.Domain{Name: "example.com", Server: "[2001:db8::1]"},
			"ldaps://[2001:db8::1]:636", "dc=example,dc=com", "", "%@example.com"},
		{"UCS", ldap.UCS, ldap.Domain{Name: "example.intranet", Server: "ucs", Username: "reader", StartTLS: true},
			"ldap://ucs:7389", "dc=example,dc=intranet", "uid=reader,cn=users,dc=example,dc=intranet", "uid=%,cn=users,dc=example,dc=intranet"},
		{"UCS with a computer's account", ldap.UCS, ldap.Domain{Name: "example.intranet", Server: "ucs", Username: "pbx$"},
			"ldaps://ucs:7636", "dc=example,dc=intranet", "cn=pbx,cn=computers,dc=example,dc=intranet", "uid=%,cn=users,dc=example,dc=intranet"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o, user := test.derive(test.domain)
			got := [...]string{o.URLs[0], o.Bases[0], o.BindDN, user}
			if want := [...]string{test.url, test.base, test.bind, test.user}; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}
