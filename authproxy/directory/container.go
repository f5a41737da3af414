package directory

import (
	"strings"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/store"
)

// A container is one set of entries with its own readers: all users, all speed
// dials, or the contacts of a phonebook. It never changes; a change of the store
// makes another one.
type container struct {
	tree    *Tree
	kind    store.Kind
	book    string // the phonebook's name; empty for users and speed dials
	title   string
	dn      string
	suffix  string // of the DNs of its entries
	readers []store.Reader
	parts   ldapwire.DN // of dn

	// What changed since base was built is in delta; what it replaced or removed
	// is dead in base.
	base  *segment
	dead  bitmap
	delta *segment

	content *content // of all of them
}

// A hit is an entry that was found.
type hit struct {
	home   *container
	record record
}

// entries is how many entries the container has.
func (c *container) entries() int { return c.base.len() - c.dead.count() + c.delta.len() }

// find returns the entry with an ID.
func (c *container) find(id string) (hit, bool) {
	if n, ok := c.delta.find(id); ok {
		return hit{c, c.delta.record(n)}, true
	}
	if n, ok := c.base.find(id); ok && !c.dead.has(n) {
		return hit{c, c.base.record(n)}, true
	}
	return hit{}, false
}

func (c *container) doc(r record) doc {
	return doc{home: c, record: r, fields: r.fields()}
}

// entryDN is the DN of an entry in the container.
func (c *container) entryDN(r record) string { return rdnPrefix + string(r.rdn()) + c.suffix }

const rdnPrefix = "uid="

// entryClasses are the object classes of every entry: what phones filter on.
var entryClasses = []string{"inetOrgPerson", "organizationalPerson", "person", "top"}

// objectClasses are the OIDs of the object classes that are served.
var objectClasses = []struct{ name, oid, definition string }{
	{"top", "2.5.6.0", "ABSTRACT MUST objectClass"},
	{"person", "2.5.6.6", "SUP top STRUCTURAL MUST ( sn $ cn )"},
	{"organizationalPerson", "2.5.6.7", "SUP person STRUCTURAL"},
	{"inetOrgPerson", "2.16.840.1.113730.3.2.2", "SUP organizationalPerson STRUCTURAL"},
	{"organizationalUnit", "2.5.6.5", "SUP top STRUCTURAL MUST ou MAY description"},
	{"organization", "2.5.6.4", "SUP top STRUCTURAL MUST o MAY description"},
	{"domain", "0.9.2342.19200300.100.4.13", "SUP top STRUCTURAL MUST dc"},
	{"country", "2.5.6.2", "SUP top STRUCTURAL MUST c"},
	{"device", "2.5.6.14", "SUP top STRUCTURAL MUST cn MAY description"},
	{"subschema", "2.5.20.1", "AUXILIARY MAY ( attributeTypes $ objectClasses $ matchingRules $ ldapSyntaxes )"},
	{"subentry", "2.5.17.0", "SUP top STRUCTURAL MUST cn"},
	{"extensibleObject", "1.3.6.1.4.1.1466.101.120.111", "SUP top AUXILIARY"},
}

// classOf returns the name of an object class that is given by its name or OID;
// what is neither, as it is.
func classOf(text string) string {
	for _, c := range objectClasses {
		if c.oid == text || strings.EqualFold(c.name, text) {
			return c.name
		}
	}
	return text
}

func isEntryClass(name string) bool {
	for _, c := range entryClasses {
		if strings.EqualFold(c, name) {
			return true
		}
	}
	return false
}

// entryHas tells whether entries have an attribute that is in no field.
func entryHas(a *attribute) bool {
	switch a.name() {
	case "objectClass", "createTimestamp", "modifyTimestamp", "structuralObjectClass", "subschemaSubentry",
		"entryUUID", "entryDN", "hasSubordinates":
		return true
	}
	return false
}

func (c *container) has(a *attribute) bool { return entryHas(a) }

// ownValues are the values of an attribute that is in no field.
func (c *container) ownValues(a *attribute, r record) []string {
	switch a.name() {
	case "objectClass":
		return entryClasses
	case "createTimestamp":
		return []string{generalizedTime(r.created())}
	case "modifyTimestamp":
		return []string{generalizedTime(r.modified())}
	case "structuralObjectClass":
		return entryClasses[:1]
	case "subschemaSubentry":
		return []string{subschemaDN}
	case "entryUUID":
		return []string{c.tree.store.EntryUUID(string(r.id()))}
	case "entryDN":
		return []string{c.entryDN(r)}
	case "hasSubordinates":
		return []string{"FALSE"}
	}
	return nil
}

// nameMatches tells whether a condition is True on an attribute of the names above
// the entry, which :dn asks for.
func (c *container) nameMatches(want *cond) bool {
	for _, rdn := range c.parts {
		for _, av := range rdn {
			if c.tree.schema.find([]byte(av.Type)) == want.attr && want.plainValue(av.Value) {
				return true
			}
		}
	}
	return false
}

// plainValue tells whether a value that is in no record matches.
func (c *cond) plainValue(value string) bool {
	switch c.attr.syntax {
	case syntaxText, syntaxName:
	case syntaxNumber:
		return c.numberValue(c.numbers.canonical(nil, value))
	default:
		return c.op == opEqual && c.sameOwn(value)
	}
	if c.op == opExact {
		return value == string(c.exact)
	}
	prepared, marked, _ := appendText(nil, value, whole)
	if !marked || c.attr.syntax == syntaxName {
		return c.value(formBase, prepared)
	}
	folded := foldText(value)
	return c.value(formMarked, prepared) || c.value(formBase, appendSettled(nil, base(folded))) ||
		c.value(formDigraph, appendSettled(nil, digraph(folded)))
}
