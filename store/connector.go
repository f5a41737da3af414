package store

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
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

// NoDN as the column of the DN says that the users' DNs are not recorded.
const NoDN = "none"

// maxRetain bounds how long removed entries are kept.
const maxRetain = 3650 * day

// Validate implements Object. Templates, expressions and schedules are for the syncer to check.
func (c *Connector) Validate() error {
	if err := validateName(c.Name); err != nil {
		return err
	}
	if c.Name == HandImports {
		return fieldErrorf("name", "%q is what files that are imported by hand are recorded under: choose another one", c.Name)
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
	if c.Jitter < 0 || time.Duration(c.Jitter) > day {
		return fieldErrorf("jitter", "must be from 0s to %s", Duration(day))
	}
	if c.After != "" && (!validObjectName(c.After) || c.After == c.Name) {
		return fieldErrorf("after", "%q is not the name of another connector", c.After)
	}
	return firstError(
		validateText("template", c.Template),
		validateText("timezone", c.Timezone),
		c.Webhook.validate(),
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
	var given []string
	var err error
	check := func(kind string, isGiven bool, validate func() error) {
		if isGiven {
			given = append(given, kind)
			err = validate()
		}
	}
	check("csv", s.CSV != nil, s.CSV.validate)
	check("xlsx", s.XLSX != nil, s.XLSX.validate)
	check("ldap", s.LDAP != nil, func() error { return s.LDAP.validate("source.ldap") })
	check("ad", s.AD != nil, s.AD.validate)
	check("ucs", s.UCS != nil, s.UCS.validate)
	check("rest", s.REST != nil, s.REST.validate)
	switch len(given) {
	case 0:
		return fieldErrorf("source", "is missing: say where the records come from, such as csv: {path: /srv/import/users.csv}")
	case 1:
		return err
	}
	return fieldErrorf("source", "names several sources, %s: keep one of them", strings.Join(given, ", "))
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
	case method != AuthUpstream && a.DN != "":
		return fieldErrorf("authentication.dn", "cannot be used with the method %s", a.Method)
	}
	return validateText("authentication.dn", a.DN)
}

func (w *Webhook) validate() error {
	if w == nil {
		return nil
	}
	u, err := url.Parse(w.URL)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return fieldErrorf("webhook.url", "must be a URL such as https://alerts.example.com/dialtree")
	}
	return firstError(validateText("webhook.url", w.URL), w.Secret.validate("webhook.secret"))
}

func fieldNames() []string {
	names := make([]string, len(table))
	for i := range table {
		names[i] = table[i].Name
	}
	return names
}
