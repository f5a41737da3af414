package ldap_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/syncer/source/ldap"
	"github.com/dialtree/dialtree/syncer/source/ldap/ldaptest"
)

const settingsDN = "CN=NTDS Settings,CN=DC1,DC=example,DC=com"

// controller is a domain controller with two people; of these, a filter by uSNChanged
// or modifyTimestamp finds the second.
func controller(invocationID string) *ldaptest.Peer {
	settings := ldaptest.Entry{DN: settingsDN, Attributes: map[string][]string{"invocationId": {invocationID}}}
	return &ldaptest.Peer{
		Root:    map[string][]string{"dsServiceName": {settingsDN}, "highestCommittedUSN": {"4711"}},
		Entries: []ldaptest.Entry{ldaptest.Person("old", "modifyTimestamp", "20260101000000Z"), ldaptest.Person("new", "modifyTimestamp", "20260301120000Z"), settings},
		Matches: func(filter string, e ldaptest.Entry) bool {
			return !strings.Contains(filter, ">=") || strings.HasPrefix(e.DN, "uid=new")
		},
	}
}

func TestChanges(t *testing.T) {
	const id = "0123456789abcdef"
	const guid = "33323130-3534-3736-3839-616263646566"
	for _, test := range []struct {
		name    string
		changes ldap.Changes
		since   string // ADDRESS is the peer's
		rows    []string
		mark    string
		filter  string // of the search
	}{
		{"all, by USN", ldap.ByUSN, "", []string{"old", "new"}, guid + " 4711", "(objectClass=*)"},
		{"changes, by USN", ldap.ByUSN, guid + " 4000", []string{"new"}, guid + " 4711", "(&(objectClass=*)(uSNChanged>=4001))"},
		{"another controller, or one that was restored", ldap.ByUSN, "33323130-3534-3736-3839-000000000000 4000", []string{"old", "new"}, guid + " 4711", "(objectClass=*)"},
		{"a mark that is none", ldap.ByUSN, guid + " x", []string{"old", "new"}, guid + " 4711", "(objectClass=*)"},
		{"all, by time", ldap.ByTime, "", []string{"old", "new"}, "ADDRESS 20260301120000Z", "(objectClass=*)"},
		{"changes, by time", ldap.ByTime, "ADDRESS 20260401000400Z", []string{"new"}, "ADDRESS 20260401000400Z", "(&(objectClass=*)(modifyTimestamp>=20260331235900Z))"},
		{"another server", ldap.ByTime, "elsewhere:389 20260401000400Z", []string{"old", "new"}, "ADDRESS 20260301120000Z", "(objectClass=*)"},
		{"not wanted", ldap.NoChanges, guid + " 4000", []string{"old", "new"}, "", "(objectClass=*)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := controller(id).Start(t)
			o := optionsOf(p, "uid")
			o.Changes = test.changes
			s := open(t, o)
			s.Since(strings.ReplaceAll(test.since, "ADDRESS", p.Address))
			rows, err := read(t, s)
			if err != nil || !slices.Equal(rows, test.rows) {
				t.Errorf("got %q, %v, want %q", rows, err, test.rows)
			}
			mark, partial := s.Mark()
			if want := strings.ReplaceAll(test.mark, "ADDRESS", p.Address); mark != want || partial != (len(test.rows) == 1) {
				t.Errorf("the mark is %q, partial %t, want %q", mark, partial, want)
			}
			_, searches := p.Seen()
			if last := searches[len(searches)-1]; last != ldaptest.PeopleDN+" "+test.filter {
				t.Errorf("the search is %q, want %q", last, test.filter)
			}
		})
	}
}

// That nothing changed is no failure; that nothing is there is one.
func TestNoChanges(t *testing.T) {
	p := controller("0123456789abcdef")
	p.Matches = func(filter string, _ ldaptest.Entry) bool { return !strings.Contains(filter, ">=") }
	p.Start(t)
	o := optionsOf(p, "uid")
	o.Changes = ldap.ByTime
	s := open(t, o)
	s.Since(p.Address + " 20260401000000Z")
	if rows, err := read(t, s); err != nil || len(rows) != 0 {
		t.Errorf("%q, %v", rows, err)
	}
	if mark, partial := s.Mark(); !partial || !strings.HasSuffix(mark, " 20260401000000Z") {
		t.Errorf("the mark is %q, partial %t", mark, partial)
	}
}

// A controller that does not say where it is has everything fetched, and a note says so.
func TestControllerWithoutUSN(t *testing.T) {
	p := controller("short").Start(t)
	o := optionsOf(p, "uid")
	o.Changes = ldap.ByUSN
	s := open(t, o)
	s.Since(" 4000")
	if rows, err := read(t, s); err != nil || len(rows) != 2 {
		t.Errorf("%q, %v", rows, err)
	}
	if mark, partial := s.Mark(); mark != "" || partial || len(s.Notes()) != 1 {
		t.Errorf("the mark is %q, partial %t, notes %q", mark, partial, s.Notes())
	}
}
