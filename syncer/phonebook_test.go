package syncer_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer"
)

const classicHeader = `"displayname","phone","givenname","surname","organisation","email","mobile","homephone","fax"`

func TestPhonebook(t *testing.T) {
	w := newWorld(t, fills("csv-phonebook"))
	w.write(classicHeader,
		`"Alice Ångström","030 1234","Alice","Ångström","Example","a@example.com","0171 1","030 2","030 3"`,
		`"","030 5","Ann","Berg","Example","","","",""`,
		`"","","","","Example","","0171 2","",""`,
		`"","","","","","","","","030 9"`,
		`"","","","","","only@example.com","","",""`)
	w.done(4, 0, 0, 0, 1)
	w.wantUsers(
		"customers owner=staff displayname=Alice Ångström givenname=Alice surname=Ångström organisation=Example email=a@example.com phone=030 1234 mobile=0171 1 homephone=030 2 fax=030 3",
		"customers owner=staff displayname=Berg, Ann givenname=Ann surname=Berg organisation=Example phone=030 5",
		"customers owner=staff displayname=Example organisation=Example mobile=0171 2",
		"customers owner=staff displayname=030 9 fax=030 9")
	w.done(0, 0, 0, 4, 1)
	if n := w.store.Counts().Phonebooks["customers"]; n != 4 {
		t.Errorf("the phonebook has %d contacts", n)
	}
}

// Without a key, a contact stays the same entry whatever the order, and however its name and number are written.
func TestDerivedKeyKeepsIDs(t *testing.T) {
	w := newWorld(t, fills("csv-phonebook"))
	w.write("displayname,phone,notes", "Alice,030 1234,a", "Bob,030 5,b", "Bob,030 6,c", "Twin,1,d", "Twin,1,e")
	w.done(5, 0, 0, 0, 0)
	before := w.idsByNotes()
	w.write("phone,displayname,notes", "1,Twin,d", "030 6,BOB,c", "030 5,Bob,b", "+49 (0)30/1234, alice ,a", "1,Twin,e")
	w.done(0, 2, 0, 3, 0)
	if after := w.idsByNotes(); !equalMaps(before, after) {
		t.Errorf("IDs %v, then %v", before, after)
	}
	// Another number is another contact.
	w.write("displayname,phone,notes", "Alice,030 99,a", "Bob,030 5,b", "Bob,030 6,c", "Twin,1,d")
	w.done(1, 1, 2, 2, 0)
}

func TestKeyColumnKeepsIDs(t *testing.T) {
	w := newWorld(t, fills("csv-phonebook"), func(c *store.Connector) { c.Key = "customernumber" })
	w.write("customernumber,displayname,phone,notes", "K1,Alice,1,a", "K2,Bob,2,b")
	w.done(2, 0, 0, 0, 0)
	before := w.idsByNotes()
	w.write("customernumber,displayname,phone,notes", "K2,Robert,3,b", "K1,Alice Berg,4,a", "K2,Bob,5,c")
	w.done(0, 2, 0, 0, 1)
	if after := w.idsByNotes(); !equalMaps(before, after) {
		t.Errorf("IDs %v, then %v", before, after)
	}
}

func (w *world) idsByNotes() map[string]string {
	w.t.Helper()
	ids := map[string]string{}
	for e, err := range w.store.Entries(w.t.Context(), store.Query{Owner: "staff"}) {
		if err != nil {
			w.t.Fatal(err)
		}
		ids[e.Values.First(store.Notes)] = e.ID
	}
	return ids
}

func equalMaps(a, b map[string]string) bool {
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return len(a) == len(b)
}

// Without a key it cannot be told which contact a bad record would be: none is removed for that.
func TestRejectedRecordWithoutAKeyRemovesNobody(t *testing.T) {
	w := newWorld(t, fills("csv-phonebook"), func(c *store.Connector) { c.Limits.Rejected = "90%" })
	w.write("displayname,phone", "Alice,1", "Bob,2")
	w.done(2, 0, 0, 0, 0)
	w.write("displayname,phone", "Alice,1", "Bob,2\x01", "Carol,3")
	r := w.done(1, 0, 0, 1, 1)
	want := "nothing is removed, because it cannot be told which entries 1 rejected record would be: correct the source, or set key to a column that identifies each record"
	if !slices.Contains(r.Notes, want) {
		t.Errorf("notes %q", r.Notes)
	}
	// A row without a name and a number is nobody's.
	w.write("displayname,phone,notes", "Alice,1,", "Carol,3,", ",,x")
	w.done(0, 0, 1, 2, 1)
}

func TestPhonebookUndoAndGuard(t *testing.T) {
	for _, template := range []string{"csv-phonebook", "csv-speeddials"} {
		t.Run(template, func(t *testing.T) {
			w := newWorld(t, fills(template))
			w.write(entries(0, 20)...)
			w.done(20, 0, 0, 0, 0)
			full := w.dump()
			w.write(entries(6, 21)...)
			dry := w.run(syncer.ImportOptions{DryRun: true})
			w.want(dry, store.RunStopped, 1, 0, 6, 14, 0)
			w.want(w.run(syncer.ImportOptions{}), store.RunStopped, 1, 0, 6, 14, 0)
			second := w.run(syncer.ImportOptions{Confirm: true})
			w.want(second, store.RunDone, 1, 0, 6, 14, 0)
			w.undo(second)
			w.wantUsers(full...)
		})
	}
}

func (w *world) undo(r *syncer.Report) {
	w.t.Helper()
	undone, err := w.syncer.Undo(w.t.Context(), r.Run.ID, "ada")
	if err != nil || undone.Run.Result != store.RunDone || undone.Run.Rejected != 0 {
		w.t.Fatalf("undo: %+v, %v", undone, err)
	}
}

// entries are rows of a file that fits all targets.
func entries(from, to int) []string {
	lines := users(from, to)
	for i := range lines {
		name, rest, _ := strings.Cut(lines[i], ",")
		lines[i] = strings.NewReplacer("username", "shortcode", "user", "*7").Replace(name) + "," + rest
	}
	return lines
}

func TestContactsMoveWithTheirConnector(t *testing.T) {
	w := newWorld(t, fills("csv-phonebook"))
	w.apply(&store.Phonebook{Name: "suppliers"})
	w.write("displayname,phone,notes", "Alice,1,a", "Bob,2,b")
	w.done(2, 0, 0, 0, 0)
	before := w.idsByNotes()
	w.configure(func(c *store.Connector) { c.Target = "phonebook/suppliers" })
	w.done(0, 2, 0, 0, 0)
	if c := w.store.Counts().Phonebooks; c["customers"] != 0 || c["suppliers"] != 2 || !equalMaps(before, w.idsByNotes()) {
		t.Errorf("contacts %v", c)
	}
	w.configure(fills("csv-speeddials"), func(c *store.Connector) { c.Target = "" })
	w.fails(store.RunFailed, "connector staff has contacts from an earlier target: make another connector for speeddials, or delete this one first")
}

func TestSpeedDials(t *testing.T) {
	w := newWorld(t, fills("csv-speeddials"), func(c *store.Connector) { c.Limits.Rejected = "90%" })
	w.put(store.Entry{Kind: store.KindSpeedDial, Values: store.Values{
		{Field: store.DisplayName, Text: "By hand"}, {Field: store.Phone, Text: "1"}, {Field: store.ShortCode, Text: "*79"}}})
	w.write("shortcode,displayname,phone,surname", "*70,Alice,030 1,", "*7 1,,030 2,Berg", "*7-0,Twice,1,", "*79,Clash,1,", "*72,No number,,", "()-,Nothing,1,", ",No code,1,")
	r := w.done(2, 0, 0, 0, 5)
	w.wantUsers("speeddial owner= displayname=By hand phone=1 shortcode=*79",
		"speeddial owner=staff displayname=Alice phone=030 1 shortcode=*70", "speeddial owner=staff displayname=Berg surname=Berg phone=030 2 shortcode=*7 1")
	want := []store.Reject{
		{Row: 4, Column: "shortcode", Reason: `"*70" is that of row 2, too`},
		{Row: 5, Column: "shortcode", Reason: `"*79" already belongs to a speeddial made by hand`},
		{Row: 6, Column: "phone", Reason: "is empty, but every speeddial needs it"},
		{Row: 7, Column: "shortcode", Reason: `"()-" is no short code: it must be what a phone can dial`},
		{Row: 8, Column: "shortcode", Reason: "is empty, but identifies the record"},
	}
	if !slices.Equal(r.Run.Rejects, want) {
		t.Errorf("rejects\n got %+v\nwant %+v", r.Run.Rejects, want)
	}
	// Another way to write a short code is no other short code.
	w.write("shortcode,displayname,phone", "*71,Berg,030 2", "*7 0,Alice,030 1")
	w.done(0, 2, 0, 0, 0)
}

func TestTooManyValues(t *testing.T) {
	w := newWorld(t, fills("csv-phonebook"), func(c *store.Connector) {
		c.Limits.Rejected, c.Variables = "90%", map[string]string{"phone": `split(phone, ";")`}
	})
	var numbers []string
	for i := range 101 {
		numbers = append(numbers, strings.Repeat("1", i+1))
	}
	w.write("displayname,phone", "Alice,"+strings.Join(numbers[:100], ";"), "Bob,"+strings.Join(numbers, ";"))
	if r := w.done(1, 0, 0, 0, 1); r.Run.Rejects[0].Reason != "there are more than 100 values" {
		t.Errorf("rejects %+v", r.Run.Rejects)
	}
}

func TestUnknownPhonebook(t *testing.T) {
	w := newWorld(t)
	c := w.connector
	fills("csv-phonebook")(&c)
	c.Target = "phonebook/suppliers"
	_, err := w.store.Apply(t.Context(), &store.Changes{PutObjects: []store.Object{&c}})
	if want := "connector staff: target: phonebook suppliers does not exist: create it first, or in the same file (kind: phonebook, name: suppliers)"; err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
}

func TestFailedSourceLeavesThePhonebook(t *testing.T) {
	w := newWorld(t, fills("csv-phonebook"))
	w.write(entries(0, 3)...)
	w.done(3, 0, 0, 0, 0)
	os.Remove(filepath.Join(w.dir, "users.csv"))
	w.fails(store.RunFailed, "DIR/users.csv does not exist: check the path, and that the share or disk it is on is mounted")
	w.write(entries(0, 0)...)
	w.fails(store.RunFailed, "DIR/users.csv: the file has a header but no rows below it")
}
