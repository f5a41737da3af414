package syncer

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/dialtree/dialtree/store"
)

// templateFiles holds one file per template, of two YAML documents: what the program
// takes from the template, then what the administrator gets.
//
//go:embed templates/*.yaml
var templateFiles embed.FS

// A Template is a prefilled connector.
type Template struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	Help  string `json:"help"`
	// YAML is a connector with comments, to be applied once NAME is a name. What it needs comes before it in a document of its own.
	YAML   string `json:"yaml"`
	Source string `json:"source"` // the key of store.Source that must be set
	Target string `json:"target"` // users, speeddials or phonebook
	Key    string `json:"key"`    // empty: derived from names and numbers
	Filter string `json:"filter"` // of a source in a directory, in LDAP's form
	// Variables are all fields of the target in the order of the field table, with what fills them.
	Variables []TemplateVariable `json:"variables"`
}

// A TemplateVariable is a field and the expression that a template fills it with; empty: none.
type TemplateVariable struct {
	Field      string `json:"field"`
	Expression string `json:"expression"`
}

// A template is what a connector takes from its template.
type template struct {
	Title     string            `yaml:"title"`
	Help      string            `yaml:"help"`
	Source    string            `yaml:"source"` // the key of store.Source that must be set
	Target    string            `yaml:"target"` // users, speeddials or phonebook
	Key       string            `yaml:"key"`    // empty: derived, see key.go
	Variables map[string]string `yaml:"variables"`
	DN        string            `yaml:"dn"`     // the column of the users' DNs in the directory; empty: there is none
	Filter    string            `yaml:"filter"` // of a source in a directory, in LDAP's form

	name string
	text string
}

// Templates returns all templates by name.
func Templates() []Template {
	names := templateNames()
	out := make([]Template, 0, len(names))
	for _, name := range names {
		t, err := loadTemplate(name)
		if err != nil {
			panic(err) // the files are part of the program, and a test reads them all
		}
		out = append(out, Template{Name: name, Title: t.Title, Help: t.Help, YAML: t.text,
			Source: t.Source, Target: t.Target, Key: t.Key, Filter: t.Filter, Variables: t.variables()})
	}
	return out
}

func (t *template) variables() []TemplateVariable {
	kind := map[string]store.Kind{store.TargetUsers: store.KindUser, "phonebook": store.KindContact, store.TargetSpeedDials: store.KindSpeedDial}[t.Target]
	var out []TemplateVariable
	for _, f := range store.Fields() {
		if f.UsedBy(kind) != store.Unused {
			out = append(out, TemplateVariable{Field: f.Name, Expression: t.Variables[f.Name]})
		}
	}
	return out
}

// NewConnector returns the YAML of a connector made from a template, with comments, for the
// administrator to complete and apply.
func NewConnector(templateName, name string) (string, error) {
	t, err := loadTemplate(templateName)
	if err != nil {
		return "", &store.FieldError{Path: "template", Message: err.Error()}
	}
	// Of a connector with only a name, Validate may refuse anything but the name.
	var wrong *store.FieldError
	if errors.As((&store.Connector{Name: name}).Validate(), &wrong) && wrong.Path == "name" {
		return "", wrong
	}
	return strings.NewReplacer("name: NAME", "name: "+name, "phonebook/NAME", "phonebook/"+name, "run NAME", "run "+name,
		"preview NAME", "preview "+name, "called NAME", "called "+name).Replace(t.text), nil
}

func templateNames() []string {
	files, err := templateFiles.ReadDir("templates")
	if err != nil {
		panic(err) // embedded
	}
	var names []string
	for _, f := range files {
		names = append(names, strings.TrimSuffix(f.Name(), ".yaml"))
	}
	slices.Sort(names)
	return names
}

// loadTemplate reads a template anew each time: it is small, and so nothing is shared.
func loadTemplate(name string) (*template, error) {
	if names := templateNames(); !slices.Contains(names, name) {
		return nil, fmt.Errorf("there is no template %q: there is %s", name, strings.Join(names, ", "))
	}
	data, err := templateFiles.ReadFile(path.Join("templates", name+".yaml"))
	if err != nil {
		return nil, fmt.Errorf("read template %s: %w", name, err)
	}
	head, text, found := bytes.Cut(data, []byte("\n---\n"))
	if !found {
		return nil, fmt.Errorf("template %s has no second document", name)
	}
	t := &template{name: name, text: string(text)}
	dec := yaml.NewDecoder(bytes.NewReader(head))
	dec.KnownFields(true)
	if err := dec.Decode(t); err != nil {
		return nil, fmt.Errorf("template %s: %w", name, err)
	}
	return t, nil
}
