package reference

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// An operation is one method of one path.
type operation struct {
	ID, Method, Path, Summary, Description string
	Scope                                  string
	Parameters                             []parameter
	Contents                               []content // what it takes, then what it answers
	OverTLS, OverSocket                    string    // examples for a shell
}

type parameter struct {
	Name, In string
	Required bool
	Type     []word
	Doc      string
}

// A content is a body that is sent or answered.
type content struct {
	Title     string
	Doc       string
	MediaType string
	Type      []word
	Own       string // the name of the schema that has its place here
	Rows      []row
}

func (w *writer) operation(op *huma.Operation) operation {
	scope, _ := op.Extensions["x-scope"].(string)
	out := operation{ID: op.OperationID, Method: op.Method, Path: op.Path, Summary: op.Summary, Description: op.Description, Scope: scope}
	for _, p := range op.Parameters {
		out.Parameters = append(out.Parameters, w.parameter(p))
	}
	if op.RequestBody != nil {
		out.Contents = append(out.Contents, w.contents("Body", op.RequestBody.Description, op.RequestBody.Content)...)
	}
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		answer := op.Responses[status]
		if !isFailure(status, answer) {
			out.Contents = append(out.Contents, w.contents(title(status), answerDoc(status, answer.Description), answer.Content)...)
		}
	}
	out.OverTLS, out.OverSocket = w.examples(op)
	return out
}

// isFailure: how failures look is said once for all operations.
func isFailure(status string, answer *huma.Response) bool {
	return status == "default" || answer.Content["application/problem+json"] != nil
}

func title(status string) string {
	code, _ := strconv.Atoi(status)
	return strings.TrimSpace("Answer " + status + " " + http.StatusText(code))
}

// answerDoc leaves out what the title says already.
func answerDoc(status, description string) string {
	if code, _ := strconv.Atoi(status); description == http.StatusText(code) {
		return ""
	}
	return description
}

func (w *writer) parameter(p *huma.Param) parameter {
	out := parameter{Name: p.Name, In: p.In, Required: p.Required, Doc: p.Description}
	if p.Schema != nil {
		out.Type = w.typeOf(p.Schema)
		out.Doc = sentences(cmp.Or(p.Description, p.Schema.Description), limits(p.Schema))
	}
	return out
}

func (w *writer) contents(title, doc string, types map[string]*huma.MediaType) []content {
	if len(types) == 0 {
		return []content{{Title: title, Doc: doc}}
	}
	var out []content
	for _, mediaType := range slices.Sorted(maps.Keys(types)) {
		c := content{Title: title, Doc: doc, MediaType: mediaType}
		if schema := types[mediaType].Schema; schema != nil {
			c.Type = w.typeOf(schema)
			switch name := nameOf(schema); {
			case name == "":
				c.Rows = w.rows(schema)
			case w.own(name):
				c.Own, c.Rows = name, w.rows(schema)
			}
		}
		out = append(out, c)
	}
	return out
}

// direct are the schemas that stand at an operation: of its body and of its answers but failures.
func direct(op *huma.Operation) []*huma.Schema {
	var all []*huma.Schema
	add := func(types map[string]*huma.MediaType) {
		for _, mediaType := range types {
			if mediaType.Schema != nil {
				all = append(all, mediaType.Schema)
			}
		}
	}
	if op.RequestBody != nil {
		add(op.RequestBody.Content)
	}
	for status, answer := range op.Responses {
		if !isFailure(status, answer) {
			add(answer.Content)
		}
	}
	return all
}
