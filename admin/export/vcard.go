package export

import (
	"bufio"
	"encoding/base64"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/dialtree/dialtree/store"
)

// vcardWriter writes vCards (RFC 6350, version 4.0), one for each entry.
type vcardWriter struct {
	out  *bufio.Writer
	line []byte
}

func newVCard(w io.Writer, _ store.Kind) (Writer, error) {
	return &vcardWriter{out: bufio.NewWriter(w)}, nil
}

// vcardTypes are the parameters of the numbers (RFC 6350, section 6.4.1).
var vcardTypes = []struct {
	field store.FieldID
	types string
}{
	{store.Phone, `"voice,work"`}, {store.Mobile, `"voice,cell"`}, {store.HomePhone, `"voice,home"`}, {store.Fax, "fax"},
}

// Write implements Writer.
func (v *vcardWriter) Write(e *store.Entry) error {
	values := e.Values
	v.property("BEGIN", "VCARD")
	v.property("VERSION", "4.0")
	v.text("UID", e.ID)
	v.text("FN", values.First(store.DisplayName))
	if values.Has(store.Surname) || values.Has(store.GivenName) {
		v.property("N", vcardText(values.First(store.Surname))+";"+vcardText(values.First(store.GivenName))+";;;")
	}
	v.text("ORG", values.First(store.Organisation))
	v.text("TITLE", values.First(store.Job))
	for _, mail := range values.All(store.Email) {
		v.text("EMAIL", mail)
	}
	for _, t := range vcardTypes {
		for _, number := range values.All(t.field) {
			v.text("TEL;VALUE=text;TYPE="+t.types, number)
		}
	}
	v.text("URL", values.First(store.Homepage))
	v.text("NOTE", values.First(store.Notes))
	v.list("CATEGORIES", append(values.All(store.Label), values.All(store.Groups)...))
	v.text("X-DIALTREE-USERNAME", values.First(store.Username))
	v.text("X-DIALTREE-SHORTCODE", values.First(store.ShortCode))
	v.text("X-DIALTREE-CUSTOMERNUMBER", values.First(store.CustomerNumber))
	if photo := values.First(store.Photo); photo != "" {
		v.property("PHOTO", "data:image/jpeg;base64,"+base64.StdEncoding.EncodeToString([]byte(photo)))
	}
	return v.property("END", "VCARD")
}

// Close implements Writer.
func (v *vcardWriter) Close() error { return v.out.Flush() }

func (v *vcardWriter) text(name, value string) {
	if value != "" {
		v.property(name, vcardText(value))
	}
}

func (v *vcardWriter) list(name string, values []string) {
	escaped := make([]string, len(values))
	for i, value := range values {
		escaped[i] = vcardText(value)
	}
	if len(values) > 0 {
		v.property(name, strings.Join(escaped, ","))
	}
}

// vcardText escapes a text (RFC 6350, section 3.4). Other control characters than line breaks have no
// place in a vCard.
func vcardText(s string) string {
	s = strings.NewReplacer("\\", `\\`, ",", `\,`, ";", `\;`, "\r\n", `\n`, "\n", `\n`, "\r", `\n`).Replace(s)
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f {
			return -1
		}
		return r
	}, s)
}

// maxVCardLine is how long a line should be, in bytes without its end (RFC 6350, section 3.2).
const maxVCardLine = 75

// property writes a line, folded between characters. The error of the file comes with the last one.
func (v *vcardWriter) property(name, value string) error {
	v.line = append(append(append(v.line[:0], name...), ':'), value...)
	rest, most := v.line, maxVCardLine
	for len(rest) > most {
		cut := most
		for cut > most-utf8.UTFMax && !utf8.RuneStart(rest[cut]) {
			cut--
		}
		v.out.Write(rest[:cut])
		v.out.WriteString("\r\n ")
		rest, most = rest[cut:], maxVCardLine-1 // the blank counts
	}
	v.out.Write(rest)
	_, err := v.out.WriteString("\r\n")
	return err
}
