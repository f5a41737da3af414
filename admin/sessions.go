package admin

import (
	"context"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/dialtree/dialtree/admin/access"
	"github.com/dialtree/dialtree/store"
)

func (s *Server) sessionRoutes(api huma.API) {
	tags := []string{"access"}
	register(s, api, access.Admin, huma.Operation{OperationID: "list-sessions", Method: http.MethodGet, Path: "/sessions", Tags: tags,
		Summary: "List who is signed in, the last seen first", Description: "Tokens have no session: see tokens."},
		func(ctx context.Context, _ *struct{}) (*body[[]Session], error) {
			all, err := s.shownSessions(ctx)
			return &body[[]Session]{all}, err
		})
	register(s, api, access.Admin, huma.Operation{OperationID: "end-session", Method: http.MethodDelete, Path: "/sessions/{id}", Tags: tags,
		Summary: "Sign somebody out", Description: "At once. Whoever knows the password can sign in again: disable him, too.", DefaultStatus: http.StatusNoContent},
		func(ctx context.Context, in *struct {
			ID string `path:"id" doc:"The ID of a session; it is no secret"`
		}) (*struct{}, error) {
			return nil, s.endSession(ctx, in.ID)
		})
}

// shownSessions are the sessions that let somebody in.
func (s *Server) shownSessions(ctx context.Context) ([]Session, error) {
	all, err := s.options.Store.Sessions()
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(x, y store.Session) int { return y.Seen.Compare(x.Seen) })
	who := access.From(ctx)
	shown := []Session{}
	for _, session := range all {
		holds, err := s.sessions.Holds(&session)
		if err != nil {
			return nil, err
		}
		if !holds {
			continue
		}
		shown = append(shown, Session{
			ID: session.ID, Name: session.Name, Role: session.Role, From: session.From, Agent: session.Agent,
			Started: session.Started, Seen: session.Seen, Expires: session.Expires, Current: session.ID == who.Session,
		})
	}
	return shown, nil
}

func (s *Server) endSession(ctx context.Context, id string) error {
	session, err := s.options.Store.Session(id)
	if err != nil {
		return err
	}
	_, err = s.options.Store.Apply(ctx, &store.Changes{
		EndSessions: []string{id}, Audit: []store.AuditRecord{audited(ctx, "ended a session", "session", session.Name)},
	})
	return err
}
