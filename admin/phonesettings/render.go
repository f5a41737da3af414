package phonesettings

import (
	"embed"
	"fmt"
	"strings"
	"text/template"
	"unicode/utf8"

	"github.com/dialtree/dialtree/store"
)

//go:embed vendors
var templates embed.FS

// Settings are what the settings of a device are made from.
type Settings struct {
	Server   Server
	BaseDN   string // of the whole tree
	Base     string // below which contacts are searched: the branch of phonebooks, or one of them
	Users    string // the branch of users
	Device   string
	DeviceDN string
	Secret   store.Secret // none: a text takes its place that says so
}

// A Sheet is what to paste, and what to know about it.
type Sheet struct {
	Vendor     Vendor     `json:"vendor"`
	Connection Connection `json:"connection"`
	Device     string     `json:"device"`
	BindDN     string     `json:"bind_dn"`
	Base       string     `json:"base"`
	Text       string     `json:"settings" doc:"What is pasted"`
	FileName   string     `json:"file_name" doc:"What a download of the settings is called"`
	FileType   string     `json:"file_type" doc:"The MIME type of that file"`
	Notes      []string   `json:"notes" doc:"Which filters to use and why, and what the vendor cannot do"`
}

// Render writes the settings of a vendor, which Find understands. An error is of the
// type *UnknownVendorError or *UnfitError.
func Render(vendor string, s Settings) (*Sheet, error) {
	v, err := Find(vendor)
	if err != nil {
		return nil, err
	}
	connection, notes, err := s.Server.connect(v)
	if err != nil {
		return nil, err
	}
	secret := "REPLACE-WITH-THE-SECRET-OF-" + s.Device
	if s.Secret.IsZero() {
		notes = append([]string{fmt.Sprintf("Put the device's secret in place of %s; `dialtree phone %s --device %s --show-secret` prints it filled in.", secret, v.Name, s.Device)}, notes...)
	} else if secret, err = v.format.secret(s.Secret, v); err != nil {
		return nil, err
	}
	text, err := v.execute("settings", v.format, newValues(v.format, s, connection, secret))
	if err != nil {
		return nil, err
	}
	own, err := v.execute("notes", form, newValues(form, s, connection, secret))
	if err != nil {
		return nil, err
	}
	if strings.Contains(text, v.format.dn(s.Base)) {
		notes = append([]string{fmt.Sprintf("The base %s finds contacts. With the base %s it finds colleagues and speed dials too.", s.Base, s.BaseDN)}, notes...)
	}
	fileName, fileType := v.file()
	return &Sheet{
		FileName: fileName, FileType: fileType,
		Vendor: v, Connection: connection, Device: s.Device, BindDN: s.DeviceDN, Base: s.Base,
		Text: text, Notes: append(paragraphs(own), notes...),
	}, nil
}

// values are what a template sees, written for a format.
type values struct {
	Host, HostPort       string
	Scheme, URLHost, URL string // URLHost has an IPv6 address in brackets
	Port                 int
	LDAPS, StartTLS, TLS bool   // TLS: either of them
	Base, BaseDN, Users  string // DNs
	Device, BindDN       string
	Secret               string

	LongBindDN    bool // of more characters than Gigaset's fields have
	UnplainDevice bool // with other characters than Avaya takes
}

func newValues(f *format, s Settings, c Connection, secret string) values {
	return values{
		Host: f.write(c.Host), HostPort: f.write(c.HostPort()),
		Scheme: c.scheme(), URLHost: f.write(c.bracketed()), URL: f.write(c.URL()), Port: c.Port,
		LDAPS: c.Security == LDAPS, StartTLS: c.Security == StartTLS, TLS: c.Security != Plain,
		Base: f.dn(s.Base), BaseDN: f.dn(s.BaseDN), Users: f.dn(s.Users),
		Device: f.write(s.Device), BindDN: f.dn(s.DeviceDN), Secret: f.write(secret),
		LongBindDN:    utf8.RuneCountInString(s.DeviceDN) > 50,
		UnplainDevice: strings.Trim(s.Device, lettersAndDigits) != "",
	}
}

// execute writes a part of the vendor's template. Its functions write the recommended
// filters around the vendor's placeholder.
func (v Vendor) execute(part string, f *format, values values) (string, error) {
	t, err := template.New(v.Name).Funcs(template.FuncMap{
		"names": func(placeholder string) string { return f.write(anyOf(placeholder, "cn", "sn", "o")) },
		"numbers": func(placeholder string) string {
			return f.write(anyOf(placeholder, "telephoneNumber", "mobile", "homePhone"))
		},
	}).ParseFS(templates, "vendors/"+v.Name+".tmpl")
	if err != nil {
		return "", fmt.Errorf("read the settings of %s: %w", v.Name, err)
	}
	var b strings.Builder
	if err := t.ExecuteTemplate(&b, part, values); err != nil {
		return "", fmt.Errorf("write the %s of %s: %w", part, v.Name, err)
	}
	return strings.TrimSpace(b.String()) + "\n", nil
}

// anyOf is the filter that finds a value in any of the attributes.
func anyOf(value string, attributes ...string) string {
	var b strings.Builder
	b.WriteString("(|")
	for _, a := range attributes {
		fmt.Fprintf(&b, "(%s=%s)", a, value)
	}
	return b.String() + ")"
}

// paragraphs splits a template's notes: one begins with "- ", its further lines with
// two blanks.
func paragraphs(text string) []string {
	var notes []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if first, ok := strings.CutPrefix(line, "- "); ok {
			notes = append(notes, first)
		} else if line != "" && len(notes) > 0 {
			notes[len(notes)-1] += " " + line
		}
	}
	return notes
}
