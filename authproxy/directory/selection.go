package directory

import (
	"strings"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

func (a *Attribute) is(name string) bool {
	if strings.EqualFold(a.Name, name) {
		return true
	}
	for _, alias := range a.Aliases {
		if strings.EqualFold(alias, name) {
			return true
		}
	}
	return strings.EqualFold(oids[a.Name], name)
}

// oids are the object identifiers of the attributes that are served under a
// standard name (RFC 4512, 4519, 4524, 2798).
var oids = map[string]string{
	"objectClass": "2.5.4.0", "cn": "2.5.4.3", "sn": "2.5.4.4", "givenName": "2.5.4.42", "o": "2.5.4.10", "ou": "2.5.4.11",
	"title": "2.5.4.12", "description": "2.5.4.13", "businessCategory": "2.5.4.15", "telephoneNumber": "2.5.4.20",
	"facsimileTelephoneNumber": "2.5.4.23", "uid": "0.9.2342.19200300.100.1.1", "mail": "0.9.2342.19200300.100.1.3",
	"homePhone": "0.9.2342.19200300.100.1.20", "mobile": "0.9.2342.19200300.100.1.41", "jpegPhoto": "0.9.2342.19200300.100.1.60",
	"employeeNumber": "2.16.840.1.113730.3.1.3", "labeledURI": "1.3.6.1.4.1.250.1.57", "dc": "0.9.2342.19200300.100.1.25",
	"entryUUID": "1.3.6.1.1.16.4", "createTimestamp": "2.5.18.1", "modifyTimestamp": "2.5.18.2", "structuralObjectClass": "2.5.21.9",
	"entryDN": "1.3.6.1.1.20", "hasSubordinates": "2.5.18.9", "namingContexts": "1.3.6.1.4.1.1466.101.120.5",
}

// selection says which attributes a client asked for (RFC 4511, section 4.5.1.8;
// RFC 3673 for +).
type selection struct {
	user, operational bool
	names             []string
}

func newSelection(asked [][]byte) selection {
	if len(asked) == 0 {
		return selection{user: true}
	}
	var s selection
	for _, a := range asked {
		switch name := string(a); name {
		case "*":
			s.user = true
		case "+":
			s.operational = true
		case "1.1":
		default:
			name, _, _ = strings.Cut(name, ";")
			s.names = append(s.names, name)
		}
	}
	return s
}

func (s *selection) wants(a *Attribute) bool {
	if a.Operational && s.operational || !a.Operational && s.user {
		return true
	}
	for _, name := range s.names {
		if a.is(name) {
			return true
		}
	}
	return false
}

// Append appends the node as a SearchResultEntry with the attributes asked for.
func (n *Node) Append(dst []byte, id int32, asked [][]byte, typesOnly bool) []byte {
	s := newSelection(asked)
	e := ldapwire.BeginEntry(dst, id, n.DN)
	for i := range n.Attributes {
		a := &n.Attributes[i]
		if !s.wants(a) {
			continue
		}
		e.Attribute(a.Name)
		if typesOnly {
			continue
		}
		for _, v := range a.Values {
			e.Value(v)
		}
	}
	return e.End()
}
