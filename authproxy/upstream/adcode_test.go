package upstream

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

var diagnostics = []struct {
	name, text string
	want       ADCode
	right      bool
	locked     bool
}{
	{"525", "80090308: LdapErr: DSID-0C09030B, comment: AcceptSecurityContext error, data 525, v893\x00", ADUserNotFound, false, false},
	{"52e", "80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data 52e, v4563", ADWrongPassword, false, false},
	{"52E, in capitals", "80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, DATA 52E, v4563", ADWrongPassword, false, false},
	{"530", "80090308: LdapErr: x, comment: AcceptSecurityContext error, data 530, v1", ADLogonHours, true, false},
	{"531", "80090308: LdapErr: x, comment: AcceptSecurityContext error, data 531, v1", ADWorkstation, true, false},
	{"532", "80090308: LdapErr: x, comment: AcceptSecurityContext error, data 532, v1", ADPasswordExpired, true, false},
	{"533", "80090308: LdapErr: x, comment: AcceptSecurityContext error, data 533, v1", ADAccountDisabled, true, false},
	{"701", "80090308: LdapErr: x, comment: AcceptSecurityContext error, data 701, v1", ADAccountExpired, true, false},
	{"773", "80090308: LdapErr: x, comment: AcceptSecurityContext error, data 773, v1", ADMustChange, true, false},
	{"775", "80090308: LdapErr: x, comment: AcceptSecurityContext error, data 775, v1", ADLockedOut, false, true},
	{"SASL's number", "8009030C: LdapErr: DSID-0C0904DC, comment: AcceptSecurityContext error, data 533, v1db1", ADAccountDisabled, true, false},
	{"Samba", "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data 775, v1db1", ADLockedOut, false, true},
	{"no version behind it", "LdapErr: data 775", ADLockedOut, false, true},
	{"a code nobody knows", "LdapErr: AcceptSecurityContext error, data 999, v1", ADWrongPassword, false, false},
	{"longer than a code", "LdapErr: data 5320000000000000000, v1", ADWrongPassword, false, false},
	{"no code", "LdapErr: data , v1", ADWrongPassword, false, false},
	{"from AD without data", "80090308: LdapErr: DSID-0C090439", 0, false, false},
	{"empty", "", 0, false, false},
	{"not from AD", "invalid credentials; data 532 of the log", 0, false, false},
}

func TestADCode(t *testing.T) {
	for _, test := range diagnostics {
		t.Run(test.name, func(t *testing.T) {
			got := parseADCode([]byte(test.text))
			if got != test.want || got.PasswordRight() != test.right || got.Locked() != test.locked {
				t.Errorf("%x, right %v, locked %v; want %x, %v, %v", uint32(got), got.PasswordRight(), got.Locked(), uint32(test.want), test.right, test.locked)
			}
			if says := strings.Contains(got.String(), "password is right"); says != test.right {
				t.Errorf("explained as %q", got)
			}
			if (got == 0) != (got.String() == "") {
				t.Errorf("explained as %q", got)
			}
		})
	}
}

func FuzzDiagnostic(f *testing.F) {
	for _, test := range diagnostics {
		f.Add([]byte(test.text))
	}
	f.Add([]byte(strings.Repeat("ü", maxDiagnostic)))
	f.Fuzz(func(t *testing.T, text []byte) {
		code := parseADCode(text)
		if code != 0 && strings.Contains(code.String(), "52e") != (code == ADWrongPassword) {
			t.Errorf("code %x is explained as %q", uint32(code), code)
		}
		s := printable(text)
		if !utf8.ValidString(s) || len(s) > 3*maxDiagnostic+len("…") {
			t.Errorf("%q is not UTF-8 or too long", s)
		}
		if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q is not printable", s)
		}
	})
}

func FuzzPolicy(f *testing.F) {
	for _, b := range [][]byte{{0x30, 3, 0x81, 1, 1}, {0x30, 8, 0xa0, 3, 0x81, 1, 0, 0x81, 1, 0}, {0x30, 0}, {}} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e := parsePolicy([]ldapwire.Control{{OID: []byte(oidPasswordPolicy), Value: b}})
		if e > PolicyChangeAfterReset || e != 0 && e.String() == "" {
			t.Errorf("%d from %x", e, b)
		}
	})
}
