package directory

import (
	"time"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// A Query is a search, with what the front knows of who asks.
type Query struct {
	Base       []byte
	Scope      ldapwire.Scope
	Filter     *ldapwire.Filter
	Attributes [][]byte
	TypesOnly  bool
	// Limit is how many entries are sent at most.
	Limit int
	// Deadline is until when it may take; zero for no limit.
	Deadline time.Time
	// Canceled tells that nobody waits for the rest any more. It is asked often.
	Canceled func() bool

	Reader    *Reader
	Everyone  bool // the client's address may read what everyone may read without a bind
	StartTLS  bool // is offered to this client: the root DSE says so
	SASLPlain bool // likewise

	Subentries bool // only subentries are to be seen
	Sort       []SortKey
	View       *View   // with Sort
	After      *Cursor // go on behind it; nil: from the start
}

// A Cursor is where a search stopped.
type Cursor struct {
	ID   string // of the last entry that was sent
	Seen int    // how many were sent before
}

// A Result is how a search ended.
type Result struct {
	Code    ldapwire.ResultCode
	Matched string
	Text    string
	More    *Cursor // set where Limit ended it: what to go on from

	Target, Count int // of a View
}

// Entry appends an entry as a SearchResultEntry for the message ID id.
type Entry func(dst []byte, id int32) []byte
