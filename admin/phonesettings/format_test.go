package phonesettings

import (
	"strings"
	"testing"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

func TestHexPairs(t *testing.T) {
	for _, tc := range []struct{ name, dn, characters, want string }{
		{"nothing to do", "dc=example,dc=com", `";`, "dc=example,dc=com"},
		{"an escaped character", `o=a\;b\"c`, `";`, `o=a\3Bb\22c`},
		{"a character that stands for itself", "o=a$b", "$", `o=a\24b`},
		{"other escapes stay", `o=a\,b\\c\3Bd`, `";`, `o=a\,b\\c\3Bd`},
		{"a backslash that is escaped escapes nothing", `o=a\\;`, ";", `o=a\\\3B`},
		{"a backslash at the end", `o=a\`, ";", `o=a\`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := hexPairs(tc.dn, tc.characters); got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
}

// FuzzHexPairs: the DN names the same entry, and holds the characters no more.
func FuzzHexPairs(f *testing.F) {
	for _, v := range []string{"", "example", `a"b;c#d\e`, " #lead", "trail ", "Ä\x00"} {
		f.Add(v)
	}
	const characters = `";#$`
	f.Fuzz(func(t *testing.T, value string) {
		dn := "o=" + ldapwire.EscapeDNValue(value) + ",dc=x"
		want, err := ldapwire.ParseDN(dn)
		if err != nil {
			return
		}
		got := hexPairs(dn, characters)
		if strings.ContainsAny(got, characters) {
			t.Fatalf("%q holds one of %q", got, characters)
		}
		parsed, err := ldapwire.ParseDN(got)
		if err != nil || parsed[0][0].Value != want[0][0].Value {
			t.Fatalf("%q became %q: %v", dn, got, err)
		}
	})
}
