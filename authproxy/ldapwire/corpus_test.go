package ldapwire_test

import (
	"bufio"
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"testing"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// A phoneSearch is a search as a phone or another client sends it, with what it
// means.
type phoneSearch struct {
	ID, Client, Base, Scope, Filter string
	Attrs                           []string
	Controls                        []struct{ OID string }
	SizeLimit, TimeLimit            int32
	TypesOnly                       bool
	Deref                           byte
	BER                             string

	bytes []byte
}

func phoneSearches(t testing.TB) []phoneSearch {
	t.Helper()
	f, err := os.Open("../testdata/phone_searches.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var list []phoneSearch
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var s phoneSearch
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			t.Fatal(err)
		}
		if s.BER == "" {
			continue // the base is an entry's DN, which the server makes
		}
		s.bytes = unhex(t, s.BER)
		list = append(list, s)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if len(list) < 70 {
		t.Fatalf("../testdata/phone_searches.jsonl has %d searches", len(list))
	}
	return list
}

func TestPhoneSearches(t *testing.T) {
	scopes := map[string]ldapwire.Scope{"base": ldapwire.ScopeBaseObject, "one": ldapwire.ScopeSingleLevel, "sub": ldapwire.ScopeWholeSubtree}
	for _, p := range phoneSearches(t) {
		t.Run(p.ID+" "+p.Client, func(t *testing.T) {
			m := decode(t, p.bytes)
			scope, ok := scopes[p.Scope]
			if !ok {
				t.Fatalf("unknown scope %q", p.Scope)
			}
			want := ldapwire.SearchRequest{
				BaseObject: []byte(p.Base), Scope: scope, DerefAliases: p.Deref,
				SizeLimit: p.SizeLimit, TimeLimit: p.TimeLimit, TypesOnly: p.TypesOnly, Attributes: bs(p.Attrs...),
			}
			if len(p.Attrs) == 0 {
				want.Attributes = nil
			}
			got := m.Search
			filter := got.Filter
			got.Filter = ldapwire.Filter{}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("decoded\n%+v, want\n%+v", got, want)
			}
			wantFilter, err := ldapwire.ParseFilter(p.Filter)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := filter.String(), wantFilter.String(); got != want {
				t.Errorf("the filter is %s, want %s", got, want)
			}
			controls := make([]struct{ OID string }, len(m.Controls))
			for i, c := range m.Controls {
				controls[i].OID = string(c.OID)
			}
			if !slices.Equal(controls, p.Controls) {
				t.Errorf("the controls are %q, want %q", controls, p.Controls)
			}
			if again := decode(t, m.Append(nil)); !reflect.DeepEqual(again, m) {
				t.Errorf("encoded again it is\n%+v, want\n%+v", again, m)
			}
		})
	}
}
