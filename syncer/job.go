package syncer

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer/source"
	"github.com/dialtree/dialtree/syncer/source/csv"
)

// A job is a connector with everything filled in that its template gives.
type job struct {
	connector string
	kind      store.Kind
	phonebook string // of contacts
	mirror    bool
	key       string // a column, or a field; empty: derived from the values of a contact
	filter    string
	variables []variable // in the order of the field table
	auth      store.Auth // of the users: method and upstream
	removals  limit
	rejected  limit
	retain    time.Duration // how long removed entries are kept hidden
	source    source.Source
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
	if c.Schedule != "" {
		if err := checkSchedule(c.Schedule, s.now()); err != nil {
			return &store.FieldError{Path: "schedule", Message: err.Error()}
		}
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
	j.source, err = s.sourceOf(full.Source, t)
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

// sourceOf makes the source that the template is for.
func (s *Syncer) sourceOf(c store.Source, t *template) (source.Source, error) {
	if t.Source != "csv" || c.CSV == nil {
		return nil, &store.FieldError{Path: "source", Message: fmt.Sprintf("the template %s wants source.%s", t.name, t.Source)}
	}
	src, err := csv.New(csv.LocalFile(s.baseDir, filepath.FromSlash(c.CSV.Path)), csv.Options{
		Encoding:      c.CSV.Encoding,
		Delimiter:     c.CSV.Delimiter,
		LineSeparator: c.CSV.LineSeparator,
		Enclosure:     c.CSV.Enclosure,
		NoHeader:      c.CSV.Header != nil && !*c.CSV.Header,
	})
	var wrong *csv.OptionError
	if errors.As(err, &wrong) {
		return nil, &store.FieldError{Path: "source.csv." + wrong.Option, Message: wrong.Message}
	}
	return src, err
}

func orDefault(s, byDefault string) string {
	if s == "" {
		return byDefault
	}
	return s
}
