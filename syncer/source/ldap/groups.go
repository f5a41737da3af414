package ldap

import (
	"maps"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

const memberOf = "memberOf"

// groups know which groups there are and which of them are in which. A group that
// contains another one contains its members.
//
// All groups are read once and walked here: asking Active Directory for the nested
// groups of each user (the rule 1.2.840.113556.1.4.1941) is one search per user.
type groups struct {
	byDN     map[string]*group
	byMember map[string][]*group // by the DN of the member; only where members do not name their groups
	byLogin  map[string][]*group // by memberUid, which holds logins (RFC 2307)
}

type group struct {
	name    string
	parents []*group
}

// readGroups reads the groups below the bases.
func (x *session) readGroups(bases []string, o Groups, pageSize int) (*groups, error) {
	attributes := []string{"cn", memberOf}
	if !o.MemberOf {
		attributes = append(attributes, "member", "uniqueMember", "memberUid")
	}
	g := &groups{byDN: map[string]*group{}, byMember: map[string][]*group{}, byLogin: map[string][]*group{}}
	parents := map[*group][]string{}
	for _, base := range bases {
		_, _, err := x.pages(request(base, ldap.ScopeWholeSubtree, o.Filter, attributes), pageSize, func(e *ldap.Entry) (bool, error) {
			return true, g.add(x, e, parents)
		})
		if err != nil {
			return nil, err
		}
	}
	for child, dns := range parents {
		for _, dn := range dns {
			if parent := g.byDN[foldDN(dn)]; parent != nil {
				child.parents = append(child.parents, parent)
			}
		}
	}
	for dn, of := range g.byMember {
		if child := g.byDN[dn]; child != nil {
			child.parents = append(child.parents, of...)
		}
	}
	return g, nil
}

func (g *groups) add(x *session, e *ldap.Entry, parents map[*group][]string) error {
	this := &group{name: nameOf(e.DN)}
	g.byDN[foldDN(e.DN)] = this
	for _, a := range e.Attributes {
		name, all, err := x.whole(e.DN, a)
		if err != nil {
			return err
		}
		switch strings.ToLower(name) {
		case "cn":
			if len(all.Values) > 0 && all.Values[0] != "" {
				this.name = all.Values[0]
			}
		case "memberof":
			parents[this] = all.Values
		case "member", "uniquemember":
			for _, dn := range all.Values {
				key := foldDN(dn)
				g.byMember[key] = append(g.byMember[key], this)
			}
		case "memberuid":
			for _, login := range all.Values {
				key := strings.ToLower(login)
				g.byLogin[key] = append(g.byLogin[key], this)
			}
		}
	}
	return nil
}

// of returns the names of the groups that an entry is in, in alphabetical order: the
// order in which a directory gives them means nothing and changes.
func (g *groups) of(dn string, memberOf, logins []string) []string {
	names := map[string]bool{}
	seen := map[*group]bool{}
	var walk func(*group)
	walk = func(this *group) {
		if seen[this] {
			return // groups may contain each other
		}
		seen[this] = true
		names[this.name] = true
		for _, parent := range this.parents {
			walk(parent)
		}
	}
	for _, group := range memberOf {
		if known := g.byDN[foldDN(group)]; known != nil {
			walk(known)
		} else if name := nameOf(group); name != "" { // out of sight, but it is a group
			names[name] = true
		}
	}
	for _, direct := range g.byMember[foldDN(dn)] {
		walk(direct)
	}
	for _, login := range logins {
		for _, direct := range g.byLogin[strings.ToLower(login)] {
			walk(direct)
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// foldDN is the same for all spellings of a DN.
func foldDN(dn string) string {
	parsed, err := ldap.ParseDN(dn)
	if err != nil {
		return strings.ToLower(dn)
	}
	for _, rdn := range parsed.RDNs {
		for _, a := range rdn.Attributes {
			a.Value = strings.ToLower(a.Value)
		}
	}
	return parsed.String()
}

// nameOf is the value of a DN's first part.
func nameOf(dn string) string {
	parsed, err := ldap.ParseDN(dn)
	if err != nil || len(parsed.RDNs) == 0 || len(parsed.RDNs[0].Attributes) == 0 {
		return ""
	}
	return parsed.RDNs[0].Attributes[0].Value
}
