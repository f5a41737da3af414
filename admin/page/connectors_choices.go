package page

import (
	"maps"
	"slices"
	"strings"
)

// What is chosen in one field decides which others count; the style hides the rest.

// nameFields are what it is called and where its entries go.
func (f *connectorForm) nameFields() []connectorField {
	var fields []connectorField
	width := ""
	if f.New() {
		width = "half"
		fields = append(fields, connectorField{field: field{Name: "name", Label: text("Name"), Class: "half", Required: true, Placeholder: "staff",
			Help: text("What you call it, such as staff: letters, digits, - and _.")}})
	}
	fields = append(fields, connectorField{field: field{Name: "target", Label: text("Imports into"), Class: width, Type: "select", Options: f.targets(), Value: f.newTarget(),
		Help: text("Where the entries go.")}, Default: f.defaultTarget()})
	if f.Template.Target == "phonebook" {
		fields = append(fields,
			connectorField{field: field{Name: "target.new", Label: text("Name of the new phonebook"), Class: "half when-new", Placeholder: "customers", Value: f.typed.Get("target.new"),
				Help: text("Short, such as customers: phones have it in their settings.")}, Only: "new"},
			connectorField{field: field{Name: "target.readers", Label: text("Who may read it"), Class: "half when-new", Type: "select", Value: f.typed.Get("target.readers"),
				Options: []option{{Value: "authenticated", Label: text("whoever is logged in")}, {Value: "everyone", Label: text("everyone, without login where that is allowed")}},
				Help:    text("Phones usually log in with a device. It can be changed later.")}, Only: "new", Default: "authenticated"})
	}
	return fields
}

func (f *connectorForm) defaultTarget() string {
	switch {
	case f.Template.Target != "phonebook":
		return f.Template.Target
	case len(f.lists.phonebooks) > 0:
		return targetPhonebook + f.lists.phonebooks[0]
	}
	return "new"
}

// newTarget keeps the choice of a new phonebook.
func (f *connectorForm) newTarget() string {
	if f.newPhonebook() != "" || f.typed.Get("target") == "new" && f.typed.Get("target.new") == "" {
		return "new"
	}
	return ""
}

const targetPhonebook = "phonebook/"

func (f *connectorForm) targets() []option {
	switch f.Template.Target {
	case "users":
		return []option{{Value: "users", Label: text("Users")}}
	case "speeddials":
		return []option{{Value: "speeddials", Label: text("Speed dials")}}
	}
	var options []option
	for _, name := range f.lists.phonebooks {
		options = append(options, named(targetPhonebook+name, f.lang.translate(text("Phonebook %s"), name)))
	}
	return append(options, option{Value: "new", Label: text("a new phonebook")})
}

// placeField chooses where a file lies.
func (f *connectorForm) placeField() connectorField {
	return connectorField{field: field{Name: "place", Label: text("Where the file lies"), Type: "select", Value: f.place(f.doc),
		Options: []option{{Value: "path", Label: text("on this server")}, {Value: "share", Label: text("on a Windows share")}, {Value: "url", Label: text("behind a web address")}},
		Help:    text("It is fetched anew for each import.")}}
}

func (f *connectorForm) place(d connectorDocument) string {
	of := asMap(d.at("source." + f.Source))
	switch {
	case of["url"] != nil:
		return "url"
	case of["share"] != nil:
		return "share"
	}
	return "path"
}

// setPlace takes out what belongs to other places.
func (f *connectorForm) setPlace(place string) {
	at := "source." + f.Source
	if place != "share" {
		f.doc.remove(at + ".share")
	}
	if place != "url" {
		for _, key := range []string{".url", ".username", ".password", ".token", ".tls"} {
			f.doc.remove(at + key)
		}
	}
	switch {
	case place == "url":
		f.doc.remove(at + ".path")
		if f.doc.at(at+".url") == nil {
			f.doc.set(at+".url", "")
		}
	case place == "share" && f.doc.at(at+".share") == nil:
		f.doc.set(at+".share", map[string]any{})
	}
}

func (f *connectorForm) modeField() connectorField {
	return connectorField{field: field{Name: "mode", Label: text("What is gone from the source"), Type: "select",
		Options: []option{{Value: "mirror", Label: text("is removed here, too (mirror)")}, {Value: "update", Label: text("stays here (update)")}},
		Help:    text("Only what this connector made is ever removed, and a source that fails or is empty removes nothing.")}, Default: "mirror"}
}

// loginFields are how users log in.
func (f *connectorForm) loginFields() []connectorField {
	if f.Template.Target != "users" {
		return nil
	}
	var options []option
	if isDirectory(f.Source) {
		options = append(options, option{Value: "directory", Label: text("with their password of this directory")})
	}
	if len(f.lists.upstreams) > 0 || f.login(f.doc) == "upstream" {
		options = append(options, option{Value: "upstream", Label: text("with the password of a directory that is set up already")})
	}
	options = append(options, option{Value: "internal", Label: text("with a password that is kept here")}, option{Value: "none", Label: text("not at all: they only have numbers")})
	return []connectorField{
		{field: field{Name: "login", Label: text("How these users log in"), Type: "select", Options: options, Value: f.login(f.doc),
			Help: text("The first choice sets up all that is needed: the directory checks each password.")}},
		{field: field{Name: "authentication.upstream", Label: text("Directory"), Class: "half when-upstream", Type: "select", Options: sameOptions(f.lists.upstreams...),
			Help: text("One of those under Authentication.")}, Only: "upstream"},
		{field: field{Name: "authentication.dn", Label: text("Column of the DN"), Class: "half when-upstream", List: "columns", Placeholder: "dn",
			Help: text("Where each user's DN in that directory stands; none to use its template instead.")}, Only: "upstream"},
	}
}

// login is the choice that a document stands for.
func (f *connectorForm) login(d connectorDocument) string {
	if d.at("authentication") == true {
		return "directory"
	}
	return shownValue(d.at("authentication.method"), "none")
}

func (f *connectorForm) setLogin(login string) {
	switch {
	case login == f.login(f.base):
	case login == "directory":
		f.doc.set("authentication", true)
	default:
		f.doc.set("authentication", map[string]any{"method": login})
	}
}

// schedules are those that can be chosen by name.
var schedules = []option{
	{Value: "", Label: text("by hand only")},
	{Value: "*/15 * * * *", Label: text("every 15 minutes")},
	{Value: "*/30 * * * *", Label: text("every 30 minutes")},
	{Value: "0 * * * *", Label: text("every hour")},
	{Value: "0 6 * * *", Label: text("every day at 6:00")},
	{Value: "0 6 * * 1-5", Label: text("from Monday to Friday at 6:00")},
	{Value: "0 2 * * 0", Label: text("every Sunday at 2:00")},
}

const customSchedule = "custom"

func (f *connectorForm) scheduleFields() []connectorField {
	schedule := f.doc.value("schedule")
	chosen := schedule
	if !slices.ContainsFunc(schedules, func(o option) bool { return o.Value == schedule }) || f.typed.Get("when") == customSchedule {
		chosen = customSchedule
	}
	return []connectorField{
		{field: field{Name: "when", Label: text("When it runs"), Class: "half", Type: "select", Value: chosen, Options: append(slices.Clone(schedules), option{Value: customSchedule, Label: text("another time")}),
			Help: text("It can always be started by hand as well.")}},
		{field: field{Name: "schedule", Label: text("Schedule"), Class: "half code when-custom", Placeholder: "30 5 * * 1-5",
			Help: text("Minute, hour, day, month, weekday, such as 30 5 * * 1-5; or @every 45m.")}, Only: customSchedule},
	}
}

// scheduleWords says when a schedule runs; empty where it has no name.
func scheduleWords(schedule string) text {
	for _, o := range schedules {
		if o.Value == schedule {
			return o.Label
		}
	}
	return ""
}

// chosen are the values of connectorField.Only that count for what was typed.
func (f *connectorForm) chosen() map[string]bool {
	place, when := f.typed.Get("place"), f.typed.Get("when")
	return map[string]bool{
		"url": place == "url", "share": place == "share", "path": place != "url",
		"upstream": f.typed.Get("login") == "upstream", customSchedule: when == customSchedule,
	}
}

// newPhonebook is the name of a phonebook that is to be made; empty for none.
func (f *connectorForm) newPhonebook() string {
	if f.typed.Get("target") != "new" {
		return ""
	}
	name := strings.TrimSpace(f.typed.Get("target.new"))
	if slices.Contains(f.lists.phonebooks, name) {
		return ""
	}
	return name
}

func sortedKeys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }
