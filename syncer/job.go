package syncer

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer/source"
)

// A job is a connector with everything filled in that its template gives.
type job struct {
	connector string // that owns the entries, or store.HandImports
	byHand    bool   // they belong to nobody
	again     string // the command that runs it, for messages
	kind      store.Kind
	phonebook string // of contacts
	mirror    bool
	key       string // a column, or a field; empty: derived from the values of a contact
	filter    string
	variables []variable // in the order of the field table
	auth      store.Auth // of the users: method and upstream
	dn        string     // the column of their DN in the upstream; empty: none
	removals  limit
	rejected  limit
	retain    time.Duration // how long removed entries are kept hidden
	source    source.Source
	file      *fetchedFile      // that the source reads; nil: it reads none, or none that is worth remembering
	sum       [sha256.Size]byte // of the connector
	asked     bool              // the source has no columns but those that it is asked for
	fetch     *fetch
}

// owner is whom the entries belong to; "" for nobody.
func (j *job) owner() string {
	if j.byHand {
		return ""
	}
	return j.connector
}

// A variable computes a field.
type variable struct {
	field      store.Field
	expression string
	// optional: the field stays empty where the source has no such column. So are the variables of a
	// template; an administrator's own must fit the source.
	optional bool
}

// Check finds everything in a connector that is wrong whatever the source holds: template, target, variables,
// filter, limits and schedule. Its errors are *store.FieldError.
func (s *Syncer) Check(c *store.Connector) error {
	if err := c.Validate(); err != nil {
		return err
	}
	j, err := s.prepare(c)
	if err != nil {
		return err
	}
	for _, v := range j.variables {
		if _, err := compile(v.expression, nil, s.numbers); err != nil {
			return &store.FieldError{Path: "variables." + v.field.Name, Message: err.Error()}
		}
	}
	if j.filter != "" {
		if _, err := compileFilter(j.filter, nil, s.numbers); err != nil {
			return &store.FieldError{Path: "filter", Message: err.Error()}
		}
	}
	if err := checkSchedule(c, s.now()); err != nil {
		return err
	}
	return s.checkAfter(c)
}

// checkAfter refuses connectors that wait for each other.
func (s *Syncer) checkAfter(c *store.Connector) error {
	chain := []string{c.Name}
	for next := c.After; next != ""; {
		chain = append(chain, next)
		if slices.Contains(chain[:len(chain)-1], next) {
			return &store.FieldError{Path: "after", Message: "each waits for the next in a circle: " + strings.Join(chain, ", ")}
		}
		stored, err := s.store.Connector(next)
		if err != nil {
			return ignoreNotFound(err) // the store refuses a connector that is missing, unless the same file brings it
		}
		next = stored.After
	}
	return nil
}

// prepare fills in what the template gives.
func (s *Syncer) prepare(c *store.Connector) (*job, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	t, err := loadTemplate(c.Template)
	if err != nil {
		return nil, &store.FieldError{Path: "template", Message: err.Error()}
	}
	full := c.WithDefaults()
	j := &job{
		connector: c.Name,
		again:     "dialtree connector run " + c.Name,
		mirror:    full.Mode == store.ModeMirror,
		key:       orDefault(c.Key, t.Key),
		filter:    c.Filter,
		removals:  removalLimit(full.Limits.Removals),
		rejected:  rejectLimit(full.Limits.Rejected),
		retain:    time.Duration(full.Retain),
	}
	if j.kind, j.phonebook, err = t.target(c.Target); err != nil {
		return nil, err
	}
	if j.variables, err = t.merge(c.Variables, j.kind); err != nil {
		return nil, err
	}
	if j.auth, err = authOf(c.Authentication, j.kind); err != nil {
		return nil, err
	}
	j.dn = dnColumn(c.Authentication, j.auth, t)
	if j.sum, err = sumOf(c); err != nil {
		return nil, err
	}
	j.source, err = s.sources(full.Source, t, j)
	return j, err
}

// anyPhonebook is the target of a template whose connectors say which phonebook they fill.
const anyPhonebook = "phonebook"

// target returns what a connector of the template fills.
func (t *template) target(given string) (store.Kind, string, error) {
	switch {
	case t.Target == anyPhonebook && given == "":
		return 0, "", &store.FieldError{Path: "target", Message: "is missing: name the phonebook, as in target: phonebook/customers"}
	case t.Target == anyPhonebook && strings.HasPrefix(given, store.TargetPhonebook), given == t.Target:
		return store.ParseTarget(given)
	case given == "":
		return store.ParseTarget(t.Target)
	}
	return 0, "", &store.FieldError{Path: "target", Message: fmt.Sprintf("the template %s fills %s, not %s", t.name, t.fills(), given)}
}

func (t *template) fills() string {
	if t.Target == anyPhonebook {
		return "a phonebook, as in phonebook/customers"
	}
	return t.Target
}

// merge returns the template's variables with the connector's in place of those of the same field.
func (t *template) merge(own map[string]string, k store.Kind) ([]variable, error) {
	byField := map[store.FieldID]variable{}
	for name, expression := range t.Variables {
		f, ok := store.FieldByName(name)
		if !ok {
			return nil, fmt.Errorf("template %s: %q is not a field", t.name, name)
		}
		byField[f.ID] = variable{field: f, expression: expression, optional: true}
	}
	for name, expression := range own {
		f, ok := store.FieldByName(name)
		if !ok || f.UsedBy(k) == store.Unused {
			return nil, &store.FieldError{Path: "variables." + name, Message: fmt.Sprintf("a %s has no such field", k)}
		}
		byField[f.ID] = variable{field: f, expression: expression}
	}
	var merged []variable
	for _, v := range byField {
		merged = append(merged, v)
	}
	slices.SortFunc(merged, func(a, b variable) int { return int(a.field.ID) - int(b.field.ID) })
	return merged, nil
}

func authOf(a *store.Authentication, k store.Kind) (store.Auth, error) {
	if a == nil {
		return store.Auth{}, nil
	}
	if k != store.KindUser {
		return store.Auth{}, &store.FieldError{Path: "authentication", Message: "only users log in"}
	}
	m, ok := store.ParseMethod(a.Method)
	if !ok {
		return store.Auth{}, &store.FieldError{Path: "authentication.method", Message: fmt.Sprintf("%q is not upstream, internal or none", a.Method)}
	}
	return store.Auth{Method: m, Upstream: a.Upstream}, nil
}

// dnColumn is the column that users' DNs are recorded from.
func dnColumn(a *store.Authentication, auth store.Auth, t *template) string {
	switch {
	case auth.Method != store.AuthUpstream || a.DN == store.NoDN:
		return ""
	case a.DN != "":
		return a.DN
	}
	return t.DN
}

// sourceOf makes the source that the template is for.
func (s *Syncer) sourceOf(c store.Source, t *template, j *job) (source.Source, error) {
	if d, ok := directoryOf(c, j.loginAttribute()); ok && d.path == "source."+t.Source {
		j.asked = true
		return d.open(j, t, s.numbers)
	}
	if t.Source == "csv" && (c.CSV != nil || c.XLSX != nil) {
		return s.tableSource(c, j)
	}
	if t.Source == "rest" && c.REST != nil {
		return s.restSource(c.REST)
	}
	wanted := "source." + t.Source
	if t.Source == "csv" {
		wanted += " or source.xlsx"
	}
	return nil, &store.FieldError{Path: "source", Message: fmt.Sprintf("the template %s wants %s", t.name, wanted)}
}

func orDefault(s, byDefault string) string {
	if s == "" {
		return byDefault
	}
	return s
}
