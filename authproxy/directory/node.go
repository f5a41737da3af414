package directory

import (
	"time"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// A node is an entry of the tree that is no user, contact or speed dial: the base,
// a container, a device, the root DSE, the schema.
type node struct {
	dn     string
	values []nodeValues
}

type nodeValues struct {
	attr   *attribute
	values []string
}

// A nodeMaker collects the attributes of a node.
type nodeMaker struct {
	schema *schema
	node   *node
}

func (t *Tree) node(dn string, classes ...string) nodeMaker {
	m := nodeMaker{t.schema, &node{dn: dn}}
	return m.add("objectClass", classes...)
}

// add adds an attribute, unless it has no value.
func (m nodeMaker) add(name string, values ...string) nodeMaker {
	if a := m.schema.find([]byte(name)); a != nil && len(values) > 0 {
		m.node.values = append(m.node.values, nodeValues{a, values})
	}
	return m
}

// text adds an attribute of one value, unless that is empty.
func (m nodeMaker) text(name, value string) nodeMaker {
	if value == "" {
		return m
	}
	return m.add(name, value)
}

// structure adds what every entry of the tree has.
func (m nodeMaker) structure(class string, subordinates bool) nodeMaker {
	has := "FALSE"
	if subordinates {
		has = "TRUE"
	}
	return m.add("structuralObjectClass", class).add("subschemaSubentry", subschemaDN).
		add("entryDN", m.node.dn).add("hasSubordinates", has)
}

func (n *node) get(a *attribute) []string {
	for _, v := range n.values {
		if v.attr == a {
			return v.values
		}
	}
	return nil
}

// evalNode tells what a condition is on a node.
func (c *cond) evalNode(n *node) Truth {
	switch c.op {
	case opUndefined:
		return Undefined
	case opFalse:
		return False
	case opAnd, opOr:
		return c.evalNodes(n)
	case opNot:
		return c.kids[0].evalNode(n).not()
	case opAnyText:
		return False
	}
	values := n.get(c.attr)
	switch {
	case len(values) == 0:
		return False
	case c.op == opPresent:
		return True
	}
	for _, v := range values {
		if c.attr.syntax == syntaxTime {
			if at, ok := parseTime(v); ok && c.evalTime(at) == True {
				return True
			}
		} else if c.plainValue(v) {
			return True
		}
	}
	return False
}

func (c *cond) evalNodes(n *node) Truth {
	decides, result := False, True
	if c.op == opOr {
		decides, result = True, False
	}
	for i := range c.kids {
		switch truth := c.kids[i].evalNode(n); truth {
		case decides:
			return decides
		case Undefined:
			result = Undefined
		}
	}
	return result
}

// append appends the node as a SearchResultEntry with the attributes asked for.
func (n *node) append(dst []byte, id int32, s *Selection) []byte {
	e := ldapwire.BeginEntry(dst, id, n.dn)
	for _, v := range n.values {
		if !s.wants(v.attr) {
			continue
		}
		e.Attribute(v.attr.name())
		if s.typesOnly {
			continue
		}
		for _, value := range v.values {
			e.Value(value)
		}
	}
	return e.End()
}

// generalizedTime is RFC 4517, section 3.3.13.
func generalizedTime(unix int64) string { return time.Unix(unix, 0).UTC().Format("20060102150405Z") }
