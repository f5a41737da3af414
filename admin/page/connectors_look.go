package page

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/dialtree/dialtree/admin"
)

// lookedAt is how many records a form shows: each keystroke in a variable asks for them again.
const lookedAt = 5

// A look is what a connector that is being filled in sees of its source.
type look struct {
	admin.SourceLook
	Wrong   []wrongField // what the API had against the connector
	Problem *admin.Problem
}

// A wrongField is a mistake in a field of the form.
type wrongField struct {
	Label   text
	Message string
}

// OK tells whether records were seen.
func (l *look) OK() bool { return l.Problem == nil && len(l.Wrong) == 0 && l.Error == "" }

// Expressions are the columns as expressions name them.
func (l *look) Expressions() []string {
	out := make([]string, len(l.Columns))
	for i, c := range l.Columns {
		out[i] = columnExpression(c)
	}
	return out
}

var plainColumn = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$`)

// columnExpression is the expression that gives a column's value. What is more than a name is quoted.
func columnExpression(column string) string {
	if plainColumn.MatchString(column) {
		return column
	}
	return "col(" + strconv.Quote(column) + ")"
}

// lookDocument is the connector to look with. What it is called and how its users log in do not matter to
// a look, and may not be there yet.
func (f *connectorForm) lookDocument() (admin.Document, error) {
	d := f.doc.clone()
	if d.value("name") == "" {
		d.set("name", "new")
	}
	if d.at("authentication") == true {
		d.remove("authentication")
	}
	if f.Template.Target == "phonebook" && (f.typed.Get("target") == "new" || d.value("target") == "") {
		d.set("target", targetPhonebook+"new")
	}
	return d.document()
}

// lookAtSource answers with what the form as it is now sees of its source.
func (r *request) lookAtSource(f *connectorForm) error {
	document, err := f.lookDocument()
	if err != nil {
		return err
	}
	seen, err := r.page.api.LookAtSource(r.Context(), document, lookedAt)
	problem, ok := problemOf(err)
	if err != nil && !ok {
		return err
	}
	f.Look = &look{}
	if ok {
		f.blame(problem)
		f.Look.Problem, f.Look.Wrong = f.Problem, f.wrong()
		f.Problem = nil // it is told where the records would be
	} else {
		f.Look.SourceLook = *seen
	}
	if r.Header.Get("X-Fragment") == "1" {
		return r.fragment("connector-form", "look", f)
	}
	return r.showForm(http.StatusOK, f)
}

// wrong lists the fields that have an error.
func (f *connectorForm) wrong() []wrongField {
	var out []wrongField
	for _, c := range f.Fields {
		if c.Error != "" {
			out = append(out, wrongField{c.Label, c.Error})
		}
	}
	for _, v := range f.Variables {
		if v.Error != "" {
			out = append(out, wrongField{v.Label, v.Error})
		}
	}
	return out
}

// Sample is what the first record that counts gives a field.
func (f *connectorForm) Sample(target string) string {
	if f.Look == nil {
		return ""
	}
	for _, record := range f.Look.Records {
		for _, v := range record.Entry {
			if v.Name == target {
				return shortened(strings.Join(v.Values, ", "), maxLooked)
			}
		}
	}
	return ""
}

// RecordError is what is wrong with the first record whose reject names a field.
func (f *connectorForm) RecordError(target string) string {
	if f.Look == nil {
		return ""
	}
	for _, record := range f.Look.Records {
		if record.Reason != "" && record.Column == target {
			return fmt.Sprintf("%d: %s", record.Row, record.Reason)
		}
	}
	return ""
}

// shortened cuts a value that is longer than so many runes.
func shortened(s string, most int) string {
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return s
}

// maxLooked bounds a value of a record, in runes.
const maxLooked = 200

// functionWords are the functions of variables and filters with an example each, as docs/operations.md has them.
var functionWords = []struct {
	Example string
	Help    text
}{
	{`first(mobile, phone)`, text("the first that is not empty")},
	{`default(displayname, surname + ", " + givenname)`, text("the second where the first is empty")},
	{`e164(phone)`, text("a number as +49 30 1234 without blanks")},
	{`digits(phone)`, text("the digits alone")},
	{`prefix(phone, "0")`, text("with this in front, where there is anything")},
	{`replace(phone, "/", "")`, text("one text in place of another")},
	{`lower(username)`, text("in small letters; upper for capitals")},
	{`trim(displayname)`, text("without blanks at the ends")},
	{`truncate(displayname, 40)`, text("cut to so many letters")},
	{`split(groups, ";")`, text("one text into many")},
	{`join(groups, ", ")`, text("many into one text")},
	{`match(phone, "^\\+49")`, text("whether a text fits a pattern; for filters")},
	{`inGroup(groups, "Phones")`, text("whether somebody is in a group; for filters")},
	{`rdn(manager)`, text("the first part of a DN")},
	{`ou(dn)`, text("the organisational units of a DN")},
	{`col("Room number")`, text("a column whose name has blanks or dashes")},
	{`"room " + roomNumber`, text("texts put together")},
}

// Functions lists the functions that expressions may use.
func (f *connectorForm) Functions() any { return functionWords }

// Clip writes the values of a column or field, not too long.
func (f *connectorForm) Clip(values []string) string {
	return shortened(strings.Join(values, ", "), maxLooked)
}
