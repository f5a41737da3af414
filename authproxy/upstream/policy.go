package upstream

// A PolicyError is the error of a password policy response control
// (draft-behera-ldap-password-policy), shifted by one so that 0 is none.
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
		return "password policy: the password has expired"
	case PolicyAccountLocked:
		return "password policy: the account is locked"
	case PolicyChangeAfterReset:
		return "password policy: the password was reset and has to be changed first"
	}
	return ""
}

// PasswordRight says that the error is given only for a right password.
// OpenLDAP checks the password before it looks at its age.
func (e PolicyError) PasswordRight() bool {
	return e == PolicyPasswordExpired || e == PolicyChangeAfterReset
}
