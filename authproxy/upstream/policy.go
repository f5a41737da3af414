package upstream

import "github.com/dialtree/dialtree/authproxy/ldapwire"

// oidPasswordPolicy names the password policy control, in requests and in
// responses (draft-behera-ldap-password-policy, section 6).
const oidPasswordPolicy = "1.3.6.1.4.1.42.2.27.8.5.1"

// askPolicy is the control that asks for it. OpenLDAP and 389-ds tell a locked
// account from a wrong password only to those who ask, in a control beside the
// same 49. It is not critical: a server that does not know it ignores it.
var askPolicy = ldapwire.Control{OID: []byte(oidPasswordPolicy)}

// A PolicyError is the error of a password policy response control, plus one,
// so that 0 is none.
type PolicyError byte

// The errors that a bind may bring; the draft's others are about changing a password.
const (
	PolicyPasswordExpired  PolicyError = 1
	PolicyAccountLocked    PolicyError = 2
	PolicyChangeAfterReset PolicyError = 3
)

// String explains the error to the administrator; empty for 0.
func (e PolicyError) String() string {
	switch e {
	case PolicyPasswordExpired:
		return "password policy: the password is right, but it has expired"
	case PolicyAccountLocked:
		return "password policy: the account is locked"
	case PolicyChangeAfterReset:
		return "password policy: the password is right, but it was reset and has to be changed first"
	}
	return ""
}

// PasswordRight says that the server looks at this only after it found the
// password right.
func (e PolicyError) PasswordRight() bool {
	return e == PolicyPasswordExpired || e == PolicyChangeAfterReset
}

// parsePolicy finds the error in the controls of a bind response; 0 where there is none.
func parsePolicy(controls []ldapwire.Control) PolicyError {
	for _, c := range controls {
		if string(c.OID) == oidPasswordPolicy {
			return parsePolicyValue(c.Value)
		}
	}
	return 0
}

// parsePolicyValue reads
//
//	SEQUENCE { warning [0] CHOICE {...} OPTIONAL, error [1] ENUMERATED {...} OPTIONAL }
//
// which is some ten bytes, so that lengths are of the short form.
func parsePolicyValue(b []byte) PolicyError {
	body, _, ok := shortElement(b, 0x30)
	if !ok {
		return 0
	}
	if _, rest, ok := shortElement(body, 0xa0); ok {
		body = rest
	}
	value, _, ok := shortElement(body, 0x81)
	if !ok || len(value) != 1 || value[0] >= byte(PolicyChangeAfterReset) {
		return 0
	}
	return PolicyError(value[0] + 1)
}

func shortElement(b []byte, tag byte) (value, rest []byte, ok bool) {
	if len(b) < 2 || b[0] != tag || b[1] >= 0x80 || int(b[1]) > len(b)-2 {
		return nil, nil, false
	}
	return b[2 : 2+b[1]], b[2+b[1]:], true
}
