package directory

import (
	"fmt"
	"strings"
)

// The controls of searches.
const (
	ControlPagedResults    = "1.2.840.113556.1.4.319"
	ControlSortRequest     = "1.2.840.113556.1.4.473"
	ControlSortResponse    = "1.2.840.113556.1.4.474"
	ControlVirtualListView = "2.16.840.1.113730.3.4.9"
	ControlListViewResult  = "2.16.840.1.113730.3.4.10"
	ControlManageDsaIT     = "2.16.840.1.113730.3.4.2"
	ControlSubentries      = "1.3.6.1.4.1.4203.1.10.1"
	ControlPasswordPolicy  = "1.3.6.1.4.1.42.2.27.8.5.1"
)

// rootDSE is the entry with the empty name (RFC 4512, section 5.1). It lists
// exactly what works: clients drop what is not listed, and rely on what is.
func (t *Tree) rootDSE(startTLS, saslPlain bool) *node {
	m := t.node("", "top", "OpenLDAProotDSE").
		add("namingContexts", t.base).
		add("subschemaSubentry", subschemaDN).
		add("supportedLDAPVersion", "2", "3").
		add("supportedControl", ControlManageDsaIT, ControlSubentries, ControlPagedResults, ControlSortRequest, ControlVirtualListView, ControlPasswordPolicy).
		add("supportedFeatures",
			"1.3.6.1.4.1.4203.1.5.1", // all operational attributes
			"1.3.6.1.4.1.4203.1.5.3", // absolute true and false filters
		).
		add("structuralObjectClass", "OpenLDAProotDSE").
		add("vendorName", "Dialtree").text("vendorVersion", t.version)
	extensions := []string{
		"1.3.6.1.4.1.4203.1.11.1", // Password Modify
		"1.3.6.1.4.1.4203.1.11.3", // Who am I?
		"1.3.6.1.1.8",             // Cancel
	}
	if startTLS {
		extensions = append(extensions, "1.3.6.1.4.1.1466.20037")
	}
	m.add("supportedExtension", extensions...)
	if saslPlain {
		m.add("supportedSASLMechanisms", "PLAIN")
	}
	return m.node
}

// subschemaDN names the entry that holds the schema.
const subschemaDN = "cn=subschema"

// subschema is the schema that is served (RFC 4512, section 4.2): every attribute
// type, object class, syntax and matching rule, and no other.
func (t *Tree) subschema(s *snapshot) *node {
	var types, classes, matching, syntaxes []string
	for _, a := range t.schema.attributes {
		types = append(types, a.definition())
	}
	for _, c := range objectClasses {
		definition := c.definition
		if c.name == "inetOrgPerson" {
			definition += " MAY ( " + strings.Join(t.schema.fieldNames(), " $ ") + " )"
		}
		classes = append(classes, fmt.Sprintf("( %s NAME '%s' %s )", c.oid, c.name, definition))
	}
	for _, r := range rules {
		matching = append(matching, fmt.Sprintf("( %s NAME '%s' SYNTAX %s )", r.oid, r.name, r.on))
	}
	for _, x := range syntaxDescriptions {
		syntaxes = append(syntaxes, fmt.Sprintf("( %s DESC '%s' )", x.oid, x.description))
	}
	at := generalizedTime(s.made.Unix())
	return t.node(subschemaDN, "subschema", "subentry", "top").
		add("cn", "subschema").
		add("attributeTypes", types...).add("objectClasses", classes...).
		add("matchingRules", matching...).add("ldapSyntaxes", syntaxes...).
		add("createTimestamp", at).add("modifyTimestamp", at).
		structure("subentry", false).node
}

var syntaxDescriptions = []struct{ oid, description string }{
	{syntaxOIDText, "Directory String"},
	{syntaxOIDIA5, "IA5 String"},
	{syntaxOIDParts, "Substring Assertion"},
	{syntaxOIDNumber, "Telephone Number"},
	{syntaxOIDName, "DN"},
	{syntaxOIDOID, "OID"},
	{syntaxOIDTime, "Generalized Time"},
	{syntaxOIDBoolean, "Boolean"},
	{syntaxOIDJPEG, "JPEG"},
	{syntaxOIDUUID, "UUID"},
	{syntaxOIDTypes, "Attribute Type Description"},
	{syntaxOIDClasses, "Object Class Description"},
	{syntaxOIDRules, "Matching Rule Description"},
	{syntaxOIDSyntaxes, "LDAP Syntax Description"},
}

// definition is the description of an attribute type (RFC 4512, section 4.1.2).
func (a *attribute) definition() string {
	equality, ordering, substrings, on := a.served()
	var b strings.Builder
	fmt.Fprintf(&b, "( %s NAME ", a.oid)
	if len(a.names) == 1 {
		fmt.Fprintf(&b, "'%s'", a.names[0])
	} else {
		fmt.Fprintf(&b, "( '%s' )", strings.Join(a.names, "' '"))
	}
	for _, part := range []struct{ keyword, value string }{
		{"EQUALITY", equality}, {"ORDERING", ordering}, {"SUBSTR", substrings}, {"SYNTAX", on},
	} {
		if part.value != "" {
			fmt.Fprintf(&b, " %s %s", part.keyword, part.value)
		}
	}
	if a.single {
		b.WriteString(" SINGLE-VALUE")
	}
	if a.operational {
		b.WriteString(" NO-USER-MODIFICATION USAGE directoryOperation")
	}
	b.WriteString(" )")
	return b.String()
}

// fieldNames are the attribute types of entries.
func (s *schema) fieldNames() []string {
	var names []string
	for _, a := range s.attributes {
		if a.field != 0 {
			names = append(names, a.name())
		}
	}
	return names
}
