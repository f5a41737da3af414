package trace

import (
	"strings"
	"testing"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

func words(t *testing.T, message []byte) string {
	t.Helper()
	var m ldapwire.Message
	if err := m.Decode(message, nil); err != nil {
		t.Fatal(err)
	}
	what, attrs := Words(&m)
	for _, a := range attrs {
		what += " " + a.Key + "=" + a.Value
	}
	return what
}

func search(t *testing.T, text string, s ldapwire.SearchRequest, controls ...ldapwire.Control) []byte {
	t.Helper()
	f, err := ldapwire.ParseFilter(text)
	if err != nil {
		t.Fatal(err)
	}
	s.Filter = f
	return ldapwire.AppendSearchRequest(nil, 1, &s, controls...)
}

func TestWords(t *testing.T) {
	paged := ldapwire.PagedResults{Size: 50}
	for _, tt := range []struct {
		message []byte
		want    string
	}{
		{ldapwire.AppendBindRequest(nil, 1, 3, `EXAMPLE\alice`, []byte("x")), `bind name=EXAMPLE\alice form=DOMAIN\name method=simple password=[hidden]`},
		{ldapwire.AppendBindRequest(nil, 1, 3, "alice", nil), "bind name=alice form=login name method=simple password=none"},
		{ldapwire.AppendBindRequest(nil, 1, 3, "", nil), "bind name= form=anonymous method=simple password=none"},
		{ldapwire.AppendBindRequest(nil, 1, 2, "a\nb", []byte{0}), `bind name=a\x0ab form=login name method=simple password=NULs only version=2`},
		{ldapwire.AppendSASLBindRequest(nil, 1, "", "PLAIN", []byte("\x00alice\x00x")), "bind name=alice method=SASL PLAIN credentials=[hidden]"},
		{ldapwire.AppendSASLBindRequest(nil, 1, "n", "PLAIN", []byte("x")), "bind name=(the credentials are not those of PLAIN) method=SASL PLAIN credentials=[hidden]"},
		{search(t, "(|(cn=*mül*)(sn~=x\\2a))", ldapwire.SearchRequest{BaseObject: []byte("ou=users"), Scope: 2, SizeLimit: 5, TimeLimit: 3, Attributes: [][]byte{[]byte("cn"), []byte("+")}},
			ldapwire.Control{OID: []byte("1.2.840.113556.1.4.319"), Critical: true, Value: paged.Append(nil)}, ldapwire.Control{OID: []byte("1.2.3")}),
			`search base=ou=users scope=sub filter=(|(cn=*mül*)(sn~=x\2a)) attributes=cn + size_limit=5 time_limit=3 controls=pagedResults(50)! 1.2.3`},
		{search(t, "(userPassword=x*y)", ldapwire.SearchRequest{Scope: 1, TypesOnly: true}), "search base= scope=one filter=(userPassword=[hidden]*) types_only=true"},
		{ldapwire.AppendCompareRequest(nil, 1, &ldapwire.CompareRequest{Entry: []byte("uid=a"), Attribute: []byte("cn"), Value: []byte("b")}), "compare entry=uid=a attribute=cn value=b"},
		{ldapwire.AppendCompareRequest(nil, 1, &ldapwire.CompareRequest{Entry: []byte("uid=a"), Attribute: []byte("userPassword;x"), Value: []byte("b")}), "compare entry=uid=a attribute=userPassword;x value=[hidden]"},
		{ldapwire.AppendAbandonRequest(nil, 1, 7), "abandon request=7"},
		{ldapwire.AppendUnbindRequest(nil, 1), "unbind"},
		{ldapwire.AppendDelRequest(nil, 1, "uid=a"), "delete entry=uid=a"},
		{ldapwire.AppendExtendedRequest(nil, 1, "1.3.6.1.4.1.1466.20037", nil), "starttls"},
		{ldapwire.AppendExtendedRequest(nil, 1, "1.3.6.1.4.1.4203.1.11.3", nil), "whoami"},
		{ldapwire.AppendExtendedRequest(nil, 1, "1.2.3", []byte("abc")), "extended oid=1.2.3 value=3 bytes"},
		{ldapwire.AppendExtendedRequest(nil, 1, "1.3.6.1.4.1.4203.1.11.1", ldapwire.AppendPasswordModify(nil, &ldapwire.PasswordModify{UserIdentity: []byte("alice"), OldPassword: []byte("x")})),
			"password modify old_password=[hidden] new_password=none identity=alice"},
	} {
		if got := words(t, tt.message); got != tt.want {
			t.Errorf("%q\nwant %q", got, tt.want)
		}
	}
	long := words(t, search(t, "(cn="+strings.Repeat("ä", 5000)+")", ldapwire.SearchRequest{}))
	if len(long) > 2*maxText {
		t.Errorf("a filter of %d bytes", len(long))
	}
}

func TestDump(t *testing.T) {
	for raw, want := range map[string]string{
		"":                         "",
		"\x16\x03\x01\x02\x00\x01": "6 bytes that look like the begin of TLS: the client expects LDAPS where there is none",
		"GET / HTTP/1.1\r\n":       "16 bytes that look like HTTP",
		"PROXY TCP4 ":              "11 bytes that look like a header of the PROXY protocol, which is not expected from this address",
		"\x30\x84\x00\x00\x00\x0c\x02\x01\x01\x60\x07hunter2": "18 bytes: 30 84 00 00 00 0c 02 01 ·· 60 07 … the other 7 are not shown: they may hold a password",
		"hunter2":              "7 bytes: not begun as LDAP is … the other 7 are not shown: they may hold a password",
		"\x30\x07hunter2":      "9 bytes: 30 07 … the other 7 are not shown: they may hold a password",
		"\x30\x80\x02\x01\x01": "5 bytes: not begun as LDAP is … the other 5 are not shown: they may hold a password",
	} {
		if got := Dump([]byte(raw)); got != want {
			t.Errorf("%q: %q\nwant %q", raw, got, want)
		}
	}
}

// Whatever comes, no run of four octets of it but the headers is shown.
func FuzzDump(f *testing.F) {
	f.Add([]byte("\x30\x0c\x02\x01\x01\x60\x07hunter2"))
	f.Add([]byte("\x30\x84\x00\x00\x00\x0c\x02\x01\x01\x60\x07hunter2"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if got := Dump(raw); len(got) > 300 || strings.ContainsAny(got, "\n\x00") {
			t.Errorf("%q", got)
		}
	})
}

// Words of whatever can be decoded are bounded, printable, and show no password.
func FuzzWords(f *testing.F) {
	f.Add(ldapwire.AppendBindRequest(nil, 1, 3, "alice", []byte("hunter2")))
	f.Add(ldapwire.AppendSASLBindRequest(nil, 1, "", "PLAIN", []byte("\x00a\x00b")))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var m ldapwire.Message
		if m.Decode(raw, nil) != nil {
			return
		}
		what, attrs := Words(&m)
		for _, a := range append(attrs, Attr{"", what}) {
			if len(a.Value) > 5*maxText || strings.ContainsAny(a.Value, "\n\r\x00\x1b") {
				t.Errorf("%s: %q", a.Key, a.Value)
			}
		}
	})
}
