//go:build e2e

package e2e_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/e2e/fixture"
	"github.com/dialtree/dialtree/e2e/torture"
)

// The store is gone, and there is no backup. What `dialtree get all` printed, and the sources, bring back everybody who can log in, and each
// contact under the DN that phones remember. Its entryUUID is another one; entries made by hand have other DNs.
func TestTortureRebuiltFromSources(t *testing.T) {
	var people []fixture.User
	users := "username,displayname,phone\n"
	for i := range 20 {
		login := fmt.Sprintf("person%d", i)
		people = append(people, fixture.User{UID: login, Password: "right-" + login})
		users += fmt.Sprintf("%s,Person %d,%d\n", login, i, 30000+i)
	}
	s := slapd(t, people...)
	o := options(t)
	o.Env = []string{"RECEPTION=a-secret-of-the-phone"}
	check(t, os.MkdirAll(o.Dir, 0o700))
	usersFile, contactsFile := o.Dir+"/users.csv", o.Dir+"/contacts.csv"
	check(t, os.WriteFile(usersFile, []byte(users), 0o600))
	contacts := "displayname,phone\n"
	for i := range 50 {
		contacts += fmt.Sprintf("Customer %d,0301%05d\n", i, i)
	}
	check(t, os.WriteFile(contactsFile, []byte(contacts), 0o600))
	objects := upstream(t, plain, s.Address, s.TLSAddress, fmt.Sprintf("bind_dn: %q", strings.Replace(fixture.SlapdDN("x"), "uid=x,", "uid=%,", 1))) +
		"---\nkind: phonebook\nname: customers\nreaders: [authenticated]\n" +
		fmt.Sprintf("---\nkind: connector\nname: staff\ntemplate: csv-users\nsource: {csv: {path: %q}}\nauthentication: {method: upstream, upstream: directory}\n", usersFile) +
		fmt.Sprintf("---\nkind: connector\nname: book\ntemplate: csv-phonebook\nsource: {csv: {path: %q}}\ntarget: phonebook/customers\n", contactsFile) +
		"---\nkind: device\nname: reception\npassword: {env: RECEPTION}\n" +
		"---\nkind: contact\nphonebook: customers\ndisplayname: By Hand\nphone: [\"0309\"]\n" + insider
	d := dialtree(t, o, objects, "staff", "book")
	look := func() (loggedIn int, contacts []string, uuid string) {
		for _, p := range people {
			if r := bind(t, d, plain, fixture.DialtreeDN(p.UID), p.Password); r.Code == 0 {
				loggedIn++
			}
			if r := bind(t, d, plain, fixture.DialtreeDN(p.UID), "wrong"); r.Code != 49 {
				t.Errorf("a wrong password of %s is answered with %d", p.UID, r.Code)
			}
		}
		c := connect(t, d, plain)
		if r := must[fixture.Result](t)(c.Bind("reception", "a-secret-of-the-phone")); r.Code != 0 {
			t.Errorf("the device is answered with %d %s", r.Code, r.Diagnostic)
		}
		found := must[fixture.Found](t)(c.Search(fixture.Search{Base: "ou=phonebook," + fixture.DialtreeBase, Scope: 2, Attributes: []string{"cn", "entryUUID"}}))
		for _, e := range found.Entries {
			contacts = append(contacts, e.Attributes["cn"][0]+" "+e.DN)
			if uuid == "" {
				uuid = e.Attributes["entryUUID"][0]
			}
		}
		slices.Sort(contacts)
		return loggedIn, contacts, uuid
	}
	in, before, uuid := look()
	if in != len(people) || len(before) != 51 {
		t.Fatalf("before, %d log in and there are %d contacts", in, len(before))
	}
	kept := o.Dir + "/kept.yaml"
	check(t, os.WriteFile(kept, []byte(command(t, d, 0, "", "get", "all").Stdout), 0o600))

	d.Stop()
	check(t, os.RemoveAll(d.DataDir))
	check(t, d.Start(t.Context()))
	command(t, d, 0, "", "apply", "-f", kept)
	command(t, d, 0, "", "connector", "run", "staff")
	command(t, d, 0, "", "connector", "run", "book")
	in, after, again := look()
	if in != len(people) {
		t.Errorf("%d of %d people log in", in, len(people))
	}
	same := 0
	for _, c := range after {
		if slices.Contains(before, c) {
			same++
		}
	}
	if len(after) != 51 || same != 50 {
		t.Errorf("of %d contacts, %d have the DN that they had", len(after), same)
	}
	if uuid == again {
		t.Error("entryUUIDs are the same: say so in the documentation")
	}
	torture.Note(t, disk, "The store gone, no backup: of 20 people, who log in again; of 50 contacts of a source, which have the DN that phones remember", torture.Dialtree, "%d, %d", in, same)
}
