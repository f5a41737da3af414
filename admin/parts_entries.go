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
