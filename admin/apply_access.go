package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/dialtree/dialtree/admin/access"
	"github.com/dialtree/dialtree/admin/yamldoc"
	"github.com/dialtree/dialtree/store"
)

// administrator hashes the password of an administrator's document. Without one the administrator keeps the password that he has.
func (p *plan) administrator(d *yamldoc.Document, a *store.Administrator) error {
	switch {
	case a.Password.IsMasked():
		return nil
	case a.Password.IsZero():
		old, err := p.server.administrator(a.Name)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return nil
		case err != nil:
			return err
		case !old.Password.IsZero():
			a.Password = store.Literal(masked)
		}
		return nil
	}
	password, err := a.Password.Resolve()
	if err != nil {
		p.problem(d, "password", err.Error())
		return nil
	}
	current := store.Secret{}
	switch old, err := p.server.administrator(a.Name); {
	case err == nil:
		current = old.Password
	case !errors.Is(err, store.ErrNotFound):
		return err
	}
	a.Password, err = p.server.options.Logins.HashPassword(p.ctx, []byte(password), current)
	var field *store.FieldError
	if errors.As(err, &field) {
		p.field(d, err)
		a.Password = store.Literal(masked)
		return nil
	}
	return err
}

// token makes the secret of a new token, and returns the token's text. One that there is keeps its own.
func (p *plan) token(d *yamldoc.Document, t *store.Token) (text string, err error) {
	if !t.Hash.IsZero() && !t.Hash.IsMasked() {
		p.problem(d, "hash", "is made by the server: leave it out")
		return "", nil
	}
	o, err := p.server.options.Store.Object(store.ObjectToken, t.Name)
	switch {
	case err == nil:
		if old := o.(*store.Token); old.Expires != t.Expires {
			p.tokenLife(d, t)
		}
		t.Hash = store.Literal(masked)
		return "", nil
	case !errors.Is(err, store.ErrNotFound):
		return "", err
	}
	p.tokenLife(d, t)
	text, hash := access.NewToken(t.Name)
	t.Hash = store.Literal(hash)
	return text, nil
}

// tokenLife checks a time that was not there before: what expired since may be applied again as it is.
func (p *plan) tokenLife(d *yamldoc.Document, t *store.Token) {
	at, err := time.Parse(time.RFC3339, t.Expires)
	if err != nil {
		return // its Validate says so
	}
	now := p.server.options.Now()
	switch {
	case !at.After(now):
		p.problem(d, "expires", "is over already: name a time to come")
	case at.After(now.Add(access.MaxTokenLife)):
		p.problem(d, "expires", fmt.Sprintf("is too far away: a token lasts two years at most, until %s", now.Add(access.MaxTokenLife).UTC().Format(time.DateOnly)))
	}
}

// keepAdmin refuses the removal of the last way in for an administrator. Only the owner of the socket may do that: he is there still.
func (s *Server) keepAdmin(who *access.Identity, c *store.Changes) error {
	if !touchesAdmins(c) {
		return nil
	}
	had, err := access.HasAdmin(s.options.Store, nil, nil)
	if err != nil || !had {
		return err
	}
	has, err := access.HasAdmin(s.options.Store, c.PutObjects, c.RemoveObjects)
	if err != nil || has {
		return err
	}
	if who != nil && who.Door == access.DoorSocket {
		s.log.Warn("nobody can sign in as an administrator any more: `dialtree admin link` on this machine makes a new one")
		return nil
	}
	return newProblem(http.StatusConflict, "nobody could sign in as an administrator any more: make another one first, or do it with the dialtree command on the server's machine, whose socket always lets its owner in")
}

func touchesAdmins(c *store.Changes) bool {
	for _, o := range c.PutObjects {
		if touchesAdmin(o.ObjectKind()) {
			return true
		}
	}
	for _, r := range c.RemoveObjects {
		if touchesAdmin(r.Kind) {
			return true
		}
	}
	return false
}

func touchesAdmin(k store.ObjectKind) bool {
	return k == store.ObjectAdministrator || k == store.ObjectRole
}

// mayChangeUser refuses a change of a user by which somebody would get more than he may: nil is one that is not there.
// Every operation that changes users asks it.
func (s *Server) mayChangeUser(ctx context.Context, before, after *store.Entry) error {
	who := access.From(ctx)
	may, err := access.MayChangeUser(s.options.Store, who, before, after)
	if err != nil || may {
		return err
	}
	named := after
	if named == nil {
		named = before
	}
	return newProblem(http.StatusForbidden, fmt.Sprintf("user %s has a role that allows more than %s may: ask an administrator", entryName(named), who.Name))
}

// mayImport refuses a file of users from who may not change users, or could give himself a role by it.
func (s *Server) mayImport(ctx context.Context, to string) error {
	who := access.From(ctx)
	if to != "users" || who.May(access.Admin) {
		return nil
	}
	if problem := refusal(who, access.Users); problem != nil {
		return problem
	}
	members, err := access.HasMembers(s.options.Store)
	if err != nil || !members {
		return err
	}
	return newProblem(http.StatusForbidden, "users of the directory have roles here, which a file of users could give: only an administrator may import one")
}
