package admin

import (
	"context"
	"errors"

	"github.com/dialtree/dialtree/store"
)

// A Finder finds entries in their order. Its methods may be called concurrently.
type Finder interface {
	// Find returns a page of the entries that are not hidden: users by login name, others by
	// display name. ErrBadPlace says that After is no place.
	Find(ctx context.Context, q FindQuery) (FoundPage, error)
	// Dialled returns the one form of a telephone number by which numbers are compared; empty for
	// what nobody can dial.
	Dialled(number string) string
	// DN is the name under which clients of LDAP find an entry.
	DN(e *store.Entry) string
}

// ErrBadPlace says that a list does not go on at some place.
var ErrBadPlace = errors.New("after is not the next of a page: give that of the page before, or leave it out")

// A FindQuery asks for entries.
type FindQuery struct {
	Kind      store.Kind
	Phonebook string          // only its contacts
	Text      string          // words and digits; empty: all
	Only      map[string]bool // the IDs that come into question; nil: all
	After     string          // the Next of the page before
	Limit     int             // 0: all
}

// A FoundPage is a page of entries.
type FoundPage struct {
	IDs   []string
	Next  string // empty at the end
	Total int    // on all pages
}

// LoginWatch knows what came of logins lately. Its methods may be called concurrently.
type LoginWatch interface {
	// Latest returns the latest logins, the last one first; of a user or device when one is named.
	Latest(user string, limit int) []Login
	// Throttled tells whose failed logins count now, those that are shut out first.
	Throttled() Throttled
	// ResetUser forgets the failed logins and refused passwords of a user and of a device of that
	// name; false where there was nothing to forget.
	ResetUser(name string) bool
	// ResetAddress forgets the failed logins from an address, or from the network that it counts
	// as; false where there was nothing to forget.
	ResetAddress(name string) bool
}
