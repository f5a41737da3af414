package syncer_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer"
)

// TestTheSameFileAgain compares what a run says that need not read the file with what one says that has no memory of it.
func TestTheSameFileAgain(t *testing.T) {
	w := newWorld(t, func(c *store.Connector) { c.Limits.Rejected, c.Filter = "90%", `username != "dave"` })
	w.write("username,phone,room", "alice,1,x", "bob,2,x", ",3,x", "carol,+,x", "dave,4,x")
	w.done(3, 0, 0, 0, 1)
	if !w.syncer.Recalls("staff") {
		t.Fatal("the first run is not remembered")
	}
	again := w.done(0, 0, 0, 3, 1)
	forgetful, err := syncer.New(syncer.Options{Store: w.store, BaseDir: w.dir})
	if err != nil {
		t.Fatal(err)
	}
	read, err := forgetful.Import(t.Context(), "staff", syncer.ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []*syncer.Report{again, read} {
		r.Run.ID, r.Run.Started, r.Run.Finished = "", time.Time{}, time.Time{}
	}
	if len(again.Notes) < 3 || !reflect.DeepEqual(again, read) {
		t.Errorf("remembered %+v\n    read %+v", again, read)
	}
	w.want(w.run(syncer.ImportOptions{DryRun: true}), store.RunDone, 0, 0, 0, 3, 1)
	w.want(w.run(syncer.ImportOptions{Confirm: true}), store.RunFailed, 0, 0, 0, 0, 1)
}

func TestTheSameFileIsReadAgain(t *testing.T) {
	tests := []struct {
		name    string
		change  func(*world)
		created int
		updated int
	}{
		{name: "when an entry of the connector was removed", created: 1, change: func(w *world) {
			e := w.user("alice")
			if _, err := w.store.Apply(w.t.Context(), &store.Changes{Remove: []store.Ref{e.Ref()}}); err != nil {
				w.t.Fatal(err)
			}
		}},
		{name: "when an entry of the connector was changed", updated: 1, change: func(w *world) {
			e := w.user("alice")
			e.Values = e.Values.With(store.Phone, "9")
			w.put(e)
		}},
		{name: "when the connector was changed", updated: 2, change: func(w *world) {
			w.configure(func(c *store.Connector) { c.Variables = map[string]string{"job": `"Agent"`} })
		}},
		{name: "when the last run was undone", created: 2, change: func(w *world) {
			if _, err := w.syncer.Undo(w.t.Context(), "staff-1", "ada"); err != nil {
				w.t.Fatal(err)
			}
		}},
		{name: "but says that it is unchanged when only another kind of entry was", change: func(w *world) {
			w.put(store.Entry{Kind: store.KindContact, Phonebook: "customers", Values: store.Values{{Field: store.DisplayName, Text: "x"}}})
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.write("username,phone", "alice,1", "bob,2")
			w.done(2, 0, 0, 0, 0)
			tt.change(w)
			w.done(tt.created, tt.updated, 0, 2-tt.created-tt.updated, 0)
			w.done(0, 0, 0, 2, 0)
		})
	}
}

func TestWhatIsNotRemembered(t *testing.T) {
	tests := []struct {
		name   string
		change func(*store.Connector)
		rows   []string
		before func(*world)
	}{
		{name: "passwords that the first run set", rows: []string{"alice,1"}, change: func(c *store.Connector) {
			c.Authentication = &store.Authentication{Method: "internal"}
		}},
		{name: "a name that somebody else has until now", rows: []string{"alice,1", "root,2"}, change: func(c *store.Connector) { c.Limits.Rejected = "90%" },
			before: func(w *world) { w.put(byHand("root")) }},
		{name: "entries that are hidden for a while", rows: []string{"alice,1"}, change: retain(day), before: func(w *world) {
			w.write("username,phone", "alice,1", "bob,2")
			w.done(2, 0, 0, 0, 0)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, tt.change)
			if tt.before != nil {
				tt.before(w)
			}
			w.write(append([]string{"username,phone"}, tt.rows...)...)
			if r := w.run(syncer.ImportOptions{}); r.Run.Result != store.RunDone {
				t.Fatalf("%+v", r.Run)
			}
			if w.syncer.Recalls("staff") {
				t.Error("it is remembered")
			}
		})
	}
}
