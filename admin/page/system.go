package page

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/dialtree/dialtree/admin"
)

func (p *Page) systemRoutes() {
	p.handle("GET /system", (*request).system)
	p.handle("GET /system/nodes", (*request).nodes)
	p.handle("GET /system/configuration", (*request).configuration)
	p.handle("GET /system/log", (*request).logTail)
	p.handle("GET /system/audit", (*request).audit)
	p.handle("GET /system/refused", (*request).refused)
	p.handle("GET /system/refused/file", func(r *request) error {
		return r.pass(r.page.api.RefusalsFile(r.Context(), r.refusedOptions(), r.FormValue("format")))
	})
	p.handle("GET /system/follow", (*request).follow)
	p.handle("GET /system/audit/file", func(r *request) error {
		return r.pass(r.page.api.AuditFile(r.Context(), r.FormValue("format")))
	})
	p.handle("POST /system/backup", func(r *request) error {
		return r.pass(r.page.api.BackupFile(r.Context()))
	})
	p.accessRoutes()
	p.meRoutes()
}

// A tab is one page of a section.
type tab struct {
	Path    string
	Label   text
	Current bool
}

// systemTabs are the pages of the section that the visitor may look at.
func (r *request) systemTabs() []tab {
	tabs := []tab{{Path: "/system", Label: text("Status")}, {Path: "/system/configuration", Label: text("Configuration")}}
	if r.standing.Node != "" {
		tabs = slices.Insert(tabs, 1, tab{Path: "/system/nodes", Label: text("Nodes")})
	}
	if r.who.May("admin") {
		tabs = append(tabs, tab{Path: "/system/access", Label: text("Access")}, tab{Path: "/system/audit", Label: text("Audit log")},
			tab{Path: "/system/refused", Label: text("Refused")}, tab{Path: "/system/follow", Label: text("Follow live")}, tab{Path: "/system/log", Label: text("Server log")})
	}
	for i := range tabs {
		tabs[i].Current = tabs[i].Path == r.URL.Path
	}
	return tabs
}

type systemData struct {
	Tabs         []tab
	Status       *admin.Status
	Store        *admin.StoreFigures
	Certificates []certificate
}

// A certificate is one with a word for how long it lasts.
type certificate struct {
	admin.Certificate
	State string // good, warn or bad
}

// A certificate that expires within warnBefore deserves a look.
const warnBefore = 30 * 24 * time.Hour

func (r *request) system() error {
	data := systemData{Tabs: r.systemTabs()}
	var err error
	if data.Status, err = r.page.api.Status(r.Context()); err != nil {
		return err
	}
	if data.Store, err = r.page.api.StoreFigures(r.Context()); err != nil {
		return err
	}
	certificates, err := r.page.api.Certificates(r.Context())
	if err != nil {
		return err
	}
	for _, c := range certificates {
		left := c.NotAfter.Sub(r.page.now())
		state := "good"
		switch {
		case c.Error != "", left <= 0:
			state = "bad"
		case left < warnBefore:
			state = "warn"
		}
		data.Certificates = append(data.Certificates, certificate{c, state})
	}
	return r.show("system", text("System"), data)
}

type configurationData struct {
	Tabs     []tab
	Settings []admin.Setting
	Own      bool // only what differs from the defaults
}

func (r *request) configuration() error {
	settings, err := r.page.api.Settings(r.Context())
	if err != nil {
		return err
	}
	data := configurationData{Tabs: r.systemTabs(), Own: r.FormValue("own") != ""}
	for _, s := range settings {
		if !data.Own || s.From != "default" {
			data.Settings = append(data.Settings, s)
		}
	}
	return r.show("configuration", text("Configuration"), data)
}

type logData struct {
	Tabs         []tab
	Records      []admin.LogRecord // the newest first
	Level, Query string
}

func (r *request) logTail() error {
	data := logData{Tabs: r.systemTabs(), Level: r.FormValue("level"), Query: r.FormValue("q")}
	records, err := r.page.api.Log(r.Context(), admin.LogOptions{Level: data.Level, Query: data.Query, Limit: 100})
	if err != nil {
		return err
	}
	for i := len(records) - 1; i >= 0; i-- {
		data.Records = append(data.Records, records[i])
	}
	if r.Header.Get(fragmentHeader) != "" {
		return r.fragment("log", "log-records", data.Records)
	}
	return r.show("log", text("Server log"), data)
}

type auditData struct {
	Tabs        []tab
	Records     []admin.AuditRecord
	Who, Query  string
	First, Next string
}

func (r *request) audit() error {
	data := auditData{Tabs: r.systemTabs(), Who: r.FormValue("who"), Query: r.FormValue("q")}
	after, _ := strconv.ParseUint(r.FormValue("after"), 10, 64)
	var err error
	if data.Records, err = r.page.api.Audit(r.Context(), admin.AuditOptions{Who: data.Who, Query: data.Query, After: after, Limit: pageSize}); err != nil {
		return err
	}
	query := url.Values{"who": {data.Who}, "q": {data.Query}}
	if after > 0 {
		data.First = "/system/audit?" + query.Encode()
	}
	if len(data.Records) == pageSize {
		query.Set("after", strconv.FormatUint(data.Records[pageSize-1].N, 10))
		data.Next = "/system/audit?" + query.Encode()
	}
	return r.show("audit", text("Audit log"), data)
}

// pageSize is how many lines a page of a list has.
const pageSize = 50

// fragmentHeader is how the script asks for a part of a page.
const fragmentHeader = "X-Fragment"

type meData struct {
	Sessions []admin.Session
	Problem  *admin.Problem
}

func (p *Page) meRoutes() {
	p.handle("GET /system/me", func(r *request) error { return r.me(nil) })
	p.handle("POST /system/me", func(r *request) error {
		if r.PostFormValue("new") != r.PostFormValue("again") {
			return r.me(&admin.Problem{Status: http.StatusUnprocessableEntity, Detail: string(passwordsDiffer)})
		}
		err := r.page.api.ChangePassword(r.Context(), admin.PasswordChange{Current: r.PostFormValue("current"), New: r.PostFormValue("new")})
		if problem, ok := problemOf(err); ok {
			return r.me(problem)
		}
		if err != nil {
			return err
		}
		return r.redirect("/system/me", "password")
	})
	p.handle("POST /system/me/sessions/{id}", (*request).endOwnSession)
}

// endOwnSession ends a session of the visitor: others need more than having signed in.
func (r *request) endOwnSession() error {
	if err := r.page.api.EndSession(r.Context(), r.PathValue("id")); err != nil {
		return err
	}
	return r.redirect("/system/me", "sessionended")
}

// me shows the visitor's own sessions and lets him change his password.
func (r *request) me(problem *admin.Problem) error {
	sessions, err := r.page.api.Sessions(r.Context())
	if err != nil {
		return err
	}
	data := meData{Problem: problem}
	for _, s := range sessions {
		if s.Name == r.who.Name {
			data.Sessions = append(data.Sessions, s)
		}
	}
	status := http.StatusOK
	if problem != nil {
		status = problem.Status
	}
	r.renderView(status, "me", &view{Title: text("Password and sessions"), Data: data})
	return nil
}
