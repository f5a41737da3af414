package directory_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/authproxy/directory"
	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/store"
)

// finds tells how many of the contacts a filter finds.
func (b *bench) finds(filter string) int {
	b.t.Helper()
	return len(b.search(filter, directory.Query{}).entries)
}

func TestText(t *testing.T) {
	stored := func(name string) *bench {
		return newBench(t, &store.Changes{Put: []store.Entry{contact("displayname", name)}})
	}
	for _, tt := range []struct {
		stored     string
		found, not []string
	}{
		{"Jürgen Müller", []string{"müller", "MÜLLER", "muller", "mueller", "u\u0308rgen", "jürgen müller", "jurgen muller", "juergen mueller", "n  m"}, []string{"müeller", "mûller", "jürgenmüller"}},
		{"Mueller", []string{"mueller"}, []string{"müller", "muller"}},
		{"Muller", []string{"muller"}, []string{"müller", "mueller"}},
		{"Große Straße", []string{"grosse", "große", "STRASSE", "straße"}, []string{"grose"}},
		{"José Mun\u0303oz", []string{"muñoz", "munoz", "JOSÉ", "jose"}, []string{"josè"}},
		{"Γεώργιος", []string{"ΓΕΏΡΓΙΟΣ", "γεωργιος", "γεώργιοσ"}, nil},
		{"İbrahim Yılmaz", []string{"ibrahim", "yilmaz", "yılmaz", "İbrahim"}, nil},
		{"Ørsted Ångström Łukasz", []string{"orsted", "oersted", "ørsted", "angstrom", "aangstroem", "lukasz", "łukasz"}, []string{"œrsted"}},
		{"Иван Йод", []string{"иван", "йод", "иод"}, nil},
		{"ＡＢＣ ｶﾅ", []string{"abc", "カナ"}, nil},
		{"  Double  Space  ", []string{"double space", "double   space", "e s", " double", "space "}, []string{"doublespace"}},
		{"soft\u00adhyphen zero\u200bwidth", []string{"softhyphen", "zerowidth", "soft\u00adhyphen"}, nil},
		{"O’Connor O'Brien", []string{"o’connor", "o'brien"}, []string{"o'connor"}},
		{"Hotel 5* Adlon (Berlin) \\", []string{`5\2a`, `\28berlin\29`, `\5c`}, nil},
		{"Emoji 😀 Team", []string{"😀", "emoji 😀"}, nil},
		{"\u00a0no\u00a0break", []string{"no break"}, []string{"nobreak"}},
	} {
		b := stored(tt.stored)
		for _, text := range tt.found {
			if filter := "(cn=*" + text + "*)"; b.finds(filter) != 1 {
				t.Errorf("%s does not find %q", filter, tt.stored)
			}
		}
		for _, text := range tt.not {
			if filter := "(cn=*" + text + "*)"; b.finds(filter) != 0 {
				t.Errorf("%s finds %q", filter, tt.stored)
			}
		}
	}
}

func TestShapesOfSubstrings(t *testing.T) {
	b := newBench(t, &store.Changes{Put: []store.Entry{contact("displayname", "Anna Maria Schmidt")}})
	for filter, want := range map[string]int{
		"(cn=anna maria schmidt)": 1, "(cn=anna)": 0, "(cn~=ANNA  maria schmidt)": 1,
		"(cn=anna*)": 1, "(cn=nna*)": 0, "(cn=*schmidt)": 1, "(cn=*schmid)": 0, "(cn=an*dt)": 1, "(cn=an*maria*dt)": 1,
		"(cn=a*a*a*a*)": 1, "(cn=a*a*a*a*a*)": 0, "(cn=*n*n*a*)": 1, "(cn=anna*anna*)": 0, "(cn=anna maria schmidt*schmidt)": 0,
		"(cn=* maria*)": 1, "(cn=* aria*)": 0, "(cn=* anna*)": 1, "(cn=*maria *)": 1, "(cn=*mari *)": 0, "(cn=*anna *maria*)": 1,
		"(cn=*a*)": 1, "(cn=*an*)": 1, "(cn=s*)": 0, "(cn=*t)": 1, "(cn=*)": 1,
		"(cn>=anna)": 1, "(cn>=anna maria schmidt)": 1, "(cn>=b)": 0, "(cn<=b)": 1, "(cn<=anna)": 0, "(cn<=zz)": 1, "(cn<=zzz)": 1, "(cn>=zz)": 0,
	} {
		if got := b.finds(filter); got != want {
			t.Errorf("%s finds %d, want %d", filter, got, want)
		}
	}
	scripts := newBench(t, &store.Changes{Put: []store.Entry{contact("displayname", "Österreich"), contact("displayname", "Иван"), contact("displayname", "李"), contact("displayname", "zz Top")}})
	if got := scripts.finds("(&(cn>=a)(cn<=zz))"); got != 4 {
		t.Errorf("Poly's bounds find %d of 4", got)
	}
}

func TestNumbers(t *testing.T) {
	same := []string{"+49 30 1234567", "0049301234567", "030 1234567", "030/1234567", "(030) 12345-67", "+49 (0)30 1234567", "49301234567", "+49.30.1234567", "tel:+49-30-1234567", "+49 030 1234567", "+４９ 30 1234567", "\u00a0+49 30\u20111234567"}
	for _, stored := range same {
		b := newBench(t, &store.Changes{Put: []store.Entry{contact("displayname", "x", "fax", stored)}})
		for _, asked := range same {
			asked = strings.NewReplacer("(", `\28`, ")", `\29`).Replace(asked)
			// A stored number without + and 0 may be an internal one: it is found as it is.
			bare := stored == "49301234567" && asked != stored
			for _, filter := range []string{"(fax=" + asked + ")", "(facsimileTelephoneNumber=" + asked + "*)"} {
				if got := b.finds(filter); (got == 1) == bare {
					t.Errorf("%s finds %d of %q", filter, got, stored)
				}
			}
		}
	}
	for _, tt := range []struct {
		stored     string
		found, not []string
	}{
		{"+49 30 1234567", []string{"*4567", "*301234567", "*0301234567", "*30123*", "*0301*", "+49*", "0049*", "00*", "0*", "030*", "493012*", "+*4*9*3*0*1*2*3*4*5*6*7", "0*3*0*1*2*3*4*5*6*7", "*+4930*", "0049*567", `+49 \280\2930*`}, []string{"*5*4*", "4*", "49*", "4930*", "301*", "1*", "*00493*", "*9876", "+48*"}},
		{"201", []string{"201", "2*", "20*", "*01", "*0*", "*1"}, []string{"+201", "0201", "00201", "+*", "21", "02*"}},
		{"*97", []string{`\2a97`, `\2a9*`, "*97"}, []string{"97", "9*"}},
		{"#31#030 1234567", []string{`#31#0301234567`, "*301234567"}, []string{"0301234567"}},
		{"0800-FLOWERS", []string{"0800flowers", "0800 FLO*", "*WERS"}, []string{"+49*"}},
		{"00353 1 5550199", []string{"+35315550199", "0035315550199", "35315550199", "+353*", "00353*", "353155*"}, []string{"035315550199", "015550199", "3531*"}},
		{"110", []string{"110", "1*"}, []string{"0110"}},
		{"030", []string{"030", "0*", "03*"}, []string{"+4930", "30"}},
		{"1234567", []string{"1234567", "123*"}, []string{"01234567", "+491234567"}},
		{"+1 (555) 010-0100", []string{"0015550100100", "*100100", "+1555*"}, nil},
		{"---", nil, []string{"-", "0*", "+*"}},
	} {
		b := newBench(t, &store.Changes{Put: []store.Entry{contact("displayname", "x", "phone", tt.stored)}})
		for _, text := range tt.found {
			if b.finds("(telephoneNumber="+text+")") != 1 {
				t.Errorf("%s does not find %q", text, tt.stored)
			}
		}
		for _, text := range tt.not {
			if b.finds("(telephoneNumber="+text+")") != 0 {
				t.Errorf("%s finds %q", text, tt.stored)
			}
		}
		if b.finds("(telephoneNumber=*)") != 1 {
			t.Errorf("%q is not there", tt.stored)
		}
	}
}

func TestNumbersElsewhere(t *testing.T) {
	for _, tt := range []struct {
		numbering     directory.Numbering
		stored, asked string
	}{
		{directory.Numbering{Country: "1", Trunk: "1", International: "011"}, "+1 555 0100 100", "15550100100"},
		{directory.Numbering{Country: "1", Trunk: "1", International: "011"}, "011 49 30 1234567", "+49301234567"},
		{directory.Numbering{Country: "39", Trunk: "", International: "00"}, "+39 06 1234567", "003906 1234567"},
		{directory.Numbering{Country: "39", Trunk: "", International: "00"}, "+39 06 1234567", "06 1234*"},
		{directory.Numbering{Country: "7", Trunk: "8", International: "810"}, "8 495 1234567", "+74951234567"},
		{directory.Numbering{Country: "7", Trunk: "8", International: "810"}, "810 49 30 1234567", "81049*67"},
	} {
		b := newBench(t, &store.Changes{Put: []store.Entry{contact("displayname", "x", "phone", tt.stored)}})
		b.tree = b.another(directory.Options{Numbering: tt.numbering})
		if b.finds("(telephoneNumber="+tt.asked+")") != 1 {
			t.Errorf("%+v: %s does not find %q", tt.numbering, tt.asked, tt.stored)
		}
	}
}

// another is a directory over the same store.
func (b *bench) another(o directory.Options) *directory.Tree {
	b.t.Helper()
	o.Store, o.BaseDN = b.store, "dc=example,dc=com"
	tree, err := directory.New(o)
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- tree.Run(ctx) }()
	b.t.Cleanup(func() { cancel(); <-done })
	return tree
}

func TestNumbersAsTheyAreSent(t *testing.T) {
	b := newBench(t, &store.Changes{Put: []store.Entry{contact("displayname", "x", "phone", "030/1234567", "mobile", "*97", "homephone", "00353 1 5550199", "fax", "201")}})
	for _, tt := range []struct {
		output directory.Output
		want   string
	}{
		{directory.AsStored, "030/1234567 *97 00353 1 5550199 201"},
		{directory.E164, "+49301234567 *97 +35315550199 201"},
		{directory.International, "+49 30 1234567 *97 +353 1 555 0199 201"},
	} {
		b.tree = b.another(directory.Options{Output: tt.output})
		m := b.search("(cn=x)", directory.Query{}).entries[0]
		got := strings.Join(slices.Concat(values(m, "telephoneNumber"), values(m, "mobile"), values(m, "homePhone"), values(m, "facsimileTelephoneNumber")), " ")
		if got != tt.want {
			t.Errorf("output %d: %s, want %s", tt.output, got, tt.want)
		}
	}
}

// Searches go on while the store changes, and see all of a change or nothing of it.
func TestNoSearchSeesHalfAChange(t *testing.T) {
	const entries = 3000
	var fill store.Changes
	for i := range entries {
		fill.Put = append(fill.Put, contact("displayname", fmt.Sprintf("Entry %d", i), "organisation", "before"))
	}
	b := newBench(t, &fill)
	b.caughtUp()
	stop := make(chan struct{})
	failed := make(chan string, 4)
	for range 2 {
		go func() {
			f, _ := ldapwire.ParseFilter("(o=before)")
			for {
				select {
				case <-stop:
					failed <- ""
					return
				default:
				}
				n := 0
				_, err := b.tree.Search(context.Background(), &directory.Query{
					Base: []byte("dc=example,dc=com"), Scope: ldapwire.ScopeWholeSubtree, Filter: &f, Limit: entries, Reader: device,
				}, func(directory.Entry) error { n++; return nil })
				if err != nil || n != 0 && n != entries {
					failed <- fmt.Sprintf("found %d of %d, %v", n, entries, err)
					return
				}
			}
		}()
	}
	for _, word := range []string{"after", "before", "later", "before"} {
		all := b.contacts()
		for i := range all {
			all[i].Values = all[i].Values.With(store.Organisation, word)
		}
		b.apply(&store.Changes{Put: all})
		b.caughtUp()
	}
	close(stop)
	for range 2 {
		if problem := <-failed; problem != "" {
			t.Error(problem)
		}
	}
}

// An edit is found by the next search, without waiting for it.
func TestEditsAreFoundAtOnce(t *testing.T) {
	b := newBench(t, nil)
	b.finds("(cn=*)")
	const edits = 50
	late := 0
	for i := range edits {
		name := fmt.Sprintf("Edit %d", i)
		b.apply(&store.Changes{Put: []store.Entry{contact("displayname", name)}})
		if b.finds("(cn="+name+")") != 1 {
			late++
		}
	}
	if late > edits/2 { // a machine that is busy may take longer than searches wait
		t.Errorf("%d of %d edits were not found", late, edits)
	}
}

// Entries keep their IDs, whatever becomes of their names.
func TestNamesOfAllKinds(t *testing.T) {
	names := []string{"Doe, John", "Doe, John", "#1", `back\slash`, "  leading", "plus+plus", `"quoted"`, "semi;colon", "a=b", "ünï"}
	var fill store.Changes
	for _, n := range names {
		fill.Put = append(fill.Put, contact("displayname", n))
	}
	b := newBench(t, &fill)
	a := b.search("(cn=*)", directory.Query{})
	if len(a.entries) != len(names) {
		t.Fatalf("%d entries", len(a.entries))
	}
	for i, dn := range a.dns() {
		again := b.search("(objectClass=*)", directory.Query{Base: []byte(dn), Scope: ldapwire.ScopeBaseObject})
		if len(again.entries) != 1 || values(again.entries[0], "cn")[0] != values(a.entries[i], "cn")[0] {
			t.Errorf("%s: %d entries", dn, len(again.entries))
		}
	}
	users := newBench(t, &store.Changes{Put: []store.Entry{user("o'neil+x,y"), user("ünïcode"), user("a=b")}})
	for _, dn := range users.search("(objectClass=*)", directory.Query{Base: []byte("ou=users,dc=example,dc=com"), Scope: ldapwire.ScopeSingleLevel}).dns() {
		if again := users.search("(objectClass=*)", directory.Query{Base: []byte(dn), Scope: ldapwire.ScopeBaseObject}); len(again.entries) != 1 {
			t.Errorf("%s cannot be read again", dn)
		}
	}
}

// A search that nobody waits for any more ends before it has looked at everything.
func TestSearchesCanBeStopped(t *testing.T) {
	var fill store.Changes
	for i := range 2000 {
		fill.Put = append(fill.Put, contact("displayname", fmt.Sprint("Entry ", i)))
	}
	b := newBench(t, &fill)
	asked := 0
	a := b.search("(!(cn=nobody))", directory.Query{Canceled: func() bool { asked++; return asked > 2 }})
	if a.Code != ldapwire.Canceled || len(a.entries) > 500 {
		t.Errorf("%v after %d entries", a.Code, len(a.entries))
	}
	a = b.search("(!(cn=e*))", directory.Query{Deadline: time.Now().Add(-time.Second)})
	if a.Code != ldapwire.TimeLimitExceeded {
		t.Errorf("%v, with the time up", a.Code)
	}
}

// What is hidden because its source has it no more is not there.
func TestHiddenEntries(t *testing.T) {
	hidden := contact("displayname", "Gone")
	hidden.Owner, hidden.Key, hidden.Removed = "crm", "1", time.Now().UTC().Truncate(time.Second)
	b := newBench(t, &store.Changes{
		PutObjects: []store.Object{&store.Connector{Name: "crm", Template: "csv-phonebook", Target: "phonebook/customers", Source: store.Source{CSV: &store.CSVSource{Path: "x.csv"}}}},
		Put:        []store.Entry{hidden, contact("displayname", "Here")},
	})
	b.caughtUp()
	if got := names(b.search("(cn=*)", directory.Query{})); !slices.Equal(got, []string{"Here"}) {
		t.Fatalf("found %v", got)
	}
	back, err := b.store.EntryByKey("crm", "1")
	if err != nil {
		t.Fatal(err)
	}
	back.Removed = time.Time{}
	b.apply(&store.Changes{Put: []store.Entry{back}})
	if got := names(b.search("(cn=*)", directory.Query{})); !slices.Equal(got, []string{"Gone", "Here"}) {
		t.Errorf("back again: %v", got)
	}
	back.Removed = time.Now().UTC().Truncate(time.Second)
	b.apply(&store.Changes{Put: []store.Entry{back}})
	if got := names(b.search("(cn=*)", directory.Query{})); !slices.Equal(got, []string{"Here"}) {
		t.Errorf("gone again: %v", got)
	}
}
