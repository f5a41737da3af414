package store

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

func TestObjectsRefuse(t *testing.T) {
	upstream := func(change func(*Upstream)) Object {
		u := &Upstream{Name: "corp", URLs: []string{"ldap://dc1"}, BindDN: "uid=%,dc=example"}
		change(u)
		return u
	}
	search := func(change func(*UpstreamSearch)) Object {
		return upstream(func(u *Upstream) {
			u.BindDN, u.Search = "", &UpstreamSearch{Base: "dc=example", Filter: "(uid=%)"}
			change(u.Search)
		})
	}
	conn := func(change func(*Connector)) Object {
		c := connector("staff")
		change(c)
		return c
	}
	csv := func(change func(*CSVSource)) Object { return conn(func(c *Connector) { change(c.Source.CSV) }) }
	book := func(readers ...string) Object { return &Phonebook{Name: "p", Readers: readers} }
	tests := []struct {
		name   string
		object Object
		path   string // "" for a good one
		want   string
	}{
		{"upstream", upstream(func(*Upstream) {}), "", ""},
		{"no name", upstream(func(u *Upstream) { u.Name = "" }), "name", "a-z"},
		{"capital in the name", upstream(func(u *Upstream) { u.Name = "Corp" }), "name", "a-z"},
		{"dash first", upstream(func(u *Upstream) { u.Name = "-corp" }), "name", "letter or digit first"},
		{"long name", upstream(func(u *Upstream) { u.Name = strings.Repeat("a", 65) }), "name", "1 to 64"},
		{"no urls", upstream(func(u *Upstream) { u.URLs = nil }), "urls", "at least one"},
		{"http", upstream(func(u *Upstream) { u.URLs = []string{"ldap://a", "http://b"} }), "urls[1]", "ldap://HOST"},
		{"no host", upstream(func(u *Upstream) { u.URLs = []string{"ldap://:389"} }), "urls[0]", "ldap://HOST"},
		{"port 0", upstream(func(u *Upstream) { u.URLs = []string{"ldap://a:0"} }), "urls[0]", "between 1 and 65535"},
		{"port 65536", upstream(func(u *Upstream) { u.URLs = []string{"ldap://a:65536"} }), "urls[0]", "between 1 and 65535"},
		{"empty port", upstream(func(u *Upstream) { u.URLs = []string{"ldap://a:"} }), "urls[0]", "between 1 and 65535"},
		{"a path", upstream(func(u *Upstream) { u.URLs = []string{"ldap://a/dc=b"} }), "urls[0]", "must end"},
		{"credentials in the URL", upstream(func(u *Upstream) { u.URLs = []string{"ldap://u:p@a"} }), "urls[0]", "must end"},
		{"IPv6", upstream(func(u *Upstream) { u.URLs = []string{"ldaps://[::1]:636/"} }), "", ""},
		{"start_tls on ldaps", upstream(func(u *Upstream) { u.URLs[0], u.TLS.StartTLS = "ldaps://a", true }), "tls.start_tls", "TLS from the start"},
		{"no template", upstream(func(u *Upstream) { u.BindDN = "" }), "bind_dn", "is missing"},
		{"no %", upstream(func(u *Upstream) { u.BindDN = "uid=x" }), "bind_dn", "exactly one %"},
		{"two %", upstream(func(u *Upstream) { u.BindDN = "uid=%,ou=%" }), "bind_dn", "exactly one %"},
		{"UPN", upstream(func(u *Upstream) { u.BindDN = "%@example.com" }), "", ""},
		{"NetBIOS", upstream(func(u *Upstream) { u.BindDN = `EXAMPLE\%` }), "", ""},
		{"neither", upstream(func(u *Upstream) { u.BindDN = "%" }), "bind_dn", "neither a DN"},
		{"newline in the template", upstream(func(u *Upstream) { u.BindDN = "uid=%,\ndc=x" }), "bind_dn", "control"},
		{"template and search", upstream(func(u *Upstream) { u.Search = &UpstreamSearch{} }), "search", "keep one"},
		{"search", search(func(*UpstreamSearch) {}), "", ""},
		{"search without %", search(func(s *UpstreamSearch) { s.Filter = "(uid=x)" }), "search.filter", "exactly one %"},
		{"search without parentheses", search(func(s *UpstreamSearch) { s.Filter = "uid=%" }), "search.filter", "parentheses"},
		{"search base", search(func(s *UpstreamSearch) { s.Base = "example" }), "search.base", "not a DN"},
		{"search password without DN", search(func(s *UpstreamSearch) { s.Password = Literal("x") }), "search.bind_dn", "is missing"},
		{"search DN without password", search(func(s *UpstreamSearch) { s.BindDN = "cn=x" }), "search.password", "anonymous"},
		{"negative timeout", upstream(func(u *Upstream) { u.ConnectTimeout = -1 }), "connect_timeout", "not between"},
		{"long timeout", upstream(func(u *Upstream) { u.BindTimeout = Duration(time.Hour) }), "bind_timeout", "not between"},
		{"cache", upstream(func(u *Upstream) { u.Cache.Success = Duration(25 * time.Hour) }), "cache.success", "not between"},
		{"refused", upstream(func(u *Upstream) { d := Duration(-1); u.Cache.Refused = &d }), "cache.refused", "not between"},
		{"offline", upstream(func(u *Upstream) { u.Cache.Offline = -1 }), "cache.offline", "not between"},
		{"connections", upstream(func(u *Upstream) { u.MaxConnections = 2000 }), "max_connections", "1024"},
		{"pinned key", upstream(func(u *Upstream) { u.TLS.PinnedKey = "sha256/abc" }), "tls.pinned_key", "base64"},
		{"pinned key and no check", upstream(func(u *Upstream) {
			u.TLS.PinnedKey, u.TLS.InsecureSkipVerify = "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", true
		}), "tls.insecure_skip_verify", "pinned_key"},

		{"phonebook", book("everyone", "authenticated", "user:Alice", "group:Sales Team", "device:d1"), "", ""},
		{"reader", book("everyone", "nobody"), "readers[1]", "not a reader"},
		{"reader without a name", book("user:"), "readers[0]", "not a reader"},
		{"reader with a name too many", book("everyone:x"), "readers[0]", "not a reader"},
		{"title", &Phonebook{Name: "p", Title: "a\nb"}, "title", "control"},
		{"device", &Device{Name: "reception", Password: FromEnv("X")}, "", ""},
		{"device name", &Device{Name: "Reception 1"}, "name", "1 to 64"},
		{"device file", &Device{Name: "d", Password: FromFile("a\x00b")}, "password", "control"},

		{"connector", conn(func(*Connector) {}), "", ""},
		{"template", conn(func(c *Connector) { c.Template = "" }), "template", "connector templates"},
		{"no source", conn(func(c *Connector) { c.Source.CSV = nil }), "source", "is missing"},
		{"target", conn(func(c *Connector) { c.Target = "phonebook/" }), "target", "phonebook/NAME"},
		{"mode", conn(func(c *Connector) { c.Mode = "merge" }), "mode", "neither mirror nor update"},
		{"variable", conn(func(c *Connector) { c.Variables = map[string]string{"shoe": "1"} }), "variables.shoe", "not a field"},
		{"empty variable", conn(func(c *Connector) { c.Variables = map[string]string{"job": " "} }), "variables.job", "is empty"},
		{"removals", conn(func(c *Connector) { c.Limits.Removals = "ten" }), "limits.removals", "percentage"},
		{"removals above all", conn(func(c *Connector) { c.Limits.Removals = "101%" }), "limits.removals", "percentage"},
		{"rejected", conn(func(c *Connector) { c.Limits.Rejected = "-1" }), "limits.rejected", "percentage"},
		{"limits", conn(func(c *Connector) { c.Limits = Limits{"10%", "500"} }), "", ""},
		{"method", conn(func(c *Connector) { c.Authentication = &Authentication{Method: "ldap"} }), "authentication.method", "not upstream"},
		{"method without upstream", conn(func(c *Connector) { c.Authentication = &Authentication{Method: "upstream"} }), "authentication.upstream", "is missing"},
		{"upstream without method", conn(func(c *Connector) { c.Authentication = &Authentication{Method: "none", Upstream: "a"} }), "authentication.upstream", "cannot be used"},
		{"no path", csv(func(s *CSVSource) { s.Path = "" }), "source.csv.path", "is missing"},
		{"encoding", csv(func(s *CSVSource) { s.Encoding = "utf8" }), "source.csv.encoding", "windows-1252"},
		{"delimiter", csv(func(s *CSVSource) { s.Delimiter = ";;" }), "source.csv.delimiter", "one character"},
		{"tab", csv(func(s *CSVSource) { s.Delimiter = "\t" }), "", ""},
		{"enclosure", csv(func(s *CSVSource) { s.Enclosure = "ab" }), "source.csv.enclosure", "one character"},
		{"enclosure like delimiter", csv(func(s *CSVSource) { s.Enclosure = "," }), "source.csv.enclosure", "differ"},
		{"line separator", csv(func(s *CSVSource) { s.LineSeparator = "\n" }), "source.csv.line_separator", "crlf"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := test.object.Validate()
			if test.path == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			var field *FieldError
			if !errors.As(err, &field) || field.Path != test.path || !strings.Contains(field.Message, test.want) {
				t.Errorf("got %v, want %s: …%s…", err, test.path, test.want)
			}
		})
	}
}

func fullObjects() []Object {
	refused, header := Duration(0), false
	return []Object{
		&Upstream{
			Name: "corp", URLs: []string{"ldap://dc1:389", "ldap://dc2"},
			Search:         &UpstreamSearch{Base: "dc=example", Filter: "(uid=%)", BindDN: "cn=proxy", Password: FromEnv("PW")},
			TLS:            TLS{StartTLS: true, CAFile: "/ca.pem", ServerName: "dc", PinnedKey: "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="},
			ConnectTimeout: Duration(time.Second), BindTimeout: Duration(1500 * time.Millisecond), MaxConnections: 3,
			Cache: Cache{Success: Duration(time.Minute), Offline: Duration(time.Hour), Refused: &refused},
		},
		&Phonebook{Name: "customers", Title: "Customers", Readers: []string{"everyone", "user:alice"}},
		&Device{Name: "reception", Title: "Reception", Password: FromFile("/run/pw"), Disabled: true},
		&Connector{
			Name: "staff", Template: "csv-users", Target: "users", Mode: "update", Key: "id", Filter: `a != ""`,
			Source:    Source{CSV: &CSVSource{Path: "a.csv", Encoding: "cp850", Delimiter: ";", LineSeparator: "crlf", Enclosure: "'", Header: &header}},
			Variables: map[string]string{"job": `"x"`, "phone": "e164(phone)"}, Schedule: "*/30 * * * *",
			Limits: Limits{"10%", "20%"}, Authentication: &Authentication{Method: "upstream", Upstream: "corp"},
		},
		&Upstream{Name: "small", URLs: []string{"ldaps://a"}, BindDN: `EXAMPLE\%`},
		&Device{Name: "bare"},
	}
}

func TestObjectsRoundTrip(t *testing.T) {
	s := openTest(t)
	apply(t, s, Changes{PutObjects: fullObjects()})
	for _, want := range fullObjects() {
		stored, err := s.Object(want.ObjectKind(), want.ObjectName())
		if err != nil || !reflect.DeepEqual(stored, want) {
			t.Errorf("stored: got %+v, %v, want %+v", stored, err, want)
		}
		asJSON, err := json.Marshal(stored)
		if err != nil {
			t.Fatal(err)
		}
		asYAML, err := yaml.Marshal(stored)
		if err != nil {
			t.Fatal(err)
		}
		fromJSON, _ := NewObject(want.ObjectKind())
		fromYAML, _ := NewObject(want.ObjectKind())
		if err := errors.Join(json.Unmarshal(asJSON, fromJSON), yaml.Unmarshal(asYAML, fromYAML)); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(fromJSON, want) || !reflect.DeepEqual(fromYAML, want) {
			t.Errorf("JSON %s\nYAML %s\nare not %+v", asJSON, asYAML, want)
		}
		if got := apply(t, s, Changes{PutObjects: []Object{fromYAML}}); got.Objects[0] != Unchanged {
			t.Errorf("what is printed applies as %v", got.Objects[0])
		}
	}
}

func TestObjectCopies(t *testing.T) {
	s := openTest(t)
	given := &Phonebook{Name: "p", Readers: []string{"everyone"}}
	apply(t, s, Changes{PutObjects: []Object{given}})
	given.Readers[0] = "authenticated"
	got, err := s.Phonebook("p")
	if err != nil {
		t.Fatal(err)
	}
	got.Readers[0] = "user:a"
	if again, _ := s.Phonebook("p"); again.Readers[0] != "everyone" {
		t.Errorf("the stored object is %+v", again)
	}
	if _, err := s.Upstream("none"); !errors.Is(err, ErrNotFound) || err.Error() != "upstream none does not exist" {
		t.Errorf("got %v", err)
	}
}

func TestDefaults(t *testing.T) {
	u := Upstream{}.WithDefaults()
	if time.Duration(u.ConnectTimeout) != 2*time.Second || time.Duration(u.BindTimeout) != 10*time.Second || u.MaxConnections != 8 || time.Duration(*u.Cache.Refused) != time.Minute {
		t.Errorf("upstream %+v", u)
	}
	source := &CSVSource{}
	c := Connector{Source: Source{CSV: source}}.WithDefaults()
	if c.Mode != ModeMirror || c.Limits.Rejected != "20%" || c.Source.CSV.Encoding != "utf-8" || c.Source.CSV.Delimiter != "," ||
		c.Source.CSV.Enclosure != `"` || c.Source.CSV.LineSeparator != "auto" || !*c.Source.CSV.Header {
		t.Errorf("connector %+v", c)
	}
	if *source != (CSVSource{}) {
		t.Error("the defaults were written into the original")
	}
	if p := (Phonebook{Name: "p"}).WithDefaults(); p.Title != "p" || p.Readers[0] != "authenticated" {
		t.Errorf("phonebook %+v", p)
	}
}

func TestDuration(t *testing.T) {
	var d Duration
	if err := d.UnmarshalText([]byte("10")); err == nil || !strings.Contains(err.Error(), `"10" is not a duration: write a number and a unit`) {
		t.Errorf("got %v", err)
	}
	for text, want := range map[string]string{"7d": "7d", "168h": "7d", "36h": "36h0m0s", "0d": "0s", "1500ms": "1.5s"} {
		if err := d.UnmarshalText([]byte(text)); err != nil || d.String() != want {
			t.Errorf("%s: %s, %v", text, d, err)
		}
	}
	for _, text := range []string{"-1d", "1.5d", "99999d", "d", "1d1h"} {
		if err := d.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%s was accepted: %s", text, d)
		}
	}
}
