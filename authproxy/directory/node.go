package directory

import (
	"time"

	"github.com/dialtree/dialtree/store"
)

// A Node is one entry of the tree with all its attributes.
type Node struct {
	DN         string
	Attributes []Attribute
}

// An Attribute is an attribute of a Node in its canonical spelling.
type Attribute struct {
	Name        string
	Aliases     []string
	Values      []string
	Matching    store.Matching
	Operational bool // sent only when asked for by name or by +
}

func (n *Node) add(name string, values ...string) {
	n.Attributes = append(n.Attributes, Attribute{Name: name, Values: values, Matching: store.MatchText})
}

func (n *Node) addOperational(name string, values ...string) {
	n.Attributes = append(n.Attributes, Attribute{Name: name, Values: values, Matching: store.MatchText, Operational: true})
}

// attribute finds an attribute by its name or an alias, in any case.
func (n *Node) attribute(name string) *Attribute {
	for i := range n.Attributes {
		if n.Attributes[i].is(name) {
			return &n.Attributes[i]
		}
	}
	return nil
}

func (t *Tree) container(dn, attribute, value, class string) *Node {
	n := &Node{DN: dn}
	n.add("objectClass", class, "top")
	n.add(attribute, value)
	n.addOperational("structuralObjectClass", class)
	n.addOperational("hasSubordinates", "TRUE")
	return n
}

func (t *Tree) deviceNode(d *store.Device) *Node {
	n := &Node{DN: t.DeviceDN(d.Name)}
	n.add("objectClass", "device", "top")
	n.add("cn", d.Name)
	if d.Title != "" {
		n.add("description", d.Title)
	}
	n.addOperational("structuralObjectClass", "device")
	return n
}

// entryNode shows a stored entry. inetOrgPerson requires cn and sn, so an entry
// without a surname, such as a company, shows its display name as sn: phones
// whose filter asks for sn would never find it otherwise.
func (t *Tree) entryNode(dn string, e *store.Entry) *Node {
	n := &Node{DN: dn}
	n.add("objectClass", "inetOrgPerson", "organizationalPerson", "person", "top")
	for _, f := range store.Fields() {
		if len(f.Attributes) == 0 {
			continue
		}
		values := e.Values.All(f.ID)
		switch {
		case len(values) > 0:
		case f.ID == store.Surname:
			values = e.Values.All(store.DisplayName)
		case f.ID == store.Username:
			values = []string{e.ID}
		}
		if len(values) == 0 {
			continue
		}
		n.Attributes = append(n.Attributes, Attribute{
			Name: f.Attributes[0], Aliases: f.Attributes[1:], Values: values, Matching: f.Matching,
		})
	}
	n.addOperational("entryUUID", t.store.EntryUUID(e.ID))
	n.addOperational("createTimestamp", generalizedTime(e.Created))
	n.addOperational("modifyTimestamp", generalizedTime(e.Modified))
	n.addOperational("structuralObjectClass", "inetOrgPerson")
	n.addOperational("entryDN", dn)
	n.addOperational("hasSubordinates", "FALSE")
	return n
}

// generalizedTime is RFC 4517, section 3.3.13.
func generalizedTime(t time.Time) string { return t.UTC().Format("20060102150405Z") }
