package page

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/dialtree/dialtree/admin"
)

// An upstreamDocument is an upstream as the API sends one.
type upstreamDocument struct {
	Name           string          `json:"name"`
	URLs           []string        `json:"urls"`
	BindDN         string          `json:"bind_dn,omitempty"`
	Search         *upstreamSearch `json:"search,omitempty"`
	TLS            upstreamTLS     `json:"tls"`
	ConnectTimeout string          `json:"connect_timeout,omitempty"`
	BindTimeout    string          `json:"bind_timeout,omitempty"`
	MaxConnections any             `json:"max_connections,omitempty"` // a text when it is no number: the API says so
	Cache          upstreamCache   `json:"cache"`
}

type upstreamSearch struct {
	Base     string          `json:"base"`
	Filter   string          `json:"filter"`
	BindDN   string          `json:"bind_dn,omitempty"`
	Password json.RawMessage `json:"password,omitempty"` // "[secret]", or where it is read from
}

type upstreamTLS struct {
	StartTLS           bool   `json:"start_tls,omitempty"`
	CAFile             string `json:"ca_file,omitempty"`
	ServerName         string `json:"server_name,omitempty"`
	PinnedKey          string `json:"pinned_key,omitempty"`
	InsecureSkipVerify bool   `json:"insecure_skip_verify,omitempty"`
}

type upstreamCache struct {
	Success string `json:"success,omitempty"`
	Offline string `json:"offline,omitempty"`
	Refused string `json:"refused,omitempty"`
}

// Template is what the login is put into: a bind name or a filter.
func (u upstreamDocument) Template() string {
	if u.Search != nil {
		return u.Search.Filter
	}
	return u.BindDN
}

// Example is what the login alice becomes.
func (u upstreamDocument) Example() string { return exampleOf(u.Template()) }

// exampleOf puts a login into a template. That of the example needs no escaping.
func exampleOf(template string) string { return strings.Replace(template, "%", exampleLogin, 1) }

const exampleLogin = "alice"

// upstreamData is the page of an upstream.
type upstreamData struct {
	Name      string // empty: a new one
	Tag       string
	Mode      string // template or search
	Groups    []fieldset
	Search    []field // the inputs of the search mode
	Template  field   // the input of the template mode
	Domain    field
	Examples  exampleData
	Test      *admin.UpstreamTest // nil: not tested
	Problem   *admin.Problem
	Stale     bool // somebody else changed it meanwhile
	HasSecret bool // a password for the search is stored
}

// Path is where the form is.
func (d *upstreamData) Path() string {
	if d.Name == "" {
		return "/authentication/upstreams/new"
	}
	return upstreamPath(d.Name)
}

// TryPath is where the connection of what was typed is tried.
func (d *upstreamData) TryPath() string {
	if d.Name == "" {
		return "/authentication/try"
	}
	return upstreamPath(d.Name) + "/try"
}

// upstreamPath is where the form of an upstream is.
func upstreamPath(name string) string { return "/authentication/upstreams/" + url.PathEscape(name) }

// A fieldset is a part of a form.
type fieldset struct {
	Title  text
	Lead   text
	Fields []field
}

func (r *request) newUpstream() error {
	return r.show("upstream", text("Add a directory"), newUpstreamData(upstreamDocument{}, ""))
}

func (r *request) upstream() error {
	u, tag, err := r.storedUpstream()
	if err != nil {
		return err
	}
	return r.showNamed("upstream", text("Directory"), u.Name, newUpstreamData(u, tag))
}

func (r *request) storedUpstream() (u upstreamDocument, tag string, err error) {
	raw, tag, err := r.page.api.GetTagged(r.Context(), kindUpstream, r.PathValue("name"))
	if err == nil {
		err = json.Unmarshal(raw, &u)
	}
	return u, tag, err
}

func (r *request) createUpstream() error {
	u := r.typedUpstream(r.PostFormValue("name"), upstreamDocument{})
	d := newUpstreamData(u, "")
	d.Name = ""
	return r.putUpstream(u, d, text("Add a directory"), admin.PutOptions{New: true})
}

func (r *request) saveUpstream() error {
	stored, _, err := r.storedUpstream()
	if err != nil {
		return err
	}
	u := r.typedUpstream(stored.Name, stored)
	d := newUpstreamData(u, r.PostFormValue("tag"))
	return r.putUpstream(u, d, text("Directory"), admin.PutOptions{IfMatch: d.Tag})
}

// putUpstream saves an upstream.
func (r *request) putUpstream(u upstreamDocument, d *upstreamData, title text, o admin.PutOptions) error {
	raw, err := json.Marshal(u)
	if err != nil {
		return err
	}
	if _, err = r.page.api.Put(r.Context(), kindUpstream, u.Name, raw, o); err == nil {
		return r.redirect("/authentication", "saved")
	}
	problem, ok := problemOf(err)
	if !ok {
		return err
	}
	if d.Stale = problem.Status == http.StatusPreconditionFailed && !o.New; !d.Stale {
		d.blame(problem)
	}
	return r.showUpstream(problem.Status, title, d)
}

// showUpstream shows a form that was sent again.
func (r *request) showUpstream(status int, title text, d *upstreamData) error {
	d.Domain.Value = r.PostFormValue("domain")
	d.Examples.Forms = nameForms(d.Domain.Value)
	r.renderView(status, "upstream", &view{Title: title, Name: d.Name, Data: d})
	return nil
}

func (r *request) deleteUpstream() error {
	err := r.page.api.Delete(r.Context(), kindUpstream, r.PathValue("name"), admin.DeleteOptions{IfMatch: r.PostFormValue("tag")})
	if err == nil {
		return r.redirect("/authentication", "deleted")
	}
	problem, ok := problemOf(err)
	if !ok {
		return err
	}
	u, tag, err := r.storedUpstream()
	if err != nil {
		return err
	}
	d := newUpstreamData(u, tag)
	if d.Problem = problem; problem.Status == http.StatusPreconditionFailed {
		d.Problem = changedMeanwhile(text("Somebody else changed this directory meanwhile: this is how it is now."))
	}
	r.renderView(problem.Status, "upstream", &view{Title: text("Directory"), Name: u.Name, Data: d})
	return nil
}
