package admin

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/dialtree/dialtree/admin/access"
	"github.com/dialtree/dialtree/admin/trends"
)

type trendsInput struct {
	Hours int `query:"hours" minimum:"1" maximum:"24" default:"24" doc:"How far back"`
}

func (s *Server) systemRoutes(api huma.API) {
	tags := []string{"system"}
	register(s, api, access.Read, huma.Operation{OperationID: "overview", Method: http.MethodGet, Path: "/overview", Tags: tags,
		Summary:     "How things are, and what needs attention",
		Description: "The figures are of the last hour. `attention` has the worst first; `checklist` is what a new installation still needs, in order."},
		func(ctx context.Context, _ *struct{}) (*body[*Overview], error) {
			o, err := s.overview(ctx, time.Now())
			return &body[*Overview]{o}, err
		})
	register(s, api, access.Read, huma.Operation{OperationID: "trends", Method: http.MethodGet, Path: "/trends", Tags: tags,
		Summary:     "Figures of the last hours",
		Description: "Steps of five minutes, kept in memory: a restart begins anew. The last point is of the step that is running."},
		func(_ context.Context, in *trendsInput) (*body[Trends], error) {
			return &body[Trends]{s.trendPoints(in.Hours)}, nil
		})
	register(s, api, access.Read, huma.Operation{OperationID: "config", Method: http.MethodGet, Path: "/config", Tags: tags,
		Summary:     "The configuration in force",
		Description: "Every key with its value, its default and where the value came from."},
		func(context.Context, *struct{}) (*body[[]Setting], error) {
			list := s.system.Settings()
			if list == nil {
				list = []Setting{}
			}
			return &body[[]Setting]{list}, nil
		})
	register(s, api, access.Read, huma.Operation{OperationID: "certificates", Method: http.MethodGet, Path: "/certificates", Tags: tags,
		Summary:     "The certificates and when they expire",
		Description: "Those that this server shows (`ldap`, `admin`), and the authorities that upstreams and connectors must be signed by. The files are read at each request."},
		func(context.Context, *struct{}) (*body[[]Certificate], error) {
			list, err := s.certificates()
			return &body[[]Certificate]{list}, err
		})
	s.logRoutes(api)
	s.figureRoutes(api)
}

func (s *Server) trendPoints(hours int) Trends {
	if hours == 0 {
		hours = 24
	}
	out := Trends{Step: trends.Step, Points: []TrendPoint{}}
	for _, p := range s.trends.Points(time.Duration(hours) * time.Hour) {
		out.Points = append(out.Points, TrendPoint{
			At: p.At.UTC(), Accepted: p.Accepted, Refused: p.Refused, Throttled: p.Throttled, NotFoundOut: p.NotFoundOut,
			BindP95: milliseconds(p.BindP95), Searches: p.Searches, SearchP95: milliseconds(p.SearchP95), Connections: p.Connections,
		})
	}
	return out
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
