package upstream

import (
	"bytes"
	"strconv"
)

// An ADCode is the Windows error that Active Directory hides in the diagnostic
// text of a refused bind:
//
//	80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data 52e, v4563
//
// The DSID and the last part vary by release; the token after "data " is the
// code in hexadecimal. Most of the codes are given only when the password was
// right, which is why none of this is ever shown to the client.
type ADCode uint32

// The codes that Active Directory gives beside invalidCredentials.
const (
	ADUserNotFound    ADCode = 0x525
	ADWrongPassword   ADCode = 0x52e
	ADLogonHours      ADCode = 0x530
	ADWorkstation     ADCode = 0x531
	ADPasswordExpired ADCode = 0x532
	ADAccountDisabled ADCode = 0x533
	ADAccountExpired  ADCode = 0x701
	ADMustChange      ADCode = 0x773
	ADLockedOut       ADCode = 0x775
)

// String explains the code to the administrator; empty for 0.
func (c ADCode) String() string {
	switch c {
	case 0:
		return ""
	case ADUserNotFound:
		return "AD 525, user not found: no account has this name"
	case ADLogonHours:
		return "AD 530, logon hours: the password is right, but the account may not log in at this time"
	case ADWorkstation:
		return "AD 531, workstation: the password is right, but the account may log in only from certain workstations"
	case ADPasswordExpired:
		return "AD 532, password expired: the password is right, but it has to be changed first"
	case ADAccountDisabled:
		return "AD 533, account disabled: the password is right, but the account is disabled"
	case ADAccountExpired:
		return "AD 701, account expired: the password is right, but the account is past its end date"
	case ADMustChange:
		return "AD 773, must change password: the password is right, but it has to be changed at the next logon"
	case ADLockedOut:
		return "AD 775, locked out: too many wrong passwords; it unlocks by itself or by an administrator"
	default:
		return "AD 52e, wrong name or password"
	}
}

// PasswordRight says that AD gives this code only after it found the password right.
func (c ADCode) PasswordRight() bool {
	switch c {
	case ADLogonHours, ADWorkstation, ADPasswordExpired, ADAccountDisabled, ADAccountExpired, ADMustChange:
		return true
	}
	return false
}

// Locked says that the account is locked out, whatever the password.
func (c ADCode) Locked() bool { return c == ADLockedOut }

// parseADCode finds the code in a diagnostic text. A text that is not from AD
// gives 0; one that is, with a code that is not in the table, is a wrong
// password, which is the safe thing to take it for.
func parseADCode(diagnostic []byte) ADCode {
	text := bytes.ToLower(diagnostic)
	if !bytes.Contains(text, []byte("ldaperr:")) && !bytes.Contains(text, []byte("acceptsecuritycontext")) {
		return 0
	}
	_, rest, found := bytes.Cut(text, []byte("data "))
	if !found {
		return 0
	}
	end := 0
	for end < len(rest) && isHex(rest[end]) {
		end++
	}
	n, err := strconv.ParseUint(string(rest[:end]), 16, 32)
	code := ADCode(n)
	if err != nil || !(code.PasswordRight() || code.Locked() || code == ADUserNotFound) {
		return ADWrongPassword
	}
	return code
}

func isHex(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' }
