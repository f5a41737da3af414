package page

import (
	"net/url"
	"slices"
	"strings"

	"github.com/dialtree/dialtree/admin"
)

// A connectorForm is a connector as it is made or changed.
type connectorForm struct {
	Template  admin.Template
	Source    string // its kind: a key of the document's source
	Name      string // empty for a new one
	Tag       string // of the stored document that is changed
	Fields    []connectorField
	Variables []variableField
	Look      *look
	Times     *connectorTimes
	Problem   *admin.Problem
	Stale     bool // somebody else changed it meanwhile

	base  connectorDocument // what is stored, or what a new one begins with
	doc   connectorDocument // with what was typed
	lists connectorLists
	lang  language
	typed url.Values // nil before the form was sent
}

// connectorLists are the names that a connector may refer to.
type connectorLists struct{ phonebooks, upstreams, connectors []string }

// A variableField is the expression of a field.
type variableField struct {
	field
	Target string // the field that it fills
}

// Input is what the template draws.
func (v variableField) Input() field { return v.field }

// newConnectorForm makes the form of a document.
func newConnectorForm(t admin.Template, base connectorDocument, lists connectorLists, l language) *connectorForm {
	f := &connectorForm{Template: t, base: base, lists: lists, lang: l}
	f.base.remove("status")
	for source := range asMap(base.at("source")) {
		f.Source = source
	}
	f.doc = f.base.clone()
	f.draw()
	return f
}

func asMap(value any) map[string]any {
	m, _ := value.(map[string]any)
	return m
}

// startingConnector is what a new connector begins with.
func startingConnector(t admin.Template, source string) connectorDocument {
	d := connectorDocument{"kind": "connector", "name": "", "template": t.Name, "mode": "mirror"}
	of := map[string]any{}
	switch source {
	case "csv":
		of = map[string]any{"encoding": "auto", "delimiter": "auto"}
	case "rest":
		of = map[string]any{"list": "/contacts", "total": "/total", "next": "/next"}
	}
	d["source"] = map[string]any{source: of}
	if t.Target == "users" {
		d["authentication"] = map[string]any{"method": "none"}
		if isDirectory(source) {
			d["authentication"] = true
		}
	}
	return d
}

func isDirectory(source string) bool { return slices.Contains([]string{"ldap", "ad", "ucs"}, source) }

func isFile(source string) bool { return source == "csv" || source == "xlsx" }

// draw makes the fields of the document as it is now.
func (f *connectorForm) draw() {
	f.Fields = nil
	f.add("name", f.nameFields()...)
	if isFile(f.Source) {
		f.add("source", f.placeField())
	}
	f.add("source", sourceFields(f.Source)...)
	f.add("import", f.modeField())
	f.add("import", importFields()...)
	f.add("login", f.loginFields()...)
	f.add("run", f.scheduleFields()...)
	f.add("run", runFields()...)
	for i := range f.Fields {
		f.show(&f.Fields[i])
	}
	f.drawRemovals()
	f.drawVariables()
}

// removal ends the name of the checkbox that takes a stored secret out.
const removal = ".remove"

func (f *connectorForm) drawRemovals() {
	for _, c := range f.Fields {
		if c.Kind != valueSecret || f.base.at(c.Name) == nil {
			continue
		}
		f.add(c.Section, connectorField{field: field{Name: c.Name + removal, Type: "checkbox", Class: c.Class, Value: f.typed.Get(c.Name + removal),
			Label: text(f.lang.translate(text("Remove what is stored: %s"), f.lang.translate(c.Label)))}, More: true, Only: c.Only})
	}
}

func (f *connectorForm) add(section string, fields ...connectorField) {
	for _, field := range fields {
		field.Section = section
		f.Fields = append(f.Fields, field)
	}
}

// show puts the document's value into a field, unless that was done already. A secret is never shown.
func (f *connectorForm) show(c *connectorField) {
	value := f.doc.at(c.Name)
	switch {
	case c.Kind == valueSecret:
		f.showSecret(c)
		return
	case c.Value == "":
		c.Value = shownValue(value, c.Default)
	}
	switch c.Name {
	case "key":
		c.Placeholder = f.Template.Key
	case "after":
		c.Options = append([]option{{Value: "", Label: text("none")}}, sameOptions(f.lists.connectors...)...)
	}
	if strings.HasSuffix(c.Name, ".filter") && f.Template.Filter != "" {
		c.Placeholder = f.Template.Filter
	}
	if c.Type == "select" && !slices.ContainsFunc(c.Options, func(o option) bool { return o.Value == c.Value }) {
		c.Options = append(c.Options, sameOptions(c.Value)...)
	}
}

func (f *connectorForm) showSecret(c *connectorField) {
	if f.typed.Get(c.Name) != "" {
		c.Help = text("Type it again: what is secret is not sent back.")
		return
	}
	stored := f.base.at(c.Name)
	if stored == nil {
		return
	}
	c.Placeholder = "••••••••"
	c.Help = text(f.lang.translate(text("One is stored. Leave this empty to keep it.")))
	if reference := secretReference(stored); reference != "" {
		c.Help = text(f.lang.translate(text("It is read from %s. Leave this empty to keep that."), reference))
	}
}

func (f *connectorForm) drawVariables() {
	f.Variables = nil
	have := asMap(f.doc.at("variables"))
	draw := func(name, expression string) {
		v := variableField{Target: name, field: field{Name: "variables." + name, Label: text(name), Placeholder: expression, List: "expressions",
			Value: shownValue(have[name], "")}}
		f.Variables = append(f.Variables, v)
	}
	known := map[string]bool{}
	for _, v := range f.Template.Variables {
		draw(v.Field, v.Expression)
		known[v.Field] = true
	}
	for _, name := range sortedKeys(have) {
		if !known[name] {
			draw(name, "")
		}
	}
}

// In returns the fields of a section: the basic ones, or the further ones.
func (f *connectorForm) In(section string, more bool) []connectorField {
	var of []connectorField
	for _, c := range f.Fields {
		if c.Section == section && c.More == more {
			of = append(of, c)
		}
	}
	return of
}

// Opened tells whether the further fields of a section must be seen: one of them is wrong.
func (f *connectorForm) Opened(section string) bool {
	return slices.ContainsFunc(f.In(section, true), func(c connectorField) bool { return c.Error != "" })
}

// New tells whether the connector is yet to be made.
func (f *connectorForm) New() bool { return f.Name == "" }

// Path is where the form is.
func (f *connectorForm) Path() string {
	if f.New() {
		return "/connectors/new/" + url.PathEscape(f.Template.Name)
	}
	return connectorPath(f.Name) + "/edit"
}

// Action is where the form goes. part asks for a part of it only.
func (f *connectorForm) Action(part string) string {
	query := url.Values{}
	if part != "" {
		query.Set("part", part)
	}
	if f.New() {
		query.Set("source", f.Source)
	}
	return f.Path() + "?" + query.Encode()
}

// Files tells whether the template takes a file of either form.
func (f *connectorForm) Files() bool { return f.New() && isFile(f.Source) }

// Words says what the template makes.
func (f *connectorForm) Words() templateWords { return wordsOf(f.Template) }

// blame puts what the API had against the connector beside the inputs that it means.
func (f *connectorForm) blame(p *admin.Problem) {
	var all []field
	for _, c := range f.Fields {
		all = append(all, c.field)
	}
	for _, v := range f.Variables {
		all = append(all, v.field)
	}
	f.Problem = blame(all, p, map[string]string{"login": "authentication", "place": "source." + f.Source})
	for i := range f.Fields {
		f.Fields[i].Error = all[i].Error
	}
	for i := range f.Variables {
		f.Variables[i].Error = all[len(f.Fields)+i].Error
	}
}
