package page

import (
	"net/http"
	"strings"

	"github.com/dialtree/dialtree/admin"
)

// A field is one line of a form: the template field draws it.
type field struct {
	Name         string // of the input
	Label        text
	Help         text
	Type         string // text (default), password, number, email, url, checkbox, select, textarea, date
	Value        string
	Placeholder  string // an example
	Options      []option
	List         string // the ID of a datalist with suggestions
	Autocomplete string
	Rows         int
	Required     bool
	Class        string // wide, half, third, code
	Error        string
}

// An option is a choice of a select.
type option struct {
	Value string
	Label text
	Plain bool // the label is somebody's name for something: it is not translated
}

// named is an option of what somebody gave a name, which may read like a text of the page.
func named(value, name string) option { return option{Value: value, Label: text(name), Plain: true} }

// Describes names the texts that belong to the input, for a screen reader.
func (f field) Describes() string {
	var ids []string
	if f.Help != "" {
		ids = append(ids, "h-"+f.Name)
	}
	if f.Error != "" {
		ids = append(ids, "e-"+f.Name)
	}
	return strings.Join(ids, " ")
}

// fill puts what the browser sent into fields, so that a form with a mistake comes back as it was
// typed; passwords do not.
func fill(fields []field, r *http.Request) {
	for i := range fields {
		if f := &fields[i]; f.Type != "password" {
			f.Value = strings.TrimSpace(r.PostFormValue(f.Name))
		}
	}
}

// blame puts what the API had against a form beside the inputs that it means: path of maps each input's
// name to the path of its key, where they differ. It returns the problem when anything is left to
// be said above the form.
func blame(fields []field, p *admin.Problem, path map[string]string) *admin.Problem {
	left := 0
	for _, e := range p.Errors {
		found := false
		for i := range fields {
			key := path[fields[i].Name]
			if key == "" {
				key = fields[i].Name
			}
			if e.Location == key || strings.HasPrefix(e.Location, key+"[") {
				fields[i].Error, found = e.Message, true
			}
		}
		if !found {
			left++
		}
	}
	if len(p.Errors) > 0 && left == 0 {
		return nil
	}
	return p
}
