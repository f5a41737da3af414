package syncer_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer"
)

// byHand imports a file and wants these counts.
func (w *world) byHand(target, text string, created, updated, unchanged, rejected int) *syncer.Report {
	w.t.Helper()
	r := w.handImport(target, text, syncer.ImportOptions{})
	w.want(r, store.RunDone, created, updated, 0, unchanged, rejected)
	return r
}

func (w *world) handImport(target, text string, o syncer.ImportOptions) *syncer.Report {
	w.t.Helper()
	r, err := w.syncer.ImportFile(w.t.Context(), syncer.HandFile{Name: "list.csv", Content: []byte(text), Target: target}, o)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func TestUsersByHand(t *testing.T) {
	w := newWorld(t)
	w.write("username", "of-staff")
	w.done(1, 0, 0, 0, 0)
	r := w.byHand("users", "username;phone;notes\nalice;1;first\nbob;2;\nof-staff;3;\n", 2, 0, 0, 1)
	if r.Run.ID != "import-1" || !slices.Equal(r.Run.Rejects, []store.Reject{{Row: 4, Column: "username", Reason: `"of-staff" already belongs to a user of connector staff`}}) {
		t.Errorf("%+v", r.Run)
	}
	alice := w.user("alice")
	w.wantUsers("alice owner= key= displayname=1 phone=1 notes=first auth=none", "bob owner= key= displayname=2 phone=2 auth=none",
		"of-staff owner=staff key=of-staff displayname=of-staff auth=upstream/corp")

	// The same again changes nothing; another edition updates what it has columns for.
	w.byHand("users", "username;phone;notes\nalice;1;first\nbob;2;\n", 0, 0, 2, 0)
	w.byHand("users", "username,phone,mobile\nALICE,7,8\nbob,2,\n", 0, 1, 1, 0)
	w.wantUsers("ALICE owner= key= displayname=1 phone=7 mobile=8 notes=first auth=none", "bob owner= key= displayname=2 phone=2 auth=none",
		"of-staff owner=staff key=of-staff displayname=of-staff auth=upstream/corp")
	if w.user("alice").ID != alice.ID {
		t.Error("an update made another entry")
	}

	// A field that holds many has them joined by a semicolon, as get -o csv writes them.
	w.byHand("users", "username,phone\ncarol,4; 5;\n", 1, 0, 0, 0)
	if e := w.user("carol"); !slices.Equal(e.Values.All(store.Phone), []string{"4", "5"}) {
		t.Errorf("carol: %s", describe(&e))
	}

	// A connector leaves them alone, and an undo puts them back.
	w.write("username", "of-staff", "bob")
	w.done(0, 0, 0, 1, 1)
	if u, err := w.syncer.Undo(t.Context(), "import-3", "ada"); err != nil || u.Run.Updated != 1 || len(u.Notes) > 0 {
		t.Errorf("undo: %+v, %v", u, err)
	}
	if e := w.user("alice"); e.Values.First(store.Phone) != "1" || e.Values.First(store.Notes) != "first" {
		t.Errorf("undone: %s", describe(&e))
	}
	if runs, err := w.store.Runs(store.HandImports, 0); err != nil || len(runs) != 5 {
		t.Errorf("runs %+v, %v", runs, err)
	}
}

// A password in the file is for a user who cannot log in yet.
func TestPasswordsByHand(t *testing.T) {
	w := newWorld(t)
	r := w.byHand("users", "username,password\nalice,secret\nbob,\n", 2, 0, 0, 0)
	if want := "1 user without a password cannot log in until dialtree user passwd gives them one"; !slices.Contains(r.Notes, want) {
		t.Errorf("notes %q", r.Notes)
	}
	w.wantUsers("alice owner= key= displayname=alice auth=internal/hashed secret", "bob owner= key= displayname=bob auth=none")
	r = w.byHand("users", "username,password\nalice,other\nbob,new\n", 0, 1, 1, 0)
	if want := "1 user can log in already and keep it: the passwords of the file are not used for them"; !slices.Contains(r.Notes, want) {
		t.Errorf("notes %q", r.Notes)
	}
	w.wantUsers("alice owner= key= displayname=alice auth=internal/hashed secret", "bob owner= key= displayname=bob auth=internal/hashed new")
}

func TestContactsByHand(t *testing.T) {
	w := newWorld(t)
	w.apply(&store.Phonebook{Name: "customers"}, &store.Phonebook{Name: "others"})
	const list = "displayname,phone,notes\nMüller,1,\nMüller,2,\nBerg,3,\nBerg,3,\n"
	w.byHand("phonebook/customers", list, 4, 0, 0, 0)
	w.byHand("phonebook/customers", list, 0, 0, 4, 0)
	w.byHand("phonebook/others", list, 4, 0, 0, 0)
	// Other spellings are the same contact; what else is in the row may change.
	w.byHand("phonebook/customers", "displayname,phone,notes\nmüller,\" 1\",now with notes\n", 0, 1, 0, 0)
	// Without a name in the file, the one that was made up is recognised.
	w.byHand("phonebook/others", "displayname,organisation,phone,notes\n,Corp,9,\n", 1, 0, 0, 0)
	w.byHand("phonebook/others", "displayname,organisation,phone,notes\n,Corp,9,new\n", 0, 1, 0, 0)
	// A field that only the entry has does not make it another one.
	var one store.Entry
	for e, err := range w.store.Entries(t.Context(), store.Query{Phonebook: "customers"}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Values.First(store.Phone) == "2" {
			one = e
		}
	}
	one.Values = one.Values.With(store.Organisation, "Corp")
	w.put(one)
	w.byHand("phonebook/customers", list, 0, 1, 3, 0)
}

func TestSpeedDialsByHand(t *testing.T) {
	w := newWorld(t)
	w.byHand("speeddials", "shortcode,displayname,phone\n*1,Fire,112\n*2,Taxi,030 1\n", 2, 0, 0, 0)
	w.byHand("speeddials", "shortcode,phone\n*2,030 2\n*1,112\n", 0, 1, 1, 0)
	if e, err := w.store.SpeedDial("*2"); err != nil || e.Values.First(store.Phone) != "030 2" || e.Values.First(store.DisplayName) != "Taxi" {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestDryRunByHand(t *testing.T) {
	w := newWorld(t)
	const good, bad = "username\nalice\n", "username,phone\nalice,1\nbob,\"4,9E+11\"\ncarol,\"4,9E+11\"\n"
	r := w.handImport("users", good, syncer.ImportOptions{DryRun: true})
	w.want(r, store.RunDone, 1, 0, 0, 0, 0)
	if w.store.Counts().Users != 0 || len(r.Changes) != 1 || r.Changes[0].Row != 2 {
		t.Errorf("%d users, %+v", w.store.Counts().Users, r.Changes)
	}
	r = w.handImport("users", bad, syncer.ImportOptions{})
	if r.Run.Result != store.RunStopped || !strings.Contains(r.Run.Error, "look at the plan with dialtree import list.csv --to users --dry-run; if it is right, run it with --confirm") {
		t.Errorf("%+v", r.Run)
	}
	if r = w.handImport("users", bad+"dave,4\n", syncer.ImportOptions{Confirm: true}); r.Run.Result != store.RunFailed {
		t.Errorf("another file was confirmed: %+v", r.Run)
	}
	if r = w.handImport("users", bad, syncer.ImportOptions{Confirm: true}); r.Run.Result != store.RunDone || r.Run.Created != 1 {
		t.Errorf("%+v", r.Run)
	}
}

func TestImportFileRefuses(t *testing.T) {
	w := newWorld(t)
	tests := []struct{ target, text, want string }{
		{"contacts", "a\n1\n", `to: "contacts" is not users, speeddials or phonebook/NAME`},
		{"phonebook/none", "a\n1\n", "to: there is no phonebook none: create it first, with dialtree apply (kind: phonebook, name: none)"},
	}
	for _, tt := range tests {
		_, err := w.syncer.ImportFile(t.Context(), syncer.HandFile{Name: "list.csv", Content: []byte(tt.text), Target: tt.target}, syncer.ImportOptions{})
		var field *store.FieldError
		if !errors.As(err, &field) || err.Error() != tt.want {
			t.Errorf("%s: %v", tt.target, err)
		}
	}
	for text, want := range map[string]string{
		"":                                 "list.csv: the file is empty",
		"name\nx\n":                        `key: there is no column "username": there are "name"`,
		"PK\x03\x04":                       "list.csv: the file is damaged or cut off",
		"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1": "list.csv: the file is protected with a password or is an old .xls file",
	} {
		if r := w.handImport("users", text, syncer.ImportOptions{}); r.Run.Result != store.RunFailed || !strings.HasPrefix(r.Run.Error, want) {
			t.Errorf("%q: %+v", text, r.Run)
		}
	}
}

// A form, filled in, can be imported; and what it says is needed is needed.
func TestForms(t *testing.T) {
	w := newWorld(t)
	w.apply(&store.Phonebook{Name: "customers"})
	for target, row := range map[string]map[string]any{
		"users":               {"username": "alice", "phone": "+49 30 1"},
		"phonebook/customers": {"surname": "Berg", "phone": "030 1"},
		"speeddials":          {"shortcode": "*1", "displayname": "Fire", "phone": "112"},
	} {
		form, _, _ := strings.Cut(target, "/")
		data, err := syncer.ImportForm(form, "xlsx")
		if err != nil {
			t.Fatal(err)
		}
		f, err := excelize.OpenReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		names, err := f.GetRows(form)
		if err != nil || len(names) != 1 {
			t.Fatalf("%q, %v", names, err)
		}
		text, err := syncer.ImportForm(form, "csv")
		if want := "\xEF\xBB\xBF" + strings.Join(names[0], ",") + "\r\n"; err != nil || string(text) != want {
			t.Errorf("%s as csv: %q, %v, want %q", form, text, err, want)
		}
		values := make([]any, len(names[0]))
		for i, name := range names[0] {
			values[i] = row[name]
		}
		if err := f.SetSheetRow(form, "A2", &values); err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := errors.Join(f.Write(&b), f.Close()); err != nil {
			t.Fatal(err)
		}
		w.byHand(target, b.String(), 1, 0, 0, 0)
		w.byHand(target, b.String(), 0, 0, 1, 0)
	}
	if _, err := syncer.ImportForm("customers", "xlsx"); err == nil {
		t.Error("a form for nothing")
	}
	if _, err := syncer.ImportForm("users", "ods"); err == nil {
		t.Error("a form in another format")
	}
}

// Whatever the file, importing it twice is importing it once.
func TestByHandTwice(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	w := newWorld(t)
	for i := range 30 {
		book := fmt.Sprintf("book%d", i)
		w.apply(&store.Phonebook{Name: book})
		columns := []string{"displayname", "givenname", "surname", "organisation", "phone", "mobile", "email", "notes"}
		random.Shuffle(len(columns), func(i, j int) { columns[i], columns[j] = columns[j], columns[i] })
		columns = columns[:1+random.IntN(len(columns))]
		lines := []string{strings.Join(columns, ",")}
		for range 1 + random.IntN(20) {
			row := make([]string, len(columns))
			for i := range row {
				row[i] = []string{"", "a", "A", "b", " b ", "1", "+49 30 1", "49301", "é"}[random.IntN(9)]
			}
			lines = append(lines, strings.Join(row, ","))
		}
		text := strings.Join(lines, "\n") + "\n"
		first := w.handImport("phonebook/"+book, text, syncer.ImportOptions{DryRun: true})
		first = w.handImport("phonebook/"+book, text, syncer.ImportOptions{Confirm: first.Run.PlanDigest != ""})
		if first.Run.Result != store.RunDone {
			continue // nothing in it is a contact
		}
		again := w.handImport("phonebook/"+book, text, syncer.ImportOptions{})
		if again.Run.Result == store.RunStopped {
			again = w.handImport("phonebook/"+book, text, syncer.ImportOptions{DryRun: true})
		}
		if again.Run.Created != 0 || again.Run.Updated != 0 || again.Run.Unchanged != first.Run.Created {
			t.Fatalf("%s\nfirst %+v\nagain %+v %+v", text, first.Run, again.Run, again.Changes)
		}
	}
}
