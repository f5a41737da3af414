package admin

import (
	"encoding"
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/dialtree/dialtree/admin/yamldoc"
	"github.com/dialtree/dialtree/store"
)

// The description of the API says of every kind what its documents hold: of entries by the field
// table, of objects by the types that documents are decoded into.

const jsonType = "application/json"

// takes adds to an operation that its body is a document of a kind. What is in it is checked when
// it is decoded, as everywhere else.
func takes(api huma.API, kind Kind, op huma.Operation) huma.Operation {
	op.SkipValidateBody = true
	op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{jsonType: {Schema: documentSchema(api, kind)}}}
	return op
}

// answers adds to an operation that it answers with a document of a kind.
func answers(api huma.API, kind Kind, op huma.Operation) huma.Operation {
	return answersWith(op, documentSchema(api, kind))
}

// answersPage adds to an operation that it answers with a page of documents of a kind.
func answersPage(api huma.API, kind Kind, op huma.Operation) huma.Operation {
	return answersWith(op, &huma.Schema{Type: huma.TypeObject, Required: []string{"items", "total"}, Properties: map[string]*huma.Schema{
		"items": {Type: huma.TypeArray, Items: documentSchema(api, kind)},
		"next":  {Type: huma.TypeString, Description: "Where the next page begins: give it as after; absent at the end"},
		"total": {Type: huma.TypeInteger, Description: "How many there are on all pages"},
	}})
}

func answersWith(op huma.Operation, schema *huma.Schema) huma.Operation {
	op.Responses = map[string]*huma.Response{strconv.Itoa(http.StatusOK): {
		Description: http.StatusText(http.StatusOK), Content: map[string]*huma.MediaType{jsonType: {Schema: schema}},
	}}
	return op
}

// documentSchema returns a reference to the schema of a kind's documents.
func documentSchema(api huma.API, kind Kind) *huma.Schema {
	schemas := api.OpenAPI().Components.Schemas.Map()
	name := "Document-" + string(kind)
	if schemas[name] == nil {
		if entry, ok := kind.Entry(); ok {
			schemas[name] = entrySchema(entry)
		} else {
			schemas[name] = objectSchema(store.ObjectKind(kind))
		}
	}
	return &huma.Schema{Ref: "#/components/schemas/" + name}
}

func textSchema(help string) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Description: help}
}

func entrySchema(kind store.Kind) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeObject, AdditionalProperties: false, Properties: map[string]*huma.Schema{
		"kind":      {Type: huma.TypeString, Enum: []any{kind.String()}},
		"id":        textSchema("Stays the same for as long as the entry exists; users are found by their login name"),
		"connector": textSchema("That made the entry: told, not set"),
		"removed":   textSchema("Since when the source has it no more: told, not set"),
	}}
	for _, f := range store.Fields() {
		if !shown(f, kind) {
			continue
		}
		s.Properties[f.Name] = fieldSchema(f)
		if f.UsedBy(kind) == store.Key {
			s.Required = append(s.Required, f.Name)
		}
	}
	switch kind {
	case store.KindContact:
		s.Properties["phonebook"] = textSchema("The phonebook that the contact is in")
		s.Required = append(s.Required, "phonebook")
	case store.KindUser:
		password, _ := store.FieldByName("password")
		s.Properties["password"] = secretSchema(password.Help)
		s.Properties["auth"] = structSchema(reflect.TypeFor[authDocument]())
	}
	return s
}

func fieldSchema(f store.Field) *huma.Schema {
	one := textSchema(f.Help)
	switch {
	case f.Matching == store.MatchBytes:
		one.ContentEncoding = "base64"
	case f.Many:
		return &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString}, Description: f.Help}
	}
	return one
}

func objectSchema(kind store.ObjectKind) *huma.Schema {
	object, _ := store.NewObject(kind)
	s := structSchema(reflect.TypeOf(object).Elem())
	s.Properties["kind"] = &huma.Schema{Type: huma.TypeString, Enum: []any{string(kind)}}
	s.Required = []string{"name"}
	if kind == store.ObjectConnector {
		own := &huma.Schema{Type: huma.TypeBoolean, Description: "true: with an upstream of its own at the directory that the users come from"}
		s.Properties["authentication"] = &huma.Schema{OneOf: []*huma.Schema{own, s.Properties["authentication"]}}
		s.Properties[statusKey] = &huma.Schema{Type: huma.TypeObject, Description: "How it is doing: told, not set", AdditionalProperties: true}
	}
	return s
}

// secretSchema: a stored literal reads [secret], which keeps it when it is put again.
func secretSchema(help string) *huma.Schema {
	reference := func(key string) *huma.Schema {
		return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: false, Required: []string{key},
			Properties: map[string]*huma.Schema{key: {Type: huma.TypeString}}}
	}
	return &huma.Schema{Description: help, OneOf: []*huma.Schema{
		{Type: huma.TypeString, Description: "The secret; [secret] keeps the stored one"}, reference("env"), reference("file"),
	}}
}

var (
	secretType = reflect.TypeFor[store.Secret]()
	textsType  = reflect.TypeFor[store.Texts]()
	textType   = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// typeSchema describes what documents hold for a Go type.
func typeSchema(t reflect.Type) *huma.Schema {
	texts := &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString}}
	switch {
	case t.Kind() == reflect.Pointer:
		return typeSchema(t.Elem())
	case t == secretType:
		return secretSchema("")
	case t == textsType:
		return &huma.Schema{OneOf: []*huma.Schema{{Type: huma.TypeString}, texts}}
	case reflect.PointerTo(t).Implements(textType):
		return &huma.Schema{Type: huma.TypeString}
	}
	switch t.Kind() {
	case reflect.Struct:
		return structSchema(t)
	case reflect.Slice:
		return &huma.Schema{Type: huma.TypeArray, Items: typeSchema(t.Elem())}
	case reflect.Map:
		return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: typeSchema(t.Elem())}
	case reflect.Bool:
		return &huma.Schema{Type: huma.TypeBoolean}
	case reflect.Int, reflect.Int32, reflect.Int64:
		return &huma.Schema{Type: huma.TypeInteger}
	}
	return &huma.Schema{Type: huma.TypeString}
}

// structSchema describes the keys of a struct that documents are decoded into.
func structSchema(t reflect.Type) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeObject, AdditionalProperties: false, Properties: map[string]*huma.Schema{}}
	for _, f := range yamldoc.Keyed(t) {
		property := typeSchema(f.Type)
		if example := f.Tag.Get("example"); example != "" && property.Type == huma.TypeString {
			property.Examples = []any{example}
		}
		s.Properties[yamldoc.Key(f)] = property
	}
	return s
}
