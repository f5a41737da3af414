package directory_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/dialtree/dialtree/authproxy/directory"
	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/store"
)

func user(name string, pairs ...string) store.Entry {
	first, size := utf8.DecodeRuneInString(name)
	e := contact(append([]string{"username", name, "displayname", string(unicode.ToUpper(first)) + name[size:]}, pairs...)...)
	e.Kind, e.Phonebook = store.KindUser, ""
	return e
}

func speedDial(code, name, phone string) store.Entry {
	e := contact("displayname", name, "phone", phone, "shortcode", code)
	e.Kind, e.Phonebook = store.KindSpeedDial, ""
	return e
}

func in(phonebook string, e store.Entry) store.Entry {
	e.Phonebook = phonebook
	return e
}

// A company has users, speed dials and phonebooks with all sorts of readers.
type company struct {
	*bench
	ids map[string]string // of users, by name
}

func newCompany(t *testing.T) *company {
	t.Helper()
	c := &company{ids: map[string]string{}}
	c.bench = newBench(t, &store.Changes{
		PutObjects: []store.Object{
			&store.Phonebook{Name: "open", Title: "Everybody's", Readers: []string{"everyone"}},
			&store.Phonebook{Name: "sales", Readers: []string{"group:sales"}},
			&store.Phonebook{Name: "alice-own", Readers: []string{"user:alice"}},
			&store.Phonebook{Name: "desk", Readers: []string{"device:reception"}},
		},
	})
	applied := c.apply(&store.Changes{Put: []store.Entry{
		user("alice", "groups", "sales", "phone", "30001"),
		user("bob", "groups", "CN=Sales,OU=Groups,DC=corp", "phone", "30002"),
		user("carol", "phone", "30003"),
		speedDial("*11", "Taxi", "+49 30 261026"),
		in("open", contact("displayname", "Open Contact", "phone", "1")),
		in("sales", contact("displayname", "Sales Contact", "phone", "2")),
		in("alice-own", contact("displayname", "Private Contact", "phone", "3")),
		in("desk", contact("displayname", "Desk Contact", "phone", "4")),
		in("customers", contact("displayname", "Customer", "phone", "5")),
	}})
	for i, name := range []string{"alice", "bob", "carol"} {
		c.ids[name] = applied.IDs[i]
	}
	c.caughtUp()
	return c
}

func (c *company) as(name string) *directory.Reader {
	switch name {
	case "":
		return nil
	case "reception":
		return device
	}
	return &directory.Reader{User: name, UserID: c.ids[name], DN: "uid=" + name + ",ou=users,dc=example,dc=com"}
}

func names(a *answer) []string {
	var all []string
	for _, m := range a.entries {
		all = append(all, strings.Join(values(m, "cn"), "+"))
	}
	slices.Sort(all)
	return all
}

func TestWhoSeesWhat(t *testing.T) {
	c := newCompany(t)
	users := []string{"Alice", "Bob", "Carol"}
	common := append([]string{"Customer", "Open Contact", "Taxi"}, users...)
	for _, tt := range []struct {
		who      string
		everyone bool
		want     []string
	}{
		{"alice", false, append([]string{"Private Contact", "Sales Contact"}, common...)},
		{"bob", false, append([]string{"Sales Contact"}, common...)},
		{"carol", false, common},
		{"reception", false, append([]string{"Desk Contact"}, common...)},
		{"", true, []string{"Open Contact"}},
	} {
		t.Run("as "+tt.who, func(t *testing.T) {
			c.t = t
			slices.Sort(tt.want)
			q := directory.Query{Reader: c.as(tt.who), Everyone: tt.everyone}
			if got := names(c.search("(telephoneNumber=*)", q)); !slices.Equal(got, tt.want) {
				t.Errorf("everything: %v, want %v", got, tt.want)
			}
			// Whatever is asked for by itself is there or not, like the whole.
			for _, e := range c.everything() {
				shown := slices.Contains(tt.want, e.Values.First(store.DisplayName))
				c.probe(t, q, &e, shown)
			}
		})
	}
}

// everything is every entry of the company.
func (c *company) everything() []store.Entry {
	c.t.Helper()
	var all []store.Entry
	for e, err := range c.store.Entries(context.Background(), store.Query{}) {
		if err != nil {
			c.t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// probe tries all ways to find one entry out.
func (c *company) probe(t *testing.T, q directory.Query, e *store.Entry, shown bool) {
	t.Helper()
	name := e.Values.First(store.DisplayName)
	dn := "uid=" + e.ID + ",ou=" + e.Phonebook + ",ou=phonebook,dc=example,dc=com"
	parent := "ou=" + e.Phonebook + ",ou=phonebook,dc=example,dc=com"
	switch e.Kind {
	case store.KindUser:
		parent = "ou=users,dc=example,dc=com"
		dn = "uid=" + e.Values.First(store.Username) + "," + parent
	case store.KindSpeedDial:
		parent = "ou=speeddials,dc=example,dc=com"
		dn = "uid=" + e.ID + "," + parent
	}
	base := q
	base.Base, base.Scope = []byte(dn), ldapwire.ScopeBaseObject
	if a := c.search("(objectClass=*)", base); len(a.entries) == 1 != shown || a.Code == ldapwire.NoSuchObject == shown {
		t.Errorf("%s read by its DN: %d entries, %v; shown: %t", name, len(a.entries), a.Code, shown)
	}
	for _, scope := range []ldapwire.Scope{ldapwire.ScopeSingleLevel, ldapwire.ScopeWholeSubtree} {
		under := q
		under.Base, under.Scope = []byte(parent), scope
		if a := c.search("(cn="+name+")", under); len(a.entries) == 1 != shown {
			t.Errorf("%s under %s: %d entries; shown: %t", name, parent, len(a.entries), shown)
		}
	}
	if a := c.search("(uid="+e.ID+")", q); len(a.entries) == 1 != (shown && e.Kind != store.KindUser) {
		t.Errorf("%s by its ID: %d entries; shown: %t", name, len(a.entries), shown)
	}
	compared := q
	compared.Base = []byte(dn)
	got, err := c.tree.Compare(context.Background(), &compared, []byte("cn"), []byte(name))
	if err != nil || (got.Code == ldapwire.CompareTrue) != shown || (got.Code == ldapwire.NoSuchObject) == shown {
		t.Errorf("%s compared: %v, %v; shown: %t", name, got.Code, err, shown)
	}
}

func TestNobodyReadsAnything(t *testing.T) {
	c := newCompany(t)
	for _, base := range []string{"dc=example,dc=com", "ou=users,dc=example,dc=com", "ou=open,ou=phonebook,dc=example,dc=com", "", "dc=elsewhere"} {
		f, _ := ldapwire.ParseFilter("(objectClass=*)")
		a, err := c.tree.Search(context.Background(), &directory.Query{Base: []byte(base), Scope: ldapwire.ScopeWholeSubtree, Filter: &f, Limit: 10},
			func(directory.Entry) error { t.Errorf("%q: something was sent", base); return nil })
		if err != nil || a.Code != ldapwire.NoSuchObject || a.Matched != "" || !strings.Contains(a.Text, "bind first") {
			t.Errorf("%q: %+v, %v", base, a, err)
		}
	}
}

// What readers may read changes with them and with the phonebooks, at once.
func TestAccessFollowsTheStore(t *testing.T) {
	c := newCompany(t)
	sees := func(who, what string) bool {
		c.caughtUp()
		return slices.Contains(names(c.search("(telephoneNumber=*)", directory.Query{Reader: c.as(who)})), what)
	}
	edit := func(name string, f func(*store.Entry)) {
		e, err := c.store.User(name)
		if err != nil {
			t.Fatal(err)
		}
		f(&e)
		c.apply(&store.Changes{Put: []store.Entry{e}})
	}
	for _, step := range []struct {
		name, who, what string
		do              func()
		want            bool
	}{
		{"before", "carol", "Sales Contact", func() {}, false},
		{"joins the group", "carol", "Sales Contact", func() {
			edit("carol", func(e *store.Entry) { e.Values = e.Values.With(store.Groups, "SALES") })
		}, true},
		{"phonebook gets other readers", "carol", "Sales Contact", func() {
			c.apply(&store.Changes{PutObjects: []store.Object{&store.Phonebook{Name: "sales", Readers: []string{"user:bob"}}}})
		}, false},
		{"is disabled", "bob", "Sales Contact", func() { edit("bob", func(e *store.Entry) { e.Auth.Disabled = true }) }, false},
		{"users get readers", "carol", "Alice", func() {
			c.apply(&store.Changes{PutObjects: []store.Object{&store.Container{Name: "users", Readers: []string{"device:reception"}}}})
		}, false},
		{"one's own entry stays", "carol", "Carol", func() {}, true},
		{"speed dials get readers", "carol", "Taxi", func() {
			c.apply(&store.Changes{PutObjects: []store.Object{&store.Container{Name: "speeddials", Readers: []string{"user:alice"}}}})
		}, false},
		{"is renamed", "alice", "Private Contact", func() {
			edit("alice", func(e *store.Entry) { e.Values = e.Values.With(store.Username, "alicia") })
		}, false},
		{"phonebook is removed", "reception", "Desk Contact", func() {
			c.apply(&store.Changes{RemoveObjects: []store.ObjectRef{{Kind: store.ObjectPhonebook, Name: "desk"}}, Force: true})
		}, false},
	} {
		if step.do(); sees(step.who, step.what) != step.want {
			t.Errorf("%s: %s sees %s: %t", step.name, step.who, step.what, !step.want)
		}
	}
}

func TestScopes(t *testing.T) {
	c := newCompany(t)
	find := func(base string, scope ldapwire.Scope, filter string) []string {
		a := c.search(filter, directory.Query{Base: []byte(base), Scope: scope, Reader: device})
		if a.Code != ldapwire.Success {
			return []string{a.Code.String() + " " + a.Matched}
		}
		var all []string
		for _, dn := range a.dns() {
			if strings.HasPrefix(dn, "uid=") && !strings.Contains(dn, "ou=users") {
				dn = "uid=…" + dn[strings.Index(dn, ","):]
			}
			all = append(all, strings.TrimSuffix(strings.TrimSuffix(dn, "dc=example,dc=com"), ","))
		}
		slices.Sort(all)
		return all
	}
	const one, sub, below, self = ldapwire.ScopeSingleLevel, ldapwire.ScopeWholeSubtree, ldapwire.ScopeSubordinate, ldapwire.ScopeBaseObject
	for _, tt := range []struct {
		base, filter string
		scope        ldapwire.Scope
		want         string
	}{
		{"dc=example,dc=com", "(objectClass=*)", self, ""},
		{"dc=example,dc=com", "(objectClass=*)", one, "ou=devices ou=phonebook ou=speeddials ou=users"},
		{"dc=example,dc=com", "(ou=users)", one, "ou=users"},
		{"dc=example,dc=com", "(objectClass=organizationalUnit)", sub, ""},
		{"dc=example,dc=com", "(cn=Taxi)", sub, "uid=…,ou=speeddials"},
		{"", "(cn=Taxi)", sub, "uid=…,ou=speeddials"},
		{"", "(objectClass=*)", one, ""},
		{"DC=Example, DC=COM", "(cn=Taxi)", sub, "uid=…,ou=speeddials"},
		{"OU=Users,dc=example,dc=com", "(objectClass=person)", one, "uid=alice,ou=users uid=bob,ou=users uid=carol,ou=users"},
		{"ou=users,dc=example,dc=com", "(objectClass=person)", below, "uid=alice,ou=users uid=bob,ou=users uid=carol,ou=users"},
		{"uid=alice,ou=users,dc=example,dc=com", "(objectClass=person)", sub, "uid=alice,ou=users"},
		{"uid=alice,ou=users,dc=example,dc=com", "(objectClass=person)", one, ""},
		{"UID=\\41lice,ou=users,dc=example,dc=com", "(objectClass=person)", self, "uid=alice,ou=users"},
		{"ou=phonebook,dc=example,dc=com", "(objectClass=*)", one, "ou=customers,ou=phonebook ou=desk,ou=phonebook ou=open,ou=phonebook"},
		{"ou=phonebook,dc=example,dc=com", "(objectClass=*)", sub, "uid=…,ou=customers,ou=phonebook uid=…,ou=desk,ou=phonebook uid=…,ou=open,ou=phonebook"},
		{"ou=open,ou=phonebook,dc=example,dc=com", "(description=everybody's)", self, "ou=open,ou=phonebook"},
		{"ou=open,ou=phonebook,dc=example,dc=com", "(objectClass=*)", sub, "uid=…,ou=open,ou=phonebook"},
		{"ou=sales,ou=phonebook,dc=example,dc=com", "(objectClass=*)", self, "noSuchObject ou=phonebook,dc=example,dc=com"},
		{"uid=x,ou=open,ou=phonebook,dc=example,dc=com", "(objectClass=*)", self, "noSuchObject ou=open,ou=phonebook,dc=example,dc=com"},
		{"ou=devices,dc=example,dc=com", "(objectClass=*)", one, "cn=reception,ou=devices"},
		{"cn=reception,ou=devices,dc=example,dc=com", "(objectClass=device)", self, "cn=reception,ou=devices"},
		{"cn=other,ou=devices,dc=example,dc=com", "(objectClass=*)", self, "noSuchObject ou=devices,dc=example,dc=com"},
		{"cn=subschema", "(objectClass=subschema)", self, "cn=subschema"},
		{"ou=nowhere,dc=example,dc=com", "(objectClass=*)", sub, "noSuchObject dc=example,dc=com"},
		{"dc=elsewhere", "(objectClass=*)", sub, "noSuchObject "},
		{"what is this", "(objectClass=*)", sub, "invalidDNSyntax "},
		{"ou=users,dc=example,dc=com", "(cn:dn:=users)", one, ""},
		{"ou=open,ou=phonebook,dc=example,dc=com", "(ou:dn:=open)", one, "uid=…,ou=open,ou=phonebook"},
		{"dc=example,dc=com", "(dc:dn:caseIgnoreMatch:=COM)", sub, strings.Join([]string{"uid=alice,ou=users", "uid=bob,ou=users", "uid=carol,ou=users",
			"uid=…,ou=customers,ou=phonebook", "uid=…,ou=desk,ou=phonebook", "uid=…,ou=open,ou=phonebook", "uid=…,ou=speeddials"}, " ")},
	} {
		if got := strings.Join(find(tt.base, tt.scope, tt.filter), " "); got != tt.want {
			t.Errorf("%s under %q, scope %d:\n got %s\nwant %s", tt.filter, tt.base, tt.scope, got, tt.want)
		}
	}
}

func TestAttributesThatAreSent(t *testing.T) {
	b := newBench(t, &store.Changes{Put: []store.Entry{
		contact("displayname", "Jürgen Müller", "givenname", "Jürgen", "phone", "+49 30 1", "fax", "0302", "organisation", "Acme", "photo", "\xff\xd8\xff"),
		user("zoe", "groups", "staff", "email", "z@example.com"),
	}})
	sent := func(filter string, typesOnly bool, asked ...string) string {
		q := directory.Query{TypesOnly: typesOnly}
		for _, a := range asked {
			q.Attributes = append(q.Attributes, []byte(a))
		}
		a := b.search(filter, q)
		if len(a.entries) != 1 {
			t.Fatalf("%s: %d entries", filter, len(a.entries))
		}
		var all []string
		for _, attr := range a.entries[0].Entry.Attributes {
			all = append(all, fmt.Sprintf("%s:%d", attr.Type, len(attr.Values)))
		}
		slices.Sort(all)
		return strings.Join(all, " ")
	}
	const person = "(cn=Jürgen Müller)"
	everything := "cn:1 facsimileTelephoneNumber:1 givenName:1 jpegPhoto:1 o:1 objectClass:4 sn:1 telephoneNumber:1 uid:1"
	operational := "createTimestamp:1 entryDN:1 entryUUID:1 hasSubordinates:1 modifyTimestamp:1 structuralObjectClass:1 subschemaSubentry:1"
	for _, tt := range []struct {
		name, filter string
		types        bool
		asked        []string
		want         string
	}{
		{"all", person, false, nil, everything},
		{"star", person, false, []string{"*"}, everything},
		{"none", person, false, []string{"1.1"}, ""},
		{"none and one", person, false, []string{"1.1", "CN"}, "cn:1"},
		{"canonical spelling", person, false, []string{"TELEPHONENUMBER", "FAX", "gN", "surname"}, "facsimileTelephoneNumber:1 givenName:1 sn:1 telephoneNumber:1"},
		{"another type over the same field", person, false, []string{"displayname", "company", "IPPHONE"}, "company:1 displayName:1 ipPhone:1"},
		{"both", person, false, []string{"cn", "displayName"}, "cn:1 displayName:1"},
		{"OID", person, false, []string{"2.5.4.20", "2.5.4.3"}, "cn:1 telephoneNumber:1"},
		{"twice", person, false, []string{"cn", "commonName", "2.5.4.3"}, "cn:1"},
		{"operational", person, false, []string{"+"}, operational},
		{"both kinds", person, false, []string{"*", "+"}, joinSorted(everything, operational)},
		{"operational by name", person, false, []string{"entryUUID", "modifytimestamp"}, "entryUUID:1 modifyTimestamp:1"},
		{"star and an operational one", person, false, []string{"*", "entryUUID"}, joinSorted(everything, "entryUUID:1")},
		{"photo alone", person, false, []string{"jpegPhoto"}, "jpegPhoto:1"},
		{"photo that is not there", "(uid=zoe)", false, []string{"jpegPhoto", "cn"}, "cn:1"},
		{"unknown", person, false, []string{"userPassword", "nonsense"}, ""},
		{"object class", person, false, []string{"objectclass"}, "objectClass:4"},
		{"types", person, true, nil, strings.NewReplacer("1", "0", "4", "0").Replace(everything)},
		{"types of some", person, true, []string{"cn", "displayName", "mail", "entryUUID"}, "cn:0 displayName:0 entryUUID:0"},
		{"user", "(uid=zoe)", false, []string{"uid", "sAMAccountName", "memberOf", "ou", "mail"}, "mail:1 memberOf:1 ou:1 sAMAccountName:1 uid:1"},
	} {
		if got := sent(tt.filter, tt.types, tt.asked...); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, got, tt.want)
		}
	}
	a := b.search(person, directory.Query{})
	if got := values(a.entries[0], "jpegPhoto"); !slices.Equal(got, []string{"\xff\xd8\xff"}) {
		t.Errorf("the photo is %q", got)
	}
	id := a.ids()[0]
	if got := values(a.entries[0], "uid"); !slices.Equal(got, []string{id}) {
		t.Errorf("uid is %q, the RDN %q", got, id)
	}
}

func joinSorted(a, b string) string {
	all := strings.Fields(a + " " + b)
	slices.Sort(all)
	return strings.Join(all, " ")
}

func TestOperationalAttributes(t *testing.T) {
	b := newBench(t, &store.Changes{Put: []store.Entry{contact("displayname", "Anna")}})
	a := b.search("(cn=anna)", directory.Query{Attributes: [][]byte{[]byte("+")}})
	m := a.entries[0]
	uuid := values(m, "entryUUID")[0]
	now := time.Now().UTC().Format("20060102150405Z")
	for filter, want := range map[string]int{
		"(entryUUID=" + uuid + ")":                                        1,
		"(entryUUID=" + strings.ToUpper(uuid) + ")":                       1,
		"(entryUUID=00000000-0000-0000-0000-000000000000)":                0,
		"(entryDN=" + a.dns()[0] + ")":                                    1,
		"(createTimestamp=" + values(m, "createTimestamp")[0] + ")":       1,
		"(modifyTimestamp>=20200101000000Z)":                              1,
		"(modifyTimestamp>=" + now[:10] + "+0000)":                        1,
		"(modifyTimestamp<=20200101000000.5Z)":                            0,
		"(modifyTimestamp>=20990101000000+0100)":                          0,
		"(modifyTimestamp>=yesterday)":                                    0,
		"(!(modifyTimestamp>=yesterday))":                                 0,
		"(structuralObjectClass=inetorgperson)":                           1,
		"(objectClass=2.16.840.1.113730.3.2.2)":                           1,
		"(subschemaSubentry=CN=Subschema)":                                1,
		"(hasSubordinates=FALSE)":                                         1,
		"(hasSubordinates=TRUE)":                                          0,
		"(supportedControl=*)":                                            0,
		"(!(supportedControl=*))":                                         1,
		"(modifyTimestamp:generalizedTimeOrderingMatch:=20990101000000Z)": 1,
		"(userAccountControl:1.2.840.113556.1.4.803:=2)":                  0,
		"(!(userAccountControl:1.2.840.113556.1.4.803:=2))":               0,
		"(memberOf:1.2.840.113556.1.4.1941:=cn=x)":                        0,
		"(:caseIgnoreMatch:=ANNA)":                                        1,
		"(:caseExactMatch:=anna)":                                         0,
		"(cn:caseExactMatch:=anna)":                                       0,
		"(cn:caseExactMatch:=Anna)":                                       1,
		"(cn:caseIgnoreOrderingMatch:=b)":                                 1,
		"(cn:caseIgnoreOrderingMatch:=anna)":                              0,
		"(cn:2.5.13.2:=aNNA)":                                             1,
		"(cn:=anna)":                                                      1,
		"(cn:telephoneNumberMatch:=anna)":                                 0,
		"(userPassword=*)":                                                0,
		"(!(userPassword=*))":                                             0,
	} {
		if got := len(b.search(filter, directory.Query{}).entries); got != want {
			t.Errorf("%s finds %d, want %d", filter, got, want)
		}
	}
}
