package ldap

import (
	"slices"
	"strings"
)

// ShowAll makes the next call of Records ask for every attribute that entries have, for Seen, in pages of no more
// than some entries: whoever looks at a few need not wait for all their pictures.
func (s *Source) ShowAll(page int) {
	s.seen = map[string]string{}
	s.page = min(s.page, page)
}

// Seen returns the names of the attributes that the entries of the last call of Records had, ordered; nothing without ShowAll.
func (s *Source) Seen() []string {
	var names []string
	for _, name := range s.seen {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// see notes an attribute, without options such as ;binary.
func (r *reader) see(attribute string) {
	if r.seen == nil {
		return
	}
	name, _, _ := strings.Cut(attribute, ";")
	if key := strings.ToLower(name); r.seen[key] == "" {
		r.seen[key] = name
	}
}
