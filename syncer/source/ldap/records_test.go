package ldap_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/syncer/source/ldap"
	"github.com/dialtree/dialtree/syncer/source/ldap/ldaptest"
)

func TestRecords(t *testing.T) {
	const guid = "\x04\x03\x02\x01\x06\x05\x08\x07\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10"
	const sid = "\x01\x02\x00\x00\x00\x00\x00\x05\x20\x00\x00\x00\x20\x02\x00\x00"
	tests := []struct {
		name    string
		entry   ldaptest.Entry
		schema  []string
		columns []string
		want    string
	}{
		{"values in their columns", ldaptest.Person("alice", "mail", "a@example.com", "mail", "alice@example.com"), nil,
			[]string{"dn", "uid", "mail", "mobile"}, "uid=alice,ou=people,dc=example,dc=com|alice|a@example.com+alice@example.com|"},
		{"names in any case", ldaptest.Person("alice", "TELEPHONENUMBER", "100"), nil, []string{"telephoneNumber"}, "100"},
		{"a GUID, a SID and a picture", ldaptest.Person("alice", "objectGUID", guid, "objectSid", sid, "thumbnailPhoto", "\xff\xd8\x00"), nil,
			[]string{"objectGUID", "objectSid", "thumbnailPhoto"}, "01020304-0506-0708-090a-0b0c0d0e0f10|S-1-5-32-544|\xff\xd8\x00"},
		{"a GUID that is none", ldaptest.Person("alice", "objectGUID", "x"), nil, []string{"uid", "objectGUID"}, "alice| {objectGUID: 1 octets are no such value}"},
		{"text that is not UTF-8", ldaptest.Person("alice", "description", "M\xfcller"), nil,
			[]string{"uid", "description"}, "alice| {description: is neither UTF-8 nor known as binary}"},
		{"empty values are none", ldaptest.Person("alice", "mobile", "", "mobile", "1"), nil, []string{"mobile"}, "1"},
		{"a variant in another language is not asked for", ldaptest.Person("alice", "cn;lang-de", "Die Alice"), nil, []string{"cn"}, "The alice"},
		{"an attribute that was sent as binary", ldaptest.Person("alice", "userCertificate;binary", "\x30\x80"), nil, []string{"userCertificate"}, "\x30\x80"},
		{"what the directory does not know is no column", ldaptest.Person("alice"), []string{"( 0.9.2342.19200300.100.1.1 NAME 'uid' )"}, []string{"uid", "telefon"}, "alice"},
		{"another name of the same attribute", ldaptest.Person("alice", "sn", "Ångström"), []string{"( 2.5.4.4 NAME ( 'sn' 'surname' ) SUP name )"},
			[]string{"surname", "sn"}, "Ångström|Ångström"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := start(t, &ldaptest.Peer{Entries: []ldaptest.Entry{tt.entry}, Schema: tt.schema})
			rows, err := read(t, open(t, optionsOf(p, tt.columns...)))
			if err != nil || !slices.Equal(rows, []string{tt.want}) {
				t.Errorf("got %q, %v, want %q", rows, err, tt.want)
			}
		})
	}
}

func people(n int) []ldaptest.Entry {
	list := make([]ldaptest.Entry, n)
	for i := range list {
		list[i] = ldaptest.Person(fmt.Sprintf("user%04d", i))
	}
	return list
}

func TestPages(t *testing.T) {
	p := start(t, &ldaptest.Peer{Entries: people(1203)})
	o := optionsOf(p, "uid")
	o.PageSize = 500
	rows, err := read(t, open(t, o))
	if err != nil || len(rows) != 1203 || rows[0] != "user0000" || rows[1202] != "user1202" {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	bound, searches := p.Seen()
	if n := len(searches) - 1; n != 3 { // beside that of the root DSE
		t.Errorf("%d searches, want 3", n)
	}
	if !slices.Equal(bound, []string{ldaptest.ReaderDN}) {
		t.Errorf("bound as %q, want once as the account", bound)
	}
}

func TestSeveralBases(t *testing.T) {
	staff := ldaptest.Entry{DN: "uid=s,ou=staff,dc=example,dc=com", Attributes: map[string][]string{"uid": {"s"}}}
	p := start(t, &ldaptest.Peer{Entries: []ldaptest.Entry{ldaptest.Person("a"), staff}})
	o := optionsOf(p, "uid")
	o.Bases = []string{ldaptest.PeopleDN, "OU=staff, DC=example,DC=com", "ou=staff,dc=example,dc=com", "ou=none,dc=example,dc=com", "ou=inner," + ldaptest.PeopleDN}
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
func rangedPeer(t *testing.T, total int, spoil func(from int) string) *ldaptest.Peer {
	value := func(i int) string { return fmt.Sprintf("uid=m%d,%s", i, ldaptest.PeopleDN) }
	first := ldaptest.Entry{DN: "cn=big," + ldaptest.PeopleDN, Attributes: map[string][]string{"uid": {"big"}, "member;range=0-2": {value(0), value(1), value(2)}}}
	return start(t, &ldaptest.Peer{Entries: []ldaptest.Entry{first}, Before: func(c *ldaptest.Client, m *ldapwire.Message) bool {
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
		part := ldaptest.Entry{DN: first.DN, Attributes: map[string][]string{}}
		for i := from; i < to; i++ {
			part.Attributes[name] = append(part.Attributes[name], value(i))
		}
		c.Send(m.ID, part)
		return c.Done(m.ID, ldapwire.Success, "")
	}})
}

func TestRangedAttributes(t *testing.T) {
	rows, err := read(t, open(t, optionsOf(rangedPeer(t, 8, nil), "uid", "member")))
	if err != nil || len(rows) != 1 || strings.Count(rows[0], "uid=m") != 8 || !strings.HasSuffix(rows[0], "uid=m7,"+ldaptest.PeopleDN) {
		t.Errorf("got %q, %v, want eight members", rows, err)
	}
	for name, spoil := range map[string]func(int) string{
		"is missing":                func(int) string { return "cn" },
		"do not follow one another": func(int) string { return "member;range=0-2" },
	} {
		if _, err := read(t, open(t, optionsOf(rangedPeer(t, 8, spoil), "member"))); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want that they %q", err, name)
		}
	}
}

func group(name string, more ...string) ldaptest.Entry {
	e := ldaptest.Entry{DN: "cn=" + name + ",ou=groups,dc=example,dc=com", Attributes: map[string][]string{"cn": {name}, "objectClass": {"groupOfNames"}}}
	for i := 0; i < len(more); i += 2 {
		e.Attributes[more[i]] = append(e.Attributes[more[i]], more[i+1])
	}
	return e
}

func TestGroups(t *testing.T) {
	dn := func(name string) string { return group(name).DN }
	user := func(uid string) string { return ldaptest.Person(uid).DN }
	for _, test := range []struct {
		name    string
		entries []ldaptest.Entry
		groups  ldap.Groups
		want    []string
	}{
		{"entries name their groups, which contain each other", []ldaptest.Entry{
			ldaptest.Person("a", "memberOf", dn("sales"), "memberOf", "CN=hidden,dc=elsewhere"), ldaptest.Person("b"), ldaptest.Person("c", "memberOf", dn("RING")),
			group("sales", "memberOf", "CN=Staff, ou=groups,dc=example,dc=com"), group("Staff"), group("RING", "memberOf", dn("ring2")), group("ring2", "memberOf", dn("RING")),
		}, ldap.Groups{MemberOf: true}, []string{"a|Staff+hidden+sales", "b|", "c|RING+ring2"}},
		{"groups name their members", []ldaptest.Entry{
			ldaptest.Person("a"), ldaptest.Person("b"), ldaptest.Person("c"),
			group("sales", "member", user("a"), "member", strings.ToUpper(user("b"))), group("staff", "uniqueMember", dn("sales")), group("unix", "memberUid", "C"),
		}, ldap.Groups{}, []string{"a|sales+staff", "b|sales+staff", "c|unix"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := start(t, &ldaptest.Peer{Entries: test.entries, Matches: func(filter string, e ldaptest.Entry) bool {
				return strings.Contains(filter, "groupOfNames") == strings.HasPrefix(e.DN, "cn=")
			}})
			o := optionsOf(p, "uid", "groups")
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
	p := start(t, &ldaptest.Peer{Entries: people(2), Before: func(c *ldaptest.Client, m *ldapwire.Message) bool {
		c.Refer(m.ID, "ldap://DomainDnsZones.example.com/DC=DomainDnsZones,DC=example,DC=com")
		c.Refer(m.ID, "ldap://elsewhere.example.com/ou=abroad,dc=example,dc=com")
		return false
	}})
	s := open(t, optionsOf(p, "uid"))
	if rows, err := read(t, s); err != nil || len(rows) != 2 {
		t.Fatalf("%q, %v", rows, err)
	}
	if notes := strings.Join(s.Notes(), "\n"); !strings.Contains(notes, "for 1 parts") {
		t.Errorf("notes: %s", notes)
	}
}
