package admin

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/dialtree/dialtree/admin/access"
	"github.com/dialtree/dialtree/store"
)

type templateInput struct {
	Template string `path:"template" doc:"The name of a template, such as csv-users"`
	Name     string `query:"name" required:"true" doc:"The name of the new connector"`
}

// NewConnector is a connector to be completed and applied.
type NewConnector struct {
	YAML string `json:"yaml" doc:"Commented YAML for apply"`
}

type runInput struct {
	NameInput
	DryRun  bool `query:"dry_run" doc:"Show the plan and change nothing"`
	Confirm bool `query:"confirm" doc:"Go on although the guard stopped the run before"`
}

type runsInput struct {
	NameInput
	Limit int `query:"limit" minimum:"1" maximum:"100" default:"20" doc:"How many runs"`
}

type previewInput struct {
	NameInput
	Records int `query:"records" minimum:"1" maximum:"1000" default:"20" doc:"How many records of the source are read"`
}

type runIDInput struct {
	Run string `path:"run" doc:"The ID of a run, such as staff-12"`
}

func (s *Server) connectorRoutes(api huma.API) {
	tags := []string{"connectors"}
	register(s, api, access.Read, huma.Operation{OperationID: "list-templates", Method: http.MethodGet, Path: "/templates", Tags: tags,
		Summary: "List the templates of connectors", Description: "With what each makes of a record, and its variables with their expressions."},
		func(context.Context, *struct{}) (*body[[]Template], error) {
			return &body[[]Template]{s.options.Syncer.Templates()}, nil
		})
	register(s, api, access.Read, huma.Operation{OperationID: "new-connector", Method: http.MethodGet, Path: "/templates/{template}", Tags: tags,
		Summary: "Write a new connector from a template", Description: "Nothing is stored: complete the YAML and apply it."},
		func(_ context.Context, in *templateInput) (*body[NewConnector], error) {
			text, err := s.options.Syncer.NewConnector(in.Template, in.Name)
			return &body[NewConnector]{NewConnector{text}}, err
		})
	register(s, api, access.Run, huma.Operation{OperationID: "run-connector", Method: http.MethodPost, Path: "/connectors/{name}/run", Tags: tags,
		Summary:     "Run a connector",
		Description: "Server-sent events: `progress` while it works, then one `report`, or one `problem` when the run could not start.",
		Responses:   eventStream(), Metadata: map[string]any{streams: true}},
		func(ctx context.Context, in *runInput) (*huma.StreamResponse, error) {
			return streamed(s.startRun(ctx, in))
		})
	register(s, api, access.Run, huma.Operation{OperationID: "preview-connector", Method: http.MethodGet, Path: "/connectors/{name}/preview", Tags: tags,
		Summary: "Show what the first records of a source become", Description: "The source is read with the stored connector; nothing is changed."},
		func(ctx context.Context, in *previewInput) (*body[Preview], error) {
			preview, err := s.options.Syncer.Preview(ctx, in.Name, in.Records)
			if err != nil {
				return nil, err
			}
			return &body[Preview]{*preview}, nil
		})
	register(s, api, access.Read, huma.Operation{OperationID: "list-runs", Method: http.MethodGet, Path: "/connectors/{name}/runs", Tags: tags,
		Summary: "List the latest runs of a connector, the last one first", Description: "Their counts, and why one failed or was stopped. Files that were imported by hand are runs of `import`."},
		func(_ context.Context, in *runsInput) (*body[[]store.Run], error) {
			runs, err := s.runs(in)
			return &body[[]store.Run]{runs}, err
		})
	register(s, api, access.Run, huma.Operation{OperationID: "undo-run", Method: http.MethodPost, Path: "/runs/{run}/undo", Tags: tags,
		Summary:     "Put back what a run changed",
		Description: "It removes what the run created, and restores what it updated and removed. Entries that were changed since are left alone and reported. An undo is a run that can be undone.",
		Metadata:    map[string]any{streams: true}},
		func(ctx context.Context, in *runIDInput) (*body[Report], error) {
			if err := s.auditFirst(ctx, "undid a run", "run", in.Run); err != nil {
				return nil, err
			}
			report, err := s.options.Syncer.Undo(ctx, in.Run, access.From(ctx).Name)
			if err != nil {
				return nil, err
			}
			return &body[Report]{*report}, nil
		})
}

func (s *Server) runs(in *runsInput) ([]store.Run, error) {
	if _, err := s.options.Store.Connector(in.Name); err != nil && in.Name != store.HandImports {
		return nil, err
	}
	limit := in.Limit
	if limit == 0 {
		limit = 20
	}
	runs, err := s.options.Store.Runs(in.Name, limit)
	if runs == nil {
		runs = []store.Run{}
	}
	return runs, err
}
