package ldapwire_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

type filter = ldapwire.Filter

var filterTexts = []struct {
	name, text string
	want       filter
	printed    string // where it differs
}{
	// The examples of RFC 4515, section 4.
	{"equality", "(cn=Babs Jensen)", filter{Kind: ldapwire.FilterEqualityMatch, Attribute: []byte("cn"), Value: []byte("Babs Jensen")}, ""},
	{"not", "(!(cn=Tim Howes))", filter{Kind: ldapwire.FilterNot, Children: []filter{
		{Kind: ldapwire.FilterEqualityMatch, Attribute: []byte("cn"), Value: []byte("Tim Howes")}}}, ""},
	{"and, or", "(&(objectClass=Person)(|(sn=Jensen)(cn=Babs J*)))", filter{Kind: ldapwire.FilterAnd, Children: []filter{
		{Kind: ldapwire.FilterEqualityMatch, Attribute: []byte("objectClass"), Value: []byte("Person")},
		{Kind: ldapwire.FilterOr, Children: []filter{
			{Kind: ldapwire.FilterEqualityMatch, Attribute: []byte("sn"), Value: []byte("Jensen")},
			{Kind: ldapwire.FilterSubstrings, Attribute: []byte("cn"), Initial: []byte("Babs J")}}}}}, ""},
	{"any", "(o=univ*of*mich*)", filter{Kind: ldapwire.FilterSubstrings, Attribute: []byte("o"), Initial: []byte("univ"), Any: bs("of", "mich")}, ""},
	{"empty value", "(seeAlso=)", filter{Kind: ldapwire.FilterEqualityMatch, Attribute: []byte("seeAlso"), Value: []byte{}}, ""},
	{"rule", "(cn:caseExactMatch:=Fred Flintstone)", filter{Kind: ldapwire.FilterExtensibleMatch, Attribute: []byte("cn"), Rule: []byte("caseExactMatch"), Value: []byte("Fred Flintstone")}, ""},
	{"no rule", "(cn:=Betty Rubble)", filter{Kind: ldapwire.FilterExtensibleMatch, Attribute: []byte("cn"), Value: []byte("Betty Rubble")}, ""},
	{"rule and dn", "(sn:dn:2.4.6.8.10:=Barney Rubble)", filter{Kind: ldapwire.FilterExtensibleMatch, Attribute: []byte("sn"), DNAttributes: true, Rule: []byte("2.4.6.8.10"), Value: []byte("Barney Rubble")}, ""},
	{"dn", "(o:dn:=Ace Industry)", filter{Kind: ldapwire.FilterExtensibleMatch, Attribute: []byte("o"), DNAttributes: true, Value: []byte("Ace Industry")}, ""},
	{"rule alone", "(:1.2.3:=Wilma Flintstone)", filter{Kind: ldapwire.FilterExtensibleMatch, Rule: []byte("1.2.3"), Value: []byte("Wilma Flintstone")}, ""},
	{"rule alone and dn", "(:DN:2.4.6.8.10:=Dino)", filter{Kind: ldapwire.FilterExtensibleMatch, DNAttributes: true, Rule: []byte("2.4.6.8.10"), Value: []byte("Dino")}, "(:dn:2.4.6.8.10:=Dino)"},
	{"escaped parentheses", `(o=Parens R Us \28for all your parenthetical needs\29)`, filter{Kind: ldapwire.FilterEqualityMatch, Attribute: []byte("o"), Value: []byte("Parens R Us (for all your parenthetical needs)")}, ""},
	{"escaped asterisk", `(cn=*\2A*)`, filter{Kind: ldapwire.FilterSubstrings, Attribute: []byte("cn"), Any: bs("*")}, `(cn=*\2a*)`},
	{"escaped backslash", `(filename=C:\5cMyFile)`, filter{Kind: ldapwire.FilterEqualityMatch, Attribute: []byte("filename"), Value: []byte(`C:\MyFile`)}, ""},
	{"escaped octets", `(bin=\00\00\00\04)`, filter{Kind: ldapwire.FilterEqualityMatch, Attribute: []byte("bin"), Value: []byte("\x00\x00\x00\x04")}, ""},
	{"escaped UTF-8", `(sn=Lu\c4\8di\c4\87)`, filter{Kind: ldapwire.FilterEqualityMatch, Attribute: []byte("sn"), Value: []byte("Lučić")}, "(sn=Lučić)"},
	{"BER in a value", `(1.3.6.1.4.1.1466.0=\04\02\48\69)`, filter{Kind: ldapwire.FilterEqualityMatch, Attribute: []byte("1.3.6.1.4.1.1466.0"), Value: []byte("\x04\x02Hi")}, `(1.3.6.1.4.1.1466.0=\04\02Hi)`},
	// RFC 4526.
	{"true", "(&)", filter{Kind: ldapwire.FilterAnd}, ""},
	{"false", "(|)", filter{Kind: ldapwire.FilterOr}, ""},

	{"present", "(objectClass=*)", filter{Kind: ldapwire.FilterPresent, Attribute: []byte("objectClass")}, ""},
	{"greater", "(givenName>=Ryan)", filter{Kind: ldapwire.FilterGreaterOrEqual, Attribute: []byte("givenName"), Value: []byte("Ryan")}, ""},
	{"less", "(givenName<=zz)", filter{Kind: ldapwire.FilterLessOrEqual, Attribute: []byte("givenName"), Value: []byte("zz")}, ""},
	{"approx", "(sn~=mayer)", filter{Kind: ldapwire.FilterApproxMatch, Attribute: []byte("sn"), Value: []byte("mayer")}, ""},
	{"options", "(cn;lang-de;x-a=b)", filter{Kind: ldapwire.FilterEqualityMatch, Attribute: []byte("cn;lang-de;x-a"), Value: []byte("b")}, ""},
	{"initial, any and final", "(cn=a*b*c)", filter{Kind: ldapwire.FilterSubstrings, Attribute: []byte("cn"), Initial: []byte("a"), Any: bs("b"), Final: []byte("c")}, ""},
	{"final", "(cn=*c)", filter{Kind: ldapwire.FilterSubstrings, Attribute: []byte("cn"), Final: []byte("c")}, ""},
	{"an empty part", "(cn=a**b)", filter{Kind: ldapwire.FilterSubstrings, Attribute: []byte("cn"), Initial: []byte("a"), Any: bs(""), Final: []byte("b")}, ""},
	{"nothing but an empty part", "(cn=**)", filter{Kind: ldapwire.FilterSubstrings, Attribute: []byte("cn"), Any: bs("")}, ""},
	{"operators in a value", "(cn=a=b&c|d!e~>f<g:=)", filter{Kind: ldapwire.FilterEqualityMatch, Attribute: []byte("cn"), Value: []byte("a=b&c|d!e~>f<g:=")}, ""},
	{"blanks belong to the value", "(cn= a )", filter{Kind: ldapwire.FilterEqualityMatch, Attribute: []byte("cn"), Value: []byte(" a ")}, ""},
	{"octets that are no UTF-8", `(cn=m\fcller)`, filter{Kind: ldapwire.FilterEqualityMatch, Attribute: []byte("cn"), Value: []byte("m\xfcller")}, ""},
	{"a newline", "(cn=a\nb)", filter{Kind: ldapwire.FilterEqualityMatch, Attribute: []byte("cn"), Value: []byte("a\nb")}, `(cn=a\0ab)`},
	{"a rule named dn", "(cn:dn:dn:=x)", filter{Kind: ldapwire.FilterExtensibleMatch, Attribute: []byte("cn"), DNAttributes: true, Rule: []byte("dn"), Value: []byte("x")}, ""},
	{"a rule that starts with dn", "(cn:dnMatch:=x)", filter{Kind: ldapwire.FilterExtensibleMatch, Attribute: []byte("cn"), Rule: []byte("dnMatch"), Value: []byte("x")}, ""},
}

func TestParseFilter(t *testing.T) {
	for _, c := range filterTexts {
		t.Run(c.name, func(t *testing.T) {
			got, err := ldapwire.ParseFilter(c.text)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got\n%+v, want\n%+v", got, c.want)
			}
			printed := c.printed
			if printed == "" {
				printed = c.text
			}
			if got.String() != printed {
				t.Errorf("printed as %s, want %s", got.String(), printed)
			}
			agreeOnFilterText(t, c.text, &got)
		})
	}
}

var badFilterTexts = []struct {
	name, text string
	err        string
}{
	{"nothing", "", `filter: byte 0: "(" missing`},
	{"no parentheses", "cn=a", `filter: byte 0: "(" missing`},
	{"nothing in parentheses", "()", "filter: byte 1: no attribute"},
	{"no end", "(cn=a", `filter: byte 5: ")" missing`},
	{"no end of a list", "(&(cn=a)", `filter: byte 8: ")" missing`},
	{"text after the end", "(cn=a) ", "filter: byte 6: text after the end of the filter"},
	{"two filters", "(cn=a)(cn=b)", "filter: byte 6: text after the end of the filter"},
	{"blanks between", "(& (cn=a))", `filter: byte 2: ")" missing`},
	{"a blank in front", " (cn=a)", `filter: byte 0: "(" missing`},
	{"not of nothing", "(!)", `filter: byte 2: "(" missing`},
	{"not of two", "(!(a=b)(c=d))", `filter: byte 7: ")" missing`},
	{"not without parentheses", "(!a=b)", `filter: byte 2: "(" missing`},
	{"double parentheses", "((a=b))", "filter: byte 1: no attribute"},
	{"no operator", "(cn)", `filter: byte 3: no "=", "~=", ">=", "<=" or ":=" after the attribute`},
	{"half an operator", "(cn>a)", `filter: byte 3: no "=", "~=", ">=", "<=" or ":=" after the attribute`},
	{"a blank behind the attribute", "(cn =a)", `filter: byte 3: no "=", "~=", ">=", "<=" or ":=" after the attribute`},
	{"no attribute", "(=a)", "filter: byte 1: no attribute"},
	{"an attribute that starts with a digit", "(1cn=a)", "filter: byte 1: no attribute"},
	{"an OID of one number", "(1=a)", "filter: byte 1: no attribute"},
	{"an OID with a leading zero", "(1.02=a)", "filter: byte 1: no attribute"},
	{"an OID that ends in a dot", "(1.2.=a)", "filter: byte 1: no attribute"},
	{"an empty option", "(cn;=a)", `filter: byte 4: no attribute option after ";"`},
	{"an open parenthesis in a value", "(cn=a(b)", `filter: byte 5: "(" in a value must be written "\28"`},
	{"NUL in a value", "(cn=a\x00)", `filter: byte 5: NUL in a value must be written "\00"`},
	{"a lone backslash", `(cn=a\)`, `filter: byte 5: "\" must be followed by two hex digits`},
	{"half an escape", `(cn=a\2)`, `filter: byte 5: "\" must be followed by two hex digits`},
	{"an escape that is no hex", `(cn=a\2g)`, `filter: byte 5: "\" must be followed by two hex digits`},
	{"an escape as in LDAPv2", `(cn=a\*)`, `filter: byte 5: "\" must be followed by two hex digits`},
	{"an asterisk in an ordering match", "(cn>=a*)", `filter: byte 6: "*" in this value must be written "\2a"`},
	{"an asterisk in an extensible match", "(cn:=a*)", `filter: byte 6: "*" in this value must be written "\2a"`},
	{"no UTF-8", "(cn=m\xfcller)", "filter: byte 5: not UTF-8"},
	{"neither attribute nor rule", "(:=a)", "filter: byte 1: neither attribute nor matching rule"},
	{"a bad escape in an ordering match", `(cn>=\zz)`, `filter: byte 5: "\" must be followed by two hex digits`},
	{"a bad escape behind an asterisk", `(cn=*\zz)`, `filter: byte 5: "\" must be followed by two hex digits`},
	{"only dn", "(:dn:=a)", "filter: byte 1: neither attribute nor matching rule"},
	{"an empty rule", "(cn::=a)", `filter: byte 4: no matching rule after ":"`},
	{"a rule without end", "(cn:rule=a)", `filter: byte 8: ":=" missing after the matching rule`},
	{"dn twice over", "(cn:dn", `filter: byte 6: ":=" missing after the matching rule`},
	{"too deep", strings.Repeat("(!", 64) + "(a=b)" + strings.Repeat(")", 64), "filter: byte 128: nested too deeply"},
	{"very deep", strings.Repeat("(!", 1<<20), "filter: byte 128: nested too deeply"},
	{"too many", "(|" + strings.Repeat("(a=b)", 1025) + ")", "filter: byte 5122: too many parts"},
	{"too many parts for an initial one", "(|" + strings.Repeat("(a=b)", 1023) + "(a=b*))", "filter: byte 5122: too many parts"},
	{"too many substrings", "(a=" + strings.Repeat("*b", 1025) + ")", "filter: byte 2053: too many parts"},
}

func TestParseFilterRefuses(t *testing.T) {
	for _, c := range badFilterTexts {
		t.Run(c.name, func(t *testing.T) {
			f, err := ldapwire.ParseFilter(c.text)
			var syntax *ldapwire.SyntaxError
			if !errors.As(err, &syntax) || err.Error() != c.err {
				t.Errorf("got %+v, %v, want %s", f, err, c.err)
			}
		})
	}
}

// Filters that come from the wire can hold what no text can: String is for
// people and logs then.
func TestFilterStringOfTheInexpressible(t *testing.T) {
	for _, c := range []struct {
		name string
		f    filter
		want string
	}{
		{"an attribute that is none", filter{Kind: ldapwire.FilterPresent, Attribute: []byte("a)(b\n")}, `(a\29\28b\0a=*)`},
		{"an empty initial substring", filter{Kind: ldapwire.FilterSubstrings, Attribute: []byte("a"), Initial: []byte{}}, "(a=*)"},
		{"an empty rule", filter{Kind: ldapwire.FilterExtensibleMatch, Rule: []byte{}, Value: []byte("x")}, "(::=x)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.f.String(); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}
