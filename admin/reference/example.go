package reference

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// examples are commands for a shell that do an operation: with a token, and on the server's machine.
func (w *writer) examples(op *huma.Operation) (overTLS, overSocket string) {
	var flags strings.Builder
	switch {
	case op.Method == http.MethodGet, op.Method == http.MethodPost && op.RequestBody != nil:
	default:
		flags.WriteString(" -X " + op.Method)
	}
	if answer := op.Responses["200"]; answer != nil && answer.Content["text/event-stream"] != nil {
		flags.WriteString(" -N")
	}
	if op.RequestBody != nil {
		for mediaType, content := range op.RequestBody.Content {
			flags.WriteString(" -H " + quoted("Content-Type: "+mediaType) + w.data(mediaType, content.Schema))
		}
	}
	scope, _ := op.Extensions["x-scope"].(string)
	path := examplePath(op)
	token := ` -H "Authorization: Bearer $TOKEN"`
	if scope == "public" {
		token = ""
	}
	return "curl" + token + flags.String() + " " + quoted(w.options.Address+path),
		"curl --unix-socket " + quoted(w.options.Socket) + flags.String() + " " + quoted("http://localhost"+path)
}

func (w *writer) data(mediaType string, schema *huma.Schema) string {
	if mediaType != "application/json" || schema == nil {
		return " --data-binary @FILE"
	}
	body, err := json.Marshal(w.value(schema, 0))
	if err != nil {
		return " --data-binary @FILE.json"
	}
	return " -d " + quoted(string(body))
}

// examplePath has names in capitals where a name is to be put, and those parameters that must be given.
func examplePath(op *huma.Operation) string {
	path := op.Path
	query := url.Values{}
	for _, p := range op.Parameters {
		switch {
		case p.In == "path":
			path = strings.ReplaceAll(path, "{"+p.Name+"}", strings.ToUpper(p.Name))
		case p.In == "query" && p.Required:
			query.Set(p.Name, strings.ToUpper(p.Name))
			if p.Schema != nil && len(p.Schema.Enum) > 0 {
				query.Set(p.Name, choices(p.Schema.Enum[:1]))
			}
		}
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return path
}

// value is an example of what a schema describes: what must be given, and of that what the schema says.
func (w *writer) value(s *huma.Schema, depth int) any {
	s = w.resolve(s)
	switch {
	case len(s.Examples) > 0:
		return s.Examples[0]
	case s.Default != nil:
		return s.Default
	case len(s.Enum) > 0:
		return s.Enum[0]
	case len(s.OneOf) > 0:
		return w.value(s.OneOf[0], depth)
	case s.Format == "date-time":
		return "2030-01-31T08:00:00Z"
	}
	switch s.Type {
	case huma.TypeObject:
		object := map[string]any{}
		for _, key := range s.Required {
			if property := s.Properties[key]; property != nil && depth < 2*maxDepth {
				object[key] = w.value(property, depth+1)
			}
		}
		return object
	case huma.TypeArray:
		if s.Items == nil || depth >= 2*maxDepth {
			return []any{}
		}
		return []any{w.value(s.Items, depth+1)}
	case huma.TypeBoolean:
		return true
	case huma.TypeInteger, huma.TypeNumber:
		return 1
	}
	return "…"
}

// quoted is a text as one word of a POSIX shell.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
