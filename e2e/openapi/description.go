package openapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Description is what an API says of itself, as far as requests need it.
type Description struct {
	Operations []Operation // by path and method
	schemas    map[string]*schema
}

// An Operation is a method of a path.
type Operation struct {
	ID         string
	Method     string
	Path       string // with {name} for a parameter
	Scope      string // x-scope
	Parameters []Parameter
	Bodies     []string // content types; none: it takes no body

	body *schema // of JSON
}

// String names the operation.
func (o Operation) String() string { return o.Method + " " + o.Path }

// Changes tells whether the operation is there to change something.
func (o Operation) Changes() bool { return o.Method != "GET" && o.Method != "HEAD" }

// A Parameter is a value in the path, the query or the header.
type Parameter struct {
	Name     string
	In       string
	Required bool
	Schema   *schema
}

// A schema is the part of a JSON Schema that API descriptions use.
type schema struct {
	Ref        string             `json:"$ref"`
	Type       types              `json:"type"`
	Enum       []any              `json:"enum"`
	Properties map[string]*schema `json:"properties"`
	Required   []string           `json:"required"`
	Items      *schema            `json:"items"`
	Minimum    *float64           `json:"minimum"`
	Maximum    *float64           `json:"maximum"`
	MinItems   int                `json:"minItems"`
	MinLength  int                `json:"minLength"`
}

// types are one or many.
type types []string

// UnmarshalJSON implements json.Unmarshaler.
func (t *types) UnmarshalJSON(text []byte) error {
	if bytes.HasPrefix(text, []byte("[")) {
		return json.Unmarshal(text, (*[]string)(t))
	}
	*t = types{""}
	return json.Unmarshal(text, &(*t)[0])
}

// Read reads a description.
func Read(text []byte) (*Description, error) {
	type operation struct {
		ID          string      `json:"operationId"`
		Scope       string      `json:"x-scope"`
		Parameters  []Parameter `json:"parameters"`
		RequestBody struct {
			Content map[string]struct{ Schema *schema }
		}
	}
	var file struct {
		Paths      map[string]map[string]operation
		Components struct{ Schemas map[string]*schema }
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("read the description of the API: %w", err)
	}
	d := &Description{schemas: file.Components.Schemas}
	for _, path := range slices.Sorted(maps.Keys(file.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(file.Paths[path])) {
			o := file.Paths[path][method]
			bodies := slices.Sorted(maps.Keys(o.RequestBody.Content))
			d.Operations = append(d.Operations, Operation{
				ID: o.ID, Method: strings.ToUpper(method), Path: path, Scope: o.Scope,
				Parameters: o.Parameters, Bodies: bodies, body: o.RequestBody.Content["application/json"].Schema,
			})
		}
	}
	return d, nil
}

// resolve follows a reference.
func (d *Description) resolve(s *schema) *schema {
	for s != nil && s.Ref != "" {
		s = d.schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")]
	}
	if s == nil {
		return new(schema)
	}
	return s
}
