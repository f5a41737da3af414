package syncer_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer"
)

// Whatever goes wrong with the source: a sentence, a recorded run, and nobody removed.
func TestBadSources(t *testing.T) {
	tests := []struct {
		name string
		data string // "": the file is removed
		want string
	}{
		{"missing", "", "DIR/users.csv does not exist: check the path, and that the share or disk it is on is mounted"},
		{"blank", "\n", "DIR/users.csv: the file holds no rows"},
		{"header only", "username,phone\n", "DIR/users.csv: the file has a header but no rows below it"},
		{"cut off in a quoted field", "username,phone\nalice,1\nbob,\"2\n",
			"DIR/users.csv: row 3, column 2: the quoted field that begins here never ends: the file is cut off or an enclosure is missing"},
		{"wrong encoding", "username,displayname\nalice,M\xFCller\n",
			"DIR/users.csv: row 2, column 2: the text is not UTF-8: set encoding to windows-1252 or what the file was saved with, or to auto"},
		{"no key column", "user_name,phone\nalice,1\n", `key: there is no column "username": is it "user_name"?`},
		{"wrong delimiter", "username;phone\nalice;1\n", `key: there is no column "username": there are "username;phone"`},
		{"duplicate key column", "username,phone,username\nalice,1,b\n",
			`there are several columns "username", and this one must be unique because it identifies the records: rename the others`},
		{"every record is bad", "username,phone\n,1\n,2\n", "all records, 2, were rejected: nothing was changed; the first is row 2, username: is empty, but identifies the record"},
		{"too many are bad", "username,phone\na,1\nb,1\nc,1\n,1\n,2\n",
			"2 of 5 records were rejected, and limits.rejected allows 1; the first is row 5, username: is empty, but identifies the record: nothing was changed: " +
				"look at the plan with dialtree connector run staff --dry-run; if it is right, run it with --confirm"},
	}
	w := newWorld(t)
	runs := func() (failed float64) {
		for _, result := range []string{"failed", "stopped"} {
			failed += testutil.ToFloat64(w.syncer.Runs("staff", result))
		}
		return failed
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w.t = t
			w.write(users(0, 3)...)
			w.run(syncer.ImportOptions{})
			before := runs()
			path := filepath.Join(w.dir, "users.csv")
			if tt.data == "" {
				os.Remove(path)
			} else if err := os.WriteFile(path, []byte(tt.data), 0o600); err != nil {
				t.Fatal(err)
			}
			result := store.RunFailed
			if strings.Contains(tt.want, "--confirm") {
				result = store.RunStopped
			}
			w.fails(result, tt.want)
			if n := runs() - before; n != 1 {
				t.Errorf("the metric went up by %v", n)
			}
			w.write(users(0, 3)...)
			w.done(0, 0, 0, 3, 0)
		})
	}
	w.t = t
}

func TestRemovalLimit(t *testing.T) {
	tests := []struct {
		limit       string
		owned, gone int
		stopped     bool
	}{
		{"", 10, 5, false}, {"", 10, 6, true}, // at least 5
		{"", 100, 10, false}, {"", 100, 11, true}, // 10 %
		{"", 6000, 500, false}, {"", 6000, 501, true}, // 500
		{"50%", 10, 5, false}, {"50%", 10, 6, true},
		{"2", 10, 2, false}, {"2", 10, 3, true},
		{"0", 10, 1, true},
	}
	for _, tt := range tests {
		w := newWorld(t, func(c *store.Connector) { c.Limits.Removals = tt.limit })
		w.write(users(0, tt.owned)...)
		w.done(tt.owned, 0, 0, 0, 0)
		w.write(users(tt.gone, tt.owned)...)
		r := w.run(syncer.ImportOptions{})
		if stopped := r.Run.Result == store.RunStopped; stopped != tt.stopped {
			t.Errorf("limit %q, %d of %d gone: %s", tt.limit, tt.gone, tt.owned, r.Run.Result)
		}
	}
}

// A column that was renamed would take its field from everybody.
func TestEmptiedFields(t *testing.T) {
	for _, template := range []string{"csv-users", "csv-phonebook", "csv-speeddials"} {
		t.Run(template, func(t *testing.T) {
			w := newWorld(t, fills(template), func(c *store.Connector) { c.Limits.Rejected = "90%" })
			file := func(mobile string, with int) []string {
				lines := []string{"username,shortcode,surname,phone," + mobile}
				for i := range 20 {
					number := ""
					if i < with {
						number = fmt.Sprint(500 + i)
					}
					lines = append(lines, fmt.Sprintf("u%d,*7%d,Name %d,%d,%s", i, i, i, 100+i, number))
				}
				return lines
			}
			w.write(file("mobile", 20)...)
			w.done(20, 0, 0, 0, 0)
			w.write(file("mobil", 20)...)
			w.fails(store.RunStopped, "20 of 20 entries would lose their mobile, and limits.removals allows 5 (was a column of the source renamed?): nothing was changed: "+
				"look at the plan with dialtree connector run staff --dry-run; if it is right, run it with --confirm")
			w.write(file("mobile", 15)...)
			w.done(0, 5, 0, 15, 0)
			w.write(file("mobil", 20)...)
			w.want(w.run(syncer.ImportOptions{DryRun: true}), store.RunStopped, 0, 15, 0, 5, 0)
			w.want(w.run(syncer.ImportOptions{Confirm: true}), store.RunDone, 0, 15, 0, 5, 0)
			w.done(0, 0, 0, 20, 0)
		})
	}
}

func TestConfirm(t *testing.T) {
	const changed = "the source or the store has changed since the plan was shown: nothing was done: look at the new plan with a dry run, then confirm that"
	tests := []struct {
		name    string
		between func(*world)
		want    string // the error; "": it is applied
	}{
		{"nothing changed", func(*world) {}, ""},
		{"another run failed meanwhile", func(w *world) {
			os.Rename(filepath.Join(w.dir, "users.csv"), filepath.Join(w.dir, "away"))
			w.run(syncer.ImportOptions{})
			os.Rename(filepath.Join(w.dir, "away"), filepath.Join(w.dir, "users.csv"))
		}, ""},
		{"one more is gone", func(w *world) { w.write(users(11, 20)...) }, changed},
		{"a value changed", func(w *world) { w.write(append(users(10, 20), "user99,New,1")...) }, changed},
		{"an entry was changed by hand", func(w *world) {
			e := w.user("user3")
			e.Values = e.Values.With(store.Job, "Boss")
			e.Local = e.Local.With(store.Job)
			w.put(e)
		}, changed},
		{"all are back", func(w *world) { w.write(users(0, 20)...) }, "there is nothing to confirm: the plan changes nothing"},
	}
	for _, dry := range []bool{false, true} {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				w := newWorld(t)
				w.write(users(0, 20)...)
				w.done(20, 0, 0, 0, 0)
				w.write(users(10, 20)...)
				seq := w.store.Seq()
				shown := w.run(syncer.ImportOptions{DryRun: dry})
				w.want(shown, store.RunStopped, 0, 0, 10, 10, 0)
				if w.store.Seq() != seq || len(shown.Changes) != 10 || shown.Changes[0].Change != "remove" || shown.Run.PlanDigest == "" {
					t.Errorf("shown: %+v", shown)
				}
				if runs, _ := w.store.Runs("staff", 0); dry != (len(runs) == 1) {
					t.Errorf("%d runs recorded", len(runs))
				}
				tt.between(w)
				r := w.run(syncer.ImportOptions{Confirm: true})
				if r.Run.Error != tt.want {
					t.Fatalf("confirmed: %+v\nwant %q", r.Run, tt.want)
				}
				if tt.want == "" {
					w.want(r, store.RunDone, 0, 0, 10, 10, 0)
					w.done(0, 0, 0, 10, 0)
					return
				}
				// A refusal is not a plan that was shown.
				if again := w.run(syncer.ImportOptions{Confirm: true}); again.Run.Result != store.RunFailed {
					t.Errorf("confirmed after a refusal: %+v", again.Run)
				}
			})
		}
	}
}

func TestConfirmWithoutAPlan(t *testing.T) {
	w := newWorld(t)
	w.write(users(0, 3)...)
	r := w.run(syncer.ImportOptions{Confirm: true})
	if r.Run.Error != "there is no plan to confirm: look at it with a dry run first" {
		t.Errorf("%+v", r.Run)
	}
	if _, err := w.syncer.Import(t.Context(), "staff", syncer.ImportOptions{DryRun: true, Confirm: true}); err == nil {
		t.Error("a dry run was confirmed")
	}
	if _, err := w.syncer.Import(t.Context(), "nobody", syncer.ImportOptions{}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an unknown connector: %v", err)
	}
}

func TestDryRunShowsWhatARunDoes(t *testing.T) {
	w := newWorld(t)
	w.write("username,phone", "alice,1", "bob,2", "carol,3")
	w.done(3, 0, 0, 0, 0)
	w.write("username,phone", "alice,9", "dave,4", ",5", "carol,3")
	seq := w.store.Seq()
	dry := w.run(syncer.ImportOptions{DryRun: true})
	if w.store.Seq() != seq || dry.Run.ID != "" {
		t.Error("the dry run wrote")
	}
	w.want(dry, store.RunDone, 1, 1, 1, 1, 1)
	var got []string
	for _, c := range dry.Changes {
		got = append(got, c.Change+" "+c.Name)
	}
	if want := []string{"update alice", "create dave", "reject ", "remove bob"}; !slices.Equal(got, want) {
		t.Errorf("planned %q, want %q", got, want)
	}
	if want := []syncer.FieldChange{{"displayname", "1", "9"}, {"phone", "1", "9"}}; !slices.Equal(dry.Changes[0].Fields, want) {
		t.Errorf("fields %+v", dry.Changes[0].Fields)
	}
	real := w.run(syncer.ImportOptions{})
	w.want(real, store.RunDone, 1, 1, 1, 1, 1)
	if real.Run.PlanDigest != dry.Run.PlanDigest {
		t.Error("the run is not the plan that was shown")
	}
}

func TestChangesAreBounded(t *testing.T) {
	w := newWorld(t)
	w.write(users(0, 1200)...)
	if r := w.done(1200, 0, 0, 0, 0); len(r.Changes) != 500 || r.Changes[499].Row != 501 {
		t.Errorf("%d changes", len(r.Changes))
	}
}
