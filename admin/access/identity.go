package access

import "context"

// A Door is how somebody came in.
type Door string

// The doors.
const (
	DoorSocket  Door = "socket"  // the unix socket: who can open it owns the server
	DoorSession Door = "session" // a session of the page
	DoorToken   Door = "token"
	DoorDevice  Door = "device"
)

// An Identity is who asks for something.
type Identity struct {
	Name    string  `json:"name" doc:"The administrator, directory user, token or device; of the socket the system's user"`
	Door    Door    `json:"door" enum:"socket,session,token,device"`
	Role    Role    `json:"role,omitempty" doc:"Of a session"`
	Scopes  []Scope `json:"scopes" doc:"What is allowed; admin stands for everything"`
	From    string  `json:"from" doc:"The client's address; empty for the socket"`
	Session string  `json:"-"` // the ID of the session
}

// May tells whether the identity has a scope. Nobody may what is Public.
func (i *Identity) May(needs Scope) bool {
	return needs == Public || i != nil && allows(i.Scopes, needs)
}

type identityKey struct{}

// With returns a context that carries who asks.
func With(ctx context.Context, i *Identity) context.Context {
	return context.WithValue(ctx, identityKey{}, i)
}

// From returns who asks; nil when nobody was identified.
func From(ctx context.Context) *Identity {
	i, _ := ctx.Value(identityKey{}).(*Identity)
	return i
}
