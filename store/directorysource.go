package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// An LDAPSource is the entries of an LDAP directory.
type LDAPSource struct {
	URLs       []string `yaml:"urls,omitempty" json:"urls,omitempty"` // ldap:// or ldaps://, tried in order
	Base       Texts    `yaml:"base,omitempty" json:"base,omitempty"` // DNs; "" is the root
	BindDN     string   `yaml:"bind_dn,omitempty" json:"bind_dn,omitempty"`
	Password   Secret   `yaml:"password,omitempty" json:"password,omitzero"`
	Filter     string   `yaml:"filter,omitempty" json:"filter,omitempty"`
	Attributes []string `yaml:"attributes,omitempty" json:"attributes,omitempty"` // beside those that the connector's expressions name
	PageSize   int      `yaml:"page_size,omitempty" json:"page_size,omitempty"`   // default 500
	TLS        TLS      `yaml:"tls,omitempty" json:"tls,omitzero"`
	// Incremental lets scheduled runs fetch only what changed; once a day all is fetched.
	Incremental bool `yaml:"incremental,omitempty" json:"incremental,omitempty"`
}

// An ADSource is the accounts of an Active Directory domain. The keys of LDAPSource override what is derived.
type ADSource struct {
	Domain        string `yaml:"domain,omitempty" json:"domain,omitempty"`     // example.com
	Server        string `yaml:"server,omitempty" json:"server,omitempty"`     // host or host:port
	Username      string `yaml:"username,omitempty" json:"username,omitempty"` // name, name@domain, DOMAIN\name or a DN
	GlobalCatalog bool   `yaml:"global_catalog,omitempty" json:"global_catalog,omitempty"`
	LDAPSource    `yaml:",inline"`
}

// A UCSSource is the users of a Univention Corporate Server domain. The keys of LDAPSource override what is derived.
type UCSSource struct {
	Domain     string `yaml:"domain,omitempty" json:"domain,omitempty"`     // example.intranet
	Server     string `yaml:"server,omitempty" json:"server,omitempty"`     // host or host:port
	Username   string `yaml:"username,omitempty" json:"username,omitempty"` // name, name$ of a computer, or a DN
	LDAPSource `yaml:",inline"`
}

func (s *LDAPSource) validate(at string) error {
	if len(s.URLs) == 0 {
		return fieldErrorf(at+".urls", "is missing: name the server, such as ldaps://ldap.example.com")
	}
	if len(s.Base) == 0 {
		return fieldErrorf(at+".base", "is missing: name the entry below which to search, such as ou=people,dc=example,dc=com")
	}
	return s.validateCommon(at)
}

// validateCommon checks what all kinds of directory sources have, as far as it is given.
func (s *LDAPSource) validateCommon(at string) error {
	if len(s.URLs) > 0 {
		if err := below(at, validateURLs(s.URLs, s.TLS.StartTLS)); err != nil {
			return err
		}
	}
	if len(s.Base) > maxBases {
		return fieldErrorf(at+".base", "names more than %d entries", maxBases)
	}
	for i, base := range s.Base {
		path := fmt.Sprintf("%s.base[%d]", at, i)
		if base != "" && !strings.Contains(base, "=") {
			return fieldErrorf(path, "%q is not a DN, such as dc=example,dc=com", base)
		}
		if err := validateText(path, base); err != nil {
			return err
		}
	}
	if s.Filter != "" && !(strings.HasPrefix(s.Filter, "(") && strings.HasSuffix(s.Filter, ")")) {
		return fieldErrorf(at+".filter", "%q is not a filter in parentheses, such as (objectClass=inetOrgPerson)", s.Filter)
	}
	for i, a := range s.Attributes {
		if !attributeName.MatchString(a) {
			return fieldErrorf(fmt.Sprintf("%s.attributes[%d]", at, i), "%q is not the name of an attribute, such as telephoneNumber", a)
		}
	}
	switch {
	case len(s.Attributes) > maxAttributes:
		return fieldErrorf(at+".attributes", "names more than %d attributes", maxAttributes)
	case s.PageSize < 0 || s.PageSize > maxPageSize:
		return fieldErrorf(at+".page_size", "%d is not between 1 and %d", s.PageSize, maxPageSize)
	case s.BindDN != "" && s.Password.IsZero():
		return fieldErrorf(at+".password", "is missing beside bind_dn: a bind without a password is anonymous")
	}
	return firstError(
		validateText(at+".bind_dn", s.BindDN),
		validateText(at+".filter", s.Filter),
		s.Password.validate(at+".password"),
		below(at, s.TLS.validate()),
	)
}

// Bounds of a directory source.
const (
	maxBases      = 64
	maxAttributes = 200
	maxPageSize   = 10000
)

// attributeName is the descriptor or the OID of an attribute (RFC 4512, section 2.5), without options.
var attributeName = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9-]{0,127}|[0-9]+(\.[0-9]+)+)$`)

func (s *ADSource) validate() error {
	if err := validateDomain("source.ad", s.Domain, s.Server, s.Username, &s.LDAPSource); err != nil {
		return err
	}
	if s.GlobalCatalog && len(s.URLs) > 0 {
		return fieldErrorf("source.ad.global_catalog", "cannot be used beside urls: write the port 3269 there")
	}
	return s.validateCommon("source.ad")
}

func (s *UCSSource) validate() error {
	if err := validateDomain("source.ucs", s.Domain, s.Server, s.Username, &s.LDAPSource); err != nil {
		return err
	}
	return s.validateCommon("source.ucs")
}

var domainName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$`)

// validateDomain checks what a source with a domain derives the rest from.
func validateDomain(at, domain, server, username string, s *LDAPSource) error {
	switch {
	case domain == "":
		return fieldErrorf(at+".domain", "is missing: write the domain's DNS name, such as example.com")
	case len(domain) > 255 || !domainName.MatchString(domain):
		return fieldErrorf(at+".domain", "%q is not a DNS name, such as example.com", domain)
	case server == "" && len(s.URLs) == 0:
		return fieldErrorf(at+".server", "is missing: name a domain controller, such as dc1.example.com")
	case server != "" && len(s.URLs) > 0:
		return fieldErrorf(at+".server", "cannot be given beside urls: keep one of them")
	case username == "" && s.BindDN == "":
		return fieldErrorf(at+".username", "is missing: name an account that may read the directory")
	case username != "" && s.BindDN != "":
		return fieldErrorf(at+".username", "cannot be given beside bind_dn: keep one of them")
	case s.Password.IsZero():
		return fieldErrorf(at+".password", "is missing")
	}
	if server != "" && validateURLs([]string{"ldap://" + server}, false) != nil {
		return fieldErrorf(at+".server", "%q is not the name or address of a server, with or without :PORT", server)
	}
	return validateText(at+".username", username)
}

// below puts the path of an error under another one.
func below(at string, err error) error {
	var field *FieldError
	if errors.As(err, &field) {
		return &FieldError{Path: at + "." + field.Path, Message: field.Message}
	}
	return err
}

// Texts are one or many texts: a single one is written without a list.
type Texts []string

// MarshalJSON writes one text as such and others as a list.
func (t Texts) MarshalJSON() ([]byte, error) {
	if len(t) == 1 {
		return json.Marshal(t[0])
	}
	return json.Marshal([]string(t))
}

// UnmarshalJSON reads a text or a list of them.
func (t *Texts) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*t = Texts{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(t))
}

// MarshalYAML writes one text as such and others as a list.
func (t Texts) MarshalYAML() (any, error) {
	if len(t) == 1 {
		return t[0], nil
	}
	return []string(t), nil
}

// UnmarshalYAML reads a text or a list of them.
func (t *Texts) UnmarshalYAML(n *yaml.Node) error {
	nodes := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		nodes = n.Content
	}
	out := make(Texts, 0, len(nodes))
	for _, c := range nodes {
		if c.Kind != yaml.ScalarNode {
			return fmt.Errorf("line %d: must be a text or a list of texts", n.Line)
		}
		out = append(out, c.Value)
	}
	*t = out
	return nil
}
