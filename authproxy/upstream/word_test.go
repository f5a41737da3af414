package upstream_test

import (
	"testing"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/authproxy/upstream"
)

func TestRefusedWord(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  upstream.RefusedError
		want string
	}{
		{"a wrong password", upstream.RefusedError{Code: ldapwire.InvalidCredentials}, ""},
		{"a wrong password in Active Directory", upstream.RefusedError{AD: upstream.ADWrongPassword}, "ad_52e"},
		{"must change in Active Directory", upstream.RefusedError{AD: upstream.ADMustChange}, "ad_773"},
		{"locked in Active Directory", upstream.RefusedError{AD: upstream.ADLockedOut}, "ad_775"},
		{"locked by a policy", upstream.RefusedError{Policy: upstream.PolicyAccountLocked}, "locked"},
		{"locked in 389-ds", upstream.RefusedError{Code: ldapwire.ConstraintViolation}, "locked"},
		{"expired by a policy", upstream.RefusedError{Policy: upstream.PolicyPasswordExpired}, "password_expired"},
		{"reset by a policy", upstream.RefusedError{Policy: upstream.PolicyChangeAfterReset}, "password_must_change"},
		{"nobody of that name", upstream.RefusedError{Code: ldapwire.NoSuchObject}, "no_such_entry"},
		{"a diagnostic that says something else", upstream.RefusedError{Diagnostic: "data 773"}, ""},
	} {
		if got := tt.err.Word(); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
