package admin

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/dialtree/dialtree/admin/access"
	"github.com/dialtree/dialtree/store"
)

// linkInput is what a new link is for.
type linkInput struct {
	Name string `json:"name,omitempty" maxLength:"200" doc:"The administrator whose password it sets; left out: a new one's"`
}

func (s *Server) linkRoutes(api huma.API) {
	register(s, api, access.Admin, huma.Operation{OperationID: "new-link", Method: http.MethodPost, Path: "/links", Tags: []string{"access"},
		Summary:     "Make a one-time link by which an administrator sets his password",
		Description: "It holds for a day, at the node that made it, and voids the one that this node made before. Whoever opens it first has it."},
		func(ctx context.Context, in *body[linkInput]) (*body[Link], error) {
			link, err := s.newLink(ctx, in.Body.Name)
			if err != nil {
				return nil, err
			}
			return &body[Link]{*link}, nil
		})
}

// linkNotFirstText answers who comes with the link of a server at which nobody could sign in.
const linkNotFirstText = "somebody can sign in by now, so that this link is void: make a new one with `dialtree admin link` on the server's machine"

// FirstLink makes a one-time link where nobody could sign in as an administrator; nil where somebody can, or where there is
// no page to open it on.
func (s *Server) FirstLink() (*Link, error) {
	has, err := access.HasAdmin(s.options.Store, nil, nil)
	if err != nil || has || s.options.Address == nil || s.options.Address() == "" {
		return nil, err
	}
	return s.link(access.LinkFor{First: true}), nil
}

func (s *Server) newLink(ctx context.Context, name string) (*Link, error) {
	if s.options.Address == nil || s.options.Address() == "" {
		return nil, newProblem(http.StatusConflict, "there is no page to open a link on: set admin.listen, then start the server again")
	}
	if name != "" {
		a, err := s.administrator(name)
		if err != nil {
			return nil, err
		}
		if a.Disabled {
			return nil, newProblem(http.StatusConflict, "administrator "+name+" is disabled: apply it without `disabled` first")
		}
	}
	if err := s.audit(ctx, "made a link", string(store.ObjectAdministrator), name); err != nil {
		return nil, err
	}
	return s.link(access.LinkFor{Name: name}), nil
}

func (s *Server) link(what access.LinkFor) *Link {
	code, expires := s.links.New(what, s.options.Now())
	return &Link{URL: s.options.Address() + "/first?code=" + code, Expires: expires}
}

// firstSignIn uses a link up. A link for a new administrator does not touch one that exists: it would be a way to take his account over.
func (s *Server) firstSignIn(ctx context.Context, in *FirstSignIn) (*signedIn, error) {
	if problem := s.takesSecrets(ctx); problem != nil {
		return nil, problem
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	what, back, ok := s.links.Take(in.Code, s.options.Now())
	if !ok {
		return nil, newProblem(http.StatusUnauthorized, "this link was used, or its time is over: make a new one with `dialtree admin link` on the server's machine")
	}
	out, err := s.useLink(ctx, what, in)
	if err != nil {
		back()
	}
	return out, err
}

func (s *Server) useLink(ctx context.Context, what access.LinkFor, in *FirstSignIn) (*signedIn, error) {
	if what.First { // each node that started before has one
		has, err := access.HasAdmin(s.options.Store, nil, nil)
		if err != nil {
			return nil, err
		}
		if has {
			return nil, newProblem(http.StatusConflict, linkNotFirstText)
		}
	}
	administrator, err := s.linked(what.Name, in.Name)
	if err != nil {
		return nil, err
	}
	if err := s.setAdministratorPassword(ctx, administrator, in.Password, "password"); err != nil {
		return nil, err
	}
	stamped, err := access.AccountOf(administrator)
	if err != nil {
		return nil, err
	}
	return s.beginSession(ctx, stamped, &store.Changes{PutObjects: []store.Object{administrator}})
}

// linked returns whose password a link sets: that of the administrator that it names, else a new one's.
func (s *Server) linked(name, wanted string) (*store.Administrator, error) {
	if name != "" {
		if wanted != "" && wanted != name {
			return nil, newProblem(http.StatusConflict, "this link is for administrator "+name)
		}
		return s.administrator(name)
	}
	administrator := &store.Administrator{Name: wanted, Role: store.RoleAdmin}
	if err := administrator.Validate(); err != nil {
		return nil, err
	}
	_, err := s.administrator(wanted)
	switch {
	case err == nil:
		return nil, newProblem(http.StatusConflict, "there is an administrator "+wanted+" already: choose another name, or make a link for him with `dialtree admin link "+wanted+"`")
	case errors.Is(err, store.ErrNotFound):
		return administrator, nil
	}
	return nil, err
}
