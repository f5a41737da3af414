package page

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/store"
)

// fieldLabels are what people call the fields of entries. A field that is new in the table shows under its
// own name until somebody adds it here.
var fieldLabels = map[string]text{
	"username":       text("Login name"),
	"displayname":    text("Display name"),
	"givenname":      text("First name"),
	"surname":        text("Family name"),
	"organisation":   text("Organisation"),
	"job":            text("Job title"),
	"email":          text("E-mail"),
	"phone":          text("Telephone"),
	"mobile":         text("Mobile"),
	"homephone":      text("Private telephone"),
	"fax":            text("Fax"),
	"shortcode":      text("Short code"),
	"notes":          text("Notes"),
	"homepage":       text("Web page"),
	"customernumber": text("Customer number"),
	"label":          text("Labels"),
	"photo":          text("Picture"),
	"groups":         text("Groups"),
	"password":       text("Password"),
}

// fieldLabel is what people call a field.
func fieldLabel(name string) text {
	if label, ok := fieldLabels[name]; ok {
		return label
	}
	return text(name)
}

// entryFields are the inputs of an entry's form, made from the field table: what a picture or
// a password holds is not typed.
func entryFields(kind store.Kind) []field {
	var fields []field
	for _, f := range store.Fields() {
		use := f.UsedBy(kind)
		if use == store.Unused || f.Matching == store.MatchNone || f.Matching == store.MatchBytes {
			continue
		}
		input := field{Name: f.Name, Label: fieldLabel(f.Name), Help: text(f.Help), Required: use == store.Key, Class: "half"}
		switch {
		case f.Many:
			input.Type, input.Rows = "textarea", 2
		case f.ID == store.Notes:
			input.Type, input.Rows, input.Class = "textarea", 3, ""
		}
		fields = append(fields, input)
	}
	return fields
}

// fillFromDocument puts the values of an entry's document into its form: those of a field
// that holds many one a line.
func fillFromDocument(fields []field, document map[string]json.RawMessage) error {
	for i := range fields {
		raw, ok := document[fields[i].Name]
		if !ok {
			continue
		}
		var one string
		var many []string
		if json.Unmarshal(raw, &one) == nil {
			fields[i].Value = one
			continue
		}
		if err := json.Unmarshal(raw, &many); err != nil {
			return fmt.Errorf("read %s of the entry: %w", fields[i].Name, err)
		}
		fields[i].Value = strings.Join(many, "\n")
	}
	return nil
}

// documentFromForm returns the document with what the form holds in place of its fields. What the
// form does not show stays. An input that was emptied is sent empty: what a document leaves out keeps
// its value where a connector made the entry.
func documentFromForm(fields []field, old map[string]json.RawMessage) (map[string]json.RawMessage, error) {
	document := maps.Clone(old)
	if document == nil {
		document = map[string]json.RawMessage{}
	}
	for _, f := range fields {
		if _, had := old[f.Name]; !had && f.Value == "" {
			continue
		}
		var value any = f.Value
		if known, ok := store.FieldByName(f.Name); ok && known.Many {
			value = append([]string{}, typedLines(f.Value)...)
		}
		raw, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		document[f.Name] = raw
	}
	return document, nil
}

// An entryForm is the form of one entry.
type entryForm struct {
	Kind      string
	ID        string // empty for a new one
	Phonebook string // of a contact
	Up        string
	UpLabel   string
	Tag       string
	Fields    []field
	Problem   *admin.Problem
	Origin    *admin.Origin
	Changed   bool // somebody else changed it while the form was filled in
}

// Hand tells whether a value was changed by hand in an entry that a connector made.
func (f entryForm) Hand() []admin.OriginValue {
	if f.Origin == nil || f.Origin.Connector == "" {
		return nil
	}
	var hand []admin.OriginValue
	for _, v := range f.Origin.Values {
		if v.From == "hand" {
			hand = append(hand, v)
		}
	}
	return hand
}

// Label is fieldLabel for the template.
func (entryForm) Label(name string) text { return fieldLabel(name) }

// readEntry returns an entry's document by its keys.
func (r *request) readEntry(kind admin.Kind, name string) (map[string]json.RawMessage, string, error) {
	raw, tag, err := r.page.api.GetTagged(r.Context(), kind, name)
	if err != nil {
		return nil, "", err
	}
	var document map[string]json.RawMessage
	err = json.Unmarshal(raw, &document)
	return document, tag, err
}

// saveEntry stores what a form holds; a problem comes back in the form.
func (r *request) saveEntry(kind admin.Kind, form *entryForm, old map[string]json.RawMessage) (*admin.Applied, error) {
	fill(form.Fields, r.Request)
	form.Tag = r.PostFormValue("tag")
	document, err := documentFromForm(form.Fields, old)
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(document)
	if err != nil {
		return nil, err
	}
	done, err := r.page.api.Put(r.Context(), kind, form.ID, raw, admin.PutOptions{IfMatch: form.Tag, New: form.ID == ""})
	if problem, ok := problemOf(err); ok {
		form.Changed = problem.Status == http.StatusPreconditionFailed
		form.Problem = blame(form.Fields, problem, nil)
		if form.Problem == nil {
			form.Problem = &admin.Problem{Status: problem.Status, Detail: string(lookBelow)}
		}
		return nil, nil
	}
	return done, err
}

// lookBelow stands above a form whose mistakes are beside its inputs.
const lookBelow = text("Nothing was saved: see what is marked below.")
