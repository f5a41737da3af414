package ldap

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"
)

// FuzzAttributeNames holds that names come out of any definition that holds them, and
// that anything else is survived.
func FuzzAttributeNames(f *testing.F) {
	f.Add("( 2.5.4.4 NAME ( 'sn' 'surname' ) DESC 'RFC2256: last (family) name(s)' SUP name )", "sn", "surname")
	f.Add("( 0.9.2342.19200300.100.1.1 NAME 'uid' EQUALITY caseIgnoreMatch )", "mail", "m")
	f.Add("( 1.2.840.113556.1.2.13 NAME 'displayName' SYNTAX '1.3' SINGLE-VALUE )", "a-b", "c;d")
	f.Fuzz(func(t *testing.T, any, first, second string) {
		for _, name := range attributeNames(any) {
			if name != strings.ToLower(name) {
				t.Errorf("%q is not in lower case", name)
			}
		}
		if strings.ContainsAny(first+second, "'") {
			return // no character of a name (RFC 4512, section 1.4)
		}
		want := []string{strings.ToLower(first), strings.ToLower(second), "1.2.3"}
		if got := attributeNames(fmt.Sprintf("( 1.2.3 NAME ( '%s' '%s' ) DESC 'x' )", first, second)); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		want = []string{strings.ToLower(first), "1.2.3"}
		if got := attributeNames(fmt.Sprintf("( 1.2.3 NAME '%s' DESC 'x' )", first)); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// FuzzRangeEnd holds that a range which is read is the one that was written.
func FuzzRangeEnd(f *testing.F) {
	f.Add("range=0-1499", 0, 1499)
	f.Add("range=1500-*", 3, -1)
	f.Add("lang-de", 7, 7)
	f.Fuzz(func(t *testing.T, any string, first, last int) {
		if got, more, ok := rangeEnd(any); !ok && (got != 0 || more) || got < 0 {
			t.Errorf("%q is %d, %t, %t", any, got, more, ok)
		}
		got, more, ok := rangeEnd(fmt.Sprintf("range=%d-%d", first, last))
		if good := first >= 0 && last >= 0; ok != good || good && (got != last || !more) {
			t.Errorf("%d-%d is %d, %t, %t", first, last, got, more, ok)
		}
	})
}

// FuzzBinaryForms holds that only octets of the right length have a form, and that
// different ones have different forms.
func FuzzBinaryForms(f *testing.F) {
	f.Add([]byte("0123456789abcdef"), []byte("0123456789abcdeF"))
	f.Add([]byte("\x01\x01\x00\x00\x00\x00\x00\x05\x12\x00\x00\x00"), []byte("\x01\x01\x00\x00\x00\x00\x00\x05\x13\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		for _, form := range []form{guid, sid, octets} {
			x, okX := form(a)
			y, okY := form(b)
			if okX && okY && (x == y) != (string(a) == string(b)) {
				t.Errorf("%x is %q, and %x is %q", a, x, b, y)
			}
		}
		if _, ok := guid(a); ok != (len(a) == 16) {
			t.Errorf("%x is a GUID: %t", a, ok)
		}
	})
}

// FuzzFoldDN holds that folding what is folded changes nothing.
func FuzzFoldDN(f *testing.F) {
	f.Add("cn=Sales\\, East,ou=groups,dc=example,dc=com")
	f.Add("cn=a+ou=b, dc=x")
	f.Add("nonsense")
	f.Fuzz(func(t *testing.T, dn string) {
		nameOf(dn)
		folded := foldDN(dn)
		if again := foldDN(folded); again != folded {
			if _, err := ldap.ParseDN(dn); err == nil {
				t.Errorf("%q is %q, and that is %q", dn, folded, again)
			}
		}
	})
}
