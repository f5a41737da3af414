package store

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// ObjectKind implements Object.
func (*Upstream) ObjectKind() ObjectKind { return ObjectUpstream }

// ObjectName implements Object.
func (u *Upstream) ObjectName() string { return u.Name }

// Validate implements Object.
func (u *Upstream) Validate() error {
	if err := firstError(validateName(u.Name), validateURLs(u.URLs, u.TLS.StartTLS)); err != nil {
		return err
	}
	switch {
	case u.BindDN != "" && u.Search != nil:
		return fieldErrorf("search", "cannot be given beside bind_dn: keep one of them")
	case u.Search != nil:
		if err := u.Search.validate(); err != nil {
			return err
		}
	case u.BindDN == "":
		return fieldErrorf("bind_dn", "is missing: write the bind name with %% for the login, such as uid=%%,ou=people,dc=example,dc=com, or give search")
	default:
		if err := validateTemplate(u.BindDN); err != nil {
			return err
		}
	}
	if u.MaxConnections < 0 || u.MaxConnections > 1024 {
		return fieldErrorf("max_connections", "%d is not between 1 and 1024", u.MaxConnections)
	}
	return firstError(
		u.TLS.validate(),
		validateDuration("connect_timeout", u.ConnectTimeout, time.Millisecond, time.Minute),
		validateDuration("bind_timeout", u.BindTimeout, time.Millisecond, 5*time.Minute),
		validateDuration("cache.success", u.Cache.Success, 0, 24*time.Hour),
		validateDuration("cache.offline", u.Cache.Offline, 0, 30*24*time.Hour),
		validateRefused(u.Cache.Refused),
	)
}

// WithDefaults returns a copy with the defaults in place of what was left out.
func (u Upstream) WithDefaults() Upstream {
	if u.ConnectTimeout == 0 {
		u.ConnectTimeout = Duration(2 * time.Second)
	}
	if u.BindTimeout == 0 {
		u.BindTimeout = Duration(10 * time.Second)
	}
	if u.MaxConnections == 0 {
		u.MaxConnections = 8
	}
	if u.Cache.Refused == nil {
		refused := Duration(time.Minute)
		u.Cache.Refused = &refused
	}
	return u
}

func (s *UpstreamSearch) validate() error {
	if strings.Count(s.Filter, "%") != 1 || !strings.HasPrefix(s.Filter, "(") || !strings.HasSuffix(s.Filter, ")") {
		return fieldErrorf("search.filter", "%q is not a filter in parentheses with exactly one %% for the login, such as (sAMAccountName=%%)", s.Filter)
	}
	if s.Base != "" && !strings.Contains(s.Base, "=") {
		return fieldErrorf("search.base", "%q is not a DN, such as dc=example,dc=com", s.Base)
	}
	if s.BindDN == "" && !s.Password.IsZero() {
		return fieldErrorf("search.bind_dn", "is missing beside search.password")
	}
	if s.BindDN != "" && s.Password.IsZero() {
		return fieldErrorf("search.password", "is missing beside search.bind_dn: a bind without a password is anonymous")
	}
	return firstError(
		validateText("search.base", s.Base),
		validateText("search.filter", s.Filter),
		validateText("search.bind_dn", s.BindDN),
		s.Password.validate("search.password"),
	)
}

// validateTemplate checks the form of a bind name. Whether its DN parses is for the package that builds the DN to say.
func validateTemplate(t string) error {
	if strings.Count(t, "%") != 1 {
		return fieldErrorf("bind_dn", "%q must hold exactly one %% for the login", t)
	}
	upn := strings.HasPrefix(t, "%@") && len(t) > 2 && !strings.ContainsAny(t[2:], `@\= `)
	netbios := strings.HasSuffix(t, `\%`) && len(t) > 2 && !strings.ContainsAny(t[:len(t)-2], `@\=,`)
	if !upn && !netbios && !strings.Contains(t, "=") {
		return fieldErrorf("bind_dn", `%q is neither a DN such as uid=%%,ou=people,dc=example,dc=com, nor %%@domain, nor DOMAIN\%%`, t)
	}
	return validateText("bind_dn", t)
}

func validateURLs(urls []string, startTLS bool) error {
	if len(urls) == 0 {
		return fieldErrorf("urls", "is missing: name at least one server, such as ldaps://dc1.example.com")
	}
	if len(urls) > 16 {
		return fieldErrorf("urls", "holds more than 16 servers")
	}
	for i, text := range urls {
		path := fmt.Sprintf("urls[%d]", i)
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.Hostname() == "" || u.Scheme != "ldap" && u.Scheme != "ldaps" {
			return fieldErrorf(path, "%q is not ldap://HOST[:PORT] or ldaps://HOST[:PORT]", text)
		}
		if u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Path != "" && u.Path != "/" {
			return fieldErrorf(path, "%q must end after the host and port", text)
		}
		if p := u.Port(); p != "" || strings.HasSuffix(u.Host, ":") {
			if n, err := strconv.Atoi(p); err != nil || n < 1 || n > 65535 {
				return fieldErrorf(path, "%q has a port that is not between 1 and 65535", text)
			}
		}
		if u.Scheme == "ldaps" && startTLS {
			return fieldErrorf("tls.start_tls", "cannot be used with %s, which is TLS from the start: write ldap:// or leave start_tls out", text)
		}
	}
	return nil
}

func (t TLS) validate() error {
	if t.PinnedKey != "" {
		sum, found := strings.CutPrefix(t.PinnedKey, "sha256/")
		if raw, err := base64.StdEncoding.DecodeString(sum); !found || err != nil || len(raw) != 32 {
			return fieldErrorf("tls.pinned_key", "%q is not sha256/ and the base64 of 32 bytes", t.PinnedKey)
		}
		if t.InsecureSkipVerify {
			return fieldErrorf("tls.insecure_skip_verify", "cannot be used with pinned_key: the key is the check")
		}
	}
	return firstError(validateText("tls.ca_file", t.CAFile), validateText("tls.server_name", t.ServerName))
}

func validateRefused(d *Duration) error {
	if d == nil {
		return nil
	}
	return validateDuration("cache.refused", *d, 0, 24*time.Hour)
}

// validateDuration takes 0 for left out.
func validateDuration(path string, d Duration, low, high time.Duration) error {
	if v := time.Duration(d); v != 0 && (v < low || v > high) {
		return fieldErrorf(path, "%s is not between %s and %s", v, max(low, 0), high)
	}
	return nil
}

// validateText checks a line of text that a program reads.
func validateText(path, text string) error {
	if len(text) > 4096 {
		return fieldErrorf(path, "is longer than 4096 bytes")
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, isControl) {
		return fieldErrorf(path, "%q must be UTF-8 without control characters", text)
	}
	return nil
}
