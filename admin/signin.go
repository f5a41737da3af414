package admin

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/dialtree/dialtree/admin/access"
	"github.com/dialtree/dialtree/store"
)

// refusalTime is the least that the refusal of a sign-in takes: whether a name is an administrator's, a user's or nobody's does not
// show in how long its refusal took.
const refusalTime = 500 * time.Millisecond

// signedIn is the answer that begins a session.
type signedIn struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
	Body      SignedIn
}

// signedOut takes the cookie back.
type signedOut struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
}

func (s *Server) accessRoutes(api huma.API) {
	described := api.OpenAPI()
	described.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token":   {Type: "http", Scheme: "bearer", Description: "The text of a token"},
		"session": {Type: "apiKey", In: "cookie", Name: cookieName, Description: "Behind TLS its name is " + secureCookieName},
	}
	described.Security = []map[string][]string{{"token": {}}, {"session": {}}}
	tags := []string{"access"}
	register(s, api, access.SignedIn, huma.Operation{OperationID: "me", Method: http.MethodGet, Path: "/me", Tags: tags,
		Summary: "Say who the server takes the caller for", Description: "With the scopes that he has: the way to try a token."},
		func(ctx context.Context, _ *struct{}) (*body[access.Identity], error) {
			return &body[access.Identity]{*access.From(ctx)}, nil
		})
	register(s, api, access.Public, huma.Operation{OperationID: "sign-in", Method: http.MethodPost, Path: "/session", Tags: tags,
		Summary:     "Begin a session",
		Description: "With the password of an administrator, or with that of a directory user who has a role. 429 means too many failures, 503 that the password could not be checked.",
		Errors:      []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests, http.StatusServiceUnavailable}},
		func(ctx context.Context, in *body[SignIn]) (*signedIn, error) { return s.signIn(ctx, &in.Body) })
	register(s, api, access.Public, huma.Operation{OperationID: "first-sign-in", Method: http.MethodPost, Path: "/session/first", Tags: tags,
		Summary:     "Set an administrator's password by a one-time link, and begin a session",
		Description: "The code is in the link that `dialtree admin link` prints. A link for nobody in particular makes a new administrator of the given name.",
		Errors:      []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusConflict, http.StatusUnprocessableEntity}},
		func(ctx context.Context, in *body[FirstSignIn]) (*signedIn, error) {
			return s.firstSignIn(ctx, &in.Body)
		})
	register(s, api, access.SignedIn, huma.Operation{OperationID: "sign-out", Method: http.MethodDelete, Path: "/session", Tags: tags,
		Summary: "End the caller's session", Description: "409 for who came by a token or the socket, which have none.", DefaultStatus: http.StatusNoContent},
		func(ctx context.Context, _ *struct{}) (*signedOut, error) { return s.signOut(ctx) })
	register(s, api, access.SignedIn, huma.Operation{OperationID: "change-password", Method: http.MethodPut, Path: "/me/password", Tags: tags,
		Summary:       "Change the caller's own password and end his other sessions",
		Description:   "Of administrators in a session. Who signs in with the directory's password changes it there.",
		DefaultStatus: http.StatusNoContent},
		func(ctx context.Context, in *body[PasswordChange]) (*struct{}, error) {
			return nil, s.changePassword(ctx, &in.Body)
		})
	s.sessionRoutes(api)
	s.linkRoutes(api)
}

// signIn checks a password and begins a session. It has three ways to fail: refused, too many failures, could not find out.
func (s *Server) signIn(ctx context.Context, in *SignIn) (*signedIn, error) {
	if problem := s.takesSecrets(ctx); problem != nil {
		return nil, problem
	}
	begun := time.Now()
	account, err := s.checkPassword(ctx, in.Login, in.Password)
	if err != nil {
		waitUntil(ctx, begun.Add(refusalTime))
		if errors.Is(err, errNoRole) {
			s.refusedSignIn(ctx, in.Login, http.StatusForbidden, "the password is right, but the user has no role here")
		}
		noted(ctx) // by who checked the password
		return nil, signInProblem(err)
	}
	return s.beginSession(ctx, account, &store.Changes{})
}

// checkPassword returns whose password it is. An administrator comes before a user of the same name, who cannot sign in then.
func (s *Server) checkPassword(ctx context.Context, login, password string) (*access.Account, error) {
	client := access.ClientOf(ctx).Address
	account, err := access.Administrator(s.options.Store, login)
	switch {
	case err == nil && account.Hash != "":
		return account, s.options.SignIns.LoginAdministrator(ctx, client, account.Name, account.Hash, []byte(password))
	case err == nil, errors.Is(err, access.ErrDisabled):
		// As for a name that there is not. No user is asked about.
		reason := "the administrator has no password yet: `dialtree admin link` makes a link to set one"
		if err != nil {
			reason = "the administrator is disabled"
		}
		s.refusedSignIn(ctx, login, http.StatusUnauthorized, reason)
		_, err = s.options.SignIns.LoginUser(ctx, client, "", []byte(password))
		return nil, errors.Join(ErrLoginRefused, err)
	case !errors.Is(err, access.ErrNoAccount):
		return nil, err
	}
	user, err := s.options.SignIns.LoginUser(ctx, client, login, []byte(password))
	if err != nil {
		return nil, err
	}
	account, err = access.DirectoryUser(s.options.Store, user)
	if errors.Is(err, access.ErrNoAccount) {
		return nil, errNoRole
	}
	return account, err
}

// errNoRole is told to who has the right password: he knows no more than he did.
var errNoRole = errors.New("the password is right, but the user has no role here: an administrator can give one by group or by name")

// signInProblem is the only place where the outcome of a sign-in becomes an answer.
func signInProblem(err error) *Problem {
	switch {
	case errors.Is(err, errNoRole):
		return newProblem(http.StatusForbidden, errNoRole.Error())
	case errors.Is(err, ErrLoginRefused):
		return newProblem(http.StatusUnauthorized, "this is not the name and the password of anybody who may sign in")
	case errors.Is(err, ErrLoginThrottled):
		return newProblem(http.StatusTooManyRequests, "too many failed logins of this name or from this address: try again later")
	}
	return newProblem(http.StatusServiceUnavailable, "the password could not be checked: try again later")
}

func waitUntil(ctx context.Context, t time.Time) {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// beginSession puts a new session with the changes. The session that the caller came with ends: a cookie is never taken over.
func (s *Server) beginSession(ctx context.Context, account *access.Account, changes *store.Changes) (*signedIn, error) {
	superfluous, err := s.sessions.Superfluous(account)
	if err != nil {
		return nil, err
	}
	client := access.ClientOf(ctx)
	secret, session := s.sessions.New(account, client)
	who := access.Identity{Name: account.Name, Door: access.DoorSession, Role: account.Role, Scopes: account.Role.Scopes(), From: client.From(), Session: session.ID}
	changes.EndSessions = append(changes.EndSessions, superfluous...)
	if before := access.From(ctx); before != nil && before.Session != "" {
		changes.EndSessions = append(changes.EndSessions, before.Session)
	}
	changes.PutSessions = append(changes.PutSessions, session)
	signed := access.With(ctx, &who)
	changes.By = by(signed)
	changes.Audit = append(changes.Audit, audited(signed, "signed in", "", ""))
	if _, err := s.options.Store.Apply(ctx, changes); err != nil {
		return nil, err
	}
	return &signedIn{sessionCookie(client.TLS, secret), SignedIn{Identity: who}}, nil
}

func (s *Server) signOut(ctx context.Context) (*signedOut, error) {
	who := access.From(ctx)
	if who.Session == "" {
		return nil, newProblem(http.StatusConflict, "you have no session that could end: you came in by "+string(who.Door))
	}
	_, err := s.options.Store.Apply(ctx, &store.Changes{
		EndSessions: []string{who.Session}, Audit: []store.AuditRecord{audited(ctx, "signed out", "", "")},
	})
	cookie := sessionCookie(access.ClientOf(ctx).TLS, "")
	cookie.MaxAge = -1
	return &signedOut{cookie}, err
}

// changePassword changes the password of the administrator who asks. The sessions that were begun with the old one end by themselves.
func (s *Server) changePassword(ctx context.Context, in *PasswordChange) error {
	who := access.From(ctx)
	if who.Session == "" {
		return newProblem(http.StatusConflict, "only who has signed in with a password can change it")
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	session, err := s.options.Store.Session(who.Session)
	if err != nil {
		return err
	}
	if session.Directory {
		return newProblem(http.StatusConflict, "your password is the one that you have in the directory: change it there")
	}
	account, err := s.checkPassword(ctx, who.Name, in.Current)
	if err != nil {
		problem := signInProblem(err)
		if problem.Status == http.StatusUnauthorized { // of the page: the session itself is fine
			problem = newProblem(http.StatusUnprocessableEntity, "the present password is another one", ProblemDetail{Message: "is not your present password", Location: "current"})
		}
		return problem
	}
	administrator, err := s.administrator(account.Name)
	if err != nil {
		return err
	}
	if err := s.setAdministratorPassword(ctx, administrator, in.New, "new"); err != nil {
		return err
	}
	changed, err := access.AccountOf(administrator)
	if err != nil {
		return err
	}
	session.Stamp = changed.Stamp
	_, err = s.options.Store.Apply(ctx, &store.Changes{
		PutObjects: []store.Object{administrator}, PutSessions: []store.Session{session}, By: by(ctx),
	})
	return err
}

func (s *Server) administrator(name string) (*store.Administrator, error) {
	o, err := s.options.Store.Object(store.ObjectAdministrator, name)
	if err != nil {
		return nil, err
	}
	return o.(*store.Administrator), nil
}

// setAdministratorPassword hashes a password that somebody chose. A mistake in it is told at the field's path.
func (s *Server) setAdministratorPassword(ctx context.Context, a *store.Administrator, password, path string) error {
	hash, err := s.options.Logins.HashPassword(ctx, []byte(password), store.Secret{})
	var field *store.FieldError
	if errors.As(err, &field) {
		return &store.FieldError{Path: path, Message: field.Message}
	}
	a.Password = hash
	return err
}
