package admin

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/dialtree/dialtree/admin/access"
	"github.com/dialtree/dialtree/store"
)

// NameInput names an object or entry. It is exported since huma fills exported fields only.
type NameInput struct {
	Name string `path:"name" doc:"An object's name, a login name, a short code or an ID"`
}

type deleteInput struct {
	NameInput
	IfMatch string `header:"If-Match" doc:"The ETag of the document that is meant to be deleted"`
	Force   bool   `query:"force" doc:"Delete a phonebook with its contacts, or a connector whose entries become hand-made ones"`
}

type documentOutput struct {
	ETag string `header:"ETag"`
	Body Document
}

func (s *Server) objectRoutes(api huma.API) {
	for _, kind := range Kinds() {
		path := "/" + kind.plural()
		tag := []string{kind.plural()}
		register(s, api, access.Read, answersPage(api, kind, huma.Operation{OperationID: "list-" + kind.plural(), Method: http.MethodGet, Path: path, Tags: tag,
			Summary:     "List " + kind.plural(),
			Description: "Page by page, in the order of their names. What narrows the list narrows `total`, too."}),
			func(ctx context.Context, in *listInput) (*body[Page], error) {
				page, err := s.list(ctx, kind, in)
				return &body[Page]{page}, err
			})
		register(s, api, access.Read, answers(api, kind, huma.Operation{OperationID: "get-" + string(kind), Method: http.MethodGet, Path: path + "/{name}", Tags: tag,
			Summary:     "Get one " + string(kind),
			Description: "As a document for apply, with its ETag: give that as `If-Match` to change nothing newer than what was read."}),
			func(_ context.Context, in *NameInput) (*documentOutput, error) {
				found, err := s.find(kind, in.Name)
				if err != nil {
					return nil, err
				}
				etag, err := found.etag()
				return &documentOutput{etag, found.document}, err
			})
		register(s, api, writeScope(kind), huma.Operation{OperationID: "delete-" + string(kind), Method: http.MethodDelete, Path: path + "/{name}", Tags: tag,
			Summary:       "Delete one " + string(kind),
			Description:   deletion(kind),
			DefaultStatus: http.StatusNoContent},
			func(ctx context.Context, in *deleteInput) (*struct{}, error) {
				return nil, s.delete(ctx, kind, in)
			})
	}
}

// found is what a name stands for: an entry or an object.
type found struct {
	entry    *store.Entry
	object   store.Object
	document Document
}

// etag changes with everything in the document that can be set.
func (f *found) etag() (string, error) {
	if f.entry != nil {
		return strconv.Quote(strconv.FormatUint(f.entry.Seq, 10)), nil
	}
	document, err := objectDocument(f.object)
	sum := sha256.Sum256(document)
	return strconv.Quote(base64.RawURLEncoding.EncodeToString(sum[:12])), err
}

// find looks a name up: a login name, a short code, an ID or an object's name.
func (s *Server) find(kind Kind, name string) (*found, error) {
	entryKind, isEntry := kind.Entry()
	if !isEntry {
		object, err := s.object(store.ObjectKind(kind), name)
		if err != nil {
			return nil, err
		}
		document, err := s.shownDocument(object)
		return &found{object: object, document: document}, err
	}
	e, err := s.entry(entryKind, name)
	if err != nil {
		return nil, err
	}
	return &found{entry: &e, document: entryDocument(&e)}, nil
}

func (s *Server) object(kind store.ObjectKind, name string) (store.Object, error) {
	if kind == store.ObjectDevice {
		if normal, ok := store.NormalizeName(name); ok {
			name = normal
		}
	}
	return s.options.Store.Object(kind, name)
}

func (s *Server) entry(kind store.Kind, name string) (e store.Entry, err error) {
	switch kind {
	case store.KindUser:
		e, err = s.options.Store.User(name)
	case store.KindSpeedDial:
		e, err = s.options.Store.SpeedDial(name)
	default:
		return s.options.Store.Entry(store.Ref{Kind: kind, ID: name})
	}
	if errors.Is(err, store.ErrNotFound) {
		if byID, idErr := s.options.Store.Entry(store.Ref{Kind: kind, ID: name}); idErr == nil {
			return byID, nil
		}
	}
	return e, err
}

func (s *Server) delete(ctx context.Context, kind Kind, in *deleteInput) error {
	// Between the look and the change nobody else may change the object; entries
	// are guarded by the store itself.
	s.changing.Lock()
	defer s.changing.Unlock()
	f, err := s.find(kind, in.Name)
	if err != nil {
		return err
	}
	if in.IfMatch != "" {
		if err := f.matches(kind, in.Name, in.IfMatch); err != nil {
			return err
		}
	}
	changes := &store.Changes{Force: in.Force}
	if f.entry != nil {
		ref := store.Ref{Kind: f.entry.Kind, ID: f.entry.ID}
		changes.Remove = []store.Ref{ref}
		changes.Expect = []store.Expectation{{Ref: ref, Seq: f.entry.Seq}}
	} else {
		changes.RemoveObjects = []store.ObjectRef{store.RefOf(f.object)}
	}
	_, err = s.commit(ctx, fmt.Sprintf("deleted %s %s", kind, in.Name), changes)
	return err
}

// deletion says what deleting one of a kind means.
func deletion(kind Kind) string {
	if _, isEntry := kind.Entry(); isEntry {
		return "While the source of a connector has it, the next run brings it back."
	}
	return "One that something refers to stays: the answer says by what it is in use."
}
