package page

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/admin/access"
)

// The kinds that users and their logins are about.
const (
	kindUser     admin.Kind = "user"
	kindUpstream admin.Kind = "upstream"
)

// listLength is how many entries a page of a list shows.
const listLength = 50

func (p *Page) userRoutes() {
	p.handle("GET /users", (*request).users)
	p.handle("GET /users/export", func(r *request) error {
		return r.pass(r.page.api.Export(r.Context(), kindUser, "", r.FormValue("format")))
	})
	p.handle("POST /users/bulk", (*request).bulk)
	p.handle("GET /users/new", (*request).showNewUser)
	p.handle("POST /users/new", (*request).createUser)
	p.handle("GET /users/{name}", func(r *request) error { return r.user(http.StatusOK, nil) })
	p.handle("GET /users/{name}/edit", (*request).editUser)
	p.handle("POST /users/{name}/edit", (*request).saveUser)
	p.handle("POST /users/{name}/login", (*request).setLogin)
	p.handle("POST /users/{name}/password", (*request).setPassword)
	p.handle("POST /users/{name}/state", (*request).setState)
	p.handle("POST /users/{name}/give-back", (*request).giveBackUser)
	p.handle("POST /users/{name}/reset", (*request).resetUser)
	p.handle("POST /users/{name}/delete", (*request).deleteUser)
}

// userPath is where the page of a user is. A login name that is the last part of another path is written in
// capitals: names are found whatever their case.
func userPath(name string) string {
	switch name {
	case "new", "bulk", "export":
		name = strings.ToUpper(name)
	}
	return "/users/" + url.PathEscape(name)
}

// A userDocument is what the page reads of a user's document.
type userDocument struct {
	Username    string   `json:"username"`
	DisplayName string   `json:"displayname"`
	Phone       []string `json:"phone"`
	Mobile      []string `json:"mobile"`
	Groups      []string `json:"groups"`
	Connector   string   `json:"connector"`
	Removed     string   `json:"removed"`
	Auth        struct {
		Method   string `json:"method"`
		Upstream string `json:"upstream"`
		DN       string `json:"dn"`
		Disabled bool   `json:"disabled"`
	} `json:"auth"`
}

// Path is where the user's page is.
func (u userDocument) Path() string { return userPath(u.Username) }

// Number is what one would call the user by.
func (u userDocument) Number() string {
	for _, numbers := range [][]string{u.Phone, u.Mobile} {
		if len(numbers) > 0 {
			return numbers[0]
		}
	}
	return ""
}

// Choice is the login method as the option of a form.
func (u userDocument) Choice() string { return choiceOf(u.Auth.Method, u.Auth.Upstream) }

// usersData is a part of the list of users.
type usersData struct {
	Filters    []field
	Users      []userDocument
	Total      int
	First      string // the address of the first page; empty on it
	Next       string
	Selected   url.Values // what selects them
	Changes    []option   // what can be made of many
	MayChange  bool
	Connectors int
}

// Filtered tells whether the list is not of all users.
func (d usersData) Filtered() bool { return len(d.Selected) > 0 }

// userFilters names the keys of an address that select users.
var userFilters = []string{"q", "method", "upstream", "connector", "group", "state"}

// selected returns what a request selects users by.
func (r *request) selected() url.Values {
	selected := url.Values{}
	for _, key := range userFilters {
		if v := strings.TrimSpace(r.FormValue(key)); v != "" {
			selected.Set(key, v)
		}
	}
	return selected
}

func listOptions(selected url.Values) admin.ListOptions {
	return admin.ListOptions{Query: selected.Get("q"), Method: selected.Get("method"), Upstream: selected.Get("upstream"),
		Connector: selected.Get("connector"), Group: selected.Get("group"), State: selected.Get("state")}
}

func (r *request) users() error {
	selected := r.selected()
	o := listOptions(selected)
	o.After, o.Limit = r.FormValue("after"), listLength
	page, err := r.page.api.ListPage(r.Context(), kindUser, o)
	if err != nil {
		return err
	}
	d := usersData{Selected: selected, Total: page.Total, MayChange: r.who.May(access.Users)}
	if d.Users, err = decoded[userDocument](page.Items); err != nil {
		return err
	}
	if o.After != "" {
		d.First = listAddress("/users", selected, "")
	}
	if page.Next != "" {
		d.Next = listAddress("/users", selected, page.Next)
	}
	upstreams, err := r.names(kindUpstream)
	if err != nil {
		return err
	}
	d.Changes = r.bulkChanges(upstreams)
	if r.Header.Get("X-Fragment") == "1" {
		return r.fragment("users", "users-list", d)
	}
	connectors, err := r.names(kindConnector)
	if err != nil {
		return err
	}
	d.Connectors, d.Filters = len(connectors), userFilterFields(selected, upstreams, connectors)
	return r.show("users", text("Users"), d)
}

// userFilterFields are the inputs above the list.
func userFilterFields(selected url.Values, upstreams, connectors []string) []field {
	any := option{Value: "", Label: text("any")}
	fields := []field{
		{Name: "method", Label: text("Login method"), Type: "select", Options: []option{any,
			{Value: "upstream", Label: text("directory")}, {Value: "internal", Label: text("password kept here")}, {Value: "none", Label: text("no login")}}},
		{Name: "upstream", Label: text("Directory"), Type: "select", Options: append([]option{any}, nameOptions(upstreams)...)},
		{Name: "connector", Label: text("Connector"), Type: "select", Options: append([]option{any}, nameOptions(connectors)...)},
		{Name: "state", Label: text("State"), Type: "select", Options: []option{any, {Value: "enabled", Label: text("may log in")},
			{Value: "disabled", Label: text("disabled")}, {Value: "changed", Label: text("changed by hand")}, {Value: "removed", Label: text("removed from the source")}}},
		{Name: "group", Label: text("Group")},
	}
	for i := range fields {
		fields[i].Value = selected.Get(fields[i].Name)
	}
	return fields
}

// nameOptions are options that read as they are called.
func nameOptions(names []string) []option {
	var out []option
	for _, n := range names {
		out = append(out, named(n, n))
	}
	return out
}

// listAddress is where a part of a list is.
func listAddress(path string, selected url.Values, after string) string {
	query := url.Values{}
	for key, values := range selected {
		query[key] = values
	}
	if after != "" {
		query.Set("after", after)
	}
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}

// names returns the names of the objects of a kind.
func (r *request) names(kind admin.Kind) ([]string, error) {
	documents, err := documentsOf[struct{ Name string }](r.Context(), r.page.api, kind)
	var names []string
	for _, d := range documents {
		names = append(names, d.Name)
	}
	return names, err
}

// documentsOf returns all objects of a kind.
func documentsOf[T any](ctx context.Context, api *admin.Client, kind admin.Kind) ([]T, error) {
	documents, err := api.List(ctx, kind, admin.ListOptions{})
	if err != nil {
		return nil, err
	}
	return decoded[T](documents)
}

// decoded reads documents.
func decoded[T any](documents []admin.Document) ([]T, error) {
	out := make([]T, len(documents))
	for i, d := range documents {
		if err := json.Unmarshal(d, &out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}
