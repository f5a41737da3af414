package authproxy_test

import (
	"context"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/authproxy"
	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/store"
)

// A phoneSearch is a search as a phone or another client sends it, and what it
// must find: rows of phone_contacts.csv, from 1.
type phoneSearch struct {
	ID, Client, Kind, Base, Scope, Filter, Bind, BER string
	Attrs                                            []string
	TypesOnly                                        bool
	LDAPVersion                                      int32 `json:"ldap_version"`
	ResultCode                                       int   `json:"result_code"`
	MaxEntries                                       int   `json:"max_entries"`
	Expect                                           []any `json:"expect_phone"`
	ExpectVLV                                        []any `json:"expect_vlv"`
}

func readCorpus(t *testing.T) []phoneSearch {
	t.Helper()
	data, err := os.ReadFile("testdata/phone_searches.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var searches []phoneSearch
	for line := range strings.Lines(string(data)) {
		var s phoneSearch
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Fatal(err)
		}
		searches = append(searches, s)
	}
	if len(searches) < 81 {
		t.Fatalf("the corpus has %d searches", len(searches))
	}
	return searches
}

// phoneContacts are the contacts of the corpus, in the order of their rows.
func phoneContacts(t *testing.T) []store.Entry {
	t.Helper()
	f, err := os.Open("testdata/phone_contacts.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var entries []store.Entry
	for _, row := range rows[1:] {
		e := store.Entry{Kind: store.KindContact, Phonebook: "corpus"}
		for i, text := range row {
			if field, _ := store.FieldByName(rows[0][i]); text != "" {
				e.Values = append(e.Values, store.Value{Field: field.ID, Text: text})
			}
		}
		entries = append(entries, e)
	}
	if len(entries) != 24 {
		t.Fatalf("the corpus has %d contacts", len(entries))
	}
	return entries
}

// corpusBench serves the contacts of the corpus to everyone; rows are their rows by
// their DNs.
func corpusBench(t *testing.T) (b *bench, rows map[string]int) {
	t.Helper()
	b = newBench(t, func(o *authproxy.Options, _ *store.Upstream) {
		o.BaseDN = "dc=example,dc=com"
		o.AnonymousFrom = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	applied, err := b.store.Apply(context.Background(), &store.Changes{
		PutObjects: []store.Object{&store.Phonebook{Name: "corpus", Readers: []string{"everyone"}}},
		Put:        phoneContacts(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	b.caughtUp()
	rows = make(map[string]int)
	for i, id := range applied.IDs {
		rows["uid="+id+",ou=corpus,ou=phonebook,dc=example,dc=com"] = i + 1
	}
	return b, rows
}

// bindAs binds a connection as the record says.
func (s *phoneSearch) bindAs(c *client) {
	c.t.Helper()
	name, password, version := "cn=reception,ou=devices,dc=example,dc=com", "phone-secret", int32(3)
	switch s.Bind {
	case "none", "anonymous-none":
		return
	case "anonymous-simple":
		name, password = "", ""
	case "simple-user":
		name = "reception"
	case "simple-dn-v2":
		version = 2
	}
	m := c.send(func(id int32) []byte { return ldapwire.AppendBindRequest(nil, id, version, name, []byte(password)) })
	if m.Result.Code != ldapwire.Success {
		c.t.Fatalf("bind %s: %v", s.Bind, m.Result.Code)
	}
}

// request is the record's bytes, or for an entry that is read again by its DN, a
// request for it.
func (s *phoneSearch) request(t *testing.T, rows map[string]int) []byte {
	t.Helper()
	if s.BER != "" {
		raw, err := hex.DecodeString(s.BER)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	for dn, row := range rows {
		if s.Base == fmt.Sprintf("@entry:%d", row) {
			f, err := ldapwire.ParseFilter(s.Filter)
			if err != nil {
				t.Fatal(err)
			}
			return ldapwire.AppendSearchRequest(nil, 2, &ldapwire.SearchRequest{BaseObject: []byte(dn), Filter: f})
		}
	}
	t.Fatalf("no request and no row in %q", s.Base)
	return nil
}

// answers reads the entries of a search, and its result.
func (c *client) answers() (entries []*ldapwire.Message, done *ldapwire.Message) {
	c.t.Helper()
	for {
		m := c.read()
		if m.Op != ldapwire.OpSearchResultEntry {
			return entries, m
		}
		entries = append(entries, m)
	}
}

// TestPhonesFindWhatTheyLookFor sends every search of the corpus as its bytes.
func TestPhonesFindWhatTheyLookFor(t *testing.T) {
	b, rows := corpusBench(t)
	for _, s := range readCorpus(t) {
		t.Run(s.ID+" "+s.Client, func(t *testing.T) {
			c := dial(t, b.address, nil)
			s.bindAs(c)
			if _, err := c.conn.Write(s.request(t, rows)); err != nil {
				t.Fatal(err)
			}
			entries, done := c.answers()
			var found []any
			for _, m := range entries {
				found = append(found, s.found(t, m, rows))
			}
			want := s.Expect
			if s.ExpectVLV != nil {
				want = s.ExpectVLV
			}
			// The corpus has codes of a strict server; an empty base finds everything here.
			if code := int(done.Result.Code); code != s.ResultCode && !(s.Base == "" && code == 0) {
				t.Errorf("%s: result %v, want %d", s.Filter, done.Result.Code, s.ResultCode)
			}
			if !sameSet(found, want) {
				t.Errorf("%s found %v, want %v", s.Filter, found, want)
			}
		})
	}
}

// found is the row of an entry that was found, or what else it is, and checks that
// it has no attribute that was not asked for.
func (s *phoneSearch) found(t *testing.T, m *ldapwire.Message, rows map[string]int) any {
	t.Helper()
	dn := string(m.Entry.DN)
	switch {
	case dn == "":
		return "rootDSE"
	case strings.EqualFold(dn, "cn=subschema"):
		return "subschema"
	}
	row, ok := rows[dn]
	if !ok {
		t.Errorf("found %s", dn)
	}
	for _, a := range m.Entry.Attributes {
		if s.TypesOnly && len(a.Values) > 0 || !s.TypesOnly && len(a.Values) == 0 {
			t.Errorf("%s of row %d has %d values", a.Type, row, len(a.Values))
		}
	}
	return float64(row)
}

func sameSet(a, b []any) bool {
	text := func(list []any) []string {
		var out []string
		for _, v := range list {
			out = append(out, fmt.Sprint(v))
		}
		slices.Sort(out)
		return out
	}
	return slices.Equal(text(a), text(b))
}
