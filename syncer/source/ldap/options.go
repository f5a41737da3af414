package ldap

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/dialtree/dialtree/authproxy/upstream"
	"github.com/dialtree/dialtree/syncer/source"
)

// Columns that are not attributes.
const (
	// ColumnDN is the entry's DN.
	ColumnDN = "dn"
	// ColumnGroups are the names of the groups that the entry is in, directly or
	// through other groups.
	ColumnGroups = "groups"
)

// Defaults of Options.
const (
	DefaultFilter   = "(objectClass=*)"
	DefaultPageSize = 500
	DefaultTimeout  = time.Minute
	connectTimeout  = 10 * time.Second
)

// TLS says how connections are protected.
type TLS = upstream.TLSOptions

// Options describe a directory and what to fetch of it.
type Options struct {
	URLs     []string // ldap:// or ldaps://, tried in order
	TLS      TLS
	BindDN   string                 // a DN, or what Active Directory takes for one; empty: anonymous
	Password func() (string, error) // of BindDN

	Bases    []string // entries below which to search; "" is the root
	Filter   string   // RFC 4515; empty: DefaultFilter
	Columns  []string // attributes, ColumnDN and ColumnGroups
	Groups   Groups
	Changes  Changes
	PageSize int           // entries per request; 0: DefaultPageSize
	Timeout  time.Duration // of each request; 0: DefaultTimeout
}

// Groups say how to find the groups for ColumnGroups.
type Groups struct {
	// Base is where the groups are. Empty: the directory's naming context.
	Base string
	// Filter matches the groups. Empty: groupOfNames and groupOfUniqueNames.
	Filter string
	// MemberOf: entries name their groups themselves, in memberOf, so that the groups'
	// lists of members, which may be long, need not be read.
	MemberOf bool
}

// Changes say how to find what changed since an earlier fetch.
type Changes uint8

// The ways of finding changes.
const (
	NoChanges Changes = iota // everything is fetched
	ByUSN                    // Active Directory's uSNChanged, which counts on each controller for itself
	ByTime                   // modifyTimestamp
)

// An OptionError says which option is wrong.
type OptionError struct {
	Option  string // as in the configuration: urls, tls, base, bind_dn or filter
	Message string
}

func (e *OptionError) Error() string { return e.Option + ": " + e.Message }

// A Source is the entries of a directory.
type Source struct {
	options Options
	dialer  *upstream.Dialer
	bases   []string
	notes   []string
	page    int               // how many entries are asked for at once
	seen    map[string]string // see ShowAll; by the name in lower case; nil: nothing is noted

	since   mark // that the next fetch goes on from
	reached mark // by the last fetch
	partial bool // the last fetch held only changes
}

var _ source.Incremental = (*Source)(nil)

// New checks the options. It touches no network; it reads the CA file.
func New(o Options) (*Source, error) {
	if o.Filter == "" {
		o.Filter = DefaultFilter
	}
	if o.PageSize <= 0 {
		o.PageSize = DefaultPageSize
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Groups.Filter == "" {
		o.Groups.Filter = "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames))"
	}
	for _, filter := range []string{o.Filter, o.Groups.Filter} {
		if _, err := ldap.CompileFilter(filter); err != nil {
			return nil, &OptionError{"filter", fmt.Sprintf("%q is not a filter: %s", filter, cause(err))}
		}
	}
	if o.BindDN != "" && o.Password == nil {
		return nil, &OptionError{"bind_dn", "has no password: a bind without one is anonymous"}
	}
	bases, err := outermost(o.Bases)
	if err != nil {
		return nil, err
	}
	dialer, err := upstream.NewDialer(o.URLs, o.TLS, connectTimeout)
	if err != nil {
		return nil, dialerError(err)
	}
	return &Source{options: o, dialer: dialer, bases: bases, page: o.PageSize}, nil
}

// dialerError finds out which option a message of upstream is about: it begins with it.
func dialerError(err error) error {
	option, message, _ := strings.Cut(err.Error(), ": ")
	return &OptionError{option, message}
}

// cause is what go-ldap's errors say beside their code.
func cause(err error) string {
	var e *ldap.Error
	if errors.As(err, &e) && e.Err != nil {
		err = e.Err
	}
	return strings.TrimPrefix(err.Error(), "ldap: ")
}

// outermost drops bases that lie below another one: their entries would come twice.
func outermost(bases []string) ([]string, error) {
	if len(bases) == 0 {
		return nil, &OptionError{"base", "is missing"}
	}
	parsed := make([]*ldap.DN, len(bases))
	for i, base := range bases {
		dn, err := ldap.ParseDN(base)
		if err != nil {
			return nil, &OptionError{"base", fmt.Sprintf("%q is not a DN: %s", base, cause(err))}
		}
		parsed[i] = dn
	}
	var kept []string
	for i, dn := range parsed {
		if !slices.ContainsFunc(parsed, func(other *ldap.DN) bool { return other.AncestorOfFold(dn) }) &&
			!slices.ContainsFunc(parsed[:i], func(other *ldap.DN) bool { return other.EqualFold(dn) }) {
			kept = append(kept, bases[i])
		}
	}
	return kept, nil
}

// Notes implements source.Source.
func (s *Source) Notes() []string { return s.notes }

func (s *Source) note(format string, args ...any) {
	s.notes = append(s.notes, fmt.Sprintf(format, args...))
}
