package admin

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/dialtree/dialtree/admin/access"
)

const (
	mostLogins       = 1000
	mostLoginsOfUser = 50
)

type loginsInput struct {
	User  string `query:"user" maxLength:"1024" doc:"Only those of this user or device: the last 50 at most"`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"50" doc:"How many logins"`
}

func (s *Server) loginWatchRoutes(api huma.API) {
	tags := []string{"auth"}
	register(s, api, access.Read, huma.Operation{OperationID: "list-logins", Method: http.MethodGet, Path: "/logins", Tags: tags,
		Summary: "List the latest logins", Description: "The last one first. They are kept in memory: a restart forgets them."},
		func(_ context.Context, in *loginsInput) (*body[[]Login], error) {
			logins := s.options.LoginWatch.Latest(in.User, in.limit())
			if logins == nil {
				logins = []Login{}
			}
			return &body[[]Login]{logins}, nil
		})
	register(s, api, access.Read, huma.Operation{OperationID: "list-throttled", Method: http.MethodGet, Path: "/throttle", Tags: tags,
		Summary: "List the users and addresses whose failed logins count now", Description: "And until when they are shut out, where they are."},
		func(context.Context, *struct{}) (*body[Throttled], error) {
			t := s.options.LoginWatch.Throttled()
			t.Users, t.Addresses = append([]ThrottledName{}, t.Users...), append([]ThrottledName{}, t.Addresses...)
			return &body[Throttled]{t}, nil
		})
	s.resetRoute(api, "users", "user", s.options.LoginWatch.ResetUser,
		"The user's next login is let through. The passwords that were refused a moment ago are forgotten, too: the user may have changed it.")
	s.resetRoute(api, "addresses", "address", s.options.LoginWatch.ResetAddress, "An IPv6 address counts as its /64 network.")
}

func (in *loginsInput) limit() int {
	most := mostLogins
	if in.User != "" {
		most = mostLoginsOfUser
	}
	if in.Limit == 0 {
		in.Limit = mostLoginsOfUser
	}
	return min(in.Limit, most)
}

func (s *Server) resetRoute(api huma.API, plural, one string, reset func(string) bool, description string) {
	register(s, api, access.Users, huma.Operation{OperationID: "reset-" + one, Method: http.MethodDelete, Path: "/throttle/" + plural + "/{name}", Tags: []string{"auth"},
		Summary: "Forget the failed logins of one " + one, Description: description, DefaultStatus: http.StatusNoContent},
		func(ctx context.Context, in *struct {
			Name string `path:"name" maxLength:"1024" doc:"As the list of those whose failures count has it"`
		}) (*struct{}, error) {
			if !reset(in.Name) {
				return nil, newProblem(http.StatusNotFound, fmt.Sprintf("%s %q has no failed logins that count", one, in.Name))
			}
			return nil, s.audit(ctx, "forgot the failed logins", one, in.Name)
		})
}
