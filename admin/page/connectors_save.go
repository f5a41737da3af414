package page

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/dialtree/dialtree/admin"
)

func (r *request) newConnector() error {
	f, err := r.loadForm()
	if err != nil {
		return err
	}
	return r.showForm(http.StatusOK, f)
}

func (r *request) editConnector() error { return r.newConnector() }

func (r *request) showForm(status int, f *connectorForm) error {
	v := &view{Title: text("Add a connector"), Data: f}
	if !f.New() {
		v.Title, v.Name = text("Edit the connector"), f.Name
	}
	r.renderView(status, "connector-form", v)
	return nil
}

// loadForm reads what the form is about: a template, or a stored connector.
func (r *request) loadForm() (*connectorForm, error) {
	name := r.PathValue("name")
	if name == "new" {
		return r.loadNewForm()
	}
	document, tag, err := r.page.api.GetTagged(r.Context(), kindConnector, name)
	if err != nil {
		return nil, err
	}
	base, err := parseConnector(document)
	if err != nil {
		return nil, err
	}
	t, err := r.connectorTemplate(base.value("template"))
	if err != nil {
		return nil, err
	}
	lists, err := r.connectorLists(name)
	if err != nil {
		return nil, err
	}
	f := newConnectorForm(t, base, lists, r.pageLanguage())
	f.Name, f.Tag = name, tag
	f.draw()
	return f, nil
}

func (r *request) loadNewForm() (*connectorForm, error) {
	t, err := r.connectorTemplate(r.PathValue("page"))
	if err != nil {
		return nil, err
	}
	lists, err := r.connectorLists("")
	if err != nil {
		return nil, err
	}
	source := t.Source
	if isFile(source) && r.URL.Query().Get("source") == "xlsx" {
		source = "xlsx"
	}
	return newConnectorForm(t, startingConnector(t, source), lists, r.pageLanguage()), nil
}

// saveConnector takes the form, or answers with a part of it that is asked for while it is filled in.
func (r *request) saveConnector() error {
	f, err := r.loadForm()
	if err != nil {
		return err
	}
	if err := r.ParseForm(); err != nil {
		return &admin.Problem{Status: http.StatusBadRequest, Detail: "the form could not be read: " + err.Error()}
	}
	f.read(r.PostForm)
	switch r.URL.Query().Get("part") {
	case "look":
		return r.lookAtSource(f)
	case "times":
		return r.showTimes(f)
	}
	tag := r.PostForm.Get("tag")
	name, err := r.storeConnector(f, tag)
	if err == nil {
		if f.New() {
			return r.redirect(connectorPath(name), "created")
		}
		return r.redirect(connectorPath(name), "saved")
	}
	problem, ok := problemOf(err)
	if !ok {
		return err
	}
	f.Tag = tag
	if f.Stale = problem.Status == http.StatusPreconditionFailed && !f.New(); !f.Stale {
		f.blame(problem)
	}
	return r.showForm(problem.Status, f)
}

// storeConnector creates or changes the connector of a form and returns its name.
func (r *request) storeConnector(f *connectorForm, tag string) (string, error) {
	name := f.Name
	switch {
	case !f.New() && tag == "":
		return "", &admin.Problem{Status: http.StatusPreconditionFailed, Detail: "the form does not say what it changes"}
	case f.New():
		name = f.doc.value("name")
		if problem := f.nameProblem(name); problem != nil {
			return "", problem
		}
	}
	document, err := f.doc.document()
	if err != nil {
		return "", err
	}
	if f.newPhonebook() == "" && f.doc.at("authentication") != true {
		_, err = r.page.api.Put(r.Context(), kindConnector, name, document, admin.PutOptions{IfMatch: tag, New: f.New()})
		return name, err
	}
	return name, r.applyConnector(f, name, tag, document)
}

// nameProblem is what the page itself has against the name of a new connector; nil for nothing.
func (f *connectorForm) nameProblem(name string) *admin.Problem {
	var message text
	switch name {
	case "":
		message = text("Give the connector a name, such as staff.")
	case "new":
		message = text("This page itself uses that name: choose another one.")
	default:
		return nil
	}
	return &admin.Problem{Status: http.StatusUnprocessableEntity, Errors: []admin.ProblemDetail{{Location: "name", Message: f.lang.translate(message)}}}
}

// applyConnector stores a connector with what it needs in one step: a phonebook, or the upstream of its directory. Apply replaces
// whatever there is: hence the look before.
func (r *request) applyConnector(f *connectorForm, name, tag string, document admin.Document) error {
	if err := r.unchanged(f, name, tag); err != nil {
		return err
	}
	var files []admin.File
	if phonebook := f.newPhonebook(); phonebook != "" {
		text, err := json.Marshal(map[string]any{"kind": "phonebook", "name": phonebook, "readers": []string{f.typed.Get("target.readers")}})
		if err != nil {
			return err
		}
		files = append(files, admin.File{Name: phonebookFile, Text: string(text)})
	}
	_, err := r.page.api.Apply(r.Context(), append(files, admin.File{Name: "connector", Text: string(document)}), false)
	var problem *admin.Problem
	if errors.As(err, &problem) {
		for i, e := range problem.Errors {
			if e.File == phonebookFile {
				problem.Errors[i].Location = map[string]string{"readers": "target.readers"}[e.Location]
				if problem.Errors[i].Location == "" {
					problem.Errors[i].Location = "target.new"
				}
			}
		}
	}
	return err
}

// phonebookFile is what the API calls the document of a new phonebook.
const phonebookFile = "phonebook"

// unchanged fails when a connector is no longer what the form began with.
func (r *request) unchanged(f *connectorForm, name, tag string) error {
	var missing *admin.Problem
	_, now, err := r.page.api.GetTagged(r.Context(), kindConnector, name)
	if errors.As(err, &missing) && missing.Status == http.StatusNotFound {
		return nil
	}
	switch {
	case err != nil:
		return err
	case f.New():
		return &admin.Problem{Status: http.StatusPreconditionFailed, Errors: []admin.ProblemDetail{
			{Location: "name", Message: f.lang.translate(text("There is a connector of this name already: choose another one."))}}}
	case now != tag:
		return &admin.Problem{Status: http.StatusPreconditionFailed, Detail: "the connector was changed since it was read"}
	}
	return nil
}

// connectorTimes are the next times of a schedule.
type connectorTimes struct {
	*admin.NextTimes
	Problem *admin.Problem
}

// nextTimes asks when a schedule is due; nil where there is none.
func (r *request) nextTimes(ctx context.Context, schedule, timezone string) (*connectorTimes, error) {
	if schedule == "" {
		return nil, nil
	}
	next, err := r.page.api.NextTimes(ctx, schedule, timezone, 5)
	if problem, ok := problemOf(err); ok {
		return &connectorTimes{Problem: problem}, nil
	}
	return &connectorTimes{NextTimes: next}, err
}

func (r *request) showTimes(f *connectorForm) (err error) {
	if f.Times, err = r.nextTimes(r.Context(), f.doc.value("schedule"), f.doc.value("timezone")); err != nil {
		return err
	}
	if r.Header.Get("X-Fragment") == "1" {
		return r.fragment("connector-form", "schedule-times", f.Times)
	}
	return r.showForm(http.StatusOK, f)
}
