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
	ldap := func(change func(*LDAPSource)) Object {
		return conn(func(c *Connector) {
			c.Source = Source{LDAP: &LDAPSource{URLs: []string{"ldaps://a"}, Base: Texts{"dc=example"}}}
			change(c.Source.LDAP)
		})
	}
	ad := func(change func(*ADSource)) Object {
		return conn(func(c *Connector) {
			c.Source = Source{AD: &ADSource{Domain: "example.com", Server: "dc1", Username: "reader", LDAPSource: LDAPSource{Password: Literal("x")}}}
			change(c.Source.AD)
		})
	}
	csv := func(change func(*CSVSource)) Object { return conn(func(c *Connector) { change(c.Source.CSV) }) }
	share := func(change func(*CSVSource)) Object {
		return csv(func(s *CSVSource) {
			s.Path, s.Share = `test\address.csv`, &Share{UNC: `\\server\share`, Username: "u", Password: Literal("x"), Domain: "D"}
			change(s)
		})
	}
	web := func(change func(*CSVSource)) Object {
		return csv(func(s *CSVSource) {
			s.Path, s.URL = "", "https://example.com/users.csv"
			change(s)
		})
	}
	rest := func(f func(*RESTSource)) Object {
		return conn(func(c *Connector) {
			c.Source = Source{REST: &RESTSource{URL: "https://pbx.example.com/api", Username: "branch", Password: Literal("x"), List: "/contacts", Next: "/next"}}
			f(c.Source.REST)
		})
	}
	xlsx := func(change func(*XLSXSource)) Object {
		return conn(func(c *Connector) {
			c.Source = Source{XLSX: &XLSXSource{Path: "a.xlsx"}}
			change(c.Source.XLSX)
		})
	}
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
		{"the name of imports by hand", conn(func(c *Connector) { c.Name = HandImports }), "name", "by hand"},
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
		{"retain", conn(func(c *Connector) { c.Retain = -1 }), "retain", "must be from 0s to 3650d"},
		{"jitter", conn(func(c *Connector) { c.Jitter = Duration(25 * time.Hour) }), "jitter", "must be from 0s to 1d"},
		{"after itself", conn(func(c *Connector) { c.After = c.Name }), "after", "not the name of another connector"},
		{"after nobody", conn(func(c *Connector) { c.After = "A b" }), "after", "not the name of another connector"},
		{"webhook", conn(func(c *Connector) { c.Webhook = &Webhook{URL: "https://a.example/x"} }), "", ""},
		{"webhook of another kind", conn(func(c *Connector) { c.Webhook = &Webhook{URL: "ftp://a.example"} }), "webhook.url", "must be a URL"},
		{"webhook without a host", conn(func(c *Connector) { c.Webhook = &Webhook{URL: "https:///x"} }), "webhook.url", "must be a URL"},
		{"webhook secret", conn(func(c *Connector) { c.Webhook = &Webhook{URL: "https://a.example/x", Secret: FromFile("a\x00b")} }), "webhook.secret", "control"},
		{"method", conn(func(c *Connector) { c.Authentication = &Authentication{Method: "ldap"} }), "authentication.method", "not upstream"},
		{"method without upstream", conn(func(c *Connector) { c.Authentication = &Authentication{Method: "upstream"} }), "authentication.upstream", "is missing"},
		{"dn without upstream", conn(func(c *Connector) { c.Authentication = &Authentication{Method: "internal", DN: "dn"} }), "authentication.dn", "cannot be used"},
		{"upstream without method", conn(func(c *Connector) { c.Authentication = &Authentication{Method: "none", Upstream: "a"} }), "authentication.upstream", "cannot be used"},
		{"no path", csv(func(s *CSVSource) { s.Path = "" }), "source.csv.path", "is missing"},
		{"encoding", csv(func(s *CSVSource) { s.Encoding = "utf8" }), "source.csv.encoding", "windows-1252"},
		{"delimiter", csv(func(s *CSVSource) { s.Delimiter = ";;" }), "source.csv.delimiter", "one character"},
		{"no character as delimiter", csv(func(s *CSVSource) { s.Delimiter = "none" }), "source.csv.delimiter", "one character"},
		{"tab", csv(func(s *CSVSource) { s.Delimiter = "\t" }), "", ""},
		{"enclosure", csv(func(s *CSVSource) { s.Enclosure = "ab" }), "source.csv.enclosure", "one character"},
		{"enclosure like delimiter", csv(func(s *CSVSource) { s.Enclosure = "," }), "source.csv.enclosure", "differ"},
		{"delimiter to be found", csv(func(s *CSVSource) { s.Delimiter = "auto" }), "", ""},
		{"no enclosure", csv(func(s *CSVSource) { s.Enclosure = "none" }), "", ""},
		{"path and url", csv(func(s *CSVSource) { s.URL = "https://example.com" }), "source.csv.path", "beside url"},
		{"username for a path", csv(func(s *CSVSource) { s.Username = "u" }), "source.csv.username", "a file of this machine needs none"},
		{"timeout", csv(func(s *CSVSource) { s.Timeout = 1 }), "source.csv.timeout", "between 1s and 10m0s"},
		{"share", share(func(*CSVSource) {}), "", ""},
		{"share with other slashes and a port", share(func(s *CSVSource) { s.Path, s.Share.UNC = "test/address.csv", "//server:1445/share/" }), "", ""},
		{"share without a path", share(func(s *CSVSource) { s.Path = "" }), "source.csv.path", "is missing"},
		{"share and url", share(func(s *CSVSource) { s.URL = "https://example.com" }), "source.csv.share", "beside url"},
		{"share of no server", share(func(s *CSVSource) { s.Share.UNC = `\\share` }), "source.csv.share.unc", `\\SERVER\SHARE`},
		{"share with a directory", share(func(s *CSVSource) { s.Share.UNC = `\\server\share\test` }), "source.csv.share.unc", "belong to path"},
		{"share with one slash", share(func(s *CSVSource) { s.Share.UNC = `\server\share` }), "source.csv.share.unc", `\\SERVER\SHARE`},
		{"share with a bad port", share(func(s *CSVSource) { s.Share.UNC = `\\server:x\share` }), "source.csv.share.unc", `\\SERVER\SHARE`},
		{"share without a username", share(func(s *CSVSource) { s.Share.Username = "" }), "source.csv.share.username", "is missing"},
		{"share without a password", share(func(s *CSVSource) { s.Share.Password = Secret{} }), "source.csv.share.password", "is missing"},
		{"path out of the share", share(func(s *CSVSource) { s.Path = `test\..\..\a` }), "source.csv.path", ".."},
		{"share with the login beside it", share(func(s *CSVSource) { s.Password = Literal("x") }), "source.csv.password", "written in share"},
		{"url", web(func(s *CSVSource) { s.Username, s.Password, s.TLS.CAFile = "u", Literal("x"), "/ca.pem" }), "", ""},
		{"url with a token", web(func(s *CSVSource) { s.Token = Literal("x") }), "", ""},
		{"url of another kind", web(func(s *CSVSource) { s.URL = "ftp://example.com/a" }), "source.csv.url", "http://HOST/PATH"},
		{"url without a host", web(func(s *CSVSource) { s.URL = "https:///a" }), "source.csv.url", "http://HOST/PATH"},
		{"url with a password", web(func(s *CSVSource) { s.URL = "https://u:p@example.com/a" }), "source.csv.url", "keys of their own"},
		{"url with a fragment", web(func(s *CSVSource) { s.URL += "#a" }), "source.csv.url", "before the #"},
		{"url with username and token", web(func(s *CSVSource) { s.Username, s.Token = "u", Literal("x") }), "source.csv.token", "keep one"},
		{"url with a password alone", web(func(s *CSVSource) { s.Password = Literal("x") }), "source.csv.username", "is missing"},
		{"url with a colon in username", web(func(s *CSVSource) { s.Username = "a:b" }), "source.csv.username", "colon"},
		{"url in clear with tls", web(func(s *CSVSource) { s.URL, s.TLS.ServerName = "http://a/b", "c" }), "source.csv.tls", "https://"},
		{"url with start_tls", web(func(s *CSVSource) { s.TLS.StartTLS = true }), "source.csv.tls.start_tls", "from the start"},
		{"url with a bad pin", web(func(s *CSVSource) { s.TLS.PinnedKey = "x" }), "source.csv.tls.pinned_key", "sha256/"},
		{"xlsx", xlsx(func(s *XLSXSource) { s.Sheet, s.HeaderRow = "People", 3 }), "", ""},
		{"xlsx without a path", xlsx(func(s *XLSXSource) { s.Path = "" }), "source.xlsx.path", "is missing"},
		{"xlsx header", xlsx(func(s *XLSXSource) { s.HeaderRow = -1 }), "source.xlsx.header_row", "between 1"},
		{"xlsx sheet", xlsx(func(s *XLSXSource) { s.Sheet = "a\x00" }), "source.xlsx.sheet", "control"},
		{"several sources", conn(func(c *Connector) { c.Source.LDAP = &LDAPSource{} }), "source", "csv, ldap"},
		{"ldap", ldap(func(s *LDAPSource) {}), "", ""},
		{"ldap without urls", ldap(func(s *LDAPSource) { s.URLs = nil }), "source.ldap.urls", "is missing"},
		{"ldap url", ldap(func(s *LDAPSource) { s.URLs[0] = "http://a" }), "source.ldap.urls[0]", "ldaps://"},
		{"ldap without base", ldap(func(s *LDAPSource) { s.Base = nil }), "source.ldap.base", "is missing"},
		{"ldap base", ldap(func(s *LDAPSource) { s.Base = Texts{"dc=a", "people"} }), "source.ldap.base[1]", "not a DN"},
		{"ldap filter", ldap(func(s *LDAPSource) { s.Filter = "uid=*" }), "source.ldap.filter", "parentheses"},
		{"ldap attribute", ldap(func(s *LDAPSource) { s.Attributes = []string{"sn;binary"} }), "source.ldap.attributes[0]", "not the name"},
		{"ldap page size", ldap(func(s *LDAPSource) { s.PageSize = 20000 }), "source.ldap.page_size", "10000"},
		{"ldap bind without password", ldap(func(s *LDAPSource) { s.BindDN = "cn=a" }), "source.ldap.password", "anonymous"},
		{"ldap start_tls on ldaps", ldap(func(s *LDAPSource) { s.TLS.StartTLS = true }), "source.ldap.tls.start_tls", "TLS from the start"},
		{"ad", ad(func(*ADSource) {}), "", ""},
		{"ad without domain", ad(func(s *ADSource) { s.Domain = "" }), "source.ad.domain", "is missing"},
		{"ad domain", ad(func(s *ADSource) { s.Domain = "dc=example" }), "source.ad.domain", "not a DNS name"},
		{"ad without server", ad(func(s *ADSource) { s.Server = "" }), "source.ad.server", "is missing"},
		{"ad server", ad(func(s *ADSource) { s.Server = "ldaps://dc1" }), "source.ad.server", "with or without :PORT"},
		{"ad server with a port", ad(func(s *ADSource) { s.Server = "dc1:3269" }), "", ""},
		{"ad server and urls", ad(func(s *ADSource) { s.URLs = []string{"ldap://a"} }), "source.ad.server", "keep one"},
		{"ad without username", ad(func(s *ADSource) { s.Username = "" }), "source.ad.username", "is missing"},
		{"ad without password", ad(func(s *ADSource) { s.Password = Secret{} }), "source.ad.password", "is missing"},
		{"ad global catalog and urls", ad(func(s *ADSource) { s.Server, s.URLs, s.GlobalCatalog = "", []string{"ldap://a"}, true }), "source.ad.global_catalog", "3269"},
		{"ucs", conn(func(c *Connector) {
			c.Source = Source{UCS: &UCSSource{Domain: "example.intranet", Server: "ucs", LDAPSource: LDAPSource{Password: Literal("x")}}}
		}), "source.ucs.username", "is missing"},
		{"rest", rest(func(*RESTSource) {}), "", ""},
		{"rest with a token", rest(func(s *RESTSource) { s.Username, s.Password, s.Token = "", Secret{}, Literal("x") }), "", ""},
		{"rest without url", rest(func(s *RESTSource) { s.URL = "" }), "source.rest.url", "is missing"},
		{"rest url", rest(func(s *RESTSource) { s.URL = "https://u:p@pbx/" }), "source.rest.url", "keys of their own"},
		{"rest username without password", rest(func(s *RESTSource) { s.Password = Secret{} }), "source.rest.password", "is missing"},
		{"rest username and token", rest(func(s *RESTSource) { s.Token = Literal("x") }), "source.rest.token", "keep one"},
		{"rest in clear with tls", rest(func(s *RESTSource) { s.URL, s.TLS.CAFile = "http://pbx/", "/ca.pem" }), "source.rest.tls", "https://"},
		{"rest list", rest(func(s *RESTSource) { s.List = "/a\x00" }), "source.rest.list", "control"},
		{"rest next", rest(func(s *RESTSource) { s.Next = "?a\n" }), "source.rest.next", "control"},
		{"rest timeout", rest(func(s *RESTSource) { s.Timeout = Duration(time.Hour) }), "source.rest.timeout", "between 1s"},
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
		&Connector{Name: "first", Template: "csv-users", Source: Source{CSV: &CSVSource{Path: "b.csv"}}},
		&Connector{
			Name: "staff", Template: "csv-users", Target: "users", Mode: "update", Key: "id", Filter: `a != ""`,
			Source:    Source{CSV: &CSVSource{Path: "a.csv", Encoding: "cp850", Delimiter: ";", LineSeparator: "crlf", Enclosure: "'", Header: &header}},
			Variables: map[string]string{"job": `"x"`, "phone": "e164(phone)"}, Schedule: "*/30 * * * *",
			Timezone: "Europe/Berlin", Jitter: Duration(time.Minute), After: "first", Retain: Duration(7 * day),
			Webhook: &Webhook{URL: "https://alerts.example.com", Secret: FromEnv("HOOK")},
			Limits:  Limits{"10%", "20%"}, Authentication: &Authentication{Method: "upstream", Upstream: "corp", DN: "dn"},
		},
		&Connector{Name: "windows-share", Template: "csv-users", Source: Source{CSV: &CSVSource{
			Path: `test\address.csv`, Remote: Remote{Share: &Share{UNC: `\\server\share`, Username: "u", Password: FromEnv("PW"), Domain: "D"}, Timeout: Duration(time.Minute)},
		}}},
		&Connector{Name: "intranet", Template: "csv-users", Source: Source{XLSX: &XLSXSource{
			Remote: Remote{URL: "https://example.com/a.xlsx", Token: FromFile("/token"), TLS: TLS{CAFile: "/ca.pem"}}, Sheet: "People", HeaderRow: 2,
		}}},
		&Connector{Name: "inetorg", Template: "ldap-users", Source: Source{LDAP: &LDAPSource{
			URLs: []string{"ldap://a"}, Base: Texts{"ou=a,dc=example", "ou=b,dc=example"}, BindDN: "cn=reader", Password: FromEnv("PW"),
			Filter: "(uid=*)", Attributes: []string{"roomNumber", "2.5.4.3"}, PageSize: 100, TLS: TLS{StartTLS: true}, Incremental: true,
		}}},
		&Connector{Name: "windows", Template: "ad-users", Source: Source{AD: &ADSource{
			Domain: "example.com", Server: "dc1.example.com", Username: "reader", GlobalCatalog: true,
			LDAPSource: LDAPSource{Password: FromFile("/pw"), Base: Texts{"ou=staff,dc=example,dc=com"}, TLS: TLS{CAFile: "/ca.pem"}},
		}}},
		&Connector{Name: "univention", Template: "ucs-users", Source: Source{UCS: &UCSSource{
			Domain: "example.intranet", Server: "master", Username: "pbx$", LDAPSource: LDAPSource{Password: FromEnv("PW")},
		}}},
		&Connector{Name: "branch", Template: "pbx-phonebook", Target: "phonebook/customers", Source: Source{REST: &RESTSource{
			URL: "https://pbx/api", Username: "hq", Password: FromEnv("PW"), List: "/contacts", Total: "/total", Next: "?page={page}",
			TLS: TLS{CAFile: "/ca.pem"}, Timeout: Duration(time.Minute),
		}}},
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
