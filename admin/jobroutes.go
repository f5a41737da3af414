package admin

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/dialtree/dialtree/admin/access"
	"github.com/dialtree/dialtree/store"
)

type jobInput struct {
	ID string `path:"id" doc:"The ID of a job"`
}

func (s *Server) jobRoutes(api huma.API) {
	tags := []string{"jobs"}
	register(s, api, access.Run, huma.Operation{OperationID: "start-run", Method: http.MethodPost, Path: "/connectors/{name}/jobs", Tags: tags,
		Summary: "Run a connector in the background", Description: "The run goes on whoever looks at it: follow it with the events of its job.",
		DefaultStatus: http.StatusAccepted},
		func(ctx context.Context, in *runInput) (*body[Job], error) { return s.accepted(s.startRun(ctx, in)) })
	register(s, api, access.SignedIn, huma.Operation{OperationID: "start-import", Method: http.MethodPost, Path: "/import/jobs", Tags: tags,
		Summary: "Import a file in the background", Description: "As import-file, but it goes on whoever looks at it. It wants the scope users for users, contacts for others.",
		DefaultStatus: http.StatusAccepted},
		func(ctx context.Context, in *handImportInput) (*body[Job], error) {
			return s.accepted(s.startImport(ctx, in))
		})
	register(s, api, access.Read, huma.Operation{OperationID: "list-jobs", Method: http.MethodGet, Path: "/jobs", Tags: tags,
		Summary: "List the runs that are under way or ended lately, the last one first", Description: "Those of all nodes that share the content. Reports are listed without their changes."},
		func(context.Context, *struct{}) (*body[[]Job], error) { return &body[[]Job]{s.listJobs()}, nil })
	register(s, api, access.Read, huma.Operation{OperationID: "get-job", Method: http.MethodGet, Path: "/jobs/{id}", Tags: tags,
		Summary: "Get one job", Description: "How far it is; its report, once it has ended. The last 50 that ended are kept until a restart; those of other nodes for a minute."},
		func(ctx context.Context, in *jobInput) (*body[Job], error) { return answered(s.job(ctx, in.ID)) })
	register(s, api, access.SignedIn, huma.Operation{OperationID: "cancel-job", Method: http.MethodDelete, Path: "/jobs/{id}", Tags: tags,
		Summary: "Cancel a job", Description: "Nothing of what it planned is applied, unless that was done already. It wants the scope that starting it wants.",
		DefaultStatus: http.StatusNoContent},
		func(ctx context.Context, in *jobInput) (*struct{}, error) { return nil, s.cancelJob(ctx, in.ID) })
	register(s, api, access.Read, huma.Operation{OperationID: "watch-job", Method: http.MethodGet, Path: "/jobs/{id}/events", Tags: tags,
		Summary:     "Follow a job to its end",
		Description: "Server-sent events: `progress` at once and while it works, then one `report`, or one `problem` when there is none. A comment every 15 s keeps the connection alive.",
		Responses:   eventStream(), Metadata: map[string]any{streams: true}},
		func(_ context.Context, in *jobInput) (*huma.StreamResponse, error) {
			j, err := s.jobs.find(in.ID)
			if err != nil {
				if _, err = s.peerJob(in.ID); err != nil {
					return nil, err
				}
				return &huma.StreamResponse{Body: func(hc huma.Context) { s.watchPeer(hc.Context(), in.ID, newEvents(hc)) }}, nil
			}
			return &huma.StreamResponse{Body: func(hc huma.Context) { j.watch(hc.Context(), newEvents(hc), -1) }}, nil
		})
}

func (s *Server) accepted(j *job, err error) (*body[Job], error) {
	if err != nil {
		return nil, err
	}
	return &body[Job]{s.shownHere(j)}, nil
}

// startRun looks the connector up first, so that a wrong name is an ordinary answer.
func (s *Server) startRun(ctx context.Context, in *runInput) (*job, error) {
	if _, err := s.options.Store.Connector(in.Name); err != nil {
		return nil, err
	}
	if !in.DryRun {
		if err := s.auditFirst(ctx, "ran", string(store.ObjectConnector), in.Name); err != nil {
			return nil, err
		}
	}
	return s.jobs.start(jobStart{
		connector: in.Name, by: access.From(ctx).Name, needs: access.Run,
		options: ImportOptions{DryRun: in.DryRun, Confirm: in.Confirm, By: access.From(ctx).Name},
		run: func(ctx context.Context, o ImportOptions) (*Report, error) {
			return s.options.Syncer.Import(ctx, in.Name, o)
		},
	})
}

func (s *Server) startImport(ctx context.Context, in *handImportInput) (*job, error) {
	kind, _, err := store.ParseTarget(in.To)
	if err != nil {
		return nil, &store.FieldError{Path: "to", Message: fmt.Sprintf("%q is not users, speeddials or phonebook/NAME", in.To)}
	}
	needs := writeScope(Kind(kind.String()))
	if problem := refusal(access.From(ctx), needs); problem != nil {
		return nil, problem
	}
	if err := s.mayImport(ctx, in.To); err != nil {
		return nil, err
	}
	if !in.DryRun {
		if err := s.auditFirst(ctx, "imported", "file", in.File, store.AuditField{Field: "to", New: in.To}); err != nil {
			return nil, err
		}
	}
	return s.jobs.start(jobStart{
		connector: store.HandImports, by: access.From(ctx).Name, needs: needs,
		options: ImportOptions{DryRun: in.DryRun, Confirm: in.Confirm, By: access.From(ctx).Name},
		run: func(ctx context.Context, o ImportOptions) (*Report, error) {
			return s.options.Syncer.ImportFile(ctx, HandFile{Name: in.File, Content: in.RawBody, Target: in.To}, o)
		},
	})
}

func (s *Server) cancelJob(ctx context.Context, id string) error {
	who := access.From(ctx)
	if !who.May(access.Run) && !who.May(access.Contacts) && !who.May(access.Users) {
		return refusal(who, access.Run) // whether there is such a job is not for him
	}
	j, err := s.jobs.find(id)
	if err != nil {
		return s.cancelPeer(ctx, who, id)
	}
	if problem := refusal(who, j.needs); problem != nil {
		return problem
	}
	if j.isOver() {
		return errEnded()
	}
	j.cancel(cancelledBy(who.Name))
	return nil
}

// streamed answers with the events of a job from its beginning, and cancels it when the client leaves.
func streamed(j *job, err error) (*huma.StreamResponse, error) {
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		j.watch(hc.Context(), newEvents(hc), 0)
		j.cancel(newProblem(http.StatusConflict, "whoever started it has left"))
	}}, nil
}
