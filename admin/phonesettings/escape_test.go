package phonesettings_test

import (
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/admin/phonesettings"
	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/store"
)

// read returns the values that a reader of the vendor's format finds in settings.
func read(t *testing.T, vendor, text string) []string {
	t.Helper()
	switch vendor {
	case "cisco", "cisco-spa", "fanvil", "freeswitch", "gigaset-maxwell", "grandstream-grp", "poly", "poly-obi", "snom", "snom-old", "telekonnectors":
		return readXML(t, text)
	case "panasonic":
		return matches(t, `(?m)^[A-Z_]+="([^"\n]*)"$`, text)
	case "avaya":
		return matches(t, `(?m)^SET [A-Z_]+ "?([^"\n]*?)"?$`, text)
	case "asterisk":
		return matches(t, `(?m)^(?:[A-Za-z_]+ ?= ?|phonebook => ldap,")([^";\n]*)(?:",phonebook)?$`, text)
	case "mitel":
		return matches(t, `(?m)^ldap [a-z ]+: (?:[a-z0-9._-]+:)?([^";@#\n]*)(?:@\S+)?$`, text)
	case "gonnect":
		var values []string
		for _, v := range matches(t, `(?m)^[A-Za-z]+="((?:[^"\\\n]|\\.)*)"$`, text) {
			values = append(values, regexp.MustCompile(`\\(.)`).ReplaceAllString(v, "$1"))
		}
		return values
	case "audiocodes", "escene", "gigaset", "jitsi", "other", "superfecta", "userman":
		return matches(t, `(?m)^[^:\n]+: +(.*)$`, text)
	}
	return matches(t, `(?m)^[A-Za-z0-9._]+ ?= ?([^";#\n]*|.*[(=]#\).*)$`, text)
}

func matches(t *testing.T, expression, text string) []string {
	t.Helper()
	var values []string
	for _, m := range regexp.MustCompile(expression).FindAllStringSubmatch(text, -1) {
		values = append(values, m[1])
	}
	return values
}

func readXML(t *testing.T, text string) []string {
	t.Helper()
	var values []string
	for d := xml.NewDecoder(strings.NewReader("<settings>" + text + "</settings>")); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return values
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		switch token := token.(type) {
		case xml.CharData:
			values = append(values, string(token))
		case xml.StartElement:
			for _, a := range token.Attr {
				values = append(values, a.Value)
			}
		}
	}
}

// TestAwkwardNames: a base DN and a secret full of what formats use for themselves
// are read back as they were, or the settings are refused.
func TestAwkwardNames(t *testing.T) {
	const base = `o=M\C3\BCller & \"S\C3\B6hne\"\, \<A\>\; C# 100% $1 'x' \\ \+,c=DE`
	names := settings()
	names.BaseDN, names.Base, names.Users = base, "ou=phonebook,"+base, "ou=users,"+base
	names.DeviceDN = "cn=reception,ou=devices," + base
	for _, v := range phonesettings.List() {
		t.Run(v.Name, func(t *testing.T) {
			sheet, err := phonesettings.Render(v.Name, names)
			if err != nil {
				t.Fatal(err)
			}
			values := read(t, v.Name, sheet.Text)
			want := []string{names.Base}
			if v.Name == "userman" {
				want = []string{names.Users, names.BaseDN}
			}
			if v.Name != "avaya" && v.Name != "mitel" {
				want = append(want, names.DeviceDN)
			}
			for _, dn := range want {
				if !holdsDN(t, values, dn) {
					t.Errorf("%s is not among the values of\n%s\n%q", dn, sheet.Text, values)
				}
			}
			for _, secret := range []string{`a"b`, `a<b`, `a&b`, `a;b`, `a#b`, `a$b`, `a'b`, `a\b`, `a@b`, `a:b`, "a\nb", `a b`, ` ab`, `a]]>b`, `aäb`, "a\xffb"} {
				s := settings()
				s.Secret = store.Literal(secret)
				sheet, err := phonesettings.Render(v.Name, s)
				var unfit *phonesettings.UnfitError
				switch {
				case errors.As(err, &unfit):
					if strings.Contains(err.Error(), secret) {
						t.Errorf("the error holds the secret: %v", err)
					}
				case err != nil:
					t.Error(err)
				case v.Name == "gonnect" || v.Name == "poly-obi": // it is typed in
				default:
					if values := read(t, v.Name, sheet.Text); !contains(values, secret) {
						t.Errorf("secret %q is not among the values of\n%s", secret, sheet.Text)
					}
				}
			}
		})
	}
}

func holdsDN(t *testing.T, values []string, text string) bool {
	t.Helper()
	want, err := ldapwire.ParseDN(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range values {
		if dn, err := ldapwire.ParseDN(v); err == nil && dn.Equal(want) {
			return true
		}
	}
	return false
}

func contains(values []string, want string) bool {
	for _, v := range values {
		if v == want {
			return true
		}
	}
	return false
}

// TestFilters: every filter in the settings is one that the server reads, once a
// vendor's placeholder has been replaced by what was typed.
func TestFilters(t *testing.T) {
	found := 0
	for _, v := range phonesettings.List() {
		sheet, err := phonesettings.Render(v.Name, settings())
		if err != nil {
			t.Fatal(err)
		}
		for _, value := range read(t, v.Name, sheet.Text) {
			start := strings.IndexByte(value, '(')
			if start < 0 || !strings.Contains(value[start:], "=") {
				continue
			}
			value = value[start:]
			found++
			filter := strings.NewReplacer("$VALUE", "mu", "%s", "mu", "%", "mu", "#", "mu").Replace(value)
			if _, err := ldapwire.ParseFilter(filter); err != nil {
				t.Errorf("%s: %s: %v", v.Name, value, err)
			}
		}
	}
	if found < 40 {
		t.Errorf("only %d filters were found", found)
	}
}
