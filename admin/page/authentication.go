package page

import (
	"net/url"
	"strings"

	"github.com/dialtree/dialtree/admin"
)

func (p *Page) authenticationRoutes() {
	p.handle("GET /authentication", (*request).authentication)
	p.handle("POST /authentication/reset", (*request).resetThrottle)
	p.handle("GET /authentication/test", func(r *request) error {
		return r.show("login-test", text("Test a login"), loginTestData{Login: r.FormValue("user")})
	})
	p.handle("POST /authentication/test", (*request).testLogin)
	p.handle("POST /authentication/example", (*request).example)
	p.handle("POST /authentication/try", func(r *request) error { return r.tryUpstream(upstreamDocument{}, "") })
	p.handle("GET /authentication/upstreams/new", (*request).newUpstream)
	p.handle("POST /authentication/upstreams/new", (*request).createUpstream)
	p.handle("GET /authentication/upstreams/{name}", (*request).upstream)
	p.handle("POST /authentication/upstreams/{name}", (*request).saveUpstream)
	p.handle("POST /authentication/upstreams/{name}/try", (*request).tryStoredUpstream)
	p.handle("POST /authentication/upstreams/{name}/delete", (*request).deleteUpstream)
}

// Of the logins that are kept, so many are looked through and so many shown.
const (
	loginsRead  = 1000
	loginsShown = 50
)

// authenticationData is the section's first page.
type authenticationData struct {
	Upstreams []upstreamRow
	Throttled *admin.Throttled
	loginList
}

// loginList are the latest logins with their filter.
type loginList struct {
	Logins []login
	Filter field
	User   string
}

// An upstreamRow is an upstream with its health.
type upstreamRow struct {
	upstreamDocument
	Servers []admin.ServerHealth
	Users   int
}

// Path is where the upstream is edited.
func (u upstreamRow) Path() string { return upstreamPath(u.Name) }

// UsersPath is where its users are.
func (u upstreamRow) UsersPath() string {
	return listAddress("/users", url.Values{"upstream": {u.Name}}, "")
}

// Down counts the servers that are away.
func (u upstreamRow) Down() int {
	down := 0
	for _, s := range u.Servers {
		if !s.Up {
			down++
		}
	}
	return down
}

func (r *request) authentication() error {
	list, err := r.loginList()
	if err != nil {
		return err
	}
	if r.Header.Get("X-Fragment") == "1" {
		return r.fragment("authentication", "latest", list)
	}
	d := authenticationData{loginList: list}
	if d.Upstreams, err = r.upstreamRows(); err != nil {
		return err
	}
	if d.Throttled, err = r.page.api.Throttled(r.Context()); err != nil {
		return err
	}
	return r.show("authentication", text("Authentication"), d)
}

// loginList reads the latest logins that the request asks for.
func (r *request) loginList() (loginList, error) {
	list := loginList{User: strings.TrimSpace(r.FormValue("user")), Filter: field{Name: "outcome", Label: text("Outcome"), Type: "select",
		Value: r.FormValue("outcome"), Options: []option{{Value: "", Label: text("all")}, {Value: "accepted", Label: text("accepted")}, {Value: "refused", Label: text("refused")},
			{Value: "throttled", Label: text("throttled")}, {Value: "unavailable", Label: text("could not find out")}}}}
	all, err := r.page.api.Logins(r.Context(), list.User, loginsRead)
	for _, l := range loginsOf(all) {
		if group := list.Filter.Value; group == "" || outcomeOf(l.Outcome).group == group {
			list.Logins = append(list.Logins, l)
		}
	}
	list.Logins = list.Logins[:min(len(list.Logins), loginsShown)]
	return list, err
}

func (r *request) upstreamRows() ([]upstreamRow, error) {
	documents, err := documentsOf[upstreamDocument](r.Context(), r.page.api, kindUpstream)
	if err != nil || len(documents) == 0 {
		return nil, err
	}
	overview, err := r.page.api.Overview(r.Context())
	if err != nil {
		return nil, err
	}
	var rows []upstreamRow
	for _, d := range documents {
		row := upstreamRow{upstreamDocument: d}
		for _, h := range overview.Upstreams {
			if h.Name == d.Name {
				row.Servers = h.Servers
			}
		}
		users, err := r.page.api.ListPage(r.Context(), kindUser, admin.ListOptions{Upstream: d.Name, Limit: 1})
		if err != nil {
			return nil, err
		}
		row.Users = users.Total
		rows = append(rows, row)
	}
	return rows, nil
}

// resetThrottle forgets the failed logins of a user or an address.
func (r *request) resetThrottle() error {
	kind := "addresses"
	if r.PostFormValue("kind") == "users" {
		kind = "users"
	}
	if err := r.page.api.ResetThrottle(r.Context(), kind, r.PostFormValue("name")); err != nil {
		return err
	}
	return r.redirect("/authentication", "reset")
}
