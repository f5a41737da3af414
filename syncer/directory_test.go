package syncer_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer"
	"github.com/dialtree/dialtree/syncer/source/ldap/ldaptest"
)

const guidOctets = "\x04\x03\x02\x01\x06\x05\x08\x07\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10"

// colleague is an entry with all attributes that the templates take.
func colleague(uid string, more ...string) ldaptest.Entry {
	return ldaptest.Person(uid, append([]string{
		"sAMAccountName", uid, "displayName", "Ångström, " + uid, "givenName", uid, "sn", "Ångström", "company", "Example", "o", "Example",
		"title", "Physicist", "mail", uid + "@example.com", "mailPrimaryAddress", uid + "@example.com", "telephoneNumber", "+49 30 1234",
		"mobile", "+49 170 1", "mobile", "+49 170 2", "homePhone", "030 9", "facsimileTelephoneNumber", "030 8", "info", "desk", "description", "desk",
		"ipPhone", "71", "employeeNumber", "71", "thumbnailPhoto", "\xff\xd8\xff\x00\x80", "jpegPhoto", "\xff\xd8\xff\x00\x80",
		"wWWHomePage", "https://example.com", "labeledURI", "https://example.com",
		"memberOf", "cn=Physics,ou=groups,dc=example,dc=com", "objectGUID", guidOctets, "entryUUID", "0190-" + uid,
	}, more...)...)
}

// readFrom makes a connector's source one that reads from the peer.
func readFrom(c *store.Connector, p *ldaptest.Peer) {
	common := store.LDAPSource{
		URLs: []string{"ldap://" + p.Address}, Base: store.Texts{ldaptest.PeopleDN},
		BindDN: ldaptest.ReaderDN, Password: store.Literal(ldaptest.ReaderPassword),
	}
	switch {
	case c.Source.AD != nil:
		c.Source.AD = &store.ADSource{Domain: "example.com", LDAPSource: common}
	case c.Source.UCS != nil:
		c.Source.UCS = &store.UCSSource{Domain: "example.com", LDAPSource: common}
	default:
		c.Source.LDAP = &common
	}
}

// importFromPeer runs a connector that was made from a template, on an entry that has everything.
func (w *world) importFromPeer(c *store.Connector) {
	w.t.Helper()
	p := &ldaptest.Peer{Entries: []ldaptest.Entry{colleague("alice")}, Matches: func(filter string, _ ldaptest.Entry) bool {
		return !strings.Contains(strings.ToLower(filter), "group")
	}}
	readFrom(c, p.Start(w.t))
	w.apply(c)
	r, err := w.syncer.Import(w.t.Context(), c.Name, syncer.ImportOptions{})
	if err != nil || r.Run.Created != 1 {
		w.t.Fatalf("%+v, %v", r, err)
	}
	for e, err := range w.store.Entries(w.t.Context(), store.Query{Owner: c.Name}) {
		if err != nil {
			w.t.Fatal(err)
		}
		// No attribute of a directory is any of these.
		for _, f := range store.Fields() {
			without := []store.FieldID{store.Password, store.CustomerNumber, store.Label}
			if f.UsedBy(e.Kind) != store.Unused && !slices.Contains(without, f.ID) && !e.Values.Has(f.ID) {
				w.t.Errorf("%s is not filled", f.Name)
			}
		}
		if f := store.FieldByID(store.Photo); f.UsedBy(e.Kind) != store.Unused && e.Values.First(store.Photo) != "\xff\xd8\xff\x00\x80" {
			w.t.Errorf("the picture is %q", e.Values.First(store.Photo))
		}
		if got := e.Values.All(store.Mobile); len(got) != 2 {
			w.t.Errorf("the mobile numbers are %q", got)
		}
	}
}

// inDirectory is a world whose connector reads users from a peer.
func inDirectory(t *testing.T, p *ldaptest.Peer, change ...func(*store.Connector)) *world {
	p.Start(t)
	all := append([]func(*store.Connector){func(c *store.Connector) {
		c.Template, c.Source = "ldap-users", store.Source{LDAP: &store.LDAPSource{}}
		readFrom(c, p)
	}}, change...)
	return newWorld(t, all...)
}

func userOf(w *world, name string) store.Entry {
	w.t.Helper()
	e, err := w.store.User(name)
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

// Whoever is renamed and moved is the same user, who binds with the new DN.
func TestUsersFromADirectory(t *testing.T) {
	p := &ldaptest.Peer{Entries: []ldaptest.Entry{colleague("alice"), colleague("bob")}}
	w := inDirectory(t, p)
	w.done(2, 0, 0, 0, 0)
	w.done(0, 0, 0, 2, 0)
	before := userOf(w, "alice")
	if want := (store.Auth{Method: store.AuthUpstream, Upstream: "corp", DN: p.Entries[0].DN}); before.Auth != want {
		t.Errorf("auth is %+v, want %+v", before.Auth, want)
	}
	p.Entries[0].DN = "uid=alice,ou=abroad," + ldaptest.PeopleDN
	p.Entries[0].Attributes["uid"] = []string{"alice.angstrom"}
	w.done(0, 1, 0, 1, 0)
	after := userOf(w, "alice.angstrom")
	if after.ID != before.ID || after.Auth.DN != p.Entries[0].DN {
		t.Errorf("the user is now %+v", after)
	}
	p.Entries = p.Entries[:1]
	w.done(0, 0, 1, 1, 0)
}

// The login method that an administrator chose stays; where to bind follows the directory.
func TestLocalLoginMethodKeepsFollowingTheDN(t *testing.T) {
	p := &ldaptest.Peer{Entries: []ldaptest.Entry{colleague("alice"), colleague("bob")}}
	w := inDirectory(t, p)
	w.done(2, 0, 0, 0, 0)
	for name, auth := range map[string]store.Auth{
		"alice": {Method: store.AuthUpstream, Upstream: "corp", DN: p.Entries[0].DN, Disabled: true},
		"bob":   {Method: store.AuthNone},
	} {
		e := userOf(w, name)
		e.Auth, e.LocalAuth = auth, true
		w.put(e)
	}
	for i := range p.Entries {
		p.Entries[i].DN = strings.Replace(p.Entries[i].DN, ",", ",ou=abroad,", 1)
	}
	w.done(0, 1, 0, 1, 0)
	if got := userOf(w, "alice").Auth; got.DN != p.Entries[0].DN || !got.Disabled {
		t.Errorf("alice's login is %+v", got)
	}
	if got := userOf(w, "bob").Auth; got != (store.Auth{}) {
		t.Errorf("bob's login is %+v", got)
	}
}

func TestDNIsNotRecordedWhereItIsNotWanted(t *testing.T) {
	p := &ldaptest.Peer{Entries: []ldaptest.Entry{colleague("alice")}}
	w := inDirectory(t, p, func(c *store.Connector) { c.Authentication.DN = store.NoDN })
	w.done(1, 0, 0, 0, 0)
	if dn := userOf(w, "alice").Auth.DN; dn != "" {
		t.Errorf("the DN is %q", dn)
	}
}

// An attribute that an expression names is fetched; one that the directory does not know is a mistake.
func TestAttributesOfExpressions(t *testing.T) {
	p := &ldaptest.Peer{Entries: []ldaptest.Entry{colleague("alice", "roomNumber", "1.05", "x-floor", "1")}}
	w := inDirectory(t, p, func(c *store.Connector) {
		c.Variables = map[string]string{"notes": `"room " + roomNumber`, "job": `col("x-floor")`, "phone": "e164(telephoneNumber)"}
		c.Filter = `inGroup(memberOf, "Physics") and len(employeeType) == 0`
	})
	w.done(1, 0, 0, 0, 0)
	if e := userOf(w, "alice"); e.Values.First(store.Notes) != "room 1.05" || e.Values.First(store.Job) != "1" || e.Values.First(store.Phone) != "+49301234" {
		t.Errorf("%+v", e.Values)
	}
	for _, name := range []string{"uid", "cn", "displayName", "telephoneNumber", "entryUUID"} {
		p.Schema = append(p.Schema, "( 1.2.3 NAME '"+name+"' )")
	}
	w.configure(func(c *store.Connector) { c.Variables, c.Filter = map[string]string{"phone": "telefoneNumber"}, "" })
	w.fails(store.RunFailed, `variables.phone: there is no column "telefoneNumber": is it "telephoneNumber"? (position 1)`)
}

// Whatever a directory does in place of an answer, the users stay.
func TestDirectoryFailuresChangeNothing(t *testing.T) {
	p := &ldaptest.Peer{Entries: []ldaptest.Entry{colleague("alice"), colleague("bob")}}
	w := inDirectory(t, p)
	w.done(2, 0, 0, 0, 0)
	for name, fail := range map[string]func(*ldaptest.Client, *ldapwire.Message) bool{
		"a part": func(c *ldaptest.Client, m *ldapwire.Message) bool {
			c.Send(m.ID, p.Entries[0])
			return c.Done(m.ID, ldapwire.SizeLimitExceeded, "")
		},
		"nothing": func(c *ldaptest.Client, m *ldapwire.Message) bool { return c.Done(m.ID, ldapwire.Success, "") },
		"cut off": func(c *ldaptest.Client, m *ldapwire.Message) bool {
			c.Send(m.ID, p.Entries[0])
			return c.Close() == nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := w.dump()
			p.Before = fail
			if r := w.run(syncer.ImportOptions{}); r.Run.Result != store.RunFailed || r.Run.Error == "" || !slices.Equal(w.dump(), before) {
				t.Errorf("the run is %+v", r.Run)
			}
			p.Before = nil
			w.done(0, 0, 0, 2, 0)
		})
	}
}

func TestUpstreamOfAConnector(t *testing.T) {
	w := newWorld(t)
	password := store.LDAPSource{Password: store.Literal("x")}
	tests := []struct {
		name, template string
		source         store.Source
		want           store.Upstream
		wrong          string
	}{
		{"AD", "ad-users", store.Source{AD: &store.ADSource{Domain: "example.com", Server: "dc1", Username: "reader", LDAPSource: password}},
			store.Upstream{Name: "staff", URLs: []string{"ldaps://dc1:636"}, BindDN: "%@example.com"}, ""},
		{"UCS", "ucs-users", store.Source{UCS: &store.UCSSource{Domain: "example.com", Server: "ucs", Username: "pbx$", LDAPSource: password}},
			store.Upstream{Name: "staff", URLs: []string{"ldap://ucs:7389"}, BindDN: "uid=%,cn=users,dc=example,dc=com", TLS: store.TLS{StartTLS: true}}, ""},
		{"LDAP", "ldap-users", store.Source{LDAP: &store.LDAPSource{URLs: []string{"ldap://a"}, Base: store.Texts{"ou=p,dc=x", "dc=y"}, TLS: store.TLS{StartTLS: true, ServerName: "b"}}},
			store.Upstream{Name: "staff", URLs: []string{"ldap://a"}, BindDN: "uid=%,ou=p,dc=x", TLS: store.TLS{StartTLS: true, ServerName: "b"}}, ""},
		{"no base", "ldap-users", store.Source{LDAP: &store.LDAPSource{URLs: []string{"ldap://a"}, Base: store.Texts{""}}}, store.Upstream{}, "that is not the root"},
		{"CSV", "csv-users", w.connector.Source, store.Upstream{}, "sources in a directory"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			u, err := w.syncer.Upstream(&store.Connector{Name: "staff", Template: tt.template, Source: tt.source})
			if tt.wrong != "" {
				var wrong *store.FieldError
				if !errors.As(err, &wrong) || wrong.Path != "authentication" || !strings.Contains(wrong.Message, tt.wrong) {
					t.Errorf("got %v, want %q", err, tt.wrong)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := u.Validate(); err != nil {
				t.Error(err)
			}
			if u.Name != tt.want.Name || !slices.Equal(u.URLs, tt.want.URLs) || u.BindDN != tt.want.BindDN || u.TLS != tt.want.TLS {
				t.Errorf("got %+v, want %+v", u, tt.want)
			}
		})
	}
}
