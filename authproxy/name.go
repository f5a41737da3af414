package authproxy

import (
	"strings"
	"unicode/utf8"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// A bindName is what a client's bind name says about whom it means.
type bindName struct {
	// logins are the login names it may mean, most literal first: the whole name,
	// then without its domain. A user may have been imported as alice@example.com.
	logins [2]string
	// device is the device's name where the form allows a device.
	device string
	// userOnly and deviceOnly are set by a DN, which says which it is.
	userOnly, deviceOnly bool
}

// names reads bind names under a base DN.
type names struct {
	base      ldapwire.DN
	users     string // ",ou=users,dc=dialtree" in lower case
	devices   string
	usersDN   ldapwire.DN
	devicesDN ldapwire.DN
}

func newNames(base string) (*names, error) {
	dn, err := ldapwire.ParseDN(base)
	if err != nil {
		return nil, err
	}
	n := &names{base: dn}
	if n.usersDN, err = ldapwire.ParseDN("ou=users," + base); err != nil {
		return nil, err
	}
	if n.devicesDN, err = ldapwire.ParseDN("ou=devices," + base); err != nil {
		return nil, err
	}
	n.users = "," + strings.ToLower(n.usersDN.String())
	n.devices = "," + strings.ToLower(n.devicesDN.String())
	return n, nil
}

// parse reads a bind name in any of its forms: the entry's DN, the bare login,
// login@domain, DOMAIN\login, a device's DN or name. A name that looks like a
// DN but is none under our base is taken as a bare login, which then is unknown:
// a client learns nothing from how its name was wrong.
func (n *names) parse(name string) bindName {
	if strings.IndexByte(name, '=') > 0 {
		if b, ok := n.parseDN(name); ok {
			return b
		}
	}
	b := bindName{device: name}
	b.logins[0] = name
	if i := strings.LastIndexByte(name, '@'); i > 0 {
		b.logins[1] = name[:i]
	} else if i := strings.IndexByte(name, '\\'); i >= 0 && i < len(name)-1 {
		b.logins[1] = name[i+1:]
	}
	return b
}

// parseDN reads a DN under the base. Phones send the same few DNs all day, so
// the plain spelling is read without parsing.
func (n *names) parseDN(name string) (bindName, bool) {
	if comma := strings.IndexByte(name, ','); comma > 0 && strings.IndexByte(name[:comma], '\\') < 0 {
		head, tail := name[:comma], name[comma:]
		if equals := strings.IndexByte(head, '='); equals > 0 && plainValue(head[equals+1:]) {
			if strings.EqualFold(tail, n.users) && isLoginAttribute(head[:equals]) {
				return bindName{logins: [2]string{head[equals+1:]}, userOnly: true}, true
			}
			if strings.EqualFold(tail, n.devices) && strings.EqualFold(head[:equals], "cn") {
				return bindName{device: head[equals+1:], deviceOnly: true}, true
			}
		}
	}
	dn, err := ldapwire.ParseDN(name)
	if err != nil || len(dn) < 2 || len(dn[0]) != 1 {
		return bindName{}, false
	}
	rdn, parent := dn[0][0], dn[1:]
	switch {
	case isLoginAttribute(rdn.Type) && parent.Equal(n.usersDN):
		return bindName{logins: [2]string{rdn.Value}, userOnly: true}, true
	case strings.EqualFold(rdn.Type, "cn") && parent.Equal(n.devicesDN):
		return bindName{device: rdn.Value, deviceOnly: true}, true
	}
	return bindName{}, false
}

// isLoginAttribute tells whether a DN under ou=users may begin with the
// attribute. The entry's RDN is uid; PBXs build their bind DNs with the others.
func isLoginAttribute(attribute string) bool {
	switch len(attribute) {
	case 2:
		return strings.EqualFold(attribute, "cn")
	case 3:
		return strings.EqualFold(attribute, "uid")
	case 14:
		return strings.EqualFold(attribute, "sAMAccountName")
	}
	return attribute == "0.9.2342.19200300.100.1.1"
}

// plainValue tells whether an RDN value means what it says: no escape, no
// second pair, no blank that RFC 4514 would ignore.
func plainValue(v string) bool {
	if v == "" || v[0] == ' ' || v[0] == '#' || v[len(v)-1] == ' ' {
		return false
	}
	return !strings.ContainsAny(v, "+\"\\;<>=\x00") && utf8.ValidString(v)
}
