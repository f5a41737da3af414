package page

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/dialtree/dialtree/admin"
)

// userData is the page of one user.
type userData struct {
	User          userDocument
	Tag           string
	Origin        *admin.Origin
	Values        []userValue
	Logins        []login
	Throttle      *admin.ThrottledName // nil: no failed login counts
	Method        field                // the choice of the login method
	Problem       *admin.Problem
	PasswordError string // what is wrong with a new one
}

// A userValue is a field of a user with its label and where its values come from.
type userValue struct {
	admin.OriginValue
	Label text
}

// Path is where the user's page is.
func (d userData) Path() string { return d.User.Path() }

// Changed tells whether anything was changed by hand of what a connector brings.
func (d userData) Changed() bool {
	if d.Origin.Connector == "" {
		return false
	}
	for _, v := range d.Values {
		if v.From == "hand" {
			return true
		}
	}
	return d.Origin.LocalAuth
}

// loginField is the choice of the login method.
func (r *request) loginField(upstreams []string, choice string) field {
	return field{Name: "choice", Label: text("Who checks the password"), Type: "select", Options: r.methodOptions(upstreams), Value: choice,
		Help: text("A directory checks it when the phone logs in; or it is kept here, for those who are in no directory.")}
}

// PasswordFields take a new password, twice.
func (d userData) PasswordFields() []field { return newPassword(d.PasswordError) }

func newPassword(problem string) []field {
	return []field{
		{Name: "password", Label: text("New password"), Type: "password", Autocomplete: "new-password", Class: "half", Error: problem, Required: true},
		{Name: "again", Label: text("The same again"), Type: "password", Autocomplete: "new-password", Class: "half", Required: true},
	}
}

// user shows a user. amend, unless it is nil, adds what a form had wrong.
func (r *request) user(status int, amend func(*userData)) error {
	ctx, api, name := r.Context(), r.page.api, r.PathValue("name")
	document, tag, err := api.GetTagged(ctx, kindUser, name)
	if err != nil {
		return err
	}
	d := userData{Tag: tag}
	if err := json.Unmarshal(document, &d.User); err != nil {
		return err
	}
	if d.Origin, err = api.Origin(ctx, kindUser, name); err != nil {
		return err
	}
	for _, v := range d.Origin.Values {
		d.Values = append(d.Values, userValue{v, fieldLabel(v.Field)})
	}
	upstreams, err := r.names(kindUpstream)
	if err != nil {
		return err
	}
	d.Method = r.loginField(upstreams, d.User.Choice())
	logins, err := api.Logins(ctx, d.User.Username, 10)
	if err != nil {
		return err
	}
	d.Logins = loginsOf(logins)
	throttled, err := api.Throttled(ctx)
	if err != nil {
		return err
	}
	for _, t := range throttled.Users {
		if strings.EqualFold(t.Name, d.User.Username) {
			d.Throttle = &t
		}
	}
	if amend != nil {
		amend(&d)
	}
	r.renderView(status, "user", &view{Title: text("Users"), Name: d.User.Username, Data: d})
	return nil
}

// back ends a form of a user's page: with the page again, which says what was wrong, or with what was done.
func (r *request) back(err error, done string, amend func(*userData, *admin.Problem)) error {
	if err == nil {
		return r.redirect(userPath(r.PathValue("name")), done)
	}
	problem, ok := problemOf(err)
	if !ok {
		return err
	}
	return r.user(problem.Status, func(d *userData) { amend(d, problem) })
}

func (r *request) setLogin() error {
	choice := r.PostFormValue("choice")
	err := r.page.api.SetAuth(r.Context(), r.PathValue("name"), authOf(choice))
	return r.back(err, "saved", func(d *userData, p *admin.Problem) {
		d.Method.Error = sentences(p)
	})
}

func (r *request) setPassword() error {
	password := r.PostFormValue("password")
	if password != r.PostFormValue("again") {
		differ := &admin.Problem{Status: http.StatusUnprocessableEntity, Detail: string(passwordsDiffer)}
		return r.back(differ, "", func(d *userData, p *admin.Problem) { d.PasswordError = p.Detail })
	}
	err := r.page.api.SetPassword(r.Context(), r.PathValue("name"), password)
	return r.back(err, "passwordset", func(d *userData, p *admin.Problem) { d.PasswordError = sentences(p) })
}

// sentences says a problem beside the one input that it is about.
func sentences(p *admin.Problem) string {
	var all []string
	for _, e := range p.Errors {
		all = append(all, e.Message)
	}
	if len(all) == 0 {
		return p.Detail
	}
	return strings.Join(all, "; ")
}

func (r *request) setState() error {
	err := r.page.api.SetEnabled(r.Context(), r.PathValue("name"), r.PostFormValue("enabled") == "true")
	return r.back(err, "saved", func(d *userData, p *admin.Problem) { d.Problem = p })
}

// giveBackUser lets the connector decide again: about the fields that the form names, or all.
func (r *request) giveBackUser() error {
	var fields []string
	if f := r.PostFormValue("field"); f != "" {
		fields = []string{f}
	}
	err := r.page.api.GiveBack(r.Context(), kindUser, r.PathValue("name"), fields)
	return r.back(err, "givenback", func(d *userData, p *admin.Problem) { d.Problem = p })
}

func (r *request) resetUser() error {
	err := r.page.api.ResetThrottle(r.Context(), "users", r.PathValue("name"))
	return r.back(err, "reset", func(d *userData, p *admin.Problem) { d.Problem = p })
}

func (r *request) deleteUser() error {
	err := r.page.api.Delete(r.Context(), kindUser, r.PathValue("name"), admin.DeleteOptions{IfMatch: r.PostFormValue("tag")})
	if err == nil {
		return r.redirect("/users", "deleted")
	}
	return r.back(err, "", func(d *userData, p *admin.Problem) {
		if d.Problem = p; p.Status == http.StatusPreconditionFailed {
			d.Problem = changedMeanwhile(text("Somebody else changed this user meanwhile: this is how the user is now."))
		}
	})
}

// changedMeanwhile is what a form says whose document was changed by somebody else.
func changedMeanwhile(t text) *admin.Problem {
	return &admin.Problem{Status: http.StatusPreconditionFailed, Detail: string(t)}
}
