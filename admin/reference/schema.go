package reference

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// maxDepth is how far values in values are shown at one place; deeper ones are links.
const maxDepth = 2

// A row describes one value, by where it stands: items[].name.
type row struct {
	Path     string
	Type     []word
	Required bool
	Doc      string
}

// A word of a type; Schema names the one that it links to.
type word struct{ Text, Schema string }

// nameOf is the name of the schema that one refers to, or whose list it is; empty: it has none.
func nameOf(s *huma.Schema) string {
	if s.Items != nil {
		return nameOf(s.Items)
	}
	return s.Ref[strings.LastIndex(s.Ref, "/")+1:]
}

func (w *writer) resolve(s *huma.Schema) *huma.Schema {
	if s.Ref == "" {
		return s
	}
	if found := w.api.Components.Schemas.SchemaFromRef(s.Ref); found != nil {
		return found
	}
	return &huma.Schema{}
}

func (w *writer) typeOf(s *huma.Schema) []word {
	switch values, isMap := s.AdditionalProperties.(*huma.Schema); {
	case s.Ref != "":
		return []word{{Text: nameOf(s), Schema: nameOf(s)}}
	case s.Items != nil && s.Type == huma.TypeArray:
		return append([]word{{Text: "list of "}}, w.typeOf(s.Items)...)
	case len(s.OneOf) > 0:
		var words []word
		for i, one := range s.OneOf {
			if i > 0 {
				words = append(words, word{Text: " or "})
			}
			words = append(words, w.typeOf(one)...)
		}
		return words
	case isMap:
		return append([]word{{Text: "object of "}}, w.typeOf(values)...)
	case len(s.Enum) > 0:
		return []word{{Text: choices(s.Enum)}}
	case len(s.Properties) == 1 && len(s.Required) == 1:
		return []word{{Text: "object with " + s.Required[0]}}
	case s.Format == "date-time":
		return []word{{Text: "time"}}
	case s.ContentEncoding != "":
		return []word{{Text: s.Type + " in " + s.ContentEncoding}}
	case s.Type == "":
		return []word{{Text: "any value"}}
	}
	return []word{{Text: s.Type}}
}

func choices(values []any) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = fmt.Sprint(v)
		if texts[i] == "" {
			texts[i] = "empty"
		}
	}
	return strings.Join(texts, ", ")
}

// rows lists what is in a value.
func (w *writer) rows(s *huma.Schema) []row { return w.inside(s, "", 0, nil) }

// inside lists what is in the value at prefix. within holds the schemas around it: one that is in itself is not opened again.
func (w *writer) inside(s *huma.Schema, prefix string, depth int, within []string) []row {
	name := nameOf(s)
	if depth > maxDepth || depth > 0 && w.shared(name) || name != "" && slices.Contains(within, name) {
		return nil
	}
	if s.Items != nil {
		return w.inside(s.Items, prefix+"[]", depth, within)
	}
	if name != "" {
		within = append(slices.Clone(within), name)
	}
	s = w.resolve(s)
	var rows []row
	for _, one := range s.OneOf {
		if len(one.Properties) > 1 { // those with one are told by their type
			rows = append(rows, w.inside(one, prefix, depth, within)...)
		}
	}
	if values, isMap := s.AdditionalProperties.(*huma.Schema); isMap {
		rows = append(rows, w.inside(values, strings.TrimPrefix(prefix+".NAME", "."), depth, within)...)
	}
	for _, key := range slices.Sorted(maps.Keys(s.Properties)) {
		property := s.Properties[key]
		path := strings.TrimPrefix(prefix+"."+key, ".")
		rows = append(rows, row{Path: path, Type: w.typeOf(property), Required: slices.Contains(s.Required, key),
			Doc: sentences(property.Description, limits(property))})
		rows = append(rows, w.inside(property, path, depth+1, within)...)
	}
	return rows
}

// limits says what a value must keep to, and what it is when it is left out.
func limits(s *huma.Schema) string {
	var parts []string
	add := func(format string, v any) { parts = append(parts, fmt.Sprintf(format, v)) }
	switch {
	case s.Minimum != nil && s.Maximum != nil:
		add("%v", fmt.Sprint(*s.Minimum, " to ", *s.Maximum))
	case s.Minimum != nil && *s.Minimum != 0:
		add("at least %v", *s.Minimum)
	case s.Maximum != nil:
		add("at most %v", *s.Maximum)
	}
	if s.MaxLength != nil {
		add("at most %d characters", *s.MaxLength)
	}
	if s.MinItems != nil {
		add("at least %d", *s.MinItems)
	}
	if s.MaxItems != nil {
		add("at most %d", *s.MaxItems)
	}
	if s.Default != nil {
		add("default `%v`", s.Default)
	}
	if len(s.Examples) > 0 {
		add("such as `%v`", s.Examples[0])
	}
	return strings.Join(parts, "; ")
}

func sentences(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return strings.TrimSuffix(a, ".") + " (" + b + ")"
}
