package page

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/dialtree/dialtree/admin"
)

// The ways in which a login becomes the name that a directory knows.
const (
	byTemplate = "template"
	bySearch   = "search"
)

// typedUpstream is the upstream that a form describes. A password that is left empty is the stored one.
func (r *request) typedUpstream(name string, stored upstreamDocument) upstreamDocument {
	typed := func(key string) string { return strings.TrimSpace(r.PostFormValue(key)) }
	u := upstreamDocument{
		Name: strings.TrimSpace(name), URLs: typedLines(r.PostFormValue("urls")),
		TLS: upstreamTLS{StartTLS: typed("start_tls") == "true", CAFile: typed("ca_file"), ServerName: typed("server_name"),
			PinnedKey: typed("pinned_key"), InsecureSkipVerify: typed("insecure_skip_verify") == "true"},
		ConnectTimeout: typed("connect_timeout"), BindTimeout: typed("bind_timeout"),
		Cache: upstreamCache{Success: typed("cache_success"), Offline: typed("cache_offline"), Refused: typed("cache_refused")},
	}
	if connections := typed("max_connections"); connections != "" {
		u.MaxConnections = connections
		if n, err := strconv.Atoi(connections); err == nil {
			u.MaxConnections = n
		}
	}
	if typed("mode") != bySearch {
		u.BindDN = typed("bind_dn")
		return u
	}
	u.Search = &upstreamSearch{Base: typed("search_base"), Filter: typed("search_filter"), BindDN: typed("search_bind_dn")}
	switch password := r.PostFormValue("search_password"); {
	case password != "":
		u.Search.Password, _ = json.Marshal(password) // a text cannot fail
	case stored.Search != nil && u.Search.BindDN != "":
		u.Search.Password = stored.Search.Password
	}
	return u
}

// newUpstreamData is the form with an upstream in it.
func newUpstreamData(u upstreamDocument, tag string) *upstreamData {
	d := &upstreamData{Name: u.Name, Tag: tag, Mode: byTemplate, Template: field{Name: "bind_dn", Label: text("Template"), Value: u.BindDN, Class: "code",
		Placeholder: "uid=%,ou=people,dc=example,dc=com", Help: text("What the directory knows people by, with % in the place of the login name.")}}
	search := upstreamSearch{}
	if u.Search != nil {
		d.Mode, search = bySearch, *u.Search
	}
	d.HasSecret = len(search.Password) > 0
	d.Search = searchFields(search, d.HasSecret)
	d.Groups = []fieldset{serverFields(u), tlsFields(u.TLS), timeFields(u), cacheFields(u.Cache)}
	d.Domain = field{Name: "domain", Label: text("Domain of the directory"), Placeholder: "example.com",
		Help: text("Type it, and choose the form that your kind of directory wants.")}
	d.Examples = examples("", d.Mode, u.BindDN, search)
	return d
}

func serverFields(u upstreamDocument) fieldset {
	return fieldset{Title: text("Servers"), Fields: []field{
		{Name: "name", Label: text("Name"), Value: u.Name, Placeholder: "corp", Required: true,
			Help: text("A short name for this directory, such as corp: letters, digits and hyphens. It stays as it is.")},
		{Name: "urls", Label: text("Servers, one a line"), Type: "textarea", Rows: 3, Value: strings.Join(u.URLs, "\n"), Class: "code", Required: true,
			Placeholder: "ldaps://dc1.example.com\nldaps://dc2.example.com",
			Help:        text("Tried in this order. ldaps:// is TLS from the start (port 636), ldap:// is without, or with StartTLS (port 389).")},
	}}
}

func searchFields(s upstreamSearch, stored bool) []field {
	password := field{Name: "search_password", Label: text("Password of this account"), Type: "password", Autocomplete: "new-password", Class: "half",
		Help: text("It is stored encrypted and never shown.")}
	if stored {
		password.Help = text("One is stored. Leave it empty to keep it.")
	}
	return []field{
		{Name: "search_base", Label: text("Search below"), Value: s.Base, Placeholder: "dc=example,dc=com", Class: "code",
			Help: text("The branch of the directory that people are in.")},
		{Name: "search_filter", Label: text("Filter"), Value: s.Filter, Placeholder: "(sAMAccountName=%)", Class: "code",
			Help: text("In parentheses, with % in the place of the login name. Exactly one entry may match.")},
		{Name: "search_bind_dn", Label: text("Account that searches"), Value: s.BindDN, Placeholder: "cn=dialtree,ou=services,dc=example,dc=com", Class: "half",
			Help: text("One that may only read. Empty: the search is anonymous.")},
		password,
	}
}

func tlsFields(t upstreamTLS) fieldset {
	return fieldset{Title: text("Encryption"), Lead: text("Passwords go through this connection: use ldaps:// or StartTLS."), Fields: []field{
		{Name: "start_tls", Label: text("StartTLS: turn an ldap:// connection into an encrypted one"), Type: "checkbox", Value: strconv.FormatBool(t.StartTLS)},
		{Name: "ca_file", Label: text("File with the authority's certificate"), Value: t.CAFile, Placeholder: "/etc/dialtree/ca.pem", Class: "half",
			Help: text("PEM, on this server. Empty: those that the system trusts.")},
		{Name: "server_name", Label: text("Name in the certificate"), Value: t.ServerName, Placeholder: "dc1.example.com", Class: "half",
			Help: text("Only when it is another than that of the address above.")},
		{Name: "pinned_key", Label: text("Pinned key"), Value: t.PinnedKey, Placeholder: "sha256/…", Class: "code",
			Help: text("Trust this key alone, whoever signed it: for certificates that a directory signed itself. The test below shows the pin to paste.")},
		{Name: "insecure_skip_verify", Label: text("Do not check the certificate"), Type: "checkbox", Class: "risk", Value: strconv.FormatBool(t.InsecureSkipVerify),
			Help: text("Dangerous: whoever is between here and the directory reads every password. For a first try only; the pinned key does better.")},
	}}
}

func timeFields(u upstreamDocument) fieldset {
	connections := ""
	if u.MaxConnections != nil {
		connections = fmt.Sprint(u.MaxConnections)
	}
	return fieldset{Title: text("Time and load"), Fields: []field{
		{Name: "connect_timeout", Label: text("Wait for a connection"), Value: u.ConnectTimeout, Placeholder: "2s", Class: "third",
			Help: text("Then the next server is tried. Empty: 2s.")},
		{Name: "bind_timeout", Label: text("Wait for an answer"), Value: u.BindTimeout, Placeholder: "10s", Class: "third",
			Help: text("Then the login could not be checked. Empty: 10s.")},
		{Name: "max_connections", Label: text("Connections at once"), Value: connections, Placeholder: "8", Class: "third",
			Help: text("To each server. Empty: 8.")},
	}}
}

func cacheFields(c upstreamCache) fieldset {
	return fieldset{Title: text("What is remembered"), Lead: text("In memory and as keyed hashes only: a restart forgets it."), Fields: []field{
		{Name: "cache_refused", Label: text("Wrong passwords"), Value: c.Refused, Placeholder: "60s", Class: "third",
			Help: text("A phone that repeats an old password cannot lock the account. Empty: 60s. 0s: ask each time.")},
		{Name: "cache_success", Label: text("Right passwords"), Value: c.Success, Placeholder: "0s", Class: "third",
			Help: text("So long the directory is not asked again: a changed password works that much later. Empty: ask each time.")},
		{Name: "cache_offline", Label: text("Right passwords, for an outage"), Value: c.Offline, Placeholder: "8h", Class: "third",
			Help: text("While no server answers, who logged in before may still log in. Empty: nobody may.")},
	}}
}

// upstreamPaths are the paths of keys that inputs are for.
var upstreamPaths = map[string]string{
	"search_base": "search.base", "search_filter": "search.filter", "search_bind_dn": "search.bind_dn", "search_password": "search.password",
	"start_tls": "tls.start_tls", "ca_file": "tls.ca_file", "server_name": "tls.server_name", "pinned_key": "tls.pinned_key",
	"insecure_skip_verify": "tls.insecure_skip_verify", "cache_success": "cache.success", "cache_offline": "cache.offline", "cache_refused": "cache.refused",
}

// blame puts a problem beside the inputs that it means.
func (d *upstreamData) blame(p *admin.Problem) {
	all := []field{d.Template}
	all = append(all, d.Search...)
	for _, g := range d.Groups {
		all = append(all, g.Fields...)
	}
	d.Problem = blame(all, p, upstreamPaths)
	if d.Problem == nil {
		d.Problem = &admin.Problem{Status: p.Status, Detail: string(lookBelow)}
	}
	d.Template, all = all[0], all[1:]
	d.Search, all = all[:len(d.Search)], all[len(d.Search):]
	for i := range d.Groups {
		n := len(d.Groups[i].Fields)
		d.Groups[i].Fields, all = all[:n], all[n:]
	}
}
