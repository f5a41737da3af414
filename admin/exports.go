package admin

import (
	"context"
	"io"
	"mime"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/dialtree/dialtree/admin/access"
	"github.com/dialtree/dialtree/admin/export"
	"github.com/dialtree/dialtree/store"
)

type exportInput struct {
	Format    string `query:"format" required:"true" enum:"csv,xlsx,vcard" doc:"csv and xlsx are tables, as connectors and import read them"`
	Phonebook string `query:"phonebook" doc:"Only contacts of this phonebook"`
}

func (s *Server) exportRoutes(api huma.API) {
	for _, kind := range Kinds() {
		entryKind, isEntry := kind.Entry()
		if !isEntry {
			continue
		}
		register(s, api, access.Read, huma.Operation{OperationID: "export-" + kind.plural(), Method: http.MethodGet, Path: "/export/" + kind.plural(), Tags: []string{kind.plural()},
			Summary:     "Export " + kind.plural() + " as a file",
			Description: "What is in a table is imported again unchanged. Entries that are hidden, pictures (in tables) and how users log in are left out.",
			Metadata:    map[string]any{streams: true}},
			func(ctx context.Context, in *exportInput) (*huma.StreamResponse, error) {
				return s.export(ctx, kind, entryKind, in)
			})
	}
}

func (s *Server) export(ctx context.Context, kind Kind, entryKind store.Kind, in *exportInput) (*huma.StreamResponse, error) {
	format, _ := export.FormatByName(in.Format)
	name := kind.plural()
	if in.Phonebook != "" {
		if entryKind != store.KindContact {
			return nil, &store.FieldError{Path: "phonebook", Message: "only contacts are in a phonebook: leave it out"}
		}
		if _, err := s.object(store.ObjectPhonebook, in.Phonebook); err != nil {
			return nil, err
		}
		name = in.Phonebook // an object's name: letters, digits, dots, dashes
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		hc.SetHeader("Content-Type", format.Type)
		hc.SetHeader("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name + format.Extension}))
		hc.SetHeader("X-Content-Type-Options", "nosniff")
		hc.SetStatus(http.StatusOK)
		if err := s.writeExport(ctx, hc.BodyWriter(), format, store.Query{Kind: entryKind, Phonebook: in.Phonebook}); err != nil {
			s.log.Warn("export failed", "kind", string(kind), "format", format.Name, "error", err)
			panic(http.ErrAbortHandler) // the client must not take what it has for all of it
		}
	}}, nil
}

func (s *Server) writeExport(ctx context.Context, to io.Writer, format export.Format, q store.Query) (err error) {
	w, err := format.New(to, q.Kind)
	if err != nil {
		return err
	}
	for e, err := range s.options.Store.Entries(ctx, q) {
		if err == nil && !e.Hidden() {
			err = w.Write(&e)
		}
		if err != nil {
			w.Close() // lets go of what it holds; the error that counts is the other one
			return err
		}
	}
	return w.Close()
}
