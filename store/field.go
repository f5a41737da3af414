package store

// Kind is what an entry is.
type Kind uint8

// The kinds of entries. The numbers are stored: never reuse one.
const (
	KindUser      Kind = 1
	KindContact   Kind = 2
	KindSpeedDial Kind = 3
)

// FieldID numbers a field in stored records: never reuse one. It is below 64.
type FieldID uint8

// The fields of entries.
const (
	Username       FieldID = 1
	DisplayName    FieldID = 2
	GivenName      FieldID = 3
	Surname        FieldID = 4
	Organisation   FieldID = 5
	Job            FieldID = 6
	Email          FieldID = 7
	Phone          FieldID = 8
	Mobile         FieldID = 9
	HomePhone      FieldID = 10
	Fax            FieldID = 11
	ShortCode      FieldID = 12
	Notes          FieldID = 13
	Homepage       FieldID = 14
	CustomerNumber FieldID = 15
	Label          FieldID = 16
	Photo          FieldID = 17
	Groups         FieldID = 18
	Password       FieldID = 19 // write-only: never stored as a value
)

// Matching says how the values of a field are compared.
type Matching uint8

// The ways of matching.
const (
	MatchNone   Matching = iota // never searched, never sent
	MatchName                   // a login name: case-insensitive
	MatchText                   // RFC 4518 prepared, case-insensitive
	MatchNumber                 // by digits
	MatchBytes                  // octet strings
)

// Use says what a kind of entry does with a field.
type Use uint8

// The uses of a field.
const (
	Unused Use = iota
	Optional
	Required
	Key // required, and unique among the entries of its kind
)

// A Field is one line of the field table.
type Field struct {
	ID         FieldID
	Name       string   // CSV header, form field, YAML key
	Attributes []string // LDAP: the name sent, then the aliases; none: never served
	Matching   Matching
	Many       bool
	User       Use
	Contact    Use
	SpeedDial  Use
	Help       string // one sentence for forms and docs
}
