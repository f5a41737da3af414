package ldap

import (
	"errors"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// A rootDSE is what a server says of itself (RFC 4512, section 5.1).
type rootDSE struct {
	schema         string // the DN of the subschema subentry
	defaultContext string // Active Directory's, else the only one; "" where there are several
	entry          *ldap.Entry
}

// rootDSE reads it. A server that shows it to nobody is no obstacle.
func (x *session) rootDSE() (rootDSE, error) {
	found, err := x.search(request("", ldap.ScopeBaseObject, "(objectClass=*)", []string{"subschemaSubentry", "defaultNamingContext",
		"namingContexts", "dnsHostName", "dsServiceName", "highestCommittedUSN"}))
	if err != nil || len(found.Entries) == 0 {
		return rootDSE{entry: new(ldap.Entry)}, unlessRefused(err)
	}
	e := found.Entries[0]
	root := rootDSE{
		schema:         e.GetEqualFoldAttributeValue("subschemaSubentry"),
		defaultContext: e.GetEqualFoldAttributeValue("defaultNamingContext"),
		entry:          e,
	}
	if contexts := e.GetEqualFoldAttributeValues("namingContexts"); root.defaultContext == "" && len(contexts) == 1 {
		root.defaultContext = contexts[0]
	}
	return root, nil
}

// unlessRefused drops the error of a search that the server refuses to this account whenever it comes. What it answers today and may
// not tomorrow is an error: what people's groups are must not depend on whether it was busy.
func unlessRefused(err error) error {
	var refused *searchError
	if errors.As(err, &refused) {
		switch refused.code {
		case ldap.LDAPResultNoSuchObject, ldap.LDAPResultInsufficientAccessRights, ldap.LDAPResultInappropriateAuthentication:
			return nil
		}
	}
	return err
}

// A schema are the names of a directory's attributes, in lower case, with one that
// stands for all names of the same attribute. It is nil where it cannot be read.
type schema map[string]string

// readSchema reads what attributes there are, so that a name that is spelt wrong is
// told from an attribute that nobody has.
func (x *session) readSchema(root rootDSE) (schema, error) {
	if root.schema == "" {
		return nil, nil
	}
	found, err := x.search(request(root.schema, ldap.ScopeBaseObject, "(objectClass=*)", []string{"attributeTypes"}))
	if err != nil || len(found.Entries) == 0 {
		return nil, unlessRefused(err)
	}
	s := schema{}
	for _, definition := range found.Entries[0].GetEqualFoldAttributeValues("attributeTypes") {
		names := attributeNames(definition)
		for _, name := range names {
			s[name] = names[0]
		}
	}
	if len(s) == 0 {
		return nil, nil
	}
	return s, nil
}

// knows tells whether the directory has an attribute of this name. Where the schema
// cannot be read, any name may be one.
func (s schema) knows(attribute string) bool {
	_, ok := s[strings.ToLower(attribute)]
	return ok || s == nil
}

// canonical is the name that stands for all names of an attribute.
func (s schema) canonical(attribute string) string {
	attribute = strings.ToLower(attribute)
	if name, ok := s[attribute]; ok {
		return name
	}
	return attribute
}

// attributeNames returns the names in an attribute's definition (RFC 4512, section
// 4.1.2), in lower case, and its OID behind them. It looks for no more than that:
//
//	( 2.5.4.4 NAME ( 'sn' 'surname' ) DESC '…' … )
func attributeNames(definition string) []string {
	definition = strings.TrimLeft(definition, "( ")
	oid, rest, _ := strings.Cut(definition, " ")
	var names []string
	if _, list, found := strings.Cut(rest, "NAME "); found {
		list = strings.TrimLeft(list, " ")
		many := strings.HasPrefix(list, "(")
		list = strings.TrimPrefix(list, "(")
		for {
			_, quoted, found := strings.Cut(list, "'")
			name, after, closed := strings.Cut(quoted, "'")
			if !found || !closed {
				break
			}
			names = append(names, strings.ToLower(name))
			list = strings.TrimLeft(after, " ")
			if !many || !strings.HasPrefix(list, "'") {
				break
			}
		}
	}
	return append(names, strings.ToLower(oid))
}
