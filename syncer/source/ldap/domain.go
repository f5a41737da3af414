package ldap

import (
	"net"
	"strings"
)

// A Domain is what an administrator knows of a Windows or UCS domain.
type Domain struct {
	Name     string // its DNS name
	Server   string // host or host:port
	Username string // of the account that reads
	StartTLS bool   // instead of LDAPS, where the port does not say which
	// GlobalCatalog: the server's index of a whole forest, in which some attributes are missing.
	GlobalCatalog bool
}

// base is the DN of the domain: example.com is dc=example,dc=com.
func (d Domain) base() string {
	return "dc=" + strings.ReplaceAll(strings.Trim(d.Name, "."), ".", ",dc=")
}

// url is the URL of the server. Its port, where there is one, says whether it is LDAPS.
func (d Domain) url(port, tlsPort string) string {
	host, given, err := net.SplitHostPort(d.Server)
	if err != nil {
		host, given = strings.Trim(d.Server, "[]"), ""
	}
	switch given {
	case "":
		if d.StartTLS {
			return "ldap://" + net.JoinHostPort(host, port)
		}
		return "ldaps://" + net.JoinHostPort(host, tlsPort)
	case "636", "3269", "7636":
		return "ldaps://" + net.JoinHostPort(host, given)
	}
	if d.StartTLS {
		return "ldap://" + net.JoinHostPort(host, given)
	}
	return "ldaps://" + net.JoinHostPort(host, given)
}

// ActiveDirectory is what follows from a Windows domain, and the bind name of its
// users with % in the place of the login.
func ActiveDirectory(d Domain) (o Options, loginTemplate string) {
	port, tlsPort := "389", "636"
	if d.GlobalCatalog {
		port, tlsPort = "3268", "3269"
	}
	o = Options{
		URLs:   []string{d.url(port, tlsPort)},
		Bases:  []string{d.base()},
		BindDN: d.Username,
		Groups: Groups{Base: d.base(), Filter: "(objectCategory=group)", MemberOf: true},
	}
	if o.BindDN != "" && !strings.ContainsAny(o.BindDN, `@\=`) {
		o.BindDN += "@" + d.Name
	}
	return o, "%@" + d.Name
}

// UCS is what follows from a domain of Univention Corporate Server, and the bind name
// of its users with % in the place of the login. Its LDAP server is not on the usual
// ports, which belong to Samba there.
func UCS(d Domain) (o Options, loginTemplate string) {
	base := d.base()
	o = Options{
		URLs:   []string{d.url("7389", "7636")},
		Bases:  []string{base},
		BindDN: d.Username,
		Groups: Groups{Base: base, Filter: "(objectClass=univentionGroup)", MemberOf: true},
	}
	computer, isComputer := strings.CutSuffix(o.BindDN, "$")
	switch {
	case o.BindDN == "" || strings.Contains(o.BindDN, "="):
	case isComputer: // where UCS puts the computers that somebody adds
		o.BindDN = "cn=" + computer + ",cn=computers," + base
	default:
		o.BindDN = "uid=" + o.BindDN + ",cn=users," + base
	}
	return o, "uid=%,cn=users," + base
}
