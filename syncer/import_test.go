package syncer_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer"
)

func TestImport(t *testing.T) {
	w := newWorld(t)
	w.write("username,displayname,phone,email,room", "Alice,Alice Ångström,30000,a@example.com,1", "bob,,30001,,2")
	r := w.done(2, 0, 0, 0, 0)
	w.wantUsers(
		"Alice owner=staff key=alice displayname=Alice Ångström email=a@example.com phone=30000 auth=upstream/corp",
		"bob owner=staff key=bob displayname=30001 phone=30001 auth=upstream/corp")
	if want := []string{"columns that nothing uses: room"}; !slices.Equal(r.Notes, want) {
		t.Errorf("notes %q, want %q", r.Notes, want)
	}
	alice := w.user("alice")
	if len(r.Changes) != 2 || r.Changes[0].ID != alice.ID || r.Changes[0].Row != 2 || r.Changes[0].Change != "create" {
		t.Errorf("changes %+v", r.Changes)
	}

	seq := w.store.Seq()
	w.done(0, 0, 0, 2, 0)
	if w.store.Seq() != seq {
		t.Error("a run without changes wrote to the store")
	}

	w.write("username,displayname,phone,room", "ALICE,Alice Berg,30000,1", "carol,Carol,3,")
	r = w.done(1, 1, 1, 0, 0)
	w.wantUsers(
		"ALICE owner=staff key=alice displayname=Alice Berg phone=30000 auth=upstream/corp",
		"carol owner=staff key=carol displayname=Carol phone=3 auth=upstream/corp")
	if w.user("alice").ID != alice.ID {
		t.Error("another spelling of the name made another user")
	}
	want := []syncer.FieldChange{{"username", "Alice", "ALICE"}, {"displayname", "Alice Ångström", "Alice Berg"}, {"email", "a@example.com", ""}}
	if !slices.Equal(r.Changes[0].Fields, want) {
		t.Errorf("changed fields %+v, want %+v", r.Changes[0].Fields, want)
	}
	if last := r.Changes[2]; last.Change != "remove" || last.Name != "bob" {
		t.Errorf("last change %+v", last)
	}
}

func TestDisplayNameFallback(t *testing.T) {
	w := newWorld(t)
	w.write("username,displayname,givenname,surname,organisation,mobile,fax",
		"a,,Ann,Berg,Corp,1,2", "b,,,Berg,Corp,1,2", "c,,Ann,,Corp,1,2", "d,,,,Corp,1,2", "e,,,,,1,2", "f,,,,,,2", "g,,,,,,", "h,Her name,Ann,Berg,,,")
	w.done(8, 0, 0, 0, 0)
	for name, want := range map[string]string{"a": "Berg, Ann", "b": "Berg", "c": "Ann", "d": "Corp", "e": "1", "f": "2", "g": "g", "h": "Her name"} {
		e := w.user(name)
		if got := e.Values.First(store.DisplayName); got != want {
			t.Errorf("%s is called %q, want %q", name, got, want)
		}
	}
}

func TestUpdateModeRemovesNobody(t *testing.T) {
	w := newWorld(t, func(c *store.Connector) { c.Mode = "update" })
	w.write("username", "alice", "bob")
	w.done(2, 0, 0, 0, 0)
	w.write("username,phone", "alice,1")
	w.done(0, 1, 0, 0, 0)
	w.wantUsers("alice owner=staff key=alice displayname=1 phone=1 auth=upstream/corp", "bob owner=staff key=bob displayname=bob auth=upstream/corp")
}

func TestRenameKeepsTheID(t *testing.T) {
	w := newWorld(t, func(c *store.Connector) { c.Key = "number" })
	w.write("number,username", "1,alice", "2,bob", "3,carol")
	w.done(3, 0, 0, 0, 0)
	ids := []string{w.user("alice").ID, w.user("bob").ID, w.user("carol").ID}
	// A swap and a name that is free only because its holder is gone.
	w.write("number,username", "1,bob", "2,alice", "4,carol")
	w.done(1, 2, 1, 0, 0)
	if w.user("bob").ID != ids[0] || w.user("alice").ID != ids[1] || w.user("carol").ID == ids[2] {
		t.Error("the ID does not follow the key")
	}
}

func TestNameThatItsHolderKeeps(t *testing.T) {
	w := newWorld(t, func(c *store.Connector) { c.Key, c.Mode, c.Limits.Rejected = "number", "update", "90%" })
	w.write("number,username", "1,alice", "2,bob", "3,carol")
	w.done(3, 0, 0, 0, 0)
	// 1 is not in the source and keeps its name in mode update; so 2 keeps bob, and 3 cannot be bob; dave is free.
	w.write("number,username", "2,alice", "3,bob", "4,dave", "5,erin")
	r := w.done(2, 0, 0, 0, 2)
	want := []store.Reject{
		{Row: 2, Column: "username", Reason: `"alice" already belongs to another user of this connector, which keeps it`},
		{Row: 3, Column: "username", Reason: `"bob" already belongs to another user of this connector, which keeps it`},
	}
	if !slices.Equal(r.Run.Rejects, want) {
		t.Errorf("rejects %+v", r.Run.Rejects)
	}
}

func TestRejects(t *testing.T) {
	w := newWorld(t, func(c *store.Connector) { c.Key, c.Limits.Rejected = "number", "90%" })
	w.apply(&store.Connector{Name: "other", Template: "csv-users", Source: w.connector.Source})
	w.put(byHand("root"))
	other := byHand("guest")
	other.Owner, other.Key = "other", "guest"
	w.put(other)
	w.write("number,username,phone", "1,alice,1", "1,bob,2", "2,ALICE,3", ",dave,4", "5,,5", "6,Root,6", "7,guest,7",
		"8,ev\x01e,8", "9,erin,9\x02", "10,fay,10,11", "11,\"gus\" x,12", "12,hal,12")
	before := w.user("root")
	r := w.done(2, 0, 0, 0, 10)
	want := []store.Reject{
		{Row: 3, Column: "number", Reason: `"1" is that of row 2, too`},
		{Row: 4, Column: "username", Reason: `"ALICE" is that of row 2, too`},
		{Row: 5, Column: "number", Reason: "is empty, but identifies the record"},
		{Row: 6, Column: "username", Reason: "is empty, but every user needs it"},
		{Row: 7, Column: "username", Reason: `"Root" already belongs to a user made by hand`},
		{Row: 8, Column: "username", Reason: `"guest" already belongs to a user of connector other`},
		{Row: 9, Column: "username", Reason: `"ev\x01e" is no login name: it holds a control character or is too long`},
		{Row: 10, Column: "phone", Reason: "there is a control character (U+0002) in it"},
		{Row: 11, Column: "4", Reason: "the row has 4 cells, but there are 3 columns: a value with the delimiter in it must be enclosed"},
		{Row: 12, Column: "username", Reason: "there is text behind the closing enclosure: an enclosure inside a value must be doubled"},
	}
	if !slices.Equal(r.Run.Rejects, want) {
		t.Errorf("rejects\n got %+v\nwant %+v", r.Run.Rejects, want)
	}
	if root := w.user("root"); describe(&root) != describe(&before) || root.Seq != before.Seq {
		t.Error("an entry made by hand was touched")
	}
}

// A record that is bad today is not a record that is gone.
func TestRejectedRecordKeepsItsEntry(t *testing.T) {
	w := newWorld(t, func(c *store.Connector) { c.Limits.Rejected = "90%" })
	w.write("username,phone", "alice,1", "bob,2", "carol,3")
	w.done(3, 0, 0, 0, 0)
	w.write("username,phone", "alice,\x01", "bob,2,3", "carol,3")
	w.done(0, 0, 0, 1, 2)
	if len(w.dump()) != 3 {
		t.Errorf("users %q", w.dump())
	}
}

func TestLocalChangesSurvive(t *testing.T) {
	w := newWorld(t)
	w.write("username,phone,job", "alice,1,Clerk", "bob,2,Clerk")
	w.done(2, 0, 0, 0, 0)
	alice := w.user("alice")
	alice.Values = alice.Values.With(store.Phone, "99")
	alice.Local = alice.Local.With(store.Phone)
	alice.Auth = store.Auth{Method: store.AuthInternal, Hash: store.Literal("local")}
	alice.LocalAuth = true
	w.put(alice)
	bob := w.user("bob")
	bob.Auth.Disabled = true
	w.put(bob)
	w.done(0, 0, 0, 2, 0)
	w.write("username,phone,job", "alice,1,Chief", "bob,2,Chief")
	w.done(0, 2, 0, 0, 0)
	w.wantUsers(
		"alice owner=staff key=alice displayname=1 job=Chief phone=99 auth=internal/local",
		"bob owner=staff key=bob displayname=2 job=Chief phone=2 auth=upstream/corp disabled")
}

func TestAuthenticationFollowsTheConnector(t *testing.T) {
	w := newWorld(t)
	w.write("username,password", "alice,s3cret", "bob,")
	r := w.done(2, 0, 0, 0, 0)
	if !slices.Contains(r.Notes, "the passwords of 1 record are not used: only users with authentication.method internal have one here") {
		t.Errorf("notes %q", r.Notes)
	}
	w.configure(func(c *store.Connector) { c.Authentication = &store.Authentication{Method: "internal"} })
	r = w.done(0, 2, 0, 0, 0)
	w.wantUsers("alice owner=staff key=alice displayname=alice auth=internal/hashed s3cret", "bob owner=staff key=bob displayname=bob auth=internal")
	if !slices.Contains(r.Notes, "1 user without a password cannot log in until dialtree user passwd gives them one") {
		t.Errorf("notes %q", r.Notes)
	}
	for _, c := range r.Changes {
		for _, f := range c.Fields {
			if strings.Contains(f.Old+f.New, "s3cret") {
				t.Errorf("the report holds a password: %+v", c)
			}
		}
	}
	// The password in the source is the first one and stays out of the way of the user's own.
	alice := w.user("alice")
	alice.Auth.Hash = store.Literal("her own")
	w.put(alice)
	w.write("username,password", "alice,changed", "bob,first")
	w.done(0, 1, 0, 1, 0)
	w.wantUsers("alice owner=staff key=alice displayname=alice auth=internal/her own", "bob owner=staff key=bob displayname=bob auth=internal/hashed first")
	w.configure(func(c *store.Connector) { c.Authentication = nil })
	w.done(0, 2, 0, 0, 0)
	w.wantUsers("alice owner=staff key=alice displayname=alice auth=none", "bob owner=staff key=bob displayname=bob auth=none")
}

func TestHashingFails(t *testing.T) {
	w := newWorld(t, func(c *store.Connector) { c.Authentication = &store.Authentication{Method: "internal"} })
	w.write("username,password", "alice,1", "bob,2", "carol,3")
	for name, tt := range map[string]struct {
		hash func(string) (store.Secret, error)
		want string
	}{
		"no function": {nil, "there are passwords in the source, but this program was started without a way to store them"},
		"an error":    {func(string) (store.Secret, error) { return store.Secret{}, errors.New("out of memory") }, ": hash the password: out of memory"},
	} {
		s, err := syncer.New(syncer.Options{Store: w.store, BaseDir: w.dir, HashPassword: tt.hash})
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.Import(t.Context(), "staff", syncer.ImportOptions{})
		if err != nil || r.Run.Result != store.RunFailed || !strings.HasSuffix(r.Run.Error, tt.want) || len(w.dump()) != 0 {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

func TestVariablesAndFilter(t *testing.T) {
	w := newWorld(t, func(c *store.Connector) {
		c.Filter = `col("Works here") == "yes"`
		c.Variables = map[string]string{
			"username":    `lower(login)`,
			"phone":       `e164(phone)`,
			"displayname": `truncate(default(displayname, surname + ", " + givenname), 8)`,
			"notes":       `"room " + col("Room")`,
			"groups":      `split(groups, ";")`,
			"job":         `""`,
		}
	})
	w.write("login,displayname,givenname,surname,phone,groups,Works here,Room,job",
		"ALICE,,Ann,Berg,030/1234567,a; b;;c,yes,1,Clerk", "bob,Robert Longname,,,42,,yes,2,", "carol,,,,,,no,3,")
	r := w.done(2, 0, 0, 0, 0)
	w.wantUsers(
		"alice owner=staff key=alice displayname=Berg, An givenname=Ann surname=Berg phone=+49301234567 notes=room 1 groups=a groups=b groups=c auth=upstream/corp",
		"bob owner=staff key=bob displayname=Robert L phone=42 notes=room 2 auth=upstream/corp")
	if !slices.Contains(r.Notes, "the filter leaves out 1 record") {
		t.Errorf("notes %q", r.Notes)
	}
	w.write("login,displayname,givenname,surname,phone,groups,Works here,Room", "ALICE,,Ann,Berg,1,,no,1")
	w.fails(store.RunFailed, "the filter leaves none of 1 record: nothing was changed: check the filter")
}

// What cannot be dialled is told and kept, in a run that changes nothing, too.
func TestNumbersThatCannotBeDialled(t *testing.T) {
	w := newWorld(t)
	w.write("username,phone,mobile", "alice,ask Bob,0171 1", "bob,\"4,9E+11\",", "carol,*97,30000", ",ask me,")
	want := `2 numbers cannot be dialled and stay as they are: row 2, phone: "ask Bob"; row 3, phone: "4,9E+11"`
	for range 2 {
		if r := w.run(syncer.ImportOptions{}); r.Run.Rejected != 1 || !slices.Contains(r.Notes, want) {
			t.Errorf("%+v, notes %q", r.Run, r.Notes)
		}
	}
	if phone := w.user("alice"); phone.Values.First(store.Phone) != "ask Bob" {
		t.Errorf("phone %q", phone.Values.First(store.Phone))
	}
	lines := []string{"username,phone"}
	for i := range 30 {
		lines = append(lines, fmt.Sprintf("u%d,none", i))
	}
	w.configure(func(c *store.Connector) { c.Limits.Removals = "100%" })
	w.write(lines...)
	if r := w.run(syncer.ImportOptions{}); !slices.ContainsFunc(r.Notes, func(n string) bool {
		return strings.HasPrefix(n, "30 numbers cannot be dialled") && strings.HasSuffix(n, `row 11, phone: "none"; …`)
	}) {
		t.Errorf("notes %q", r.Notes)
	}
	p, err := w.syncer.Preview(t.Context(), "staff", 1)
	if err != nil || len(p.Records) != 1 || !slices.Equal(p.Records[0].Notes, []string{`phone: "none" cannot be dialled`}) {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestWithoutHeader(t *testing.T) {
	header := false
	w := newWorld(t, func(c *store.Connector) {
		c.Source.CSV.Header = &header
		c.Key = "1"
		c.Variables = map[string]string{"username": "2", "phone": "3"}
	})
	w.write("1,alice,100", "2,bob,200")
	w.done(2, 0, 0, 0, 0)
	w.wantUsers("alice owner=staff key=1 displayname=100 phone=100 auth=upstream/corp", "bob owner=staff key=2 displayname=200 phone=200 auth=upstream/corp")
}

func TestHeadersInAnotherCase(t *testing.T) {
	w := newWorld(t)
	w.write("Username,DisplayName,Phone", "alice,Alice,1")
	w.done(1, 0, 0, 0, 0)
	w.wantUsers("alice owner=staff key=alice displayname=Alice phone=1 auth=upstream/corp")
}

func TestValuesAreCleaned(t *testing.T) {
	w := newWorld(t)
	w.write("username,displayname,notes,phone", "\" alice \",\" Alice\nBerg \",\" a\nb \",")
	w.done(1, 0, 0, 0, 0)
	w.wantUsers("alice owner=staff key=alice displayname=Alice Berg notes=a\nb auth=upstream/corp")
}
