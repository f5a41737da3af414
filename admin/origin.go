package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/dialtree/dialtree/admin/access"
	"github.com/dialtree/dialtree/store"
)

// authField stands for the login method among the fields that are given back.
const authField = "auth"

type giveBackInput struct {
	NameInput
	Fields []string `query:"field,explode" doc:"The fields; auth for the login method; none: all of them"`
}

func (s *Server) originRoutes(api huma.API) {
	for _, kind := range Kinds() {
		if _, isEntry := kind.Entry(); !isEntry {
			continue
		}
		path, tags := "/"+kind.plural()+"/{name}", []string{kind.plural()}
		register(s, api, access.Read, huma.Operation{OperationID: "origin-of-" + string(kind), Method: http.MethodGet, Path: path + "/origin", Tags: tags,
			Summary:     "Tell where one " + string(kind) + " and its values come from",
			Description: "Of each value: the connector that brought it, or that it was made or changed by hand, which the connector then leaves alone."},
			func(_ context.Context, in *NameInput) (*body[*Origin], error) {
				f, err := s.find(kind, in.Name)
				if err != nil {
					return nil, err
				}
				return &body[*Origin]{s.origin(f.entry)}, nil
			})
		register(s, api, writeScope(kind), huma.Operation{OperationID: "give-back-" + string(kind), Method: http.MethodDelete, Path: path + "/local", Tags: tags,
			Summary:       "Let the connector decide again about what was changed by hand",
			Description:   "The values stay as they are until the connector has read the entry again.",
			DefaultStatus: http.StatusNoContent},
			func(ctx context.Context, in *giveBackInput) (*struct{}, error) {
				return nil, s.giveBack(ctx, kind, in)
			})
	}
}

// origin tells where an entry and its values come from. A picture is told by its size.
func (s *Server) origin(e *store.Entry) *Origin {
	o := &Origin{ID: e.ID, DN: s.options.Finder.DN(e), Connector: e.Owner, Key: e.Key, Created: e.Created, Modified: e.Modified,
		LocalAuth: e.LocalAuth, Values: []OriginValue{}}
	if e.Hidden() {
		o.Removed = &e.Removed
	}
	for _, f := range store.Fields() {
		// A field that was emptied by hand is told as well: no value, and no sync brings one.
		if !shown(f, e.Kind) || !e.Values.Has(f.ID) && !e.Local.Has(f.ID) {
			continue
		}
		v := OriginValue{Field: f.Name, Values: append([]string{}, e.Values.All(f.ID)...), From: "connector"}
		if e.Owner == "" || e.Local.Has(f.ID) {
			v.From = "hand"
		}
		if f.Matching == store.MatchBytes && len(v.Values) > 0 {
			v.Values = []string{fmt.Sprintf("a picture of %d bytes", len(v.Values[0]))}
		}
		o.Values = append(o.Values, v)
	}
	return o
}

// giveBack lets the next sync decide again about fields. When a sync changed the entry meanwhile,
// they are given back on what it left.
func (s *Server) giveBack(ctx context.Context, kind Kind, in *giveBackInput) error {
	for attempt := 0; ; attempt++ {
		f, err := s.find(kind, in.Name)
		if err != nil {
			return err
		}
		e := *f.entry
		if e.Owner == "" {
			return newProblem(http.StatusConflict, fmt.Sprintf("%s %s was made by hand: no connector decides about it", kind, in.Name))
		}
		if err := giveBackFields(&e, in.Fields); err != nil {
			return err
		}
		_, err = s.commit(ctx, fmt.Sprintf("%s %s: given back to connector %s", kind, in.Name, e.Owner), &store.Changes{
			Put:    []store.Entry{e},
			Expect: []store.Expectation{{Ref: e.Ref(), Seq: e.Seq}},
		})
		var changed *store.ChangedError
		if !errors.As(err, &changed) || attempt == 3 {
			return err
		}
	}
}

func giveBackFields(e *store.Entry, names []string) error {
	if len(names) == 0 {
		e.Local, e.LocalAuth = 0, false
	}
	for _, name := range names {
		f, ok := store.FieldByName(name)
		switch {
		case name == authField && e.Kind == store.KindUser:
			e.LocalAuth = false
		case ok && shown(f, e.Kind):
			e.Local = e.Local.Without(f.ID)
		default:
			return &store.FieldError{Path: "field", Message: fmt.Sprintf("%q is no field of a %s", name, e.Kind)}
		}
	}
	return nil
}
