package syncer

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer/source"
	"github.com/dialtree/dialtree/syncer/source/ldap"
)

// A directory is a source in a directory, with everything filled in that its kind gives.
type directory struct {
	path    string // of its keys, for messages
	changes ldap.Changes
	options ldap.Options
	login   string // the bind name of its users, with % in the place of the login
}

// directoryOf returns the directory that a source names; false where it names none. loginAttribute holds the users' logins.
func directoryOf(s store.Source, loginAttribute string) (*directory, bool) {
	switch {
	case s.AD != nil:
		d := &directory{path: "source.ad", changes: ldap.ByUSN}
		d.options, d.login = ldap.ActiveDirectory(ldap.Domain{
			Name: s.AD.Domain, Server: s.AD.Server, Username: s.AD.Username,
			StartTLS: s.AD.TLS.StartTLS, GlobalCatalog: s.AD.GlobalCatalog,
		})
		d.override(&s.AD.LDAPSource)
		return d, true
	case s.UCS != nil:
		d := &directory{path: "source.ucs", changes: ldap.ByTime}
		d.options, d.login = ldap.UCS(ldap.Domain{Name: s.UCS.Domain, Server: s.UCS.Server, Username: s.UCS.Username, StartTLS: true})
		d.override(&s.UCS.LDAPSource)
		// Its port is one for StartTLS.
		d.options.TLS.StartTLS = d.options.TLS.StartTLS || len(s.UCS.URLs) == 0
		return d, true
	case s.LDAP != nil:
		d := &directory{path: "source.ldap", changes: ldap.ByTime}
		d.override(s.LDAP)
		if base := d.options.Bases[0]; base != "" {
			d.login = loginAttribute + "=%," + base
		}
		return d, true
	}
	return nil, false
}

// override puts what an administrator gave in place of what was derived.
func (d *directory) override(s *store.LDAPSource) {
	o := &d.options
	if len(s.URLs) > 0 {
		o.URLs = s.URLs
	}
	if len(s.Base) > 0 {
		o.Bases = s.Base
	}
	if s.BindDN != "" {
		o.BindDN = s.BindDN
	}
	o.Password = s.Password.Resolve
	o.Filter = s.Filter
	o.Columns = s.Attributes
	o.PageSize = s.PageSize
	if s.Incremental {
		o.Changes = d.changes
	}
	o.TLS = ldap.TLS{
		StartTLS: s.TLS.StartTLS, CAFile: s.TLS.CAFile, ServerName: s.TLS.ServerName,
		PinnedKey: s.TLS.PinnedKey, InsecureSkipVerify: s.TLS.InsecureSkipVerify,
	}
}

// open makes the source of a job.
func (d *directory) open(j *job, t *template, n Numbers) (source.Source, error) {
	o := d.options
	if o.Filter == "" {
		o.Filter = t.Filter
	}
	o.Columns = append(j.columns(t, n), o.Columns...)
	src, err := ldap.New(o)
	var wrong *ldap.OptionError
	if errors.As(err, &wrong) {
		return nil, &store.FieldError{Path: d.path + "." + wrong.Option, Message: wrong.Message}
	}
	return src, err
}

// columns are the names in a job's expressions, which a directory must be asked for, and behind them those of the
// template, which a mistyped one may be meant for. Pictures and groups,
// which take long, are fetched only where they are used.
func (j *job) columns(t *template, n Numbers) []string {
	names := []string{j.key}
	if j.dn != "" {
		names = append(names, j.dn)
	}
	add := func(e *expression, err error) {
		if err == nil { // else Check has told it, and compiling it for the columns tells it again
			names = append(names, e.named...)
		}
	}
	for _, v := range j.variables {
		// A name with dashes is a difference to the compiler.
		if text := strings.TrimSpace(v.expression); attribute.MatchString(text) {
			names = append(names, text)
			continue
		}
		add(compile(v.expression, nil, n))
	}
	if j.filter != "" {
		add(compileFilter(j.filter, nil, n))
	}
	for field, name := range t.Variables {
		if f, _ := store.FieldByName(field); f.Matching != store.MatchBytes && f.ID != store.Groups {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

var attribute = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]*$`)

// loginAttribute is the attribute that the users' names come from.
func (j *job) loginAttribute() string {
	for _, v := range j.variables {
		if v.field.ID == store.Username && attribute.MatchString(v.expression) {
			return v.expression
		}
	}
	return "uid"
}

// Upstream returns an upstream for the users of a connector, at the directory that they come from; its name is the
// connector's. Each user's DN is recorded and tried first, so that its bind name is for users made by hand. Its errors
// are *store.FieldError.
func (s *Syncer) Upstream(c *store.Connector) (*store.Upstream, error) {
	j, err := s.prepare(c)
	if err != nil {
		return nil, err
	}
	d, ok := directoryOf(c.Source, j.loginAttribute())
	if !ok {
		return nil, &store.FieldError{Path: "authentication", Message: "true is for sources in a directory: name the upstream, as in {method: upstream, upstream: corp}"}
	}
	if d.login == "" {
		return nil, &store.FieldError{Path: "authentication", Message: fmt.Sprintf("true needs a %s.base that is not the root: name the upstream, as in {method: upstream, upstream: corp}", d.path)}
	}
	tls := d.options.TLS
	return &store.Upstream{
		Name: c.Name, URLs: d.options.URLs, BindDN: d.login,
		TLS: store.TLS{
			StartTLS: tls.StartTLS, CAFile: tls.CAFile, ServerName: tls.ServerName,
			PinnedKey: tls.PinnedKey, InsecureSkipVerify: tls.InsecureSkipVerify,
		},
	}, nil
}
