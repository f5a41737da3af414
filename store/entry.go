package store

import "time"

// A Value is one value of one field.
type Value struct {
	Field FieldID
	Text  string
}

// Values are the values of an entry, ordered by field; the values of a field
// that holds many keep their order.
type Values []Value

// An Entry is a stored user, contact or speed dial.
type Entry struct {
	Kind Kind
	// ID is short, stable, opaque and unique in the store. Apply makes one for an
	// entry that has none: from Owner and Key where it has an owner, so that the same
	// source record always gets the same ID, else from random bits.
	ID string
	// Phonebook is the phonebook a contact is in; empty for other kinds.
	Phonebook string
	// Owner is the connector that created the entry; empty when made by hand.
	Owner string
	// Key is the source's immutable key, unique per owner; empty when made by hand.
	Key    string
	Values Values
	// Auth says how a user logs in; zero for other kinds.
	Auth Auth
	// Local holds the fields that an administrator changed by hand: a sync leaves them alone.
	Local FieldSet
	// LocalAuth is true when an administrator set Auth by hand: a sync leaves it alone, apart from its DN.
	LocalAuth bool
	// Removed is when the source stopped having the entry, second precision, UTC: its connector keeps it hidden for a
	// while, so that it can come back as it was. Zero for what is there.
	Removed time.Time

	Created  time.Time // second precision, UTC; set by Apply
	Modified time.Time // second precision, UTC; set by Apply
	Seq      uint64    // the change that last touched the entry; set by Apply
}

// Hidden tells whether the entry is kept only in case it comes back: nobody may see it or log in by it.
func (e *Entry) Hidden() bool { return !e.Removed.IsZero() }

// FieldSet is a set of fields.
type FieldSet uint64

// Method is how a user's password is verified.
type Method uint8

// The methods. The numbers are stored: never reuse one.
const (
	AuthNone     Method = 0 // cannot log in
	AuthInternal Method = 1 // verified here
	AuthUpstream Method = 2 // forwarded to an upstream directory
)

// Auth says how a user logs in.
type Auth struct {
	Method   Method
	Upstream string // the upstream's name when Method is AuthUpstream
	DN       string // the user's DN in the upstream as the connector recorded it; empty: the upstream's template or search says
	Disabled bool
	Hash     Secret // the argon2id hash of an internal password in PHC string form
}

// Ref names an entry.
type Ref struct {
	Kind Kind
	ID   string
}

// An Account is what a bind needs to know of a user. Reading one costs no more than two lookups.
type Account struct {
	ID       string
	Username string // as stored
	Auth     Auth   // Disabled is also set for a hidden entry
	Seq      uint64
}
