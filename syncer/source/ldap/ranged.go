package ldap

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// maxRanges bounds the parts of one attribute.
const maxRanges = 10000

// whole returns an attribute with all its values, and its name without options.
//
// Active Directory gives at most 1500 values at a time, under a name that says which:
// member;range=0-1499. The rest has to be asked for, up to a part that ends in *.
func (x *session) whole(dn string, a *ldap.EntryAttribute) (string, *ldap.EntryAttribute, error) {
	name, options, found := strings.Cut(a.Name, ";")
	if !found {
		return name, a, nil
	}
	last, more, ok := rangeEnd(options)
	if !ok {
		if strings.EqualFold(options, "binary") { // RFC 4522: how it was sent, and not another attribute
			return name, a, nil
		}
		return a.Name, a, nil // a variant, such as one in another language, is not asked for
	}
	all := &ldap.EntryAttribute{Name: name, Values: a.Values, ByteValues: a.ByteValues}
	for n := 0; more; n++ {
		if n == maxRanges {
			return "", nil, fmt.Errorf("%s: the values of %s of %q do not come to an end", x.server, name, dn)
		}
		part, err := x.nextRange(dn, name, last+1)
		if err != nil {
			return "", nil, err
		}
		all.Values = append(all.Values, part.Values...)
		all.ByteValues = append(all.ByteValues, part.ByteValues...)
		_, options, _ := strings.Cut(part.Name, ";")
		before := last
		if last, more, ok = rangeEnd(options); !ok || more && last <= before {
			return "", nil, fmt.Errorf("%s: the values of %s of %q do not follow one another", x.server, name, dn)
		}
	}
	return name, all, nil
}

// nextRange reads the values from a number on.
func (x *session) nextRange(dn, name string, from int) (*ldap.EntryAttribute, error) {
	found, err := x.search(request(dn, ldap.ScopeBaseObject, "(objectClass=*)", []string{fmt.Sprintf("%s;range=%d-*", name, from)}))
	if err != nil {
		return nil, err
	}
	for _, e := range found.Entries {
		for _, a := range e.Attributes {
			if strings.HasPrefix(strings.ToLower(a.Name), strings.ToLower(name)+";range=") && len(a.Values) > 0 {
				return a, nil
			}
		}
	}
	return nil, errors.New(x.server + ": the rest of the values of " + name + " of " + strconv.Quote(dn) + " is missing")
}

// rangeEnd reads range=FIRST-LAST or range=FIRST-*; more is false for the latter.
func rangeEnd(options string) (last int, more, ok bool) {
	const prefix = "range="
	if len(options) < len(prefix) || !strings.EqualFold(options[:len(prefix)], prefix) {
		return 0, false, false
	}
	first, end, found := strings.Cut(options[len(prefix):], "-")
	if low, err := strconv.Atoi(first); !found || err != nil || low < 0 {
		return 0, false, false
	}
	if end == "*" {
		return 0, false, true
	}
	if last, err := strconv.Atoi(end); err == nil && last >= 0 {
		return last, true, true
	}
	return 0, false, false
}
