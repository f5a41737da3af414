package rest

import "time"

// The limits of every list. They are far beyond any phonebook; a server that never ends meets one of them, if it is not noticed before.
const (
	maxRecords = 2_000_000
	maxPages   = 50_000
	maxBytes   = 2 << 30
	longest    = time.Hour
)

// Limits bound one reading of a list. Those of a record and of its nesting are constants, since a test reaches them as they are.
type limits struct {
	pages   int
	records int
	bytes   int64 // of all pages
	time    time.Duration
}
