package directory

import (
	"fmt"
	"strings"

	"github.com/dialtree/dialtree/store"
)

// syntax is what the values of an attribute are and how they are compared.
type syntax uint8

const (
	syntaxText     syntax = iota // directory string
	syntaxName                   // a login name: text whose marks always count
	syntaxNumber                 // telephone number
	syntaxOctets                 // never matched
	syntaxOID                    // object classes and such
	syntaxTime                   // generalized time
	syntaxUUID                   //
	syntaxDN                     //
	syntaxBoolean                //
	syntaxReserved               // the descriptions of the schema itself
)

// An attribute is an attribute type that is served. Two names of one type are
// aliases, and values come under the first; a name that is a type of its own
// elsewhere, such as Active Directory's company beside o, stays one, so that a
// client that asks for it finds what it asked for.
type attribute struct {
	oid         string
	names       []string // the first is how it is sent
	field       store.FieldID
	syntax      syntax
	operational bool
	single      bool
	fallback    bool // stands in for an empty field of an entry: sn, uid
	also        bool // another type over the same field: sent only when it is asked for
}

func (a *attribute) name() string { return a.names[0] }

// standard are the attribute types that have an OID of their own, by their first
// name (RFC 4512, 4519, 4524, 2798, 2079, 3045, and Active Directory's schema).
// Names behind the first are aliases. Most may have many values, and client
// libraries go by that, although a field holds one.
var standard = []attribute{
	{oid: "2.5.4.3", names: []string{"cn", "commonName"}},
	{oid: "2.16.840.1.113730.3.1.241", names: []string{"displayName"}, single: true},
	{oid: "2.5.4.41", names: []string{"name"}},
	{oid: "2.5.4.42", names: []string{"givenName", "gn"}},
	{oid: "2.5.4.4", names: []string{"sn", "surname"}},
	{oid: "2.5.4.10", names: []string{"o", "organizationName"}},
	{oid: "1.2.840.113556.1.2.146", names: []string{"company"}, single: true},
	{oid: "2.5.4.12", names: []string{"title"}},
	{oid: "0.9.2342.19200300.100.1.3", names: []string{"mail", "rfc822Mailbox"}},
	{oid: "2.5.4.20", names: []string{"telephoneNumber"}},
	{oid: "1.2.840.113556.1.4.721", names: []string{"ipPhone"}, single: true},
	{oid: "0.9.2342.19200300.100.1.41", names: []string{"mobile", "mobileTelephoneNumber"}},
	{oid: "0.9.2342.19200300.100.1.20", names: []string{"homePhone", "homeTelephoneNumber"}},
	{oid: "2.5.4.23", names: []string{"facsimileTelephoneNumber", "fax"}},
	{oid: "2.16.840.1.113730.3.1.3", names: []string{"employeeNumber"}, single: true},
	{oid: "2.5.4.13", names: []string{"description"}},
	{oid: "1.2.840.113556.1.2.81", names: []string{"info"}, single: true},
	{oid: "1.3.6.1.4.1.250.1.57", names: []string{"labeledURI"}},
	{oid: "2.5.4.15", names: []string{"businessCategory"}},
	{oid: "0.9.2342.19200300.100.1.60", names: []string{"jpegPhoto"}},
	{oid: "2.5.4.11", names: []string{"ou", "organizationalUnitName"}},
	{oid: "1.2.840.113556.1.2.102", names: []string{"memberOf"}},
	{oid: "0.9.2342.19200300.100.1.1", names: []string{"uid", "userid"}},
	{oid: "1.2.840.113556.1.4.221", names: []string{"sAMAccountName"}, single: true},
}

// structural are the attribute types beside those of the field table.
var structural = []attribute{
	{oid: "2.5.4.0", names: []string{"objectClass"}, syntax: syntaxOID},
	{oid: "0.9.2342.19200300.100.1.25", names: []string{"dc", "domainComponent"}, single: true},
	{oid: "2.5.4.6", names: []string{"c", "countryName"}, single: true},
	{oid: "2.5.4.7", names: []string{"l", "localityName"}},
	{oid: "2.5.4.8", names: []string{"st", "stateOrProvinceName"}},
	{oid: "2.5.18.1", names: []string{"createTimestamp"}, syntax: syntaxTime, single: true, operational: true},
	{oid: "2.5.18.2", names: []string{"modifyTimestamp"}, syntax: syntaxTime, single: true, operational: true},
	{oid: "2.5.18.9", names: []string{"hasSubordinates"}, syntax: syntaxBoolean, single: true, operational: true},
	{oid: "2.5.18.10", names: []string{"subschemaSubentry"}, syntax: syntaxDN, single: true, operational: true},
	{oid: "2.5.21.9", names: []string{"structuralObjectClass"}, syntax: syntaxOID, single: true, operational: true},
	{oid: "1.3.6.1.1.16.4", names: []string{"entryUUID"}, syntax: syntaxUUID, single: true, operational: true},
	{oid: "1.3.6.1.1.20", names: []string{"entryDN"}, syntax: syntaxDN, single: true, operational: true},
	{oid: "2.5.21.4", names: []string{"matchingRules"}, syntax: syntaxReserved, operational: true},
	{oid: "2.5.21.5", names: []string{"attributeTypes"}, syntax: syntaxReserved, operational: true},
	{oid: "2.5.21.6", names: []string{"objectClasses"}, syntax: syntaxReserved, operational: true},
	{oid: "1.3.6.1.4.1.1466.101.120.16", names: []string{"ldapSyntaxes"}, syntax: syntaxReserved, operational: true},
	{oid: "1.3.6.1.4.1.1466.101.120.5", names: []string{"namingContexts"}, syntax: syntaxDN, operational: true},
	{oid: "1.3.6.1.4.1.1466.101.120.7", names: []string{"supportedExtension"}, syntax: syntaxOID, operational: true},
	{oid: "1.3.6.1.4.1.1466.101.120.13", names: []string{"supportedControl"}, syntax: syntaxOID, operational: true},
	{oid: "1.3.6.1.4.1.1466.101.120.14", names: []string{"supportedSASLMechanisms"}, operational: true},
	{oid: "1.3.6.1.4.1.1466.101.120.15", names: []string{"supportedLDAPVersion"}, operational: true},
	{oid: "1.3.6.1.4.1.4203.1.3.5", names: []string{"supportedFeatures"}, syntax: syntaxOID, operational: true},
	{oid: "1.3.6.1.1.4", names: []string{"vendorName"}, single: true, operational: true},
	{oid: "1.3.6.1.1.5", names: []string{"vendorVersion"}, single: true, operational: true},
}

// privateArc is where attribute types that have no OID elsewhere are numbered by
// their field: a UUID of ours (RFC 9562) under 2.25.
const privateArc = "2.25.301287613490845513284612398764051277713.1"

// A schema is the attribute types that are served, found by name.
type schema struct {
	attributes []*attribute          // in the order of the field table, then the others
	byName     map[string]*attribute // in lower case: every name, alias and OID
	objectType *attribute            // objectClass
}

// newSchema makes the attribute types of the field table, and adds the others.
func newSchema() *schema {
	s := &schema{byName: make(map[string]*attribute)}
	for _, f := range store.Fields() {
		for i, name := range f.Attributes {
			if s.byName[strings.ToLower(name)] != nil {
				continue // an alias of the one before
			}
			a := standardAttribute(name)
			if a.oid == "" {
				a = attribute{oid: fmt.Sprintf("%s.%d.%d", privateArc, f.ID, i), names: []string{name}, single: !f.Many}
			}
			a.field, a.syntax, a.also = f.ID, syntaxOf(f.Matching), i > 0
			a.fallback = f.ID == store.Surname || f.ID == store.Username
			s.add(&a)
		}
	}
	for i := range structural {
		a := structural[i]
		s.add(&a)
	}
	s.objectType = s.byName["objectclass"]
	return s
}

func (s *schema) add(a *attribute) {
	s.attributes = append(s.attributes, a)
	s.byName[a.oid] = a
	for _, name := range a.names {
		s.byName[strings.ToLower(name)] = a
	}
}

func standardAttribute(name string) attribute {
	for _, a := range standard {
		for _, n := range a.names {
			if strings.EqualFold(n, name) {
				return a
			}
		}
	}
	return attribute{}
}

func syntaxOf(m store.Matching) syntax {
	switch m {
	case store.MatchName:
		return syntaxName
	case store.MatchNumber:
		return syntaxNumber
	case store.MatchBytes:
		return syntaxOctets
	}
	return syntaxText
}

// find returns the attribute type of an attribute description: a name, an alias or
// an OID, in any case; nil for what nothing here has. Options are left out of
// account: no value here has one.
func (s *schema) find(description []byte) *attribute {
	var lower [64]byte
	n := 0
	for _, c := range description {
		if c == ';' {
			break
		}
		if n == len(lower) {
			return nil
		}
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		lower[n] = c
		n++
	}
	return s.byName[string(lower[:n])]
}

// ofField returns the attribute type that a field is sent as; nil for none.
func (s *schema) ofField(id store.FieldID) *attribute {
	for _, a := range s.attributes {
		if a.field == id && !a.also {
			return a
		}
	}
	return nil
}
