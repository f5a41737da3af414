// Package reference writes the page that describes the API to people, from the same description that programs read.
// It holds no script, and its style is a file of its own, so that it needs nothing that the policy of the page forbids.
package reference

import (
	"bytes"
	"cmp"
	"embed"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

//go:embed templates
var files embed.FS

// Style is the style sheet that the page names.
func Style() ([]byte, error) { return files.ReadFile("templates/reference.css") }

// Options say how the examples reach the server.
type Options struct {
	Style   string // where the style sheet is
	Address string // of the public listener, such as https://pbx.example.com:8389
	Socket  string // the path of the unix socket
}

type page struct {
	Options
	Title, Version string
	Groups         []group
	Schemas        []namedSchema
}

// A group holds the operations of one tag.
type group struct {
	Name        string
	Description string
	Operations  []operation
}

type namedSchema struct {
	Name        string
	Description string
	Rows        []row
}

// Render writes the page. Operations stand by their tags, in the order in which the description lists the tags.
func Render(api *huma.OpenAPI, o Options) ([]byte, error) {
	w := newWriter(api, o)
	p := page{Options: o, Title: api.Info.Title, Version: api.Info.Version, Groups: w.groups(), Schemas: w.sharedSchemas()}
	t, err := template.New("reference.html").Funcs(template.FuncMap{"marked": marked}).ParseFS(files, "templates/reference.html")
	if err != nil {
		return nil, fmt.Errorf("read the template of the API's page: %w", err)
	}
	var out bytes.Buffer
	if err := t.Execute(&out, p); err != nil {
		return nil, fmt.Errorf("write the API's page: %w", err)
	}
	return out.Bytes(), nil
}

// A writer turns one description into what the template shows.
type writer struct {
	api     *huma.OpenAPI
	options Options
	uses    map[string]int // how many operations take or answer a schema
}

func newWriter(api *huma.OpenAPI, o Options) *writer {
	w := &writer{api: api, options: o, uses: map[string]int{}}
	for _, op := range w.operations() {
		for _, schema := range direct(op) {
			w.uses[nameOf(schema)]++
		}
	}
	return w
}

// own: the schema stands at the one operation that uses it.
func (w *writer) own(name string) bool { return w.uses[name] == 1 }

// shared: the schema is described once, and where it is used there are links.
func (w *writer) shared(name string) bool { return w.uses[name] > 1 }

// operations returns all of them, by path and then by what they do to it.
func (w *writer) operations() []*huma.Operation {
	var all []*huma.Operation
	for _, path := range slices.Sorted(maps.Keys(w.api.Paths)) {
		item := w.api.Paths[path]
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if op != nil {
				all = append(all, op)
			}
		}
	}
	return all
}

func (w *writer) groups() []group {
	var groups []group
	for _, tag := range w.api.Tags {
		groups = append(groups, group{Name: tag.Name, Description: tag.Description})
	}
	for _, op := range w.operations() {
		name := "other"
		if len(op.Tags) > 0 {
			name = op.Tags[0]
		}
		i := slices.IndexFunc(groups, func(g group) bool { return g.Name == name })
		if i < 0 {
			i, groups = len(groups), append(groups, group{Name: name})
		}
		groups[i].Operations = append(groups[i].Operations, w.operation(op))
	}
	return slices.DeleteFunc(groups, func(g group) bool { return len(g.Operations) == 0 })
}

// sharedSchemas are those that do not stand at the one operation that uses them.
func (w *writer) sharedSchemas() []namedSchema {
	var list []namedSchema
	for name, schema := range w.api.Components.Schemas.Map() {
		if !w.own(name) {
			list = append(list, namedSchema{Name: name, Description: schema.Description, Rows: w.rows(schema)})
		}
	}
	slices.SortFunc(list, func(a, b namedSchema) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// A piece of a text; code is what stood between backticks.
type piece struct {
	Text string
	Code bool
}

// marked splits a text at its backticks.
func marked(text string) []piece {
	var pieces []piece
	for i, part := range strings.Split(text, "`") {
		if part != "" {
			pieces = append(pieces, piece{part, i%2 == 1})
		}
	}
	return pieces
}
