package syncer_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer"
)

// Random files, one after the other, for each target, with and without retention. After each mirror run the connector's entries are
// the mapped source; a second run changes nothing; an undo brings back what was, byte for byte.
func TestMirrorProperties(t *testing.T) {
	for template, file := range map[string]func(*rand.Rand) (file, want []string){
		"csv-users": randomUsers, "csv-phonebook": randomContacts, "csv-speeddials": randomSpeedDials,
	} {
		for seed := range uint64(4) {
			t.Run(fmt.Sprint(template, " ", seed), func(t *testing.T) {
				mirror(t, rand.New(rand.NewPCG(seed, 1)), template, file)
			})
		}
	}
}

func mirror(t *testing.T, r *rand.Rand, template string, random func(*rand.Rand) (file, want []string)) {
	w := newWorld(t, fills(template), retain(time.Duration(r.IntN(2))*day), func(c *store.Connector) {
		c.Limits = store.Limits{Removals: "100%", Rejected: "100%"}
		if template != "csv-phonebook" {
			c.Key = "number"
		}
	})
	w.put(byHand("root"))
	for range 10 {
		before := w.content()
		file, want := random(r)
		w.write(file...)
		run := w.run(syncer.ImportOptions{})
		if run.Run.Result != store.RunDone {
			t.Fatalf("%+v\n%s", run.Run, strings.Join(file, "\n"))
		}
		want = append(want, "root owner= key= displayname=root auth=none")
		slices.Sort(want)
		if got := w.visible(); !slices.Equal(got, want) {
			t.Fatalf("entries\n got %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
		}
		seq := w.store.Seq()
		w.want(w.run(syncer.ImportOptions{}), store.RunDone, 0, 0, 0, len(want)-1, run.Run.Rejected)
		if w.store.Seq() != seq {
			t.Fatal("the second run wrote")
		}
		w.later += time.Duration(r.IntN(30)) * time.Hour
		if run.Run.Seq == 0 || r.IntN(2) == 0 {
			continue
		}
		w.undo(run)
		if after := w.content(); !slices.Equal(after, before) {
			t.Fatalf("undone\n got %s\nwant %s", strings.Join(after, "\n     "), strings.Join(before, "\n     "))
		}
	}
}

// visible are the entries that are not hidden, as dump has them.
func (w *world) visible() []string {
	w.t.Helper()
	return slices.DeleteFunc(w.dump(), func(line string) bool { return strings.HasSuffix(line, " hidden") })
}

// content is everything in the store's entries but when they were last changed.
func (w *world) content() []string {
	w.t.Helper()
	var all []string
	for e, err := range w.store.Entries(w.t.Context(), store.Query{}) {
		if err != nil {
			w.t.Fatal(err)
		}
		hash, err := e.Auth.Hash.Resolve()
		if err != nil {
			w.t.Fatal(err)
		}
		e.Modified, e.Seq = time.Time{}, 0
		all = append(all, fmt.Sprintf("%+v %s", e, hash))
	}
	return all
}

// randomUsers makes a file in which names move between numbers, and what it maps to.
func randomUsers(r *rand.Rand) (file, want []string) {
	file = []string{"number,username,phone"}
	names := r.Perm(12)
	for i, number := range r.Perm(12)[:1+r.IntN(11)] {
		name, phone := fmt.Sprintf("user%d", names[i]), fmt.Sprint(r.IntN(3))
		file = append(file, fmt.Sprintf("%d,%s,%s", number, name, phone))
		want = append(want, fmt.Sprintf("%s owner=staff key=%d displayname=%s phone=%s auth=upstream/corp", name, number, phone, phone))
	}
	if r.IntN(3) == 0 {
		file = append(file, "99,root,1") // not the connector's
	}
	if r.IntN(3) == 0 {
		file = slices.Insert(file, 1+r.IntN(len(file)), ",nobody,1")
	}
	return file, want
}

// randomContacts makes a file without keys, with rows that are alike.
func randomContacts(r *rand.Rand) (file, want []string) {
	file = []string{"surname,phone,notes"}
	for range 1 + r.IntN(12) {
		name, phone, notes := fmt.Sprintf("Name%d", r.IntN(4)), fmt.Sprint(30+r.IntN(3)), fmt.Sprint(r.IntN(3))
		file = append(file, fmt.Sprintf("%s,%s,%s", name, phone, notes))
		want = append(want, fmt.Sprintf("customers owner=staff displayname=%s surname=%s phone=%s notes=%s", name, name, phone, notes))
	}
	if r.IntN(3) == 0 {
		file = slices.Insert(file, 1+r.IntN(len(file)), ",,nothing to call")
	}
	return file, want
}

// randomSpeedDials makes a file in which short codes move between numbers, in several spellings.
func randomSpeedDials(r *rand.Rand) (file, want []string) {
	file = []string{"number,shortcode,phone"}
	codes := r.Perm(12)
	for i, number := range r.Perm(12)[:1+r.IntN(11)] {
		code, phone := fmt.Sprintf("*%s%d", []string{"", " ", "-"}[r.IntN(3)], codes[i]), fmt.Sprint(30+r.IntN(3))
		file = append(file, fmt.Sprintf("%d,%s,%s", number, code, phone))
		want = append(want, fmt.Sprintf("speeddial owner=staff displayname=%s phone=%s shortcode=%s", phone, phone, code))
	}
	return file, want
}
