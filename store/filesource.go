package store

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// A CSVSource is a CSV file.
type CSVSource struct {
	Path          string `yaml:"path,omitempty" json:"path,omitempty"` // of this machine, or within Share
	Remote        `yaml:",inline"`
	Encoding      string `yaml:"encoding,omitempty" json:"encoding,omitempty"`             // default utf-8
	Delimiter     string `yaml:"delimiter,omitempty" json:"delimiter,omitempty"`           // default ","
	LineSeparator string `yaml:"line_separator,omitempty" json:"line_separator,omitempty"` // auto (default), lf, crlf, cr
	Enclosure     string `yaml:"enclosure,omitempty" json:"enclosure,omitempty"`           // default `"`
	Header        *bool  `yaml:"header,omitempty" json:"header,omitempty"`                 // default true
}

// An XLSXSource is a sheet of an xlsx file.
type XLSXSource struct {
	Path      string `yaml:"path,omitempty" json:"path,omitempty"` // of this machine, or within Share
	Remote    `yaml:",inline"`
	Sheet     string `yaml:"sheet,omitempty" json:"sheet,omitempty"`           // default: the first one that is not hidden
	HeaderRow int    `yaml:"header_row,omitempty" json:"header_row,omitempty"` // default 1; what is above it does not count
}

// A Remote says where a file lies that is not on a disk of this machine: on a share or behind a URL.
type Remote struct {
	Share    *Share   `yaml:"share,omitempty" json:"share,omitempty"`
	URL      string   `yaml:"url,omitempty" json:"url,omitempty"`           // http:// or https://
	Username string   `yaml:"username,omitempty" json:"username,omitempty"` // for the URL, as are the next three
	Password Secret   `yaml:"password,omitempty" json:"password,omitzero"`
	Token    Secret   `yaml:"token,omitempty" json:"token,omitzero"` // a bearer token, instead of username and password
	TLS      TLS      `yaml:"tls,omitempty" json:"tls,omitzero"`
	Timeout  Duration `yaml:"timeout,omitempty" json:"timeout,omitzero"` // how long nothing may come; default 30s
}

// A Share is a directory that a Windows or Samba server shares.
type Share struct {
	UNC      string `yaml:"unc" json:"unc"` // \\server\share or //server/share; a port may follow the server
	Username string `yaml:"username" json:"username"`
	Password Secret `yaml:"password" json:"password"`
	Domain   string `yaml:"domain,omitempty" json:"domain,omitempty"`
}

// Parts takes the UNC apart: the server, with the port where there is one, and the name of the share.
func (s *Share) Parts() (server, share string, ok bool) {
	rest, ok := strings.CutPrefix(strings.ReplaceAll(s.UNC, "/", `\`), `\\`)
	server, share, found := strings.Cut(strings.TrimSuffix(rest, `\`), `\`)
	host, port, hasPort := strings.Cut(server, ":")
	if !ok || !found || host == "" || share == "" || strings.ContainsAny(share, `\:*?"<>|`) || strings.ContainsAny(host, ` @[]?#`) {
		return "", "", false
	}
	if n, err := strconv.Atoi(port); hasPort && (err != nil || n < 1 || n > 65535) {
		return "", "", false
	}
	return server, share, true
}

// WithDefaults returns a copy with the defaults in place of what was left out.
func (s CSVSource) WithDefaults() CSVSource {
	for _, d := range []struct {
		at    *string
		value string
	}{{&s.Encoding, "utf-8"}, {&s.Delimiter, ","}, {&s.LineSeparator, "auto"}, {&s.Enclosure, `"`}} {
		if *d.at == "" {
			*d.at = d.value
		}
	}
	if s.Header == nil {
		header := true
		s.Header = &header
	}
	return s
}

// Encodings are the names of a CSV file's encodings; auto tells UTF-8, UTF-16 and windows-1252 apart.
func Encodings() []string {
	return []string{"auto", "utf-8", "utf-16le", "utf-16be", "iso-8859-1", "iso-8859-15", "windows-1252", "cp850", "macintosh"}
}

func (s *CSVSource) validate() error {
	if err := s.validatePlace("source.csv", s.Path); err != nil {
		return err
	}
	if s.Encoding != "" && !slices.Contains(Encodings(), s.Encoding) {
		return fieldErrorf("source.csv.encoding", "%q is not one of %s", s.Encoding, strings.Join(Encodings(), ", "))
	}
	if !slices.Contains([]string{"", "auto", "lf", "crlf", "cr"}, s.LineSeparator) {
		return fieldErrorf("source.csv.line_separator", "%q is not one of auto, lf, crlf, cr", s.LineSeparator)
	}
	if s.Delimiter == "" && s.Enclosure == "," || s.Delimiter == `"` && s.Enclosure == "" || s.Delimiter != "" && s.Delimiter == s.Enclosure {
		return fieldErrorf("source.csv.enclosure", "must differ from the delimiter")
	}
	if s.Delimiter != "auto" {
		if err := validateCharacter("source.csv.delimiter", s.Delimiter); err != nil {
			return err
		}
	}
	if s.Enclosure != "none" {
		return validateCharacter("source.csv.enclosure", s.Enclosure)
	}
	return nil
}

// maxHeaderRow is far below what anybody writes above a table.
const maxHeaderRow = 1000

func (s *XLSXSource) validate() error {
	if s.HeaderRow < 0 || s.HeaderRow > maxHeaderRow {
		return fieldErrorf("source.xlsx.header_row", "%d is not between 1 and %d", s.HeaderRow, maxHeaderRow)
	}
	return firstError(s.validatePlace("source.xlsx", s.Path), validateText("source.xlsx.sheet", s.Sheet))
}

func validateCharacter(path, text string) error {
	r, size := utf8.DecodeRuneInString(text)
	if text != "" && (size != len(text) || r == utf8.RuneError || r == '\n' || r == '\r' || r == 0) {
		return fieldErrorf(path, "%q is not one character", text)
	}
	return nil
}

// validatePlace checks that there is one place of a file, and that all that is said belongs to it.
func (r *Remote) validatePlace(at, path string) error {
	switch {
	case r.URL != "" && r.Share != nil:
		return fieldErrorf(at+".share", "cannot be given beside url: keep one of them")
	case r.URL != "" && path != "":
		return fieldErrorf(at+".path", "cannot be given beside url, which names the file")
	case r.URL == "" && path == "":
		return fieldErrorf(at+".path", "is missing: name the file, or give url")
	}
	var err error
	if r.URL != "" {
		err = r.validateURL(at)
	} else {
		err = r.validateNoURL(at)
	}
	if err == nil && r.Share != nil {
		err = r.Share.validate(at, path)
	}
	return firstError(err,
		validateText(at+".path", path),
		validateDuration(at+".timeout", r.Timeout, time.Second, 10*time.Minute))
}

// validateNoURL refuses what only a URL has.
func (r *Remote) validateNoURL(at string) error {
	for _, given := range []struct {
		key string
		is  bool
	}{{"username", r.Username != ""}, {"password", !r.Password.IsZero()}, {"token", !r.Token.IsZero()}, {"tls", r.TLS != TLS{}}} {
		switch {
		case given.is && r.Share != nil:
			return fieldErrorf(at+"."+given.key, "is for a url: what logs in to the share is written in share")
		case given.is:
			return fieldErrorf(at+"."+given.key, "is for a url: a file of this machine needs none")
		}
	}
	return nil
}

func (r *Remote) validateURL(at string) error {
	u, err := url.Parse(r.URL)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
		return fieldErrorf(at+".url", "is not http://HOST/PATH or https://HOST/PATH") // without it: a password may be in it
	case u.User != nil:
		return fieldErrorf(at+".url", "must not hold a password: write username and password as keys of their own, so that they are kept secret")
	case u.Fragment != "":
		return fieldErrorf(at+".url", "must end before the #")
	case r.Username != "" && !r.Token.IsZero():
		return fieldErrorf(at+".token", "cannot be given beside username: keep one of them")
	case r.Username == "" && !r.Password.IsZero():
		return fieldErrorf(at+".username", "is missing beside password")
	case strings.Contains(r.Username, ":"):
		return fieldErrorf(at+".username", "%q holds a colon, which basic authentication cannot carry", r.Username)
	case u.Scheme == "http" && r.TLS != TLS{}:
		return fieldErrorf(at+".tls", "needs a url that begins with https://")
	case r.TLS.StartTLS:
		return fieldErrorf(at+".tls.start_tls", "is not for a url: https:// is TLS from the start")
	}
	return firstError(
		validateText(at+".url", r.URL),
		validateText(at+".username", r.Username),
		r.Password.validate(at+".password"),
		r.Token.validate(at+".token"),
		below(at, r.TLS.validate()),
	)
}

func (s *Share) validate(at, path string) error {
	at += ".share"
	if _, _, ok := s.Parts(); !ok {
		return fieldErrorf(at+".unc", `%q is not \\SERVER\SHARE; directories within the share belong to path`, s.UNC)
	}
	switch {
	case s.Username == "":
		return fieldErrorf(at+".username", "is missing: what a share sends is signed only for an account with a password")
	case s.Password.IsZero():
		return fieldErrorf(at+".password", "is missing")
	case slices.Contains(strings.FieldsFunc(path, isSlash), ".."):
		return fieldErrorf(strings.TrimSuffix(at, "share")+"path", `%q must not hold ".."`, path)
	}
	return firstError(
		validateText(at+".unc", s.UNC),
		validateText(at+".username", s.Username),
		validateText(at+".domain", s.Domain),
		s.Password.validate(at+".password"),
	)
}

func isSlash(r rune) bool { return r == '/' || r == '\\' }

// eachSecret calls f with the secrets of a file's place.
func (r *Remote) eachSecret(at string, f func(path string, s *Secret)) {
	f(at+".password", &r.Password)
	f(at+".token", &r.Token)
	if r.Share != nil {
		f(at+".share.password", &r.Share.Password)
	}
}
