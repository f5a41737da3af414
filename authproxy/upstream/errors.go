package upstream

import (
	"errors"
	"fmt"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// What a caller must tell apart. Every error of Bind is exactly one of these.
// Only ErrRefused is a no.
var (
	// ErrRefused: the directory knows the answer, and it is no.
	ErrRefused = errors.New("refused by the directory")
	// ErrUnavailable: nobody found out whether the password is right.
	ErrUnavailable = errors.New("directory unavailable")
	// ErrBusy: nobody found out, because too many binds are waiting. Nothing was sent.
	ErrBusy = errors.New("too many binds are waiting for the directory")
	// ErrBadLogin: the login cannot be put into a bind name. Nothing was sent.
	ErrBadLogin = errors.New("login cannot be used in a bind name")
	// ErrEmptyPassword: the password is empty or all NUL. Nothing was sent.
	ErrEmptyPassword = errors.New("empty password")
)

// A RefusedError is a bind that the directory refused: the password is wrong,
// or the account may not log in. It is for the log, the metrics and the
// administrator; the client learns nothing but invalidCredentials.
type RefusedError struct {
	Server     string // host:port that answered
	Code       ldapwire.ResultCode
	Reason     string // what the code means for a bind, in words
	AD         ADCode // what Active Directory added; 0: nothing
	Policy     PolicyError
	Diagnostic string // the server's own text, printable and bounded
}

func (e *RefusedError) Error() string {
	return e.Server + " refused the bind: " + e.Explain()
}

// Explain says to the administrator what the server said.
func (e *RefusedError) Explain() string {
	s := e.Code.String()
	for _, more := range [...]string{e.Reason, e.AD.String(), e.Policy.String()} {
		if more != "" {
			s += ": " + more
		}
	}
	if e.Diagnostic != "" {
		s += fmt.Sprintf(" (%q)", e.Diagnostic)
	}
	return s
}

// Word names the reason for programs: ad_532 and the like for what Active Directory said, locked,
// password_expired, password_must_change or no_such_entry; empty where the directory gave none.
func (e *RefusedError) Word() string {
	switch {
	case e.AD != 0:
		return fmt.Sprintf("ad_%x", uint32(e.AD))
	case e.Locked():
		return "locked"
	case e.Policy == PolicyPasswordExpired:
		return "password_expired"
	case e.Policy == PolicyChangeAfterReset:
		return "password_must_change"
	case e.Code == ldapwire.NoSuchObject:
		return "no_such_entry"
	}
	return ""
}

// Is makes every RefusedError an ErrRefused.
func (e *RefusedError) Is(target error) bool { return target == ErrRefused }

// PasswordRight says that the directory had found the password right before it
// refused, so that the refusal is no guess and must not count as one.
func (e *RefusedError) PasswordRight() bool {
	return e.AD.PasswordRight() || e.Policy.PasswordRight()
}

// Locked says that the account is locked, so that forwarding more binds for it
// is of no use for a while.
func (e *RefusedError) Locked() bool {
	return e.AD.Locked() || e.Policy == PolicyAccountLocked || e.Code == ldapwire.ConstraintViolation
}

// A Phase is a part of what it takes to bind.
type Phase string

// The phases, in their order.
const (
	PhaseWait     Phase = "wait" // for a connection of the pool
	PhaseResolve  Phase = "resolve"
	PhaseConnect  Phase = "connect"
	PhaseStartTLS Phase = "starttls"
	PhaseTLS      Phase = "tls"
	PhaseSearch   Phase = "search" // finding the DN, in search mode
	PhaseBind     Phase = "bind"
)

// An UnavailableError says why nobody found out whether the password is right.
type UnavailableError struct {
	Server string // host:port; empty where no server was asked
	Phase  Phase
	Err    error
	Hint   string // what the administrator can do; may be empty
	Answer Answer
}

// An Answer tells what the server had to say when nobody found out.
type Answer uint8

// The answers.
const (
	NoAnswer  Answer = iota // nothing that could be understood, or there was no server
	InTrouble               // that it cannot serve anybody just now: busy, stopping, failing
	Unsuited                // that it does not serve this bind: a matter of how the directory and this upstream are set up
)

func (e *UnavailableError) Error() string {
	s := string(e.Phase)
	if e.Server != "" {
		s += " " + e.Server
	}
	s += ": " + e.Err.Error()
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

// Is makes every UnavailableError an ErrUnavailable.
func (e *UnavailableError) Is(target error) bool { return target == ErrUnavailable }

func (e *UnavailableError) Unwrap() error { return e.Err }
