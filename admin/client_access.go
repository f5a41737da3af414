package admin

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/dialtree/dialtree/admin/access"
)

// Me returns who the server takes the client for.
func (c *Client) Me(ctx context.Context) (*access.Identity, error) {
	out := new(access.Identity)
	return out, c.do(ctx, http.MethodGet, "/me", nil, nil, out)
}

// A SignIn is a name and a password.
type SignIn struct {
	Login    string `json:"login" maxLength:"1024"`
	Password string `json:"password" maxLength:"4096"`
}

// A FirstSignIn sets a password by a one-time link: for the first administrator, or for one who forgot his.
type FirstSignIn struct {
	Code     string `json:"code" maxLength:"200" doc:"From the link"`
	Name     string `json:"name" maxLength:"200" doc:"Of the administrator; the link may name one already"`
	Password string `json:"password" maxLength:"4096"`
}

// SignedIn is a session that began.
type SignedIn struct {
	Identity access.Identity `json:"identity"`
	Cookie   *http.Cookie    `json:"-"` // to be handed to the browser
}

// SignIn begins a session. A wrong password is a *Problem with 401, too many of them one with 429, and one that
// could not be checked one with 503.
func (c *Client) SignIn(ctx context.Context, s SignIn) (*SignedIn, error) {
	return c.signIn(ctx, "/session", s)
}

// FirstSignIn uses a one-time link up and begins a session.
func (c *Client) FirstSignIn(ctx context.Context, s FirstSignIn) (*SignedIn, error) {
	return c.signIn(ctx, "/session/first", s)
}

func (c *Client) signIn(ctx context.Context, path string, in any) (*SignedIn, error) {
	r, err := c.send(ctx, http.MethodPost, path, nil, in)
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	out := new(SignedIn)
	if err := json.NewDecoder(r.Body).Decode(out); err != nil {
		return nil, err
	}
	for _, cookie := range r.Cookies() {
		out.Cookie = cookie
	}
	return out, nil
}

// SignOut ends the session of the caller.
func (c *Client) SignOut(ctx context.Context) error {
	return c.do(ctx, http.MethodDelete, "/session", nil, nil, nil)
}

// A PasswordChange is what an administrator sends to change his own password.
type PasswordChange struct {
	Current string `json:"current" maxLength:"4096"`
	New     string `json:"new" maxLength:"4096"`
}

// ChangePassword changes the caller's own password and ends his other sessions.
func (c *Client) ChangePassword(ctx context.Context, p PasswordChange) error {
	return c.do(ctx, http.MethodPut, "/me/password", nil, p, nil)
}

// A Session is somebody who is signed in.
type Session struct {
	ID      string    `json:"id" doc:"Names it; it is not its secret"`
	Name    string    `json:"name"`
	Role    string    `json:"role"`
	From    string    `json:"from"`
	Agent   string    `json:"agent" doc:"What the browser says that it is"`
	Started time.Time `json:"started"`
	Seen    time.Time `json:"seen"`
	Expires time.Time `json:"expires"`
	Current bool      `json:"current" doc:"The caller's own"`
}

// Sessions returns the sessions, the last seen first.
func (c *Client) Sessions(ctx context.Context) ([]Session, error) {
	var out []Session
	return out, c.do(ctx, http.MethodGet, "/sessions", nil, nil, &out)
}

// EndSession signs somebody out.
func (c *Client) EndSession(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodDelete, "/sessions/"+url.PathEscape(id), nil, nil, nil)
}

// A Link lets whoever opens it set an administrator's password, once.
type Link struct {
	URL     string    `json:"url"`
	Expires time.Time `json:"expires"`
}

// NewLink makes a one-time link for an administrator; without a name for a new one. Links of before are void.
func (c *Client) NewLink(ctx context.Context, name string) (*Link, error) {
	out := new(Link)
	return out, c.do(ctx, http.MethodPost, "/links", nil, struct {
		Name string `json:"name,omitempty"`
	}{name}, out)
}

// An AuditRecord is something that somebody did.
type AuditRecord struct {
	N      uint64        `json:"n"`
	At     time.Time     `json:"at"`
	Who    string        `json:"who"`
	Door   string        `json:"door"`
	From   string        `json:"from"`
	Action string        `json:"action" doc:"created, updated, deleted, signed in, ran, …"`
	Kind   string        `json:"kind,omitempty"`
	Name   string        `json:"name,omitempty"`
	Fields []FieldChange `json:"fields,omitempty" doc:"Secrets read [secret]"`
	More   int           `json:"more,omitempty" doc:"How many things beside this one the same change touched"`
	Change uint64        `json:"change,omitempty" doc:"The number of the store's change"`
}

// AuditOptions select audit records.
type AuditOptions struct {
	Who   string
	Query string // in action, kind and name
	After uint64 // only what came before this one: the n of the last of the page before
	Limit int    // 0: 100; at most 1000
}

// Audit returns what was done, the last first.
func (c *Client) Audit(ctx context.Context, o AuditOptions) ([]AuditRecord, error) {
	query := given(map[string]string{"who": o.Who, "q": o.Query})
	if o.After > 0 {
		query.Set("after", strconv.FormatUint(o.After, 10))
	}
	if o.Limit > 0 {
		query.Set("limit", strconv.Itoa(o.Limit))
	}
	var out []AuditRecord
	return out, c.do(ctx, http.MethodGet, "/audit", query, nil, &out)
}

// AuditFile returns the whole audit log: csv or json, a record a line.
func (c *Client) AuditFile(ctx context.Context, format string) (*Download, error) {
	return c.download(ctx, "/audit/file", url.Values{"format": {format}})
}
