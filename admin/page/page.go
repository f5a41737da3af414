package page

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/admin/access"
)

// A Page serves the web page. It expects the identity of who asks in the request's context
// (access.From); without one it shows the sign-in.
type Page struct {
	api       *admin.Client
	log       *slog.Logger
	now       func() time.Time
	templates map[string]*templates // by language
	static    *static
	mux       *http.ServeMux
	uploads   uploads
}

// New reads what is embedded. An error is a mistake in it.
func New(log *slog.Logger) (*Page, error) {
	p := &Page{log: log, now: time.Now, mux: http.NewServeMux()}
	var err error
	if p.static, err = newStatic(); err != nil {
		return nil, err
	}
	if p.templates, err = parseTemplates(p.static, func() time.Time { return p.now() }); err != nil {
		return nil, err
	}
	p.mux.Handle("GET /static/{version}/{file}", p.static)
	p.signInRoutes()
	p.settingRoutes()
	p.overviewRoutes()
	p.connectorRoutes()
	p.userRoutes()
	p.authenticationRoutes()
	p.phonebookRoutes()
	p.phoneRoutes()
	p.systemRoutes()
	p.handle("/", func(*request) error { return errNoPage })
	return p, nil
}

// Over makes the page one of the server that the client asks. It is called once.
func (p *Page) Over(api *admin.Client) http.Handler {
	p.api = api
	return p
}

// ServeHTTP implements http.Handler.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.mux.ServeHTTP(w, r) }

// errNoPage answers an address that leads nowhere.
var errNoPage = &admin.Problem{Status: http.StatusNotFound, Detail: "there is no such page"}

// formTimeout bounds what a page may take to be made: most take a few milliseconds, a look at
// a source on the other side of the network takes seconds.
const formTimeout = 45 * time.Second

// A handler answers one request. An error that it returns is shown as a page.
type handler func(r *request) error

// handle registers a handler for those who are signed in. pattern is one of net/http's.
func (p *Page) handle(pattern string, h handler) {
	p.open(pattern, func(r *request) error {
		if r.who == nil {
			return errSignIn
		}
		return h(r)
	})
}

// errSignIn sends the browser to the sign-in and from there back.
var errSignIn = errors.New("sign in first")

// open registers a handler for everybody.
func (p *Page) open(pattern string, h handler) {
	p.mux.HandleFunc(pattern, func(w http.ResponseWriter, hr *http.Request) {
		ctx, cancel := context.WithTimeout(hr.Context(), formTimeout)
		defer cancel()
		hr.Body = http.MaxBytesReader(w, hr.Body, bodyLimit(hr))
		r := &request{Request: hr.WithContext(ctx), w: w, page: p, who: access.From(ctx), standing: admin.StandingOf(ctx)}
		r.lang, r.theme = languageOf(hr), themeOf(hr)
		if err := h(r); err != nil {
			r.fail(err)
		}
	})
}

// maxForm bounds a form; one with a file may be as large as the API takes.
const maxForm = 1 << 20

func bodyLimit(r *http.Request) int64 {
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data") {
		return admin.MaxImport + maxForm
	}
	return maxForm
}

// A request is a request of a browser, with what every page needs to know of it.
type request struct {
	*http.Request
	w     http.ResponseWriter
	page  *Page
	who   *access.Identity // nil before the sign-in
	lang  string
	theme string // light, dark, or empty for what the browser prefers

	standing admin.Standing // of this node
}

// fail shows an error as a page.
func (r *request) fail(err error) {
	var problem *admin.Problem
	switch {
	case errors.Is(err, errSignIn), errors.As(err, &problem) && problem.Status == http.StatusUnauthorized:
		r.toSignIn()
		return
	case errors.As(err, &problem):
	case errors.Is(err, context.DeadlineExceeded):
		problem = &admin.Problem{Status: http.StatusServiceUnavailable, Detail: "the server took too long: try again"}
	default:
		r.page.log.Error("a page could not be shown", "path", r.URL.Path, "error", err)
		problem = &admin.Problem{Status: http.StatusInternalServerError, Detail: "the page could not be made: the log of the server says more"}
	}
	r.render(problem.Status, "error", errorTitle(problem.Status), problem)
}

func errorTitle(status int) text {
	switch status {
	case http.StatusNotFound:
		return text("Not found")
	case http.StatusForbidden:
		return text("Not allowed")
	}
	return text("That did not work")
}

func (r *request) toSignIn() {
	target := "/sign-in"
	if back := r.URL.RequestURI(); r.Method == http.MethodGet && back != "/" {
		target += "?" + url.Values{"to": {back}}.Encode()
	}
	http.Redirect(r.w, r.Request, target, http.StatusSeeOther)
}

// redirect ends a form that was sent: the browser loads the page that path names. done is a
// key of doneTexts, which that page shows; empty for none.
func (r *request) redirect(path, done string) error {
	if done != "" {
		if _, ok := doneTexts[done]; !ok {
			return fmt.Errorf("no text for %q", done)
		}
		u, err := url.Parse(path)
		if err != nil {
			return err
		}
		query := u.Query()
		query.Set("done", done)
		u.RawQuery = query.Encode()
		path = u.String()
	}
	http.Redirect(r.w, r.Request, path, http.StatusSeeOther)
	return nil
}

// problemOf returns the problem that the API answered a form with, to be shown beside the form.
// Others, such as one who is no longer signed in, are for fail.
func problemOf(err error) (*admin.Problem, bool) {
	var problem *admin.Problem
	if !errors.As(err, &problem) {
		return nil, false
	}
	switch problem.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusInternalServerError:
		return nil, false
	}
	return problem, true
}
