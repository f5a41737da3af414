package access

import "slices"

// A Scope is what an operation needs.
type Scope string

// The scopes. Nothing is implied but by Admin, which stands for all of them.
const (
	Read     Scope = "read"     // look at everything but secrets, sessions, the audit log and the server's log
	Contacts Scope = "contacts" // change contacts and speed dials
	Users    Scope = "users"    // change users and how they log in, try logins, end throttling
	Run      Scope = "run"      // run connectors, undo their runs
	Admin    Scope = "admin"    // everything, secrets among it
	Device   Scope = "device"   // read what a device may read; no person needs it

	// What no token is given: it is asked of operations about the caller alone.
	Public   Scope = "public"    // nothing: whoever signs in is nobody yet
	SignedIn Scope = "signed-in" // to be somebody, apart from a device
)

// Scopes returns the scopes that a token can have.
func Scopes() []Scope { return []Scope{Read, Contacts, Users, Run, Admin} }

// A Role is what a person may do.
type Role string

// The roles.
const (
	RoleAdmin  Role = "admin"
	RoleEditor Role = "editor" // edits phonebooks and speed dials
	RoleViewer Role = "viewer" // looks
)

// Roles returns the roles, the mightiest first.
func Roles() []Role { return []Role{RoleAdmin, RoleEditor, RoleViewer} }

// Scopes returns what the role allows; nothing for a role that there is not.
func (r Role) Scopes() []Scope {
	switch r {
	case RoleAdmin:
		return []Scope{Admin}
	case RoleEditor:
		return []Scope{Read, Contacts}
	case RoleViewer:
		return []Scope{Read}
	}
	return nil
}

// allows tells whether a set of scopes covers one.
func allows(have []Scope, needs Scope) bool {
	switch needs {
	case Public:
		return true
	case SignedIn:
		return !slices.Contains(have, Device)
	}
	return slices.Contains(have, needs) || needs != Device && slices.Contains(have, Admin)
}
