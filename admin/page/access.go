package page

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/admin/access"
)

// The kinds of those who may come in.
const (
	kindAdministrator admin.Kind = "administrator"
	kindRole          admin.Kind = "role"
	kindToken         admin.Kind = "token"
)

func (p *Page) accessRoutes() {
	p.handle("GET /system/access", func(r *request) error { return r.access(nil) })
	p.handle("POST /system/access/administrators", (*request).addAdministrator)
	p.handle("POST /system/access/administrators/{name}", (*request).changeAdministrator)
	p.handle("POST /system/access/administrators/{name}/link", (*request).linkAdministrator)
	p.handle("POST /system/access/roles/{name}", (*request).setRole)
	p.handle("POST /system/access/tokens", (*request).addToken)
	p.handle("POST /system/access/tokens/{name}/delete", func(r *request) error { return r.deleteAccess(kindToken) })
	p.handle("POST /system/access/administrators/{name}/delete", func(r *request) error { return r.deleteAccess(kindAdministrator) })
	p.handle("POST /system/access/sessions/{id}/end", func(r *request) error {
		if err := r.page.api.EndSession(r.Context(), r.PathValue("id")); err != nil {
			return err
		}
		return r.redirect("/system/access", "sessionended")
	})
}

// An administratorDocument is an administrator as the API sends one.
type administratorDocument struct {
	Kind     admin.Kind `json:"kind"`
	Name     string     `json:"name"`
	Title    string     `json:"title,omitempty"`
	Role     string     `json:"role"`
	Password string     `json:"password,omitempty"` // "[secret]" keeps the stored one
	Disabled bool       `json:"disabled,omitempty"`
}

// A roleDocument says who of the directory has a role.
type roleDocument struct {
	Kind   admin.Kind `json:"kind"`
	Name   string     `json:"name"`
	Groups []string   `json:"groups,omitempty"`
	Users  []string   `json:"users,omitempty"`
}

// A tokenDocument is a token; its secret is never in it.
type tokenDocument struct {
	Kind    admin.Kind `json:"kind"`
	Name    string     `json:"name"`
	Title   string     `json:"title,omitempty"`
	Scopes  []string   `json:"scopes"`
	Expires time.Time  `json:"expires"`
}

type accessData struct {
	Tabs           []tab
	Administrators []administratorDocument
	Roles          []roleDocument
	Tokens         []tokenDocument
	Sessions       []admin.Session
	Scopes         []scopeChoice
	Today          string
	InAYear        string
	Problem        *admin.Problem
}

// A scopeChoice is a scope and what it is for.
type scopeChoice struct {
	Scope string
	Help  text
}

func scopeChoices() []scopeChoice {
	return []scopeChoice{
		{string(access.Read), text("look at everything but secrets and logs")},
		{string(access.Contacts), text("change contacts and speed dials")},
		{string(access.Users), text("change users and how they log in")},
		{string(access.Run), text("run connectors and undo their runs")},
		{string(access.Admin), text("everything")},
	}
}

// listOf returns all objects of a kind as T.
func listOf[T any](r *request, kind admin.Kind) ([]T, error) {
	documents, err := r.page.api.List(r.Context(), kind, admin.ListOptions{})
	if err != nil {
		return nil, err
	}
	list := make([]T, len(documents))
	for i, d := range documents {
		if err := json.Unmarshal(d, &list[i]); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (r *request) access(problem *admin.Problem) error {
	now := r.page.now()
	data := accessData{Tabs: r.systemTabs(), Scopes: scopeChoices(), Today: now.Format(time.DateOnly), InAYear: now.AddDate(1, 0, 0).Format(time.DateOnly), Problem: problem}
	for i := range data.Tabs {
		data.Tabs[i].Current = data.Tabs[i].Path == "/system/access"
	}
	var err error
	if data.Administrators, err = listOf[administratorDocument](r, kindAdministrator); err != nil {
		return err
	}
	roles, err := listOf[roleDocument](r, kindRole)
	if err != nil {
		return err
	}
	for _, role := range access.Roles() {
		d := roleDocument{Kind: kindRole, Name: string(role)}
		if i := slices.IndexFunc(roles, func(d roleDocument) bool { return d.Name == string(role) }); i >= 0 {
			d = roles[i]
		}
		data.Roles = append(data.Roles, d)
	}
	if data.Tokens, err = listOf[tokenDocument](r, kindToken); err != nil {
		return err
	}
	if data.Sessions, err = r.page.api.Sessions(r.Context()); err != nil {
		return err
	}
	status := http.StatusOK
	if problem != nil {
		status = problem.Status
	}
	r.renderView(status, "access", &view{Title: text("Access"), Data: data})
	return nil
}

// put stores a document, and shows the page of access again.
func (r *request) putAccess(kind admin.Kind, name string, document any, o admin.PutOptions, done string) error {
	text, err := json.Marshal(document)
	if err != nil {
		return err
	}
	_, err = r.page.api.Put(r.Context(), kind, name, text, o)
	if problem, ok := problemOf(err); ok {
		return r.access(problem)
	}
	if err != nil {
		return err
	}
	return r.redirect("/system/access", done)
}

// addAdministrator makes an administrator, who sets his own password by the link that is shown.
func (r *request) addAdministrator() error {
	name := strings.TrimSpace(r.PostFormValue("name"))
	document, err := json.Marshal(administratorDocument{Kind: kindAdministrator, Name: name, Title: strings.TrimSpace(r.PostFormValue("title")), Role: r.PostFormValue("role")})
	if err != nil {
		return err
	}
	_, err = r.page.api.Put(r.Context(), kindAdministrator, name, document, admin.PutOptions{New: true})
	if problem, ok := problemOf(err); ok {
		return r.access(problem)
	}
	if err != nil {
		return err
	}
	return r.showLink(name)
}

func (r *request) linkAdministrator() error { return r.showLink(r.PathValue("name")) }

// showLink shows a one-time link: the answer to a form, so that no address leads to it.
func (r *request) showLink(name string) error {
	link, err := r.page.api.NewLink(r.Context(), name)
	if problem, ok := problemOf(err); ok {
		return r.access(problem)
	}
	if err != nil {
		return err
	}
	return r.showNamed("link", text("Access"), name, link)
}

// changeAdministrator sets the role, and whether he may sign in.
func (r *request) changeAdministrator() error {
	document, tag, err := r.page.api.GetTagged(r.Context(), kindAdministrator, r.PathValue("name"))
	if err != nil {
		return err
	}
	var a administratorDocument
	if err := json.Unmarshal(document, &a); err != nil {
		return err
	}
	a.Role, a.Disabled = r.PostFormValue("role"), r.PostFormValue("enabled") == ""
	return r.putAccess(kindAdministrator, a.Name, a, admin.PutOptions{IfMatch: tag}, "saved")
}

func (r *request) setRole() error {
	role := roleDocument{Kind: kindRole, Name: r.PathValue("name"), Groups: typedLines(r.PostFormValue("groups")), Users: typedLines(r.PostFormValue("users"))}
	return r.putAccess(kindRole, role.Name, role, admin.PutOptions{}, "saved")
}

// typedLines are the lines of a textarea that are not empty.
func typedLines(typed string) []string {
	var out []string
	for line := range strings.Lines(typed) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out
}

func (r *request) addToken() error {
	if err := r.ParseForm(); err != nil {
		return &admin.Problem{Status: http.StatusBadRequest, Detail: "the form could not be read"}
	}
	expires, err := time.ParseInLocation(time.DateOnly, r.PostFormValue("expires"), time.Local)
	if err != nil {
		return r.access(&admin.Problem{Status: http.StatusUnprocessableEntity, Detail: string(dateNeeded)})
	}
	token := tokenDocument{Kind: kindToken, Name: strings.TrimSpace(r.PostFormValue("name")), Title: strings.TrimSpace(r.PostFormValue("title")), Scopes: r.PostForm["scope"], Expires: expires}
	document, err := json.Marshal(token)
	if err != nil {
		return err
	}
	made, err := r.page.api.Put(r.Context(), kindToken, token.Name, document, admin.PutOptions{New: true})
	if problem, ok := problemOf(err); ok {
		return r.access(problem)
	}
	if err != nil {
		return err
	}
	return r.showNamed("token-secret", text("Access"), token.Name, secretShown{Device: token.Name, Secret: made.Password})
}

func (r *request) deleteAccess(kind admin.Kind) error {
	err := r.page.api.Delete(r.Context(), kind, r.PathValue("name"), admin.DeleteOptions{})
	if problem, ok := problemOf(err); ok && problem.Status != http.StatusNotFound {
		return r.access(problem)
	}
	if err != nil {
		return err
	}
	return r.redirect("/system/access", "deleted")
}
