package admin

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/dialtree/dialtree/admin/access"
)

type scheduleInput struct {
	Schedule string `query:"schedule" required:"true" doc:"As in a connector: cron or @every"`
	Timezone string `query:"timezone" doc:"Such as Europe/Berlin; that of the server where it is left out"`
	Count    int    `query:"count" minimum:"1" maximum:"100" default:"5" doc:"How many times"`
}

// runRoutes tell what runs did, would do and when.
func (s *Server) runRoutes(api huma.API) {
	tags := []string{"connectors"}
	register(s, api, access.Read, huma.Operation{OperationID: "get-plan", Method: http.MethodGet, Path: "/connectors/{name}/plan", Tags: tags,
		Summary:     "Get the plan that can be confirmed",
		Description: "What the latest dry run showed or the guard stopped after that. There is none after a run that was applied, and once the connector was changed. A confirmed run does exactly this, or nothing when the source or the store has changed."},
		func(_ context.Context, in *NameInput) (*body[Report], error) { return answered(s.plan(in.Name)) })
	register(s, api, access.Read, huma.Operation{OperationID: "get-run", Method: http.MethodGet, Path: "/runs/{run}", Tags: tags,
		Summary:     "Get a run with what it changed",
		Description: "What it made of an entry that was changed by hand since is not known any more: its reason says so."},
		func(ctx context.Context, in *runIDInput) (*body[RunDetail], error) {
			return answered(s.options.Syncer.Detail(ctx, in.Run))
		})
	register(s, api, access.Read, huma.Operation{OperationID: "get-next-times", Method: http.MethodGet, Path: "/schedule", Tags: tags,
		Summary: "Tell when a schedule is due next", Description: "A connector's jitter comes on top."},
		func(_ context.Context, in *scheduleInput) (*body[NextTimes], error) {
			times, err := s.options.Syncer.NextTimes(in.Schedule, in.Timezone, in.Count)
			return &body[NextTimes]{NextTimes{Times: times}}, err
		})
}

func (s *Server) plan(connector string) (*Report, error) {
	report, ok, err := s.options.Syncer.Plan(connector)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, newProblem(http.StatusNotFound, "connector "+connector+" has no plan that could be confirmed: make one with a dry run")
	}
	return report, nil
}
