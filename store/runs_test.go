package store

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestRuns(t *testing.T) {
	s := openTest(t)
	seed(t, s)
	if id, err := s.NextRunID("staff"); id != "staff-1" || err != nil {
		t.Fatalf("%s, %v", id, err)
	}
	started := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	first := apply(t, s, Changes{Put: users(3, 1), Undo: true, Run: &Run{
		Connector: "staff", Started: started, Result: RunDone, Created: 3, Rejects: []Reject{{Row: 7, Reason: "no name"}},
	}})
	got, err := s.Run("staff-1")
	if err != nil || first.Run.ID != "staff-1" || got.Seq != first.Seq || !got.Started.Equal(started) || got.Created != 3 || got.Rejects[0].Row != 7 {
		t.Fatalf("got %+v, %v", got, err)
	}
	failed := apply(t, s, Changes{Run: &Run{Connector: "staff", Result: RunFailed, Error: "no file"}})
	if failed.Run.ID != "staff-2" || failed.Run.Seq != 0 || failed.Seq != first.Seq {
		t.Errorf("a run without changes: %+v", failed)
	}
	apply(t, s, Changes{Run: &Run{Connector: "other", ID: "other-1"}})
	runs, err := s.Runs("staff", 0)
	if err != nil || len(runs) != 2 || runs[0].ID != "staff-2" {
		t.Errorf("got %+v, %v", runs, err)
	}
	if runs, err := s.Runs("", 1); err != nil || len(runs) != 2 || runs[0].ID != "other-1" || runs[1].ID != "staff-2" {
		t.Errorf("of all: %+v, %v", runs, err)
	}
	for _, id := range []string{"staff-3", "staff-01", "staff", "", "staff-", "-1", "staff-18446744073709551615"} {
		if _, err := s.Run(id); !errors.Is(err, ErrNotFound) {
			t.Errorf("run %q: %v", id, err)
		}
	}
}

func TestUndo(t *testing.T) {
	s := openTest(t)
	seed(t, s)
	apply(t, s, Changes{Put: users(3000, 1)})
	before := contents(t, s)
	// Change some, remove some, create some.
	changed := users(3000, 1)[:2500]
	for i := range changed[:1000] {
		changed[i].Values = changed[i].Values.With(Job, "new")
		e, err := s.EntryByKey("staff", changed[i].Key)
		if err != nil {
			t.Fatal(err)
		}
		changed[i].ID = e.ID
	}
	var remove []Ref
	for _, e := range users(3000, 1)[2500:] {
		old, err := s.EntryByKey("staff", e.Key)
		if err != nil {
			t.Fatal(err)
		}
		remove = append(remove, old.Ref())
	}
	run := apply(t, s, Changes{Put: append(changed[:1000:1000], user("extra")), Remove: remove, Run: &Run{Connector: "staff"}, Undo: true}).Run

	var undo Changes
	existed := 0
	for image, err := range s.RunBefore(run.ID) {
		if err != nil {
			t.Fatal(err)
		}
		if image.Existed {
			existed++
			undo.Put = append(undo.Put, image.Entry)
		} else {
			undo.Remove = append(undo.Remove, image.Ref)
		}
	}
	if existed != 1500 || len(undo.Remove) != 1 {
		t.Fatalf("%d existed, %d did not", existed, len(undo.Remove))
	}
	undo.Run = &Run{Connector: "staff", Undoes: run.ID}
	apply(t, s, undo)
	if after := contents(t, s); after != before {
		t.Error("the undo did not put back what was there")
	}
	for _, err := range s.RunBefore("staff-2") {
		t.Errorf("a run without images: %v", err)
	}
}

// contents is what an administrator sees of all entries, as one text.
func contents(t *testing.T, s *Store) string {
	t.Helper()
	text := ""
	for e, err := range s.Entries(context.Background(), Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		e.Seq, e.Created, e.Modified = 0, time.Time{}, time.Time{}
		text += fmt.Sprintf("%+v\n", e)
	}
	return text
}

func TestRunsAreBounded(t *testing.T) {
	s := openTest(t)
	s.db.NoSync = true
	seed(t, s)
	e := owned(user("alice"), "staff", "1")
	e.ID = apply(t, s, Changes{Put: []Entry{e}}).IDs[0]
	for i := range keptRuns + 20 {
		e.Values = e.Values.With(Job, fmt.Sprint(i))
		apply(t, s, Changes{Put: []Entry{e}, Run: &Run{Connector: "staff"}, Undo: true})
	}
	runs, err := s.Runs("staff", 0)
	if err != nil || len(runs) != keptRuns || runs[0].ID != "staff-120" || runs[keptRuns-1].ID != "staff-21" {
		t.Errorf("%d runs, %v", len(runs), err)
	}
	for range s.RunBefore("staff-20") {
		t.Error("what run 20 replaced is still there")
	}
	for image, err := range s.RunBefore("staff-21") {
		if err != nil || image.Entry.Values.First(Job) != "19" {
			t.Errorf("got %+v, %v", image, err)
		}
	}
}
