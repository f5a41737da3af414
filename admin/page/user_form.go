package page

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/dialtree/dialtree/admin"
)

// A userField is a field of users that a form edits.
type userField struct {
	name  string
	label text
	help  text
	many  bool // one value a line
	class string
}

// userFields returns the fields of users in the order of forms. A picture is kept, and brought by connectors alone.
func userFields() []userField {
	return []userField{
		{"username", text("Login name"), text("What phones and people log in with, such as alice. Unique, whatever its case."), false, "half"},
		{"displayname", text("Display name"), text("The name that phones show. Left empty: family name, first name."), false, "half"},
		{"givenname", text("First name"), "", false, "half"},
		{"surname", text("Family name"), "", false, "half"},
		{"organisation", text("Organisation"), "", false, "half"},
		{"job", text("Job title"), "", false, "half"},
		{"phone", text("Phone numbers"), text("One a line, such as 30000 or +49 30 1234567. The first is the one that is shown."), true, "half"},
		{"mobile", text("Mobile numbers"), text("One a line."), true, "half"},
		{"homephone", text("Private numbers"), text("One a line."), true, "half"},
		{"fax", text("Fax numbers"), text("One a line."), true, "half"},
		{"email", text("E-mail addresses"), text("One a line."), true, "half"},
		{"groups", text("Groups"), text("One a line. Readers of a phonebook can be a group."), true, "half"},
		{"homepage", text("Web page"), "", false, "half"},
		{"customernumber", text("Customer number"), "", false, "half"},
		{"label", text("Labels"), text("One a line: words to group entries by."), true, "half"},
		{"notes", text("Notes"), text("Anything else worth knowing."), false, ""},
	}
}

// userFieldLabel is what people call a field.
func userFieldLabel(name string) text {
	for _, f := range userFields() {
		if f.name == name {
			return f.label
		}
	}
	if name == "photo" {
		return text("Picture")
	}
	return text(name)
}

// userForm is the form of a user.
type userForm struct {
	Name      string // empty: a new one
	Path      string // of what one returns to
	Connector string // whose user it is
	Tag       string
	Fields    []field
	Login     []field // of a new one
	Problem   *admin.Problem
	Stale     bool // somebody else changed the user meanwhile
}

// inputs are the inputs of a user's form with the values of a document.
func inputs(document map[string]json.RawMessage, connector string) []field {
	var fields []field
	for _, f := range userFields() {
		if f.name == "username" && connector != "" {
			continue // it says which record of the source the user is
		}
		in := field{Name: f.name, Label: f.label, Help: f.help, Class: f.class, Required: f.name == "username", Value: strings.Join(values(document[f.name]), "\n")}
		switch {
		case f.many:
			in.Type, in.Rows = "textarea", max(2, strings.Count(in.Value, "\n")+1)
		case f.name == "notes":
			in.Type, in.Rows = "textarea", 3
		}
		fields = append(fields, in)
	}
	return fields
}

// values reads the values of a key, whether they are one or many.
func values(raw json.RawMessage) []string {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		if one == "" {
			return nil
		}
		return []string{one}
	}
	var many []string
	if json.Unmarshal(raw, &many) != nil {
		return nil
	}
	return many
}

// lines returns the lines of a text that hold something.
func lines(s string) []string {
	out := []string{}
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out
}

// set puts what was typed into a document. A field that is empty is sent as such: left out, it would keep what a
// connector brought.
func set(document map[string]json.RawMessage, fields []field) error {
	many := map[string]bool{}
	for _, f := range userFields() {
		many[f.name] = f.many
	}
	for _, f := range fields {
		var value any = strings.ReplaceAll(f.Value, "\r\n", "\n")
		if many[f.Name] {
			value = lines(f.Value)
		}
		if _, had := document[f.Name]; f.Value == "" && !had {
			continue
		}
		raw, err := json.Marshal(value)
		if err != nil {
			return err
		}
		document[f.Name] = raw
	}
	return nil
}

func (r *request) editUser() error {
	document, f, err := r.storedUser()
	if err != nil {
		return err
	}
	f.Fields = inputs(document, f.Connector)
	return r.showNamed("user-form", text("Edit"), f.Name, f)
}

// storedUser reads the user that the path names, for its form.
func (r *request) storedUser() (map[string]json.RawMessage, *userForm, error) {
	raw, tag, err := r.page.api.GetTagged(r.Context(), kindUser, r.PathValue("name"))
	if err != nil {
		return nil, nil, err
	}
	var document map[string]json.RawMessage
	var u userDocument
	if err := json.Unmarshal(raw, &document); err != nil {
		return nil, nil, err
	}
	if err := json.Unmarshal(raw, &u); err != nil {
		return nil, nil, err
	}
	return document, &userForm{Name: u.Username, Path: u.Path(), Connector: u.Connector, Tag: tag}, nil
}

func (r *request) saveUser() error {
	document, f, err := r.storedUser()
	if err != nil {
		return err
	}
	f.Tag = r.PostFormValue("tag")
	f.Fields = inputs(document, f.Connector)
	fill(f.Fields, r.Request)
	if err := set(document, f.Fields); err != nil {
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
		all := append(f.Fields, f.Login...)
		f.Problem = blame(all, problem, map[string]string{"choice": "auth"})
		f.Fields, f.Login = all[:len(f.Fields)], all[len(f.Fields):]
	}
	r.renderView(problem.Status, "user-form", &view{Title: title, Name: f.Name, Data: f})
	return nil
}
