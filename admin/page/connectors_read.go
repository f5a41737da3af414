package page

import (
	"net/url"
	"strings"
)

// read puts what was typed into the document. What was not changed stays as it is stored, with keys
// that the form does not show, and secrets that it never does.
func (f *connectorForm) read(typed url.Values) {
	f.typed = typed
	f.doc = f.base.clone()
	if isFile(f.Source) {
		f.setPlace(typed.Get("place"))
	}
	if typed.Has("login") {
		f.setLogin(typed.Get("login"))
	}
	chosen := f.chosen()
	for _, c := range f.Fields {
		if c.Only == "" || chosen[c.Only] {
			f.readField(c)
		}
	}
	for _, v := range f.Variables {
		f.readField(connectorField{field: v.field})
	}
	f.readTarget()
	if when := typed.Get("when"); typed.Has("when") && when != customSchedule && when != f.base.value("schedule") {
		f.put("schedule", typedValue(valueText, when))
	}
	if f.doc.value("webhook.url") == "" {
		f.doc.remove("webhook")
	}
	if source := "source." + f.Source; f.doc.at(source) == nil {
		f.doc.set(source, map[string]any{}) // so that the API says which of its keys is missing
	}
	f.draw()
}

// choices are the fields that stand for several keys, or for none.
var choices = map[string]bool{"place": true, "login": true, "when": true, "target": true, "target.new": true, "target.readers": true}

func (f *connectorForm) readField(c connectorField) {
	if choices[c.Name] || strings.HasSuffix(c.Name, removal) || c.Kind != valueBool && !f.typed.Has(c.Name) {
		return
	}
	typed := strings.ReplaceAll(f.typed.Get(c.Name), "\r\n", "\n")
	switch {
	case c.Kind == valueBool:
		f.readBool(c, typed == "true")
	case c.Kind == valueSecret:
		f.readSecret(c, typed)
	case typed == shownValue(f.base.at(c.Name), c.Default): // even with blanks that are a mistake
	case c.Type == "select": // a delimiter may be a tab
		f.put(c.Name, typedValue(c.Kind, typed))
	default:
		f.put(c.Name, typedValue(c.Kind, strings.TrimSpace(typed)))
	}
}

// readSecret takes a secret as it was typed: one may begin or end with a blank.
func (f *connectorForm) readSecret(c connectorField, typed string) {
	switch {
	case typed != "":
		f.doc.set(c.Name, typedSecret(typed))
	case f.typed.Get(c.Name+removal) == "true":
		f.doc.remove(c.Name)
	}
}

func (f *connectorForm) readBool(c connectorField, typed bool) {
	before := shownValue(f.base.at(c.Name), c.Default) == "true"
	switch {
	case typed == before:
	case !typed && c.Default == "":
		f.doc.remove(c.Name)
	default:
		f.doc.set(c.Name, typed)
	}
}

func (f *connectorForm) readTarget() {
	target := f.typed.Get("target")
	if target == "new" {
		target = targetPhonebook + strings.TrimSpace(f.typed.Get("target.new"))
	}
	switch {
	case target == "", target == f.base.value("target"):
	case f.base.at("target") == nil && target == f.Template.Target: // the template's own
	default:
		f.doc.set("target", target)
	}
}

func (f *connectorForm) put(path string, value any) {
	if value == nil {
		f.doc.remove(path)
		return
	}
	f.doc.set(path, value)
}
