package syncer_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer"
)

func TestCheck(t *testing.T) {
	w := newWorld(t)
	second := w.connector
	second.Name, second.After = "second", "staff"
	w.apply(&second)
	tests := []struct {
		name   string
		change func(*store.Connector)
		path   string
		want   string
	}{
		{"template", func(c *store.Connector) { c.Template = "csv-user" }, "template", `there is no template "csv-user": there is ` + templateNames()},
		{"target", func(c *store.Connector) { c.Target = "speeddials" }, "target", "the template csv-users fills users, not speeddials"},
		{"no phonebook", func(c *store.Connector) { c.Template, c.Authentication = "csv-phonebook", nil }, "target",
			"is missing: name the phonebook, as in target: phonebook/customers"},
		{"users where a phonebook is filled", func(c *store.Connector) { c.Template, c.Target = "csv-phonebook", "users" }, "target",
			"the template csv-phonebook fills a phonebook, as in phonebook/customers, not users"},
		{"contacts that log in", func(c *store.Connector) { c.Template, c.Target = "csv-phonebook", "phonebook/customers" }, "authentication", "only users log in"},
		{"unknown field", func(c *store.Connector) { c.Variables = map[string]string{"shortcode": "1"} }, "variables.shortcode", "a user has no such field"},
		{"syntax", func(c *store.Connector) { c.Variables = map[string]string{"phone": "digits(phone"} }, "variables.phone", "unexpected token EOF (position 12)"},
		{"unknown function", func(c *store.Connector) { c.Variables = map[string]string{"phone": "digit(phone)"} }, "variables.phone",
			`there is no function "digit": is it "digits"? (position 1)`},
		{"filter", func(c *store.Connector) { c.Filter = `"yes"` }, "filter", "expected bool, but got string"},
		{"schedule", func(c *store.Connector) { c.Schedule = "half past ten" }, "schedule",
			`"half past ten" is neither cron, such as "*/30 * * * *" (minute, hour, day, month, weekday), nor such as "@every 30m"`},
		{"schedule that never comes", func(c *store.Connector) { c.Schedule = "0 0 30 2 *" }, "schedule",
			`"0 0 30 2 *" is neither cron, such as "*/30 * * * *" (minute, hour, day, month, weekday), nor such as "@every 30m"`},
		{"time zone", func(c *store.Connector) { c.Timezone = "Berlin" }, "timezone", `"Berlin" is not a time zone such as Europe/Berlin`},
		{"after in a circle", func(c *store.Connector) { c.After = "second" }, "after", "each waits for the next in a circle: staff, second, staff"},
		{"schedule that comes too often", func(c *store.Connector) { c.Schedule = "@every 1s" }, "schedule", `"@every 1s" is more often than every 10s`},
		{"limit", func(c *store.Connector) { c.Limits.Removals = "many" }, "limits.removals", `"many" is neither a percentage such as "10%" nor a number such as "500"`},
		{"a list that is no pointer", func(c *store.Connector) { fromPBX("https://pbx.example.com/api")(c); c.Source.REST.List = "contacts" }, "source.rest.list",
			`"contacts" is not a JSON pointer: it begins with a slash, as in /data/contacts`},
		{"a next that is unknown", func(c *store.Connector) { fromPBX("https://pbx.example.com/api")(c); c.Source.REST.Next = "cursor" }, "source.rest.next",
			`"cursor" is none of: link, for the Link header; a JSON pointer to the URL of the next page, such as /next; ` +
				`parameters that count, such as ?page={page} or ?offset={offset}&limit=500`},
		{"another source than the template's", func(c *store.Connector) { fromPBX("https://pbx.example.com/api")(c); c.Template = "csv-phonebook" }, "source",
			"the template csv-phonebook wants source.csv or source.xlsx"},
		{"encoding", func(c *store.Connector) { c.Source.CSV.Encoding = "ebcdic" }, "source.csv.encoding",
			`"ebcdic" is not one of auto, utf-8, utf-16le, utf-16be, iso-8859-1, iso-8859-15, windows-1252, cp850, macintosh`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, csv := w.connector, *w.connector.Source.CSV
			c.Source.CSV = &csv
			tt.change(&c)
			var wrong *store.FieldError
			if err := w.syncer.Check(&c); !errors.As(err, &wrong) || wrong.Path != tt.path || wrong.Message != tt.want {
				t.Errorf("%v\nwant %s: %s", err, tt.path, tt.want)
			}
		})
	}
	for _, schedule := range []string{"*/30 * * * *", "@every 30m", "@daily", "0 6 * * mon-fri", ""} {
		c := w.connector
		c.Schedule, c.Timezone = schedule, "America/New_York"
		if err := w.syncer.Check(&c); err != nil {
			t.Errorf("%q: %v", schedule, err)
		}
	}
}

func TestNew(t *testing.T) {
	w := newWorld(t)
	for name, o := range map[string]syncer.Options{
		"no store":       {},
		"no such number": {Store: w.store, Numbers: syncer.Numbers{Country: "0"}},
		"no digits":      {Store: w.store, Numbers: syncer.Numbers{Country: "49", Trunk: "x"}},
		"metrics twice":  {Store: w.store, Registerer: w.registry},
	} {
		if _, err := syncer.New(o); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func templateNames() string {
	var names []string
	for _, t := range syncer.Templates() {
		names = append(names, t.Name)
	}
	return strings.Join(names, ", ")
}

// Each template's YAML, with a name, is a connector that works on a file as that template wants it.
func TestTemplates(t *testing.T) {
	sources := map[string][]string{
		"csv-users":      {"\xEF\xBB\xBFusername,displayname,phone", "alice,Alice Ångström,1"},
		"csv-phonebook":  {"\xEF\xBB\xBF" + classicHeader, `"Alice Ångström","1","","","","","","",""`},
		"csv-speeddials": {"\xEF\xBB\xBFshortcode,displayname,phone", "*70,Alice Ångström,1"},
	}
	for _, template := range syncer.Templates() {
		t.Run(template.Name, func(t *testing.T) {
			if template.Title == "" || template.Help == "" {
				t.Error("title or help is missing")
			}
			if source, _, _ := strings.Cut(template.Name, "-"); source != template.Source && source != "pbx" || !strings.HasSuffix(template.Name, template.Target) {
				t.Errorf("its source is %s, its target %s", template.Source, template.Target)
			}
			if i := slices.IndexFunc(template.Variables, func(v syncer.TemplateVariable) bool { return v.Field == "displayname" }); i < 0 || template.Variables[i].Expression == "" {
				t.Errorf("nothing fills the name: %v", template.Variables)
			}
			text, err := syncer.NewConnector(template.Name, "from-template")
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(text, "NAME\n") {
				t.Errorf("the name is missing:\n%s", text)
			}
			w := newWorld(t)
			c := w.applyText(text)
			if c.Name != "from-template" || c.Template != template.Name {
				t.Fatalf("%+v", c)
			}
			switch {
			case c.Source.REST != nil:
				w.importFromPBX(c)
				return
			case c.Source.CSV == nil:
				w.importFromPeer(c)
				return
			}
			source, ok := sources[template.Name]
			if !ok {
				t.Fatal("there is no source to test it with")
			}
			c.Source.CSV.Path = "users.csv"
			w.apply(c)
			w.write(source...)
			r, err := w.syncer.Import(t.Context(), "from-template", syncer.ImportOptions{})
			if err != nil || r.Run.Created != 1 {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
	if _, err := syncer.NewConnector("csv-user", "x"); err == nil || err.Error() != `template: there is no template "csv-user": there is `+templateNames() {
		t.Errorf("unknown template: %v", err)
	}
	if _, err := syncer.NewConnector("csv-users", "A name: x"); err == nil {
		t.Error("a name that is none was accepted")
	}
}

// What a template offers in comments must work once it is uncommented, and every template offers what every connector can do.
func TestTemplatesExplainEverything(t *testing.T) {
	everywhere := []string{"retain", "filter", "schedule", "timezone", "jitter", "webhook", "limits"}
	for _, template := range syncer.Templates() {
		t.Run(template.Name, func(t *testing.T) {
			text, err := syncer.NewConnector(template.Name, "from-template")
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(t)
			for _, key := range everywhere {
				with := strings.Replace(text, "\n# "+key+": ", "\n"+key+": ", 1)
				if with == text {
					t.Errorf("%s is not explained", key)
					continue
				}
				if key != "schedule" && key != "filter" {
					with = strings.Replace(with, "\n# schedule: ", "\nschedule: ", 1)
				}
				w.applyText(with)
			}
			with := uncommented(text, "# variables:", "#   ")
			if with == text {
				t.Error("variables are not explained")
			}
			if c := w.applyText(with); len(c.Variables) < 2 {
				t.Errorf("variables %v", c.Variables)
			}
		})
	}
}

// uncommented is a text with a block of comments made YAML.
func uncommented(text, head, prefix string) string {
	lines := strings.Split(text, "\n")
	i := slices.Index(lines, head)
	if i < 0 {
		return text
	}
	lines[i] = strings.TrimPrefix(lines[i], "# ")
	for i++; i < len(lines) && strings.HasPrefix(lines[i], prefix); i++ {
		lines[i] = strings.TrimPrefix(lines[i], "# ")
	}
	return strings.Join(lines, "\n")
}

// applyText applies the documents of a template and returns the connector among them.
func (w *world) applyText(text string) *store.Connector {
	w.t.Helper()
	var c *store.Connector
	for text := range strings.SplitSeq(text, "\n---\n") {
		var head struct{ Kind store.ObjectKind }
		if err := yaml.Unmarshal([]byte(text), &head); err != nil {
			w.t.Fatal(err)
		}
		switch head.Kind {
		case store.ObjectPhonebook:
			var document struct {
				Kind            string
				store.Phonebook `yaml:",inline"`
			}
			w.decode(text, &document)
			w.apply(&document.Phonebook)
		case store.ObjectConnector:
			var document struct {
				Kind            string
				store.Connector `yaml:",inline"`
			}
			// The admin side sets up the upstream for it.
			w.decode(strings.Replace(text, "\nauthentication: true\n", "\n", 1), &document)
			c = &document.Connector
			if err := w.syncer.Check(c); err != nil {
				w.t.Fatal(err)
			}
		default:
			w.t.Fatalf("a document of kind %q", head.Kind)
		}
	}
	if c == nil {
		w.t.Fatal("there is no connector")
	}
	return c
}

func (w *world) decode(text string, into any) {
	w.t.Helper()
	dec := yaml.NewDecoder(strings.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(into); err != nil {
		w.t.Fatal(err)
	}
}

// A field that the template forgets would be ignored silently.
func TestTemplatesHaveEveryField(t *testing.T) {
	for template, kind := range map[string]store.Kind{"csv-users": store.KindUser, "csv-phonebook": store.KindContact, "csv-speeddials": store.KindSpeedDial} {
		t.Run(template, func(t *testing.T) {
			w := newWorld(t, fills(template))
			var names, values []string
			for _, f := range store.Fields() {
				if f.UsedBy(kind) != store.Unused && f.Matching != store.MatchBytes {
					names, values = append(names, f.Name), append(values, "1")
				}
			}
			w.write(strings.Join(names, ","), strings.Join(values, ","))
			r := w.done(1, 0, 0, 0, 0)
			for e, err := range w.store.Entries(t.Context(), store.Query{Owner: "staff"}) {
				if err != nil {
					t.Fatal(err)
				}
				for _, name := range names {
					if f, _ := store.FieldByName(name); f.ID != store.Password && !e.Values.Has(f.ID) {
						t.Errorf("%s is not filled", name)
					}
				}
			}
			if slices.ContainsFunc(r.Notes, func(n string) bool { return strings.HasPrefix(n, "columns that nothing uses") }) {
				t.Errorf("notes %q", r.Notes)
			}
		})
	}
}
