package ldap_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/syncer/source/ldap"
)

func TestRecords(t *testing.T) {
	const guid = "\x04\x03\x02\x01\x06\x05\x08\x07\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10"
	const sid = "\x01\x02\x00\x00\x00\x00\x00\x05\x20\x00\x00\x00\x20\x02\x00\x00"
	tests := []struct {
		name    string
		entry   entry
		schema  []string
		columns []string
		want    string
	}{
		{"values in their columns", person("alice", "mail", "a@example.com", "mail", "alice@example.com"), nil,
			[]string{"dn", "uid", "mail", "mobile"}, "uid=alice,ou=people,dc=example,dc=com|alice|a@example.com+alice@example.com|"},
		{"names in any case", person("alice", "TELEPHONENUMBER", "100"), nil, []string{"telephoneNumber"}, "100"},
		{"a GUID, a SID and a picture", person("alice", "objectGUID", guid, "objectSid", sid, "thumbnailPhoto", "\xff\xd8\x00"), nil,
			[]string{"objectGUID", "objectSid", "thumbnailPhoto"}, "01020304-0506-0708-090a-0b0c0d0e0f10|S-1-5-32-544|\xff\xd8\x00"},
		{"a GUID that is none", person("alice", "objectGUID", "x"), nil, []string{"uid", "objectGUID"}, "alice| {objectGUID: 1 octets are no such value}"},
		{"text that is not UTF-8", person("alice", "description", "M\xfcller"), nil,
			[]string{"uid", "description"}, "alice| {description: is neither UTF-8 nor known as binary}"},
		{"empty values are none", person("alice", "mobile", "", "mobile", "1"), nil, []string{"mobile"}, "1"},
		{"a variant in another language is not asked for", person("alice", "cn;lang-de", "Die Alice"), nil, []string{"cn"}, "The alice"},
		{"an attribute that was sent as binary", person("alice", "userCertificate;binary", "\x30\x80"), nil, []string{"userCertificate"}, "\x30\x80"},
		{"what the directory does not know is no column", person("alice"), []string{"( 0.9.2342.19200300.100.1.1 NAME 'uid' )"}, []string{"uid", "telefon"}, "alice"},
		{"another name of the same attribute", person("alice", "sn", "Ångström"), []string{"( 2.5.4.4 NAME ( 'sn' 'surname' ) SUP name )"},
			[]string{"surname", "sn"}, "Ångström|Ångström"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := serve(t, &peer{entries: []entry{tt.entry}, schema: tt.schema})
			rows, err := read(t, open(t, p.options(tt.columns...)))
			if err != nil || !slices.Equal(rows, []string{tt.want}) {
				t.Errorf("got %q, %v, want %q", rows, err, tt.want)
			}
		})
	}
}

func people(n int) []entry {
	list := make([]entry, n)
	for i := range list {
		list[i] = person(fmt.Sprintf("user%04d", i))
	}
	return list
}

func TestPages(t *testing.T) {
	p := serve(t, &peer{entries: people(1203)})
	o := p.options("uid")
	o.PageSize = 500
	rows, err := read(t, open(t, o))
	if err != nil || len(rows) != 1203 || rows[0] != "user0000" || rows[1202] != "user1202" {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	if n := len(p.searches) - 1; n != 3 { // beside that of the root DSE
		t.Errorf("%d searches, want 3", n)
	}
	if !slices.Equal(p.bound, []string{readerDN}) {
		t.Errorf("bound as %q, want once as the account", p.bound)
	}
}

func TestSeveralBases(t *testing.T) {
	staff := entry{"uid=s,ou=staff,dc=example,dc=com", map[string][]string{"uid": {"s"}}}
	p := serve(t, &peer{entries: []entry{person("a"), staff}})
	o := p.options("uid")
	o.Bases = []string{peopleDN, "OU=staff, DC=example,DC=com", "ou=staff,dc=example,dc=com", "ou=none,dc=example,dc=com", "ou=inner," + peopleDN}
	s := open(t, o)
	rows, err := read(t, s)
	// The peer takes a base as it is written, so that the second spelling finds nothing.
	if err != nil || !slices.Equal(rows, []string{"a"}) {
		t.Fatalf("%q, %v", rows, err)
	}
	if notes := strings.Join(s.Notes(), "\n"); strings.Contains(notes, "inner") || !strings.Contains(notes, `nothing below "ou=none,dc=example,dc=com" matches`) {
		t.Errorf("notes: %s", notes)
	}
	o.Bases = o.Bases[2:]
	if rows, err := read(t, open(t, o)); err != nil || !slices.Equal(rows, []string{"s"}) {
		t.Errorf("%q, %v", rows, err)
	}
}

// rangedPeer gives the values of member at most three at a time, as Active Directory
// gives 1500.
func rangedPeer(t *testing.T, total int, spoil func(from int) string) *peer {
	value := func(i int) string { return fmt.Sprintf("uid=m%d,%s", i, peopleDN) }
	first := entry{"cn=big," + peopleDN, map[string][]string{"uid": {"big"}, "member;range=0-2": {value(0), value(1), value(2)}}}
	return serve(t, &peer{entries: []entry{first}, before: func(c *client, m *ldapwire.Message) bool {
		asked := string(m.Search.Attributes[0])
		var from int
		if _, err := fmt.Sscanf(asked, "member;range=%d-*", &from); err != nil {
			return false
		}
		to, name := min(from+3, total), ""
		if name = fmt.Sprintf("member;range=%d-%d", from, to-1); to == total {
			name = fmt.Sprintf("member;range=%d-*", from)
		}
		if spoil != nil {
			name = spoil(from)
		}
		part := entry{first.dn, map[string][]string{}}
		for i := from; i < to; i++ {
			part.attributes[name] = append(part.attributes[name], value(i))
		}
		c.send(m.ID, part)
		return c.done(m.ID, ldapwire.Success, "")
	}})
}

func TestRangedAttributes(t *testing.T) {
	rows, err := read(t, open(t, rangedPeer(t, 8, nil).options("uid", "member")))
	if err != nil || len(rows) != 1 || strings.Count(rows[0], "uid=m") != 8 || !strings.HasSuffix(rows[0], "uid=m7,"+peopleDN) {
		t.Errorf("got %q, %v, want eight members", rows, err)
	}
	for name, spoil := range map[string]func(int) string{
		"is missing":                func(int) string { return "cn" },
		"do not follow one another": func(int) string { return "member;range=0-2" },
	} {
		if _, err := read(t, open(t, rangedPeer(t, 8, spoil).options("member"))); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want that they %q", err, name)
		}
	}
}

func group(name string, more ...string) entry {
	e := entry{"cn=" + name + ",ou=groups,dc=example,dc=com", map[string][]string{"cn": {name}, "objectClass": {"groupOfNames"}}}
	for i := 0; i < len(more); i += 2 {
		e.attributes[more[i]] = append(e.attributes[more[i]], more[i+1])
	}
	return e
}

func TestGroups(t *testing.T) {
	dn := func(name string) string { return group(name).dn }
	user := func(uid string) string { return person(uid).dn }
	for _, test := range []struct {
		name    string
		entries []entry
		groups  ldap.Groups
		want    []string
	}{
		{"entries name their groups, which contain each other", []entry{
			person("a", "memberOf", dn("sales"), "memberOf", "CN=hidden,dc=elsewhere"), person("b"), person("c", "memberOf", dn("RING")),
			group("sales", "memberOf", "CN=Staff, ou=groups,dc=example,dc=com"), group("Staff"), group("RING", "memberOf", dn("ring2")), group("ring2", "memberOf", dn("RING")),
		}, ldap.Groups{MemberOf: true}, []string{"a|Staff+hidden+sales", "b|", "c|RING+ring2"}},
		{"groups name their members", []entry{
			person("a"), person("b"), person("c"),
			group("sales", "member", user("a"), "member", strings.ToUpper(user("b"))), group("staff", "uniqueMember", dn("sales")), group("unix", "memberUid", "C"),
		}, ldap.Groups{}, []string{"a|sales+staff", "b|sales+staff", "c|unix"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := serve(t, &peer{entries: test.entries, matches: func(filter string, e entry) bool {
				return strings.Contains(filter, "groupOfNames") == strings.HasPrefix(e.dn, "cn=")
			}})
			o := p.options("uid", "groups")
			o.Groups = test.groups
			rows, err := read(t, open(t, o))
			if err != nil || !slices.Equal(rows, test.want) {
				t.Errorf("got %q, %v, want %q", rows, err, test.want)
			}
		})
	}
}

// A referral beside entries is told, and not followed.
func TestReferralsAreNotFollowed(t *testing.T) {
	p := serve(t, &peer{entries: people(2), before: func(c *client, m *ldapwire.Message) bool {
		c.refer(m.ID, "ldap://DomainDnsZones.example.com/DC=DomainDnsZones,DC=example,DC=com")
		c.refer(m.ID, "ldap://elsewhere.example.com/ou=abroad,dc=example,dc=com")
		return false
	}})
	s := open(t, p.options("uid"))
	if rows, err := read(t, s); err != nil || len(rows) != 2 {
		t.Fatalf("%q, %v", rows, err)
	}
	if notes := strings.Join(s.Notes(), "\n"); !strings.Contains(notes, "for 1 parts") {
		t.Errorf("notes: %s", notes)
	}
}
