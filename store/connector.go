package store

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// ObjectKind implements Object.
func (*Connector) ObjectKind() ObjectKind { return ObjectConnector }

// ObjectName implements Object.
func (c *Connector) ObjectName() string { return c.Name }

// The targets of connectors; a phonebook's is TargetPhonebook and its name.
const (
	TargetUsers      = "users"
	TargetSpeedDials = "speeddials"
	TargetPhonebook  = "phonebook/"
)

// The modes of connectors.
const (
	ModeMirror = "mirror"
	ModeUpdate = "update"
)

// maxRetain bounds how long removed entries are kept.
const maxRetain = 3650 * day

// Encodings are the names of a CSV file's encodings; auto tells UTF-8, UTF-16 and windows-1252 apart.
func Encodings() []string {
	return []string{"auto", "utf-8", "utf-16le", "utf-16be", "iso-8859-1", "iso-8859-15", "windows-1252", "cp850", "macintosh"}
}

// Validate implements Object. Templates, expressions and schedules are for the syncer to check.
func (c *Connector) Validate() error {
	if err := validateName(c.Name); err != nil {
		return err
	}
	if c.Template == "" {
		return fieldErrorf("template", "is missing: dialtree connector templates lists them")
	}
	if c.Target != "" {
		if _, _, err := ParseTarget(c.Target); err != nil {
			return err
		}
	}
	if c.Mode != "" && c.Mode != ModeMirror && c.Mode != ModeUpdate {
		return fieldErrorf("mode", "%q is neither mirror nor update", c.Mode)
	}
	if err := c.Source.validate(); err != nil {
		return err
	}
	for _, field := range slices.Sorted(maps.Keys(c.Variables)) {
		expression := c.Variables[field]
		path := "variables." + field
		if _, ok := FieldByName(field); !ok {
			return fieldErrorf(path, "is not a field: write one of %s", strings.Join(fieldNames(), ", "))
		}
		if strings.TrimSpace(expression) == "" {
			return fieldErrorf(path, "is empty: write an expression, or leave it out")
		}
		if len(expression) > 16<<10 {
			return fieldErrorf(path, "is longer than 16384 bytes")
		}
	}
	if c.Retain < 0 || time.Duration(c.Retain) > maxRetain {
		return fieldErrorf("retain", "must be from 0s to %s", Duration(maxRetain))
	}
	return firstError(
		validateText("template", c.Template),
		validateText("key", c.Key),
		validateText("schedule", c.Schedule),
		validateLimit("limits.removals", c.Limits.Removals),
		validateLimit("limits.rejected", c.Limits.Rejected),
		c.Authentication.validate(),
	)
}

// WithDefaults returns a copy with the defaults in place of what was left out, apart from those that the template gives.
func (c Connector) WithDefaults() Connector {
	if c.Mode == "" {
		c.Mode = ModeMirror
	}
	if c.Limits.Rejected == "" {
		c.Limits.Rejected = "20%"
	}
	if c.Source.CSV != nil {
		csv := c.Source.CSV.WithDefaults()
		c.Source.CSV = &csv
	}
	return c
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

// ParseTarget reads users, speeddials or phonebook/NAME.
func ParseTarget(target string) (kind Kind, phonebook string, err error) {
	switch target {
	case TargetUsers:
		return KindUser, "", nil
	case TargetSpeedDials:
		return KindSpeedDial, "", nil
	}
	if name, ok := strings.CutPrefix(target, TargetPhonebook); ok && validObjectName(name) {
		return KindContact, name, nil
	}
	return 0, "", fieldErrorf("target", "%q is not users, speeddials or phonebook/NAME", target)
}

func (s Source) validate() error {
	if s.CSV == nil {
		return fieldErrorf("source", "is missing: say where the records come from, such as csv: {path: /srv/import/users.csv}")
	}
	return s.CSV.validate()
}

func (s *CSVSource) validate() error {
	if s.Path == "" {
		return fieldErrorf("source.csv.path", "is missing: name the file")
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
	return firstError(
		validateText("source.csv.path", s.Path),
		validateCharacter("source.csv.delimiter", s.Delimiter),
		validateCharacter("source.csv.enclosure", s.Enclosure),
	)
}

func validateCharacter(path, text string) error {
	r, size := utf8.DecodeRuneInString(text)
	if text != "" && (size != len(text) || r == utf8.RuneError || r == '\n' || r == '\r' || r == 0) {
		return fieldErrorf(path, "%q is not one character", text)
	}
	return nil
}

// validateLimit takes "10%", "500" or nothing.
func validateLimit(path, limit string) error {
	if limit == "" {
		return nil
	}
	if _, _, ok := ParseLimit(limit); !ok {
		return fieldErrorf(path, `%q is neither a percentage such as "10%%" nor a number such as "500"`, limit)
	}
	return nil
}

// ParseLimit reads "10%" or "500".
func ParseLimit(limit string) (n int, percent, ok bool) {
	digits, percent := strings.CutSuffix(limit, "%")
	n, err := strconv.Atoi(digits)
	if err != nil || n < 0 || percent && n > 100 || digits[0] == '+' || digits[0] == '-' {
		return 0, false, false
	}
	return n, percent, true
}

func (a *Authentication) validate() error {
	if a == nil {
		return nil
	}
	method, ok := ParseMethod(a.Method)
	switch {
	case !ok:
		return fieldErrorf("authentication.method", "%q is not upstream, internal or none", a.Method)
	case method == AuthUpstream && a.Upstream == "":
		return fieldErrorf("authentication.upstream", "is missing: name the upstream that checks the passwords")
	case method != AuthUpstream && a.Upstream != "":
		return fieldErrorf("authentication.upstream", "cannot be used with the method %s", a.Method)
	case a.Upstream != "" && !validObjectName(a.Upstream):
		return fieldErrorf("authentication.upstream", "%q is not the name of an upstream", a.Upstream)
	}
	return nil
}

func fieldNames() []string {
	names := make([]string, len(table))
	for i := range table {
		names[i] = table[i].Name
	}
	return names
}
