package ldap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/go-ldap/ldap/v3"

	"github.com/dialtree/dialtree/authproxy/upstream"
	"github.com/dialtree/dialtree/syncer/source"
)

// result returns the code and the text of an answer that is not success. Codes from
// 200 are go-ldap's own.
func result(err error) (code int, diagnostic string, ok bool) {
	var e *ldap.Error
	if !errors.As(err, &e) || e.ResultCode >= ldap.ErrorNetwork {
		return 0, "", false
	}
	if e.Err != nil {
		diagnostic = e.Err.Error()
	}
	return int(e.ResultCode), diagnostic, true
}

// passing marks an error that may pass by itself, by the code that the server gave.
func passing(code int, err error) error {
	switch code {
	case ldap.LDAPResultBusy, ldap.LDAPResultUnavailable, ldap.LDAPResultTimeLimitExceeded:
		return source.Temporary(err)
	}
	return err
}

// dialError says that no server can be used. One that is down comes back by itself; a
// certificate that is not trusted stays that.
func dialError(err error) error {
	sentence := fmt.Errorf("cannot connect to the directory: %w", err)
	var unavailable *upstream.UnavailableError
	if errors.As(err, &unavailable) && (unavailable.Phase == upstream.PhaseConnect || unavailable.Phase == upstream.PhaseResolve) {
		return source.Temporary(sentence)
	}
	return sentence
}

// bindError says what to do about an account that could not bind.
func bindError(name string, err error) error {
	var refused *upstream.RefusedError
	if errors.As(err, &refused) {
		return fmt.Errorf("%s refused the account %q: %s: check the name and the password of the source", refused.Server, name, refused.Explain())
	}
	return fmt.Errorf("the account %q cannot bind: %w", name, err)
}

// A searchError is a search that did not end with success.
type searchError struct {
	server, base string
	code         int
	answered     error
}

func (e *searchError) Error() string {
	return fmt.Sprintf("%s: the search below %q failed: %v%s", e.server, e.base, e.answered, e.hint())
}

func (e *searchError) Unwrap() error { return e.answered }

// hint says what an administrator can do.
func (e *searchError) hint() string {
	switch e.code {
	case ldap.LDAPResultNoSuchObject:
		return ": there is no such base, or the account may not see it: check base, and the rights of the account"
	case ldap.LDAPResultSizeLimitExceeded, ldap.LDAPResultAdminLimitExceeded:
		return ": the directory gives this account only a part, and a part is not used: raise its limit there, or make page_size smaller"
	case ldap.LDAPResultTimeLimitExceeded:
		return ": the search took the directory too long: make base or filter narrower, or raise its time limit there"
	case ldap.LDAPResultReferral:
		return ": this base is on another server: name that one, since referrals are not followed"
	case ldap.LDAPResultOperationsError:
		return ": a directory that wants a bind before a search says this: check that an account is set"
	case ldap.LDAPResultInsufficientAccessRights, ldap.LDAPResultInappropriateAuthentication:
		return ": the account may not search there: give it the right to read, or use another one"
	case ldap.LDAPResultStrongAuthRequired, ldap.LDAPResultConfidentialityRequired:
		return ": the server wants TLS: use ldaps:// or tls: {start_tls: true}"
	case ldap.LDAPResultInvalidDNSyntax:
		return ": the server does not understand the base: check its spelling"
	case ldap.LDAPResultBusy, ldap.LDAPResultUnavailable:
		return ": the server is overloaded or stopping; the next run may succeed"
	}
	return ": the server's log says more"
}

// broken says what happened to a connection in the middle of what was under way.
func (x *session) broken(what string, err error) error {
	if err := context.Cause(x.ctx); err != nil {
		return err
	}
	sentence := x.ending(what, err)
	if ended := x.wire.cause(); ended != nil && !errors.Is(ended, errTooMuch) {
		return source.Temporary(sentence)
	}
	return sentence
}

// ending says what ended a connection.
func (x *session) ending(what string, err error) error {
	ended := x.wire.cause()
	switch {
	case errors.Is(ended, os.ErrDeadlineExceeded):
		return fmt.Errorf("%s did not answer within %s during %s: it is overloaded or hangs, or page_size is too large for it", x.server, x.timeout, what)
	case errors.Is(ended, errStray):
		return fmt.Errorf("%s: during %s %w: what came before is not used", x.server, what, ended)
	case errors.Is(ended, errTooMuch):
		return fmt.Errorf("%s: %s: %w", x.server, what, ended)
	case errors.Is(ended, io.EOF), errors.Is(ended, io.ErrUnexpectedEOF):
		return fmt.Errorf("%s closed the connection during %s: what came before is not used; the server's log may say why", x.server, what)
	case ended != nil:
		return fmt.Errorf("the connection to %s broke during %s: what came before is not used: %w", x.server, what, ended)
	}
	return fmt.Errorf("%s sent what is not LDAP during %s: %s", x.server, what, cause(err))
}
