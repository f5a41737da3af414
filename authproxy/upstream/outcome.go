package upstream

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// maxDiagnostic bounds what is kept of a server's text, in bytes.
const maxDiagnostic = 300

// A verdict is what a result code means when it answers a bind.
type verdict struct {
	refused bool   // false: nobody found out
	text    string // refused: the reason; otherwise: a hint for the administrator
	trouble bool   // the server speaks of its own state, and of nobody's bind
}

func (v verdict) answer() Answer {
	if v.trouble {
		return InTrouble
	}
	return Unsuited
}

// judge is the only place that decides what a result code other than success
// means for a bind. Refused are the codes by which a directory judges this
// account; by every other it speaks about itself or about the request, and then
// nobody found out whether the password is right.
func judge(code ldapwire.ResultCode, diagnostic []byte) verdict {
	switch code {
	case ldapwire.InvalidCredentials:
		return verdict{refused: true}
	case ldapwire.ConstraintViolation:
		// 389-ds and Oracle: "Exceed password retry limit. Please try later."
		return verdict{refused: true, text: "the account is locked, or breaks another rule of the directory"}
	case ldapwire.NoSuchObject:
		// RFC 4511 wants 49; older 389-ds, UnboundID and others tell the truth.
		return verdict{refused: true, text: "no such entry: check the bind_dn template, if this user exists there"}
	case ldapwire.InappropriateAuthentication:
		// OpenLDAP, 389-ds: the entry has no userPassword.
		return verdict{refused: true, text: "the entry has no password to bind with"}
	case ldapwire.UnwillingToPerform:
		// 389-ds: "Account inactivated. Contact system administrator."; eDirectory:
		// "... account expired (-220)". The same code without such a word is about
		// the server, as OpenLDAP's "operation restricted" is.
		text := bytes.ToLower(diagnostic)
		if bytes.Contains(text, []byte("account")) || bytes.Contains(text, []byte("inactivated")) {
			return verdict{refused: true, text: "the account may not log in"}
		}
		return verdict{text: "the server does not want to serve binds now; its log says why"}
	case ldapwire.StrongerAuthRequired:
		// Active Directory with LDAP signing required, the default of Windows Server 2025.
		return verdict{text: "the server wants TLS: use ldaps:// or start_tls: true"}
	case ldapwire.ConfidentialityRequired:
		return verdict{text: "the server takes passwords only under TLS: use ldaps:// or start_tls: true"}
	case ldapwire.InvalidDNSyntax:
		// The login is escaped, so it is the template that is wrong, or it is the
		// form of name of another kind of directory.
		return verdict{text: "the server does not understand the bind name as a DN: check bind_dn; %@domain and DOMAIN\\% are for Active Directory"}
	case ldapwire.AuthMethodNotSupported:
		return verdict{text: "the server does not allow simple binds; allow them, at least under TLS"}
	case ldapwire.InsufficientAccessRights:
		return verdict{text: "the server does not let this machine bind; check its access rules"}
	case ldapwire.ProtocolError:
		return verdict{text: "the server does not accept an LDAPv3 simple bind"}
	case ldapwire.Referral:
		return verdict{text: "the entry is on another server: list that one in urls; referrals are not followed"}
	case ldapwire.Busy, ldapwire.Unavailable, ldapwire.AdminLimitExceeded, ldapwire.TimeLimitExceeded:
		return verdict{text: "the server is overloaded or stopping", trouble: true}
	case ldapwire.OperationsError, ldapwire.Other:
		return verdict{text: "the server failed; its log says why", trouble: true}
	}
	return verdict{text: "this is no answer to a bind; check what is listening there"}
}

// bindError is the error for a bind response, nil for success. A response with
// success and referrals, or with SASL credentials, is not what success looks like.
func bindError(server string, m *ldapwire.Message) error {
	r := &m.Result
	if r.Code == ldapwire.Success && len(r.Referral) == 0 && m.ServerSASLCreds == nil {
		return nil
	}
	v := judge(r.Code, r.Message)
	if v.refused && len(r.Referral) == 0 {
		e := &RefusedError{
			Server: server, Code: r.Code, Reason: v.text,
			Policy: parsePolicy(m.Controls), Diagnostic: printable(r.Message),
		}
		if r.Code == ldapwire.InvalidCredentials {
			e.AD = parseADCode(r.Message)
		}
		return e
	}
	return &UnavailableError{Server: server, Phase: PhaseBind, Err: answered(r), Hint: v.text, Answer: v.answer()}
}

// answered says what a server answered instead of what was hoped for.
func answered(r *ldapwire.Result) error {
	if len(r.Message) == 0 {
		return fmt.Errorf("the server answered %s", r.Code)
	}
	return fmt.Errorf("the server answered %s %q", r.Code, printable(r.Message))
}

// printable makes a server's text fit for a log: one line, bounded, UTF-8.
// Active Directory ends its texts with a NUL.
func printable(b []byte) string {
	cut := len(b) > maxDiagnostic
	if cut {
		b = b[:maxDiagnostic]
		for len(b) > 0 && !utf8.RuneStart(b[len(b)-1]) {
			b = b[:len(b)-1]
		}
		b = b[:max(len(b)-1, 0)]
	}
	s := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(string(b), " "))
	s = strings.TrimSpace(s)
	if cut {
		s += "…"
	}
	return s
}
