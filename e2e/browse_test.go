//go:build e2e

package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/e2e/fixture"
)

// What Directory Studio, JXplorer and SSSD send first, byte by byte as they do:
// Debian does not ship the first two, and the third is a daemon.

// bound opens a connection that is bound as the device.
func bound(t *testing.T, d *fixture.Dialtree) *fixture.Client {
	t.Helper()
	c := connect(t, d, plain)
	if r := must[fixture.Result](t)(c.Bind(receptionDN, receptionPassword)); r.Code != 0 {
		t.Fatalf("bind: result %d %q", r.Code, r.Diagnostic)
	}
	return c
}

// search searches and expects success.
func search(t *testing.T, c *fixture.Client, s fixture.Search) []fixture.Entry {
	t.Helper()
	found := must[fixture.Found](t)(c.Search(s))
	if found.Code != 0 {
		t.Fatalf("search %+v: result %d %q", s, found.Code, found.Diagnostic)
	}
	return found.Entries
}

// one expects one entry.
func one(t *testing.T, c *fixture.Client, s fixture.Search) fixture.Entry {
	t.Helper()
	entries := search(t, c, s)
	if len(entries) != 1 {
		t.Fatalf("search %+v: %d entries, want 1", s, len(entries))
	}
	return entries[0]
}

func holds(t *testing.T, e fixture.Entry, attributes ...string) {
	t.Helper()
	for _, a := range attributes {
		if e.Get(a) == "" {
			t.Errorf("%q has no %s: %v", e.DN, a, e.Attributes)
		}
	}
}

// Apache Directory Studio reads the root DSE, the schema, and then level by level.
func TestDirectoryStudio(t *testing.T) {
	c := bound(t, phonebooks(t))
	dse := one(t, c, fixture.Search{Attributes: []string{
		"namingContexts", "subschemaSubentry", "supportedLDAPVersion", "supportedSASLMechanisms", "supportedExtension",
		"supportedControl", "supportedFeatures", "vendorName", "vendorVersion", "+",
	}})
	holds(t, dse, "namingContexts", "subschemaSubentry", "supportedLDAPVersion", "supportedExtension", "supportedControl",
		"supportedFeatures", "vendorName", "vendorVersion")
	holds(t, one(t, c, fixture.Search{Attributes: []string{"*"}}), "objectClass")
	place := one(t, c, fixture.Search{Attributes: []string{"subschemaSubentry"}}).Get("subschemaSubentry")
	schema := one(t, c, fixture.Search{Base: place, Filter: fixture.Equal("objectClass", "subschema"), Attributes: []string{
		"objectClasses", "attributeTypes", "ldapSyntaxes", "matchingRules", "matchingRuleUse", "createTimestamp", "modifyTimestamp",
	}})
	holds(t, schema, "objectClasses", "attributeTypes", "ldapSyntaxes", "matchingRules", "createTimestamp", "modifyTimestamp")
	described := strings.Join(schema.Attributes["attributeTypes"], "\n")
	if !strings.Contains(described, "'hasSubordinates'") {
		t.Error("the schema has no hasSubordinates: Studio shows every entry as one with children")
	}

	leaves := 0
	level := dse.Attributes["namingContexts"]
	for depth := 0; len(level) > 0; depth++ {
		if depth > 4 {
			t.Fatalf("the tree does not end: %q", level)
		}
		var next []string
		for _, dn := range level {
			below, hasSome := children(t, c, dn)
			if hasSome != (len(below) > 0) {
				t.Errorf("%s: hasSubordinates %t, and %d children", dn, hasSome, len(below))
			}
			if len(below) == 0 {
				leaves++
			}
			next = append(next, below...)
		}
		level = next
	}
	if want := len(customers) + 1; leaves < want {
		t.Errorf("%d entries without children were reached, want at least %d", leaves, want)
	}
}

// children opens an entry as Studio does. It returns the DNs of what is below, and
// what the entry says of itself.
func children(t *testing.T, c *fixture.Client, dn string) (below []string, hasSome bool) {
	t.Helper()
	attributes := []string{"hasSubordinates", "objectClass"}
	itself := one(t, c, fixture.Search{Base: dn, Attributes: attributes})
	holds(t, itself, attributes...)
	for _, e := range search(t, c, fixture.Search{Base: dn, Scope: fixture.SingleLevel, SizeLimit: 1000, Attributes: attributes,
		Controls: []fixture.Control{{OID: "2.16.840.1.113730.3.4.2"}}}) {
		holds(t, e, attributes...)
		below = append(below, e.DN)
	}
	return below, itself.Get("hasSubordinates") == "TRUE"
}

// JXplorer asks for namingContexts by name, finds the schema, and browses with
// aliases followed, as JNDI does.
func TestJXplorer(t *testing.T) {
	c := bound(t, phonebooks(t))
	dse := one(t, c, fixture.Search{Deref: fixture.DerefAlways, Attributes: []string{"namingContexts"}})
	if got := dse.Attributes["namingContexts"]; !slices.Equal(got, []string{fixture.DialtreeBase}) {
		t.Errorf("namingContexts are %q", got)
	}
	place := one(t, c, fixture.Search{Deref: fixture.DerefAlways, Attributes: []string{"subschemaSubentry"}}).Get("subschemaSubentry")
	holds(t, one(t, c, fixture.Search{Base: place, Deref: fixture.DerefAlways,
		Attributes: []string{"objectClasses", "attributeTypes", "matchingRules", "ldapSyntaxes"}}), "objectClasses", "attributeTypes")
	base := dse.Get("namingContexts")
	holds(t, one(t, c, fixture.Search{Base: base, Deref: fixture.DerefAlways, Attributes: []string{"*", "+"}}),
		"objectClass", "dc", "structuralObjectClass", "subschemaSubentry")
	if got := search(t, c, fixture.Search{Base: base, Scope: fixture.SingleLevel, Deref: fixture.DerefAlways, Attributes: []string{"1.1"}}); len(got) != 4 {
		t.Errorf("%d containers below the base, want 4: %v", len(got), got)
	}
}

// SSSD finds out what the server is and looks for users with numbers, of whom
// there are none: an empty answer, never an error that takes it offline.
func TestSSSD(t *testing.T) {
	c := bound(t, phonebooks(t))
	dse := one(t, c, fixture.Search{Attributes: []string{
		"*", "altServer", "namingContexts", "supportedControl", "supportedExtension", "supportedFeatures", "supportedLDAPVersion",
		"supportedSASLMechanisms", "domainControllerFunctionality", "defaultNamingContext", "lastUSN", "highestCommittedUSN",
	}})
	holds(t, dse, "namingContexts", "supportedControl", "supportedExtension", "supportedFeatures", "supportedLDAPVersion")
	posix := fixture.And(fixture.Equal("uid", "alice"), fixture.Equal("objectclass", "posixAccount"), fixture.Present("uid"),
		fixture.And(fixture.Present("uidNumber"), fixture.Not(fixture.Equal("uidNumber", "0"))))
	attributes := []string{
		"objectClass", "uid", "userPassword", "uidNumber", "gidNumber", "gecos", "homeDirectory", "loginShell", "krbPrincipalName",
		"cn", "memberOf", "modifyTimestamp", "modifyTimestamp", "shadowLastChange",
	}
	for _, filter := range []fixture.Filter{posix, fixture.And(fixture.Equal("objectclass", "posixGroup"), fixture.Present("cn"))} {
		if got := search(t, c, fixture.Search{Base: fixture.DialtreeBase, Scope: fixture.WholeSubtree, TimeLimit: 6, Filter: filter, Attributes: attributes,
			Controls: []fixture.Control{{OID: "2.16.840.1.113730.3.4.2"}, fixture.PagedResults(1000)}}); len(got) != 0 {
			t.Errorf("SSSD finds %v", got)
		}
	}
}

// Every control that the root DSE lists works where it is critical, and what it
// does not list is refused: clients drop what is not listed and rely on what is.
func TestListedControls(t *testing.T) {
	c := bound(t, phonebooks(t))
	const passwordPolicy = "1.3.6.1.4.1.42.2.27.8.5.1"
	served := map[string][]fixture.Control{
		"2.16.840.1.113730.3.4.2": {{OID: "2.16.840.1.113730.3.4.2", Critical: true}},
		"1.3.6.1.4.1.4203.1.10.1": {fixture.Subentries(false)},
		"1.2.840.113556.1.4.319":  {fixture.PagedResults(5)},
		"1.2.840.113556.1.4.473":  {fixture.Sort("sn")},
		"2.16.840.1.113730.3.4.9": {fixture.Sort("sn"), fixture.ListView(0, 4, 1)},
		passwordPolicy:            nil, // goes with a bind
	}
	listed := one(t, c, fixture.Search{Attributes: []string{"supportedControl"}}).Attributes["supportedControl"]
	for oid, controls := range served {
		if !slices.Contains(listed, oid) {
			t.Errorf("control %s works and is not listed", oid)
		}
		if controls == nil {
			continue
		}
		s := fixture.Search{Base: fixture.DialtreeBase, Scope: fixture.WholeSubtree, Filter: fixture.Present("sn"), Controls: controls}
		if found := must[fixture.Found](t)(c.Search(s)); found.Code != 0 || len(found.Entries) < 5 {
			t.Errorf("control %s: result %d %q, %d entries", oid, found.Code, found.Diagnostic, len(found.Entries))
		}
	}
	for _, oid := range listed {
		if _, ok := served[oid]; !ok {
			t.Errorf("control %s is listed, and this test does not know how to try it", oid)
		}
	}
	for _, oid := range []string{"1.2.840.113556.1.4.417", "1.3.6.1.1.12", "1.3.6.1.1.13.2", "2.16.840.1.113730.3.4.18", passwordPolicy} {
		s := fixture.Search{Base: fixture.DialtreeBase, Controls: []fixture.Control{{OID: oid, Critical: true}}}
		if found := must[fixture.Found](t)(c.Search(s)); found.Code != 12 {
			t.Errorf("control %s, which is not for a search: result %d, want 12", oid, found.Code)
		}
	}
	if r := must[fixture.Result](t)(c.BindWith(receptionDN, receptionPassword, fixture.Control{OID: passwordPolicy, Critical: true})); r.Code != 0 {
		t.Errorf("bind with the password policy control: result %d %q", r.Code, r.Diagnostic)
	}
}

// Every extended operation, mechanism, version and feature that the root DSE lists
// works.
func TestListedOperations(t *testing.T) {
	d := phonebooks(t)
	command(t, d, 0, "password of alice\n", "user", "passwd", "alice", "--password-stdin")
	works := map[string]func(t *testing.T) error{
		"1.3.6.1.4.1.4203.1.11.1": func(t *testing.T) error { return modifiesPassword(t, d) },
		"1.3.6.1.4.1.4203.1.11.3": func(t *testing.T) error {
			r, err := bound(t, d).WhoAmI()
			return want(r, err, 0, "dn:"+receptionDN)
		},
		"1.3.6.1.1.8":            func(t *testing.T) error { return cancels(t, d) },
		"1.3.6.1.4.1.1466.20037": func(t *testing.T) error { connect(t, d, startTLS); return nil },
		"PLAIN": func(t *testing.T) error {
			r, err := connect(t, d, ldaps).BindPlain("reception", receptionPassword)
			return want(r, err, 0, "")
		},
		"2": func(t *testing.T) error {
			r, err := connect(t, d, plain).BindVersion(2, receptionDN, receptionPassword)
			return want(r, err, 0, "")
		},
		"3": func(t *testing.T) error { bound(t, d); return nil },
		"1.3.6.1.4.1.4203.1.5.1": func(t *testing.T) error {
			holds(t, one(t, bound(t, d), fixture.Search{Base: fixture.DialtreeBase, Attributes: []string{"+"}}), "structuralObjectClass")
			return nil
		},
		"1.3.6.1.4.1.4203.1.5.3": func(t *testing.T) error {
			one(t, bound(t, d), fixture.Search{Base: fixture.DialtreeBase, Filter: fixture.And()})
			return nil
		},
	}
	// Once before TLS, where StartTLS is still to be had, and once inside, where
	// passwords may be sent as they are.
	for _, transport := range []string{plain, ldaps} {
		dse := one(t, connect(t, d, transport), fixture.Search{Attributes: []string{
			"supportedExtension", "supportedSASLMechanisms", "supportedLDAPVersion", "supportedFeatures"}})
		for attribute, values := range dse.Attributes {
			for _, value := range values {
				try := works[value]
				if try == nil {
					t.Errorf("%s %s is listed, and this test does not know how to try it", attribute, value)
				} else if err := try(t); err != nil {
					t.Errorf("%s %s: %v", attribute, value, err)
				}
			}
		}
		for name, there := range map[string]bool{"1.3.6.1.4.1.1466.20037": transport == plain, "PLAIN": transport == ldaps} {
			all := append(dse.Attributes["supportedExtension"], dse.Attributes["supportedSASLMechanisms"]...)
			if slices.Contains(all, name) != there {
				t.Errorf("%s: %s listed %t, want %t", transport, name, !there, there)
			}
		}
	}
}

func want(r fixture.Result, err error, code int, value string) error {
	if err == nil && (r.Code != code || r.Value != value) {
		err = fmt.Errorf("result %d %q, value %q, want %d, %q", r.Code, r.Diagnostic, r.Value, code, value)
	}
	return err
}

func modifiesPassword(t *testing.T, d *fixture.Dialtree) error {
	const password = "password of alice"
	c := connect(t, d, ldaps)
	r, err := c.Bind("alice", password)
	if err := want(r, err, 0, ""); err != nil {
		return err
	}
	r, err = c.PasswordModify(password, password)
	return want(r, err, 0, "")
}

// cancels holds that a search that was canceled has the result canceled and its
// cancel success, and that one that was faster has its own and the cancel says so.
func cancels(t *testing.T, d *fixture.Dialtree) error {
	found, r, err := bound(t, d).SearchAndCancel(fixture.Search{Base: fixture.DialtreeBase, Scope: fixture.WholeSubtree})
	const success, canceled, noSuchOperation, tooLate = 0, 118, 119, 120
	switch {
	case err != nil:
		return err
	case found.Code == canceled && r.Code == success, found.Code == success && (r.Code == noSuchOperation || r.Code == tooLate):
		return nil
	}
	return fmt.Errorf("the search ends with %d %q, its cancel with %d %q", found.Code, found.Diagnostic, r.Code, r.Diagnostic)
}

// Limits and pages hold for containers as they do for entries, and the schema is
// found as the subentry that it is.
func TestBrowsingContainers(t *testing.T) {
	c := bound(t, phonebooks(t))
	for _, test := range []struct {
		title    string
		search   fixture.Search
		code     int
		want     int
		controls []string
	}{
		{"a limit counts what is found, not what is looked at",
			fixture.Search{Filter: fixture.Equal("ou", "speeddials"), SizeLimit: 1}, 0, 1, nil},
		{"over the limit", fixture.Search{SizeLimit: 2}, 4, 2, nil},
		{"a page is no failure", fixture.Search{Controls: []fixture.Control{fixture.PagedResults(2)}}, 0, 2,
			[]string{"1.2.840.113556.1.4.319"}},
		{"only subentries", fixture.Search{Controls: []fixture.Control{fixture.Subentries(true)}}, 0, 0, nil},
	} {
		t.Run(test.title, func(t *testing.T) {
			s := test.search
			s.Base, s.Scope = fixture.DialtreeBase, fixture.SingleLevel
			found := must[fixture.Found](t)(c.Search(s))
			if found.Code != test.code || len(found.Entries) != test.want || !slices.Equal(found.Controls, test.controls) {
				t.Errorf("result %d %q, %d entries, controls %q, want %d, %d, %q",
					found.Code, found.Diagnostic, len(found.Entries), found.Controls, test.code, test.want, test.controls)
			}
		})
	}
	one(t, c, fixture.Search{Base: "cn=subschema", Controls: []fixture.Control{fixture.Subentries(true)}})
}
