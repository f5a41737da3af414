package page

import (
	"encoding/json"
	"net/http"

	"github.com/dialtree/dialtree/admin"
)

// newUser is an empty form.
func (r *request) newUser(upstreams []string) *userForm {
	return &userForm{Path: "/users", Fields: userInputs(""), Login: append([]field{r.loginField(upstreams, "internal")}, newUserPassword()...)}
}

// newUserPassword takes the password of a new user, which only a password kept here needs.
func newUserPassword() []field {
	fields := newPassword("")
	for i := range fields {
		fields[i].Required = false
	}
	fields[0].Help = text("Only for a password kept here. Without one, nobody can log in until it is set.")
	return fields
}

func (r *request) showNewUser() error {
	upstreams, err := r.names(kindUpstream)
	if err != nil {
		return err
	}
	return r.show("user-form", text("Add a user"), r.newUser(upstreams))
}

func (r *request) createUser() error {
	upstreams, err := r.names(kindUpstream)
	if err != nil {
		return err
	}
	f := r.newUser(upstreams)
	fill(f.Fields, r.Request)
	fill(f.Login, r.Request)
	document, err := r.newUserDocument(f)
	if err != nil {
		return r.userProblem(f, err, text("Add a user"))
	}
	applied, err := r.page.api.Put(r.Context(), kindUser, "", document, admin.PutOptions{New: true})
	if err != nil {
		return r.userProblem(f, err, text("Add a user"))
	}
	return r.redirect(userPath(applied.Name), "created")
}

// newUserDocument is what was typed into the form of a new user.
func (r *request) newUserDocument(f *userForm) (admin.Document, error) {
	kind := map[string]json.RawMessage{"kind": json.RawMessage(`"user"`)}
	document, err := documentFromForm(f.Fields, kind)
	if err != nil {
		return nil, err
	}
	password := r.PostFormValue("password")
	if password != r.PostFormValue("again") {
		return nil, &admin.Problem{Status: http.StatusUnprocessableEntity, Errors: []admin.ProblemDetail{{
			Location: "password", Message: string(passwordsDiffer)}}}
	}
	more := map[string]any{"auth": authOf(r.PostFormValue("choice"))}
	if password != "" {
		more["password"] = password
	}
	for key, value := range more {
		raw, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		document[key] = raw
	}
	return json.Marshal(document)
}
