package syncer_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer"
)

func retain(d time.Duration) func(*store.Connector) {
	return func(c *store.Connector) { c.Retain = store.Duration(d) }
}

const day = 24 * time.Hour

func TestRetain(t *testing.T) {
	w := newWorld(t, retain(7*day))
	w.write("username,phone", "alice,1", "bob,2")
	w.done(2, 0, 0, 0, 0)
	bob := w.user("bob")
	bob.Values = bob.Values.With(store.Job, "Boss")
	bob.Local = bob.Local.With(store.Job)
	bob.Auth, bob.LocalAuth = store.Auth{Method: store.AuthInternal, Hash: store.Literal("his own")}, true
	w.put(bob)

	w.write("username,phone", "alice,1")
	dry := w.run(syncer.ImportOptions{DryRun: true})
	w.want(dry, store.RunDone, 0, 0, 1, 1, 0)
	if c := dry.Changes[0]; c.Change != "remove" || c.Name != "bob" || !slices.Contains(dry.Notes, "what is removed is kept hidden for 7d, in case it comes back") {
		t.Errorf("%+v, notes %q", c, dry.Notes)
	}
	w.done(0, 0, 1, 1, 0)
	w.wantUsers("alice owner=staff key=alice displayname=1 phone=1 auth=upstream/corp",
		"bob owner=staff key=bob displayname=2 job=Boss phone=2 auth=internal/his own hidden")
	if a, found, err := w.store.Account("bob"); !found || !a.Auth.Disabled || err != nil {
		t.Errorf("account %+v, %v, %v", a, found, err)
	}
	w.done(0, 0, 0, 1, 0)

	// Back within that time, it is what it was, with what the source says by now.
	w.later = 6 * day
	w.write("username,phone", "alice,1", "bob,3")
	r := w.done(0, 1, 0, 1, 0)
	w.wantUsers("alice owner=staff key=alice displayname=1 phone=1 auth=upstream/corp",
		"bob owner=staff key=bob displayname=3 job=Boss phone=3 auth=internal/his own")
	if back := w.user("bob"); back.ID != bob.ID || back.Local != bob.Local || !back.LocalAuth {
		t.Errorf("bob came back as %+v", back)
	}
	if f := r.Changes[0].Fields; len(f) != 3 || f[2].Field != "removed" || f[2].Old == "" || f[2].New != "" {
		t.Errorf("fields %+v", f)
	}

	w.write("username,phone", "alice,1")
	w.done(0, 0, 1, 1, 0)
	w.later += 7*day - time.Hour
	w.done(0, 0, 0, 1, 0)
	w.later += time.Hour
	if r := w.done(0, 0, 0, 1, 0); !slices.Contains(r.Notes, "removed for good: 1 entry that had been hidden") {
		t.Errorf("notes %q", r.Notes)
	}
	if _, err := w.store.User("bob"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("bob is still there: %v", err)
	}
}

// A record that is rejected, a source that fails and a run that the guard stops neither hide nor purge.
func TestRetainPurgesOnlyAfterAGoodRun(t *testing.T) {
	w := newWorld(t, retain(day), func(c *store.Connector) { c.Limits.Rejected = "90%" })
	w.write("username,phone", "alice,1", "bob,2", "carol,3")
	w.done(3, 0, 0, 0, 0)
	w.write("username,phone", "alice,1", "carol,3")
	w.done(0, 0, 1, 2, 0)
	w.later = 2 * day
	w.write("username,phone")
	w.fails(store.RunFailed, "DIR/users.csv: the file has a header but no rows below it")
	w.write("username,phone", "alice,1", "carol,3", "bob,\x01")
	w.done(0, 0, 0, 2, 1)
	if bob := w.user("bob"); !bob.Hidden() {
		t.Error("a rejected record brought its entry back")
	}
	w.write("username,phone", "alice,1", "carol,3")
	w.done(0, 0, 0, 2, 0)
	if len(w.dump()) != 2 {
		t.Errorf("users %q", w.dump())
	}
}

// Hidden entries are gone for the guard: it counts each removal once.
func TestGuardCountsWhatIsHiddenOnce(t *testing.T) {
	w := newWorld(t, retain(day))
	w.write(users(0, 20)...)
	w.done(20, 0, 0, 0, 0)
	w.write(users(5, 20)...)
	w.done(0, 0, 5, 15, 0)
	w.write(users(10, 20)...)
	w.done(0, 0, 5, 10, 0)
	w.later = 2 * day
	w.write(users(16, 20)...)
	w.want(w.run(syncer.ImportOptions{}), store.RunStopped, 0, 0, 6, 4, 0)
	w.want(w.run(syncer.ImportOptions{Confirm: true}), store.RunDone, 0, 0, 6, 4, 0)
	if len(w.dump()) != 10 {
		t.Errorf("users %q", w.dump())
	}
}

// A hidden entry is kept only in case it comes back: whoever wants its name gets it.
func TestHiddenEntriesGiveUpTheirNames(t *testing.T) {
	w := newWorld(t, retain(day), func(c *store.Connector) { c.Key = "number" })
	other := w.connector
	other.Name, other.Source.CSV = "other", &store.CSVSource{Path: "other.csv"}
	w.apply(&other)
	w.write("number,username", "1,alice", "2,bob", "3,carol")
	w.done(3, 0, 0, 0, 0)
	w.write("number,username", "3,carol")
	w.done(0, 0, 2, 1, 0)

	// The same name with another key, in the same connector and in another one.
	w.write("number,username", "3,carol", "4,alice")
	r := w.done(1, 0, 0, 1, 0)
	w.writeFile("other.csv", "number,username", "9,bob", "8,carol")
	report, err := w.syncer.Import(t.Context(), "other", syncer.ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	w.want(report, store.RunDone, 1, 0, 0, 0, 1)
	if want := "rejected because entries of their names belong to connector staff: 1 record"; !slices.Contains(report.Notes, want) {
		t.Errorf("notes %q", report.Notes)
	}
	w.wantUsers("alice owner=staff key=4 displayname=alice auth=upstream/corp", "bob owner=other key=9 displayname=bob auth=upstream/corp",
		"carol owner=staff key=3 displayname=carol auth=upstream/corp")
	// Undone, the hidden ones are back.
	w.undo(report)
	w.undo(r)
	w.wantUsers("alice owner=staff key=1 displayname=alice auth=upstream/corp hidden", "bob owner=staff key=2 displayname=bob auth=upstream/corp hidden",
		"carol owner=staff key=3 displayname=carol auth=upstream/corp")
	// A name that moves within one run to a new key.
	w.write("number,username", "5,carol", "2,bob")
	w.done(1, 1, 1, 0, 0)
	w.wantUsers("alice owner=staff key=1 displayname=alice auth=upstream/corp hidden", "bob owner=staff key=2 displayname=bob auth=upstream/corp",
		"carol owner=staff key=5 displayname=carol auth=upstream/corp")
}

func TestRetainOfContactsAndSpeedDials(t *testing.T) {
	for _, template := range []string{"csv-phonebook", "csv-speeddials"} {
		t.Run(template, func(t *testing.T) {
			w := newWorld(t, fills(template), retain(day))
			w.write(entries(0, 6)...)
			w.done(6, 0, 0, 0, 0)
			full := w.dump()
			w.write(entries(3, 6)...)
			r := w.done(0, 0, 3, 3, 0)
			hidden := 0
			for e, err := range w.store.Entries(t.Context(), store.Query{}) {
				if err != nil {
					t.Fatal(err)
				}
				if e.Hidden() {
					hidden++
				}
			}
			if hidden != 3 {
				t.Errorf("%d are hidden", hidden)
			}
			w.undo(r)
			w.wantUsers(full...)
			w.done(0, 0, 3, 3, 0)
			w.write(entries(0, 6)...)
			w.done(0, 3, 0, 3, 0)
			w.wantUsers(full...)
			// Without retention, what is hidden goes with the next run.
			w.write(entries(3, 6)...)
			w.done(0, 0, 3, 3, 0)
			w.configure(retain(0))
			w.done(0, 0, 0, 3, 0)
			if len(w.dump()) != 3 {
				t.Errorf("entries %q", w.dump())
			}
		})
	}
}
