package directory

import "strings"

// A rule is a matching rule (RFC 4517, section 4.2) that extensible matches may
// name and the schema lists.
type rule struct {
	oid    string
	name   string
	on     string // the OID of the syntax of its assertions
	syntax syntax
	kind   condOp // opEqual, opSubstrings, or opAtLeast for an ordering rule
	exact  bool
}

const (
	syntaxOIDText     = "1.3.6.1.4.1.1466.115.121.1.15"
	syntaxOIDIA5      = "1.3.6.1.4.1.1466.115.121.1.26"
	syntaxOIDParts    = "1.3.6.1.4.1.1466.115.121.1.58"
	syntaxOIDNumber   = "1.3.6.1.4.1.1466.115.121.1.50"
	syntaxOIDName     = "1.3.6.1.4.1.1466.115.121.1.12"
	syntaxOIDOID      = "1.3.6.1.4.1.1466.115.121.1.38"
	syntaxOIDTime     = "1.3.6.1.4.1.1466.115.121.1.24"
	syntaxOIDBoolean  = "1.3.6.1.4.1.1466.115.121.1.7"
	syntaxOIDJPEG     = "1.3.6.1.4.1.1466.115.121.1.28"
	syntaxOIDUUID     = "1.3.6.1.1.16.1"
	syntaxOIDTypes    = "1.3.6.1.4.1.1466.115.121.1.3"
	syntaxOIDClasses  = "1.3.6.1.4.1.1466.115.121.1.37"
	syntaxOIDRules    = "1.3.6.1.4.1.1466.115.121.1.30"
	syntaxOIDSyntaxes = "1.3.6.1.4.1.1466.115.121.1.54"
)

var rules = []rule{
	{"2.5.13.0", "objectIdentifierMatch", syntaxOIDOID, syntaxOID, opEqual, false},
	{"2.5.13.1", "distinguishedNameMatch", syntaxOIDName, syntaxDN, opEqual, false},
	{"2.5.13.2", "caseIgnoreMatch", syntaxOIDText, syntaxText, opEqual, false},
	{"2.5.13.3", "caseIgnoreOrderingMatch", syntaxOIDText, syntaxText, opAtLeast, false},
	{"2.5.13.4", "caseIgnoreSubstringsMatch", syntaxOIDParts, syntaxText, opSubstrings, false},
	{"2.5.13.5", "caseExactMatch", syntaxOIDText, syntaxText, opEqual, true},
	{"2.5.13.13", "booleanMatch", syntaxOIDBoolean, syntaxBoolean, opEqual, false},
	{"2.5.13.20", "telephoneNumberMatch", syntaxOIDNumber, syntaxNumber, opEqual, false},
	{"2.5.13.21", "telephoneNumberSubstringsMatch", syntaxOIDParts, syntaxNumber, opSubstrings, false},
	{"2.5.13.27", "generalizedTimeMatch", syntaxOIDTime, syntaxTime, opEqual, false},
	{"2.5.13.28", "generalizedTimeOrderingMatch", syntaxOIDTime, syntaxTime, opAtLeast, false},
	{"1.3.6.1.4.1.1466.109.114.1", "caseExactIA5Match", syntaxOIDIA5, syntaxText, opEqual, true},
	{"1.3.6.1.4.1.1466.109.114.2", "caseIgnoreIA5Match", syntaxOIDIA5, syntaxText, opEqual, false},
	{"1.3.6.1.1.16.2", "uuidMatch", syntaxOIDUUID, syntaxUUID, opEqual, false},
}

// matchingRule finds a rule that an extensible match can use, by its name or OID;
// nil for one that is not served. Assertions of substrings rules are written in
// a way of their own, which no client is known to use.
func matchingRule(name string) *rule {
	for i := range rules {
		if r := &rules[i]; r.kind != opSubstrings && (strings.EqualFold(r.name, name) || r.oid == name) {
			return r
		}
	}
	return nil
}

// fits tells whether the rule can be used on values of the attribute. A number is
// a text, too.
func (r *rule) fits(a *attribute) bool {
	switch a.syntax {
	case syntaxName:
		return r.syntax == syntaxText
	case syntaxNumber:
		return r.syntax == syntaxNumber || r.syntax == syntaxText && !r.exact
	}
	return r.syntax == a.syntax
}

// served returns the rules by which values of the attribute are compared, and the
// OID of its syntax.
func (a *attribute) served() (equality, ordering, substrings, on string) {
	switch a.syntax {
	case syntaxText, syntaxName:
		return "caseIgnoreMatch", "caseIgnoreOrderingMatch", "caseIgnoreSubstringsMatch", syntaxOIDText
	case syntaxNumber:
		return "telephoneNumberMatch", "caseIgnoreOrderingMatch", "telephoneNumberSubstringsMatch", syntaxOIDNumber
	case syntaxOctets:
		return "", "", "", syntaxOIDJPEG
	case syntaxOID:
		return "objectIdentifierMatch", "", "", syntaxOIDOID
	case syntaxTime:
		return "generalizedTimeMatch", "generalizedTimeOrderingMatch", "", syntaxOIDTime
	case syntaxUUID:
		return "uuidMatch", "", "", syntaxOIDUUID
	case syntaxDN:
		return "distinguishedNameMatch", "", "", syntaxOIDName
	case syntaxBoolean:
		return "booleanMatch", "", "", syntaxOIDBoolean
	}
	switch a.name() {
	case "attributeTypes":
		return "", "", "", syntaxOIDTypes
	case "objectClasses":
		return "", "", "", syntaxOIDClasses
	case "matchingRules":
		return "", "", "", syntaxOIDRules
	}
	return "", "", "", syntaxOIDSyntaxes
}
