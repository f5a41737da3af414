package page

import (
	"github.com/dialtree/dialtree/admin"
)

// A login is a login that was tried, for the template logins.
type login struct{ admin.Login }

func loginsOf(all []admin.Login) []login {
	out := make([]login, len(all))
	for i, l := range all {
		out[i] = login{l}
	}
	return out
}

// Kind is the colour of the outcome.
func (l login) Kind() string { return outcomeOf(l.Outcome).kind }

// Word says the outcome.
func (l login) Word() text { return outcomeOf(l.Outcome).word }

// By says what checked the password.
func (l login) By() text {
	switch l.Method {
	case "internal":
		return text("kept here")
	case "device":
		return text("device")
	}
	return text(l.Upstream)
}

// An outcome is how logins end: as admin.Login says it, and as people do.
type outcome struct {
	name  string
	kind  string // a colour: good, warn, bad or quiet
	word  text
	group string // by which logins are filtered
}

func outcomes() []outcome {
	return []outcome{
		{"accepted", "good", text("accepted"), "accepted"},
		{"refused", "warn", text("refused"), "refused"},
		{"unknown_user", "warn", text("unknown here"), "refused"},
		{"disabled", "warn", text("disabled"), "refused"},
		{"remembered", "warn", text("refused from memory"), "refused"},
		{"throttled", "warn", text("throttled"), "throttled"},
		{"unavailable", "bad", text("could not find out"), "unavailable"},
		{"busy", "bad", text("too busy"), "unavailable"},
	}
}

// outcomeOf finds an outcome; one that is new reads as it is called.
func outcomeOf(name string) outcome {
	for _, o := range outcomes() {
		if o.name == name {
			return o
		}
	}
	return outcome{name, "quiet", text(name), ""}
}
