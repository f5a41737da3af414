package page

import (
	"encoding/json"
	"net/http"
	"slices"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/store"
)

// userForm is the form of a user.
type userForm struct {
	Name      string // empty: a new one
	Path      string // where one comes from and returns to
	Connector string // whose user it is
	Tag       string
	Fields    []field
	Login     []field // of a new one
	Problem   *admin.Problem
	Stale     bool // somebody else changed the user meanwhile
}

// userInputs are the fields of a user. The login name of one whom a connector brought is the source's.
func userInputs(connector string) []field {
	fields := entryFields(store.KindUser)
	if connector != "" {
		fields = slices.DeleteFunc(fields, func(f field) bool { return f.Name == "username" })
	}
	return fields
}

func (r *request) editUser() error {
	document, f, err := r.storedUser()
	if err != nil {
		return err
	}
	if err := fillFromDocument(f.Fields, document); err != nil {
		return err
	}
	return r.showNamed("user-form", text("Edit"), f.Name, f)
}

// storedUser reads the user that the path names, for an empty form.
func (r *request) storedUser() (map[string]json.RawMessage, *userForm, error) {
	raw, tag, err := r.page.api.GetTagged(r.Context(), kindUser, r.PathValue("name"))
	if err != nil {
		return nil, nil, err
	}
	var document map[string]json.RawMessage
	if err := json.Unmarshal(raw, &document); err != nil {
		return nil, nil, err
	}
	var u userDocument
	if err := json.Unmarshal(raw, &u); err != nil {
		return nil, nil, err
	}
	return document, &userForm{Name: u.Username, Path: u.Path(), Connector: u.Connector, Tag: tag, Fields: userInputs(u.Connector)}, nil
}

func (r *request) saveUser() error {
	document, f, err := r.storedUser()
	if err != nil {
		return err
	}
	f.Tag = r.PostFormValue("tag")
	fill(f.Fields, r.Request)
	document, err = documentFromForm(f.Fields, document)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(document)
	if err != nil {
		return err
	}
	applied, err := r.page.api.Put(r.Context(), kindUser, r.PathValue("name"), raw, admin.PutOptions{IfMatch: f.Tag})
	if err != nil {
		return r.userProblem(f, err, text("Edit"))
	}
	return r.redirect(userPath(applied.Name), "saved")
}

// userProblem shows a user's form again with what was typed and what is wrong with it.
func (r *request) userProblem(f *userForm, err error, title text) error {
	problem, ok := problemOf(err)
	if !ok {
		return err
	}
	if f.Stale = problem.Status == http.StatusPreconditionFailed && f.Name != ""; !f.Stale {
		all := slices.Concat(f.Fields, f.Login)
		f.Problem = blame(all, problem, map[string]string{"choice": "auth"})
		f.Fields, f.Login = all[:len(f.Fields)], all[len(f.Fields):]
		if f.Problem == nil {
			f.Problem = &admin.Problem{Status: problem.Status, Detail: string(lookBelow)}
		}
	}
	r.renderView(problem.Status, "user-form", &view{Title: title, Name: f.Name, Data: f})
	return nil
}
