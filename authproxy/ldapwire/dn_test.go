package ldapwire_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

type (
	dn  = ldapwire.DN
	rdn = ldapwire.RDN
)

var dnTexts = []struct {
	name, text string
	want       dn
	printed    string // where it differs
}{
	// The examples of RFC 4514, section 4.
	{"three RDNs", "UID=jsmith,DC=example,DC=net", dn{{{Type: "UID", Value: "jsmith"}}, {{Type: "DC", Value: "example"}}, {{Type: "DC", Value: "net"}}}, ""},
	{"several values", "OU=Sales+CN=J.  Smith,DC=example", dn{{{Type: "OU", Value: "Sales"}, {Type: "CN", Value: "J.  Smith"}}, {{Type: "DC", Value: "example"}}}, ""},
	{"quotes and a comma", `CN=James \"Jim\" Smith\, III,DC=net`, dn{{{Type: "CN", Value: `James "Jim" Smith, III`}}, {{Type: "DC", Value: "net"}}}, ""},
	{"a carriage return", `CN=Before\0dAfter,DC=net`, dn{{{Type: "CN", Value: "Before\rAfter"}}, {{Type: "DC", Value: "net"}}}, ""},
	{"hex", "1.3.6.1.4.1.1466.0=#04024869", dn{{{Type: "1.3.6.1.4.1.1466.0", Value: "\x04\x02Hi", BER: true}}}, ""},
	{"escaped UTF-8", `CN=Lu\C4\8Di\C4\87`, dn{{{Type: "CN", Value: "Lučić"}}}, "CN=Lučić"},

	{"the root", "", dn{}, ""},
	{"blanks only", "  ", dn{}, ""},
	{"an empty value", "cn=,dc=com", dn{{{Type: "cn"}}, {{Type: "dc", Value: "com"}}}, ""},
	{"blanks around separators", " cn = admin , dc = example + l = x ", dn{{{Type: "cn", Value: "admin"}}, {{Type: "dc", Value: "example"}, {Type: "l", Value: "x"}}}, "cn=admin,dc=example+l=x"},
	{"escaped blanks at the ends", `cn=\ \ a \ ,dc=com`, dn{{{Type: "cn", Value: "  a  "}}, {{Type: "dc", Value: "com"}}}, `cn=\  a \ ,dc=com`},
	{"blanks after an escaped one", `cn=a\   `, dn{{{Type: "cn", Value: "a "}}}, `cn=a\ `},
	{"one blank", `cn=\20`, dn{{{Type: "cn", Value: " "}}}, `cn=\ `},
	{"every special", `cn=\"\+\,\;\<\>\\\=\#`, dn{{{Type: "cn", Value: `"+,;<>\=#`}}}, `cn=\"\+\,\;\<\>\\\=#`},
	{"a leading number sign", `cn=\#1`, dn{{{Type: "cn", Value: "#1"}}}, ""},
	{"an equals sign as it is", "cn=a=b", dn{{{Type: "cn", Value: "a=b"}}}, `cn=a\=b`},
	{"NUL", `cn=a\00b`, dn{{{Type: "cn", Value: "a\x00b"}}}, ""},
	{"octets that are no UTF-8", `cn=\fc`, dn{{{Type: "cn", Value: "\xfc"}}}, ""},
	{"hex in capitals", "cn=#0C01C3+sn=x", dn{{{Type: "cn", Value: "\x0c\x01\xc3", BER: true}, {Type: "sn", Value: "x"}}}, "cn=#0c01c3+sn=x"},
}

func TestParseDN(t *testing.T) {
	for _, c := range dnTexts {
		t.Run(c.name, func(t *testing.T) {
			got, err := ldapwire.ParseDN(c.text)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got\n%q, want\n%q", got, c.want)
			}
			printed := c.printed
			if printed == "" {
				printed = strings.TrimSpace(c.text)
			}
			if got.String() != printed {
				t.Errorf("printed as %s, want %s", got, printed)
			}
		})
	}
}

var badDNTexts = []struct {
	name, text string
	err        string
}{
	{"no type", "jsmith", `DN: byte 6: "=" missing after the attribute type`},
	{"an empty type", "=a", "DN: byte 0: no attribute type"},
	{"a type with a blank", "common name=a", `DN: byte 7: "=" missing after the attribute type`},
	{"an OID with a leading zero", "2.05=a", "DN: byte 0: no attribute type"},
	{"an empty RDN", "cn=a,,dc=com", "DN: byte 5: no attribute type"},
	{"a separator at the end", "cn=a,", "DN: byte 5: no attribute type"},
	{"a plus sign at the end", "cn=a+", "DN: byte 5: no attribute type"},
	{"a separator in front", ",cn=a", "DN: byte 0: no attribute type"},
	{"a quote", `cn="a"`, "DN: byte 3: a character that must be escaped"},
	{"a semicolon", "cn=a;dc=com", "DN: byte 4: a character that must be escaped"},
	{"an angle", "cn=a<b", "DN: byte 4: a character that must be escaped"},
	{"NUL", "cn=a\x00", "DN: byte 4: a character that must be escaped"},
	{"a lone backslash", `cn=a\`, `DN: byte 4: "\" must be followed by a special character or two hex digits`},
	{"an escape that is none", `cn=a\x`, `DN: byte 4: "\" must be followed by a special character or two hex digits`},
	{"half a hex pair", `cn=a\4`, `DN: byte 4: "\" must be followed by a special character or two hex digits`},
	{"hex without digits", "cn=#", `DN: byte 3: a value that starts with "#" must be pairs of hex digits; a "#" itself is written "\#"`},
	{"hex of odd length", "cn=#041", `DN: byte 3: a value that starts with "#" must be pairs of hex digits; a "#" itself is written "\#"`},
	{"no UTF-8", "cn=m\xfcller", "DN: byte 4: not UTF-8"},
	{"too long", "cn=" + strings.Repeat("a", 16<<10), "DN: byte 16384: longer than 16 KiB"},
}

func TestParseDNRefuses(t *testing.T) {
	for _, c := range badDNTexts {
		t.Run(c.name, func(t *testing.T) {
			got, err := ldapwire.ParseDN(c.text)
			var syntax *ldapwire.SyntaxError
			if !errors.As(err, &syntax) || err.Error() != c.err {
				t.Errorf("got %q, %v, want %s", got, err, c.err)
			}
		})
	}
}

func TestEscapeDNValue(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"jdoe", "jdoe"},
		{"Jürgen Müller", "Jürgen Müller"},
		{" a ", `\ a\ `},
		{" ", `\ `},
		{"  ", `\ \ `},
		{"a b", "a b"},
		{"#a#", `\#a#`},
		{`a,b+c"d\e<f>g;h=i`, `a\,b\+c\"d\\e\<f\>g\;h\=i`},
		{"*()", "*()"},
		{"a\x00b", `a\00b`},
		{"a\nb\x7f", `a\0ab\7f`},
		{"m\xfcller", `m\fcller`},
		{"\xe2\x82", `\e2\82`},
	} {
		if got := ldapwire.EscapeDNValue(c.in); got != c.want {
			t.Errorf("EscapeDNValue(%q) is %s, want %s", c.in, got, c.want)
		}
	}
}

func TestDNEqual(t *testing.T) {
	for _, c := range []struct {
		name, a, b string
		want       bool
	}{
		{"the same", "cn=a,dc=com", "cn=a,dc=com", true},
		{"case", "CN=Jürgen,DC=Com", "cn=JÜRGEN,dc=com", true},
		{"case that lower case alone does not fold", "cn=\u212aelvin ſ", "cn=kelvin S", true},
		{"inner blanks", "cn=a  b,dc=com", "cn=a b,dc=com", true},
		{"blanks at the ends", `cn=\ a\ ,dc=com`, "cn=a,dc=com", true},
		{"no blank is not one", "cn=ab", "cn=a b", false},
		{"the values of an RDN in another order", "cn=a+sn=b,dc=com", "SN=B+cn=a,dc=com", true},
		{"an RDN of fewer values", "cn=a+sn=b", "cn=a", false},
		{"a value twice is not two values", "cn=a+cn=a+cn=b", "cn=a+cn=b+cn=b", false},
		{"another value", "cn=a,dc=com", "cn=b,dc=com", false},
		{"another type", "cn=a", "sn=a", false},
		{"the parent", "cn=a,dc=com", "dc=com", false},
		{"the root", "", "", true},
		{"escapes", `cn=a\2cb`, `cn=a\,b`, true},
		{"hex is not its text", "cn=#0401", `cn=\#0401`, false},
		{"hex", "cn=#04C1", "cn=#04c1", true},
		{"octets that are no UTF-8", `cn=\c3\28`, `cn=\c3\28`, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := ldapwire.ParseDN(c.a)
			if err != nil {
				t.Fatal(err)
			}
			b, err := ldapwire.ParseDN(c.b)
			if err != nil {
				t.Fatal(err)
			}
			if a.Equal(b) != c.want || b.Equal(a) != c.want {
				t.Errorf("%s and %s: equal %t and %t, want %t", a, b, a.Equal(b), b.Equal(a), c.want)
			}
		})
	}
}

func TestRDNString(t *testing.T) {
	if got, want := (rdn{{Type: "cn", Value: "a,b"}, {Type: "x", Value: "\x04", BER: true}}).String(), `cn=a\,b+x=#04`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
