package upstream

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// A template makes bind names. Its form tells its kind: with "=" it is a DN;
// with "@" behind the %, a user principal name; with "\" before it, the name of
// a Windows domain.
type template struct {
	before, after string
	dn            bool
}

func parseTemplate(text string) (*template, error) {
	fail := func(why string) (*template, error) {
		return nil, fmt.Errorf("bind_dn %q: %s", text, why)
	}
	before, after, found := strings.Cut(text, "%")
	if !found || strings.Contains(after, "%") {
		return fail(`want exactly one % in the place of the login, as in "uid=%,ou=people,dc=example,dc=com"`)
	}
	if err := checkText(text); err != nil {
		return fail(err.Error())
	}
	t := &template{before: before, after: after}
	switch {
	case strings.Contains(text, "="):
		t.dn = true
		if err := checkDNTemplate(text); err != nil {
			return fail(err.Error())
		}
	case before == "" && len(after) > 1 && after[0] == '@':
	case after == "" && len(before) > 1 && strings.IndexByte(before, '\\') == len(before)-1:
	default:
		return fail(`want a DN such as "uid=%,ou=people,dc=example,dc=com", or "%@example.com", or "EXAMPLE\%"`)
	}
	return t, nil
}

// checkDNTemplate checks that the text is a DN and that the % stands in a value.
func checkDNTemplate(text string) error {
	dn, err := ldapwire.ParseDN(text)
	if err != nil {
		return err
	}
	for _, rdn := range dn {
		for _, av := range rdn {
			if !av.BER && strings.Contains(av.Value, "%") {
				return nil
			}
		}
	}
	return errors.New("the % must stand in a value")
}

// name puts a login into the template.
func (t *template) name(login string) (string, error) {
	if login == "" {
		return "", fmt.Errorf("%w: it is empty", ErrBadLogin)
	}
	if err := checkText(login); err != nil {
		return "", fmt.Errorf("%w: %w", ErrBadLogin, err)
	}
	if t.dn {
		return t.before + ldapwire.EscapeDNValue(login) + t.after, nil
	}
	if strings.ContainsAny(login, `@\`) {
		return "", fmt.Errorf(`%w: it has an @ or a \, which would make it the name of another domain`, ErrBadLogin)
	}
	return t.before + login + t.after, nil
}

// checkText refuses what no name may have. A NUL or a line feed is cut off or
// let pass by one directory and not by the next, so that two names become one.
func checkText(s string) error {
	if !utf8.ValidString(s) {
		return errors.New("it is not UTF-8")
	}
	if strings.ContainsFunc(s, unicode.IsControl) {
		return errors.New("it has a control character")
	}
	return nil
}

// BindName says which name would be sent for a login. In search mode that
// depends on the directory, and the name is empty.
func (u *Upstream) BindName(login string) (string, error) {
	switch {
	case u.template != nil:
		return u.template.name(login)
	case u.search != nil:
		return "", u.search.check(login)
	}
	return "", errNoName
}

// bindName is BindName for a bind: it searches where a search is wanted.
func (a *attempt) bindName(login, recordedDN string) (string, error) {
	switch {
	case recordedDN != "":
		// What the syncer read from a directory is sent as it is, or not at all.
		if err := checkText(recordedDN); err != nil {
			return "", fmt.Errorf("%w: the recorded DN: %w", ErrBadLogin, err)
		}
		return recordedDN, nil
	case a.u.search != nil:
		return a.find(login)
	}
	return a.u.BindName(login)
}
