package syncer_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer/source/ldap/ldaptest"
)

func TestLookAtSource(t *testing.T) {
	for _, tc := range []struct {
		name   string
		lines  []string
		change func(*store.Connector)
		path   string // of the mistake
		error  string
		rows   int
	}{
		{"as it should be", []string{"username,phone", "alice,1", "bob,2"}, nil, "", "", 2},
		{"a column is missing", []string{"login,phone", "alice,1"}, nil, "", "make entries of the records: ", 1},
		{"a file that is not there", nil, nil, "", "read the source: ", 0},
		{"an expression", []string{"username,phone", "alice,1"}, func(c *store.Connector) { c.Variables = map[string]string{"phone": "upper(("} }, "variables.phone", "", 0},
		{"an expression of another source", []string{"username,phone", "alice,1"}, func(c *store.Connector) { c.Variables = map[string]string{"phone": "lower(fone)"} }, "variables.phone", "", 0},
		{"a filter", []string{"username,phone", "alice,1"}, func(c *store.Connector) { c.Filter = `fone == "1"` }, "filter", "", 0},
		{"a schedule", []string{"username,phone", "alice,1"}, func(c *store.Connector) { c.Schedule = "often" }, "schedule", "", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			if tc.lines != nil {
				w.write(tc.lines...)
			}
			c := w.connector
			c.Name = "not-stored"
			if tc.change != nil {
				tc.change(&c)
			}
			l, err := w.syncer.LookAtSource(t.Context(), &c, 20)
			if tc.path != "" {
				var wrong *store.FieldError
				if !errors.As(err, &wrong) || wrong.Path != tc.path {
					t.Errorf("%+v, %v", l, err)
				}
				return
			}
			if err != nil || !strings.HasPrefix(l.Error, tc.error) || (l.Error == "") != (tc.error == "") || len(l.Records) != tc.rows {
				t.Fatalf("%+v, %v", l, err)
			}
			if tc.rows > 0 && (!slices.Equal(l.Columns, strings.Split(tc.lines[0], ",")) || l.Records[0].Source[1].Values[0] != "1") {
				t.Errorf("%+v", l)
			}
			if !slices.Contains(l.Fields, "username") || slices.Contains(l.Fields, "shortcode") {
				t.Errorf("fields %q", l.Fields)
			}
		})
	}
}

// A directory tells all that its entries have, not only what the template asks for.
func TestLookAtADirectory(t *testing.T) {
	w := newWorld(t)
	p := &ldaptest.Peer{Entries: []ldaptest.Entry{colleague("alice", "roomNumber", "7"), colleague("bob")}, Matches: func(string, ldaptest.Entry) bool { return true }}
	c := &store.Connector{Name: "new", Template: "ldap-users"}
	readFrom(c, p.Start(t))
	l, err := w.syncer.LookAtSource(t.Context(), c, 1)
	if err != nil || l.Error != "" || len(l.Records) != 1 {
		t.Fatalf("%+v, %v", l, err)
	}
	for _, name := range []string{"uid", "roomNumber"} {
		if !slices.Contains(l.Columns, name) {
			t.Errorf("no %s in %q", name, l.Columns)
		}
	}
}
