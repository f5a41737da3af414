package phonesettings

import (
	"encoding/xml"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/dialtree/dialtree/store"
)

// A format is how values are written in the file or form that they are pasted into.
type format struct {
	// escape writes a value so that the format reads it back as it was; nil: as it is.
	escape func(string) string
	// hex are the characters that have no spelling in the format. In a DN they become
	// pairs of hex digits (RFC 4514, section 2.4), which mean the same; a secret that
	// holds one cannot be written.
	hex string
	// refuse are characters that a secret cannot hold although a DN can.
	refuse string
}

var (
	// form is a page that the values are typed into.
	form = &format{}
	// lines is "key = value", where the value is the rest of the line. Some readers
	// take # or ; for the start of a comment, and strip quotes.
	lines = &format{hex: "#;\""}
	// quoted is KEY="value" without a way to write a quote.
	quoted = &format{hex: "\""}
	// xmlText is the text of an element or attribute.
	xmlText = &format{escape: escapeXML}
	// freeswitch is XML in which $ begins a variable.
	freeswitch = &format{escape: escapeXML, hex: "$"}
	// asterisk takes an unescaped ; for a comment, and has quoted values in
	// extconfig.conf.
	asterisk = &format{hex: "\";"}
	// mitel has USER:PASSWORD@HOST:PORT in one line.
	mitel = &format{hex: "#;\"", refuse: "@:/"}
	// avaya is a line whose values may be quoted, and whose password is of letters
	// and digits.
	avaya = &format{hex: "\"", refuse: " !#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"}
	// qtINI is QSettings' INI with quoted values.
	qtINI = &format{escape: strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace}
)

func escapeXML(value string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(value)) // a Builder does not fail
	return b.String()
}

func (f *format) write(value string) string {
	if f.escape == nil {
		return value
	}
	return f.escape(value)
}

// dn writes a DN in the form of RFC 4514.
func (f *format) dn(dn string) string { return f.write(hexPairs(dn, f.hex)) }

// secret returns a secret that the format can hold. Its errors never hold the secret.
func (f *format) secret(secret store.Secret, v Vendor) (string, error) {
	text, err := secret.Resolve()
	switch {
	case err != nil:
		return "", unfitf("the device's secret cannot be shown: %v", err)
	case strings.ContainsAny(text, f.hex+f.refuse), strings.ContainsFunc(text, unicode.IsControl), !utf8.ValidString(text):
		return "", unfitf("the settings of %s cannot hold the device's secret, because of a character in it: give the device one of letters and digits", v.Title)
	case strings.TrimSpace(text) != text:
		return "", unfitf("the settings of %s cannot hold the device's secret, because of a blank at its beginning or end: give the device one of letters and digits", v.Title)
	}
	return text, nil
}

// hexPairs spells some characters of a DN as pairs of hex digits, whether they were
// escaped with a backslash or stood for themselves.
func hexPairs(dn, characters string) string {
	var b strings.Builder
	for i := 0; i < len(dn); i++ {
		c := dn[i]
		if c == '\\' && i+1 < len(dn) {
			i++
			if strings.IndexByte(characters, dn[i]) < 0 {
				b.WriteByte(c)
				b.WriteByte(dn[i])
				continue
			}
			c = dn[i]
		}
		if strings.IndexByte(characters, c) >= 0 {
			fmt.Fprintf(&b, `\%02X`, c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// An UnfitError says why the settings of a vendor cannot be written for this server.
type UnfitError struct{ message string }

// Error says what to change.
func (e *UnfitError) Error() string { return e.message }

func unfitf(text string, args ...any) error { return &UnfitError{fmt.Sprintf(text, args...)} }
