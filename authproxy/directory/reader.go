package directory

import (
	"slices"
	"strings"

	"github.com/dialtree/dialtree/store"
)

// A Reader is who a connection is bound as. A nil Reader is anonymous.
type Reader struct {
	User   string // the username as stored; empty for a device
	UserID string
	Device string
	DN     string
}

// mayReadEntry tells whether a reader may see an entry. What one may not see does
// not exist for one.
func (t *Tree) mayReadEntry(r *Reader, e *store.Entry, everyone bool) (bool, error) {
	switch e.Kind {
	case store.KindContact:
		object, err := t.store.Object(store.ObjectPhonebook, e.Phonebook)
		if err != nil {
			return false, err
		}
		return t.mayReadPhonebook(r, object.(*store.Phonebook), everyone)
	default:
		return r != nil && (r.Device != "" || e.Kind == store.KindSpeedDial || e.ID == r.UserID), nil
	}
}

// mayReadPhonebook tells whether one of the phonebook's readers is r. everyone
// tells whether the client's address may read without a bind.
func (t *Tree) mayReadPhonebook(r *Reader, p *store.Phonebook, everyone bool) (bool, error) {
	readers := p.Readers
	if len(readers) == 0 {
		readers = []string{"authenticated"}
	}
	var groups []string
	for _, reader := range readers {
		kind, name, _ := strings.Cut(reader, ":")
		switch {
		case kind == "everyone" && (r != nil || everyone), kind == "authenticated" && r != nil:
			return true, nil
		case r == nil:
		case kind == "user" && r.User != "" && sameName(r.User, name), kind == "device" && r.Device != "" && sameName(r.Device, name):
			return true, nil
		case kind == "group" && r.UserID != "":
			if groups == nil {
				user, err := t.store.Entry(store.Ref{Kind: store.KindUser, ID: r.UserID})
				if err != nil {
					return false, err
				}
				groups = user.Values.All(store.Groups)
			}
			if slices.ContainsFunc(groups, func(g string) bool { return strings.EqualFold(g, name) }) {
				return true, nil
			}
		}
	}
	return false, nil
}

func sameName(a, b string) bool {
	x, ok := store.NormalizeName(a)
	y, ok2 := store.NormalizeName(b)
	return ok && ok2 && x == y
}
