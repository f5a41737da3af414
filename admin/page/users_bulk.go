package page

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/dialtree/dialtree/admin"
)

// maxBulk is how many users the API changes at once.
const maxBulk = 50000

// choiceOf writes a login method as the value of an option.
func choiceOf(method, upstream string) string {
	if method == "upstream" {
		return "upstream:" + upstream
	}
	return method
}

// authOf reads what choiceOf wrote.
func authOf(choice string) admin.NewAuth {
	method, upstream, _ := strings.Cut(choice, ":")
	return admin.NewAuth{Method: method, Upstream: upstream}
}

// methodOptions are the login methods that a user can have.
func (r *request) methodOptions(upstreams []string) []option {
	var out []option
	for _, u := range upstreams {
		out = append(out, named(choiceOf("upstream", u), string(r.translated(text("Directory %s"), u))))
	}
	return append(out, option{Value: "internal", Label: text("Password kept here")}, option{Value: "none", Label: text("No login")})
}

// translated returns a text in the language of the request, for what names stand in.
func (r *request) translated(t text, arguments ...any) text {
	for _, l := range languages() {
		if l.Code == r.lang {
			t = text(l.translate(t, arguments...))
		}
	}
	return t
}

// bulkChanges are what can be made of many users.
func (r *request) bulkChanges(upstreams []string) []option {
	return append(r.methodOptions(upstreams), option{Value: "enable", Label: text("Allow the login")}, option{Value: "disable", Label: text("Disable the login")})
}

// bulkData is a change of many users, before it is made or after.
type bulkData struct {
	Change   string
	Label    text
	Users    []string // the checked ones; none: all that Selected selects
	Selected url.Values
	Count    int
	Result   *admin.BulkResult
	Done     bool
	Moved    bool // other users match than when the change was shown
	Back     string
}

// MoreSkipped is how many were skipped beside those that are shown.
func (d bulkData) MoreSkipped() int { return len(d.Result.Skipped) - len(d.Skipped()) }

// Skipped are those that are shown of the skipped users.
func (d bulkData) Skipped() []admin.SkippedUser {
	return d.Result.Skipped[:min(len(d.Result.Skipped), 100)]
}

// bulk shows what a change of many users would do, and with its confirmation does it.
func (r *request) bulk() error {
	if err := r.ParseForm(); err != nil {
		return &admin.Problem{Status: http.StatusBadRequest, Detail: "the form cannot be read"}
	}
	d := bulkData{Change: r.PostFormValue("change"), Users: r.PostForm["user"], Selected: r.selected()}
	d.Back = listAddress("/users", d.Selected, "")
	if r.PostFormValue("all") == "true" {
		d.Users = nil
	} else if len(d.Users) == 0 {
		return &admin.Problem{Status: http.StatusUnprocessableEntity, Detail: string(text("No user is chosen: go back, check some, then try again."))}
	}
	b, err := d.request(r.Context(), r.page.api)
	if err != nil {
		return err
	}
	d.Count = len(b.Users)
	confirmed := r.PostFormValue("confirm")
	b.DryRun = confirmed != fmt.Sprint(d.Count)
	d.Done, d.Moved = !b.DryRun, b.DryRun && confirmed != ""
	if d.Result, err = r.page.api.ChangeUsers(r.Context(), b); err != nil {
		return err
	}
	upstreams, err := r.names(kindUpstream)
	if err != nil {
		return err
	}
	for _, o := range r.bulkChanges(upstreams) {
		if o.Value == d.Change {
			d.Label = o.Label
		}
	}
	return r.show("users-bulk", text("Change many users"), d)
}

// request is what the API is asked for.
func (d *bulkData) request(ctx context.Context, api *admin.Client) (admin.Bulk, error) {
	b := admin.Bulk{Users: d.Users}
	switch d.Change {
	case "":
		return b, &admin.Problem{Status: http.StatusUnprocessableEntity, Detail: string(text("No change is chosen: go back and choose one."))}
	case "enable", "disable":
		disabled := d.Change == "disable"
		b.Disabled = &disabled
	default:
		auth := authOf(d.Change)
		b.Auth = &auth
	}
	if len(d.Users) > 0 {
		return b, nil
	}
	var err error
	b.Users, err = selectedUsers(ctx, api, d.Selected)
	return b, err
}

// selectedUsers returns the login names of all users that are selected.
func selectedUsers(ctx context.Context, api *admin.Client, selected url.Values) ([]string, error) {
	o := listOptions(selected)
	o.Limit = 5000
	names := []string{}
	for {
		page, err := api.ListPage(ctx, kindUser, o)
		if err != nil {
			return nil, err
		}
		if page.Total > maxBulk {
			return nil, &admin.Problem{Status: http.StatusUnprocessableEntity, Detail: string(text("More than 50,000 users match: narrow the list by a filter."))}
		}
		users, err := decoded[userDocument](page.Items)
		if err != nil {
			return nil, err
		}
		for _, u := range users {
			names = append(names, u.Username)
		}
		if page.Next == "" {
			return names, nil
		}
		o.After = page.Next
	}
}
