package authproxy

import (
	"context"
	"errors"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/authproxy/upstream"
)

// An Outcome is how a login ended: the label of the metric and the word of the
// audit log.
type Outcome uint8

// The outcomes of a login.
const (
	Accepted    Outcome = iota
	Refused             // the place that knows the password said no
	UnknownUser         // no such user or device here; nothing was forwarded
	Disabled            // switched off, or without a way to log in
	Throttled           // too many failures; nothing was forwarded
	Remembered          // refused a moment ago; nothing was forwarded
	Unavailable         // could not find out
	Busy                // could not find out: too much is pending
	outcomes            // how many there are
)

var outcomeNames = [outcomes]string{"accepted", "refused", "unknown_user", "disabled", "throttled", "remembered", "unavailable", "busy"}

func (o Outcome) String() string { return outcomeNames[o] }

// resultCode is the only place where an outcome becomes an LDAP result. What a
// client reads is the same for an unknown user, a disabled one and a wrong
// password, and an outage is never one of them: a client that gets 49 may discard
// the password it stored.
func (o Outcome) result() (ldapwire.ResultCode, string) {
	switch o {
	case Accepted:
		return ldapwire.Success, ""
	case Refused, UnknownUser, Disabled, Remembered:
		return ldapwire.InvalidCredentials, ""
	case Throttled:
		return ldapwire.Busy, "too many failed logins; try again later"
	case Busy:
		return ldapwire.Busy, "too many logins are pending; try again"
	}
	return ldapwire.Unavailable, "the password could not be checked; try again later"
}

// outcomeOf is the only place where an error becomes an outcome.
func outcomeOf(err error) Outcome {
	switch {
	case err == nil:
		return Accepted
	case errors.Is(err, upstream.ErrRefused), errors.Is(err, upstream.ErrBadLogin), errors.Is(err, upstream.ErrEmptyPassword):
		return Refused
	case errors.Is(err, upstream.ErrUnavailable):
		// Before the deadlines: a dial that took too long holds one, and is an outage.
		return Unavailable
	case errors.Is(err, upstream.ErrBusy), errors.Is(err, errPasswordQueue), errors.Is(err, errGateFull), errors.Is(err, context.DeadlineExceeded):
		return Busy
	}
	return Unavailable
}
