package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/dialtree/dialtree/admin/access"
	"github.com/dialtree/dialtree/store"
)

func (s *Server) bulkRoutes(api huma.API) {
	register(s, api, access.Users, huma.Operation{OperationID: "change-users", Method: http.MethodPost, Path: "/users/bulk", Tags: []string{"users"},
		Summary:     "Change how many users log in",
		Description: "All of it is done in one transaction, or nothing. A sync leaves the choices alone. Whoever does not exist, or is hidden, is skipped."},
		func(ctx context.Context, in *body[Bulk]) (*body[*BulkResult], error) {
			result, err := s.changeUsers(ctx, &in.Body)
			return &body[*BulkResult]{result}, err
		})
}

// changeUsers changes how users log in. When a sync changed one of them meanwhile, everything is
// looked at again.
func (s *Server) changeUsers(ctx context.Context, b *Bulk) (*BulkResult, error) {
	if b.Auth == nil && b.Disabled == nil {
		return nil, &store.FieldError{Path: "auth", Message: "is missing: say which login method the users shall have, or with disabled whether they may log in"}
	}
	if b.Auth != nil && b.Auth.Upstream != "" {
		if _, err := s.options.Store.Upstream(b.Auth.Upstream); err != nil {
			return nil, below("auth.upstream", err)
		}
	}
	for attempt := 0; ; attempt++ {
		result, changes, err := s.planBulk(b)
		if err != nil || len(changes.Put) == 0 {
			return result, err
		}
		_, err = s.commit(ctx, "login method of users", changes)
		var changed *store.ChangedError
		if !errors.As(err, &changed) || attempt == 3 {
			return result, err
		}
	}
}

// below tells an error as one of a key.
func below(path string, err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return &store.FieldError{Path: path, Message: err.Error()}
	}
	return err
}

// planBulk finds what a bulk changes, at one state of the store.
func (s *Server) planBulk(b *Bulk) (*BulkResult, *store.Changes, error) {
	result, changes := &BulkResult{}, &store.Changes{DryRun: b.DryRun}
	seen := make(map[string]bool, len(b.Users))
	err := s.options.Store.View(func(v *store.Snapshot) error {
		for _, name := range b.Users {
			e, reason, err := userToChange(v, name)
			switch {
			case err != nil:
				return err
			case reason != "":
				result.Skipped = append(result.Skipped, SkippedUser{name, reason})
				continue
			case seen[e.ID]:
				continue
			}
			seen[e.ID] = true
			auth, err := b.authOf(&e)
			if err != nil {
				return err
			}
			if auth == e.Auth {
				result.Unchanged++
				continue
			}
			e.Auth, e.LocalAuth = auth, true
			result.Changed++
			changes.Put = append(changes.Put, e)
			changes.Expect = append(changes.Expect, store.Expectation{Ref: e.Ref(), Seq: e.Seq})
		}
		return nil
	})
	return result, changes, err
}

// userToChange returns a user, or why there is none whose login could be changed.
func userToChange(v *store.Snapshot, name string) (e store.Entry, reason string, err error) {
	e, err = v.User(name)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return e, "there is no user of this name", nil
	case err == nil && e.Hidden():
		return e, fmt.Sprintf("is no longer in the source of connector %s, which keeps the user hidden", e.Owner), nil
	}
	return e, "", err
}

// authOf is how a user shall log in.
func (b *Bulk) authOf(e *store.Entry) (store.Auth, error) {
	auth := e.Auth
	if b.Auth != nil {
		var err error
		auth, err = changedAuth(auth, authDocument{Method: b.Auth.Method, Upstream: b.Auth.Upstream, Disabled: auth.Disabled})
		if err != nil {
			return auth, err
		}
	}
	if b.Disabled != nil {
		auth.Disabled = *b.Disabled
	}
	return auth, nil
}
