package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/dialtree/dialtree/admin/access"
	"github.com/dialtree/dialtree/store"
)

// Credentials are a login to try.
type Credentials struct {
	Login    string `json:"login" maxLength:"1024" doc:"In any form that a client may use: name, name@domain, DOMAIN\\name or DN"`
	Password string `json:"password" maxLength:"4096"`
}

// NewPassword is the internal password that a user shall have.
type NewPassword struct {
	Password string `json:"password" maxLength:"4096"`
}

// NewAuth is how a user shall log in.
type NewAuth struct {
	Method   string `json:"method" doc:"upstream, internal or none"`
	Upstream string `json:"upstream,omitempty" doc:"Which upstream checks the password"`
}

func (s *Server) loginRoutes(api huma.API) {
	register(s, api, access.Users, huma.Operation{OperationID: "test-login", Method: http.MethodPost, Path: "/auth/test", Tags: []string{"auth"},
		Summary:     "Try a login and tell each step",
		Description: "A wrong password is an answer, not an error: outcome tells what happened. One that is refused counts for the user, at the upstream as well, but for no address. It is among the latest logins, with who tried it."},
		func(ctx context.Context, in *body[Credentials]) (*body[LoginTest], error) {
			test := s.options.Logins.TestLogin(ctx, in.Body.Login, []byte(in.Body.Password),
				Tester{Name: access.From(ctx).Name, Address: access.ClientOf(ctx).Address.Addr().Unmap()})
			return &body[LoginTest]{test}, nil
		})
	tags := []string{"users"}
	done := http.StatusNoContent
	register(s, api, access.Users, huma.Operation{OperationID: "set-password", Method: http.MethodPut, Path: "/users/{name}/password", Tags: tags,
		Summary: "Set a user's internal password", Description: "It is kept as an argon2id hash. The user logs in with it when his method is `internal`.", DefaultStatus: done},
		func(ctx context.Context, in *struct {
			NameInput
			Body NewPassword
		}) (*struct{}, error) {
			return nil, s.setPassword(ctx, in.Name, in.Body.Password)
		})
	register(s, api, access.Users, huma.Operation{OperationID: "set-auth", Method: http.MethodPut, Path: "/users/{name}/auth", Tags: tags,
		Summary: "Choose how a user logs in", Description: "A sync leaves the choice alone.", DefaultStatus: done},
		func(ctx context.Context, in *struct {
			NameInput
			Body NewAuth
		}) (*struct{}, error) {
			return nil, s.setAuth(ctx, in.Name, in.Body)
		})
	for verb, disabled := range map[string]bool{"enable": false, "disable": true} {
		register(s, api, access.Users, huma.Operation{OperationID: verb + "-user", Method: http.MethodPost, Path: "/users/{name}/" + verb, Tags: tags,
			Summary: strings.ToUpper(verb[:1]) + verb[1:] + " a user's logins", Description: "A sync leaves the choice alone.", DefaultStatus: done},
			func(ctx context.Context, in *NameInput) (*struct{}, error) {
				return nil, s.changeUser(ctx, in.Name, verb+"d", func(e *store.Entry) error {
					e.Auth.Disabled = disabled
					return nil
				})
			})
	}
}

func (s *Server) setPassword(ctx context.Context, name, password string) error {
	return s.changeUser(ctx, name, "password set", func(e *store.Entry) error {
		if e.Auth.Method == store.AuthUpstream {
			return newProblem(http.StatusConflict, "the password of "+name+" is checked by upstream "+e.Auth.Upstream+
				" and must be changed there; to keep one here, run `dialtree user auth "+name+" internal` first")
		}
		hash, err := s.options.Logins.HashPassword(ctx, []byte(password), e.Auth.Hash)
		if err != nil {
			return err
		}
		e.Auth.Method, e.Auth.Hash = store.AuthInternal, hash
		return nil
	})
}

func (s *Server) setAuth(ctx context.Context, name string, in NewAuth) error {
	return s.changeUser(ctx, name, "login method set", func(e *store.Entry) error {
		if in.Method == store.AuthUpstream.String() && in.Upstream != "" {
			if _, err := s.options.Store.Upstream(in.Upstream); err != nil {
				return err
			}
		}
		auth, err := changedAuth(e.Auth, authDocument{Method: in.Method, Upstream: in.Upstream, Disabled: e.Auth.Disabled})
		if err != nil {
			return err
		}
		e.Auth = auth
		return nil
	})
}

// changeUser changes how a user logs in, as an administrator's decision that a sync
// respects. When a sync changed the user meanwhile, the change is made again on what
// the sync left.
func (s *Server) changeUser(ctx context.Context, name, what string, change func(*store.Entry) error) error {
	var changed *store.ChangedError
	for attempt := 0; ; attempt++ {
		e, err := s.options.Store.User(name)
		if err != nil {
			return err
		}
		if e.Hidden() {
			return newProblem(http.StatusConflict, fmt.Sprintf("user %s is no longer in the source of connector %s, which keeps it hidden in case it comes back: put it back there, or apply it to make it your own", name, e.Owner))
		}
		if err := change(&e); err != nil {
			return err
		}
		if err := s.mayChangeUser(ctx, &e, nil); err != nil {
			return err
		}
		e.LocalAuth = true
		_, err = s.commit(ctx, "user "+name+": "+what, &store.Changes{
			Put:    []store.Entry{e},
			Expect: []store.Expectation{{Ref: store.Ref{Kind: e.Kind, ID: e.ID}, Seq: e.Seq}},
		})
		if errors.As(err, &changed) && attempt < 3 {
			continue
		}
		return err
	}
}
