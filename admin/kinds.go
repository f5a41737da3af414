package admin

import (
	"strings"

	"github.com/dialtree/dialtree/admin/access"
	"github.com/dialtree/dialtree/store"
)

// A Kind is a kind of object or entry, as documents name it.
type Kind string

// Kinds returns every kind, in the order in which they are listed.
func Kinds() []Kind {
	var out []Kind
	for _, k := range store.Kinds() {
		out = append(out, Kind(k.String()))
	}
	for _, k := range store.ObjectKinds() {
		out = append(out, Kind(k))
	}
	return out
}

// ParseKind reads a kind in the singular or the plural, in any case.
func ParseKind(s string) (Kind, bool) {
	s = strings.TrimSuffix(strings.ToLower(s), "s")
	for _, k := range Kinds() {
		if string(k) == s {
			return k, true
		}
	}
	return "", false
}

// plural is the kind's name in paths.
func (k Kind) plural() string { return string(k) + "s" }

// Entry returns the kind of entry that k is; false for an object's.
func (k Kind) Entry() (store.Kind, bool) { return store.ParseKind(string(k)) }

func names(kinds []Kind) []string {
	out := make([]string, len(kinds))
	for i, k := range kinds {
		out[i] = string(k)
	}
	return out
}

// writeScope is what changing an object or entry of a kind needs.
func writeScope(k Kind) access.Scope {
	switch entry, _ := k.Entry(); entry {
	case store.KindContact, store.KindSpeedDial:
		return access.Contacts
	case store.KindUser:
		return access.Users
	}
	return access.Admin
}
