package syncer_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer"
)

// Two connectors that feed one target, each with a series of sources: whatever the order in which they take turns, it ends the
// same, down to the IDs.
func TestInterleavingsEndTheSame(t *testing.T) {
	for _, template := range []string{"csv-users", "csv-phonebook", "csv-speeddials"} {
		for seed := range uint64(3) {
			t.Run(fmt.Sprint(template, " ", seed), func(t *testing.T) {
				r := rand.New(rand.NewPCG(seed, 2))
				series := map[string][][]string{}
				for _, connector := range []string{"staff", "other"} {
					for range 4 {
						series[connector] = append(series[connector], randomRows(r, template, connector))
					}
				}
				var want []string
				for range 5 {
					got := interleave(t, r, template, series)
					if want == nil {
						want = got
					}
					if !slices.Equal(got, want) {
						t.Fatalf("\n got %q\nwant %q", got, want)
					}
				}
			})
		}
	}
}

// randomRows are rows of a connector. Contacts of two connectors may be alike; names that must be unique are not.
func randomRows(r *rand.Rand, template, connector string) []string {
	rows := []string{map[string]string{"csv-users": "username", "csv-phonebook": "surname", "csv-speeddials": "shortcode"}[template] + ",phone,notes"}
	digit := map[string]string{"staff": "1", "other": "2"}[connector]
	if template == "csv-phonebook" {
		digit = ""
	}
	for _, n := range r.Perm(9)[:1+r.IntN(8)] {
		rows = append(rows, fmt.Sprintf("%s%d,%d,%d", digit, n, 30+r.IntN(3), r.IntN(3)))
	}
	return rows
}

// interleave runs both series in a random order and returns the entries with their IDs.
func interleave(t *testing.T, r *rand.Rand, template string, series map[string][][]string) []string {
	t.Helper()
	w := newWorld(t, fills(template), retain(day), func(c *store.Connector) { c.Limits = store.Limits{Removals: "100%"} })
	other := w.connector
	other.Name, other.Source.CSV = "other", &store.CSVSource{Path: "other.csv"}
	w.apply(&other)
	turns := slices.Repeat([]string{"staff", "other"}, 4)
	r.Shuffle(len(turns), func(i, j int) { turns[i], turns[j] = turns[j], turns[i] })
	done := map[string]int{}
	for _, connector := range turns {
		file := map[string]string{"staff": "users.csv", "other": "other.csv"}[connector]
		w.writeFile(file, series[connector][done[connector]]...)
		done[connector]++
		report, err := w.syncer.Import(t.Context(), connector, syncer.ImportOptions{})
		if err != nil || report.Run.Result != store.RunDone || report.Run.Rejected != 0 {
			t.Fatalf("%+v, %v", report, err)
		}
	}
	var entries []string
	for e, err := range w.store.Entries(t.Context(), store.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, e.ID+" "+describe(&e))
	}
	return entries
}

// Where two sources have one name, it belongs to whose connector was first; the others say so, and get it once it is free.
func TestClashesAreNamedInAnyOrder(t *testing.T) {
	rows := map[string][]string{"staff": {"username,phone", "alice,1", "bob,2"}, "other": {"username,phone", "bob,3", "carol,4"}}
	for _, order := range [][]string{{"staff", "other"}, {"other", "staff"}} {
		w := newWorld(t)
		other := w.connector
		other.Name, other.Source.CSV = "other", &store.CSVSource{Path: "other.csv"}
		w.apply(&other)
		w.writeFile("users.csv", rows["staff"]...)
		w.writeFile("other.csv", rows["other"]...)
		var report *syncer.Report
		for _, connector := range slices.Concat(order, order, order) {
			var err error
			if report, err = w.syncer.Import(t.Context(), connector, syncer.ImportOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		first, second := order[0], order[1]
		if r := report.Run; r.Connector != second || r.Rejected != 1 || r.Rejects[0].Reason != `"bob" already belongs to a user of connector `+first {
			t.Errorf("%s first: %+v", first, r)
		}
		if bob := w.user("bob"); bob.Owner != first || len(w.dump()) != 3 {
			t.Errorf("%s first: bob is of %s, users %q", first, bob.Owner, w.dump())
		}
		w.writeFile(map[string]string{"staff": "users.csv", "other": "other.csv"}[first], "username,phone", "dave,5")
		for _, connector := range order {
			if _, err := w.syncer.Import(t.Context(), connector, syncer.ImportOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		if bob := w.user("bob"); bob.Owner != second {
			t.Errorf("%s first: the name did not go over", first)
		}
	}
}
