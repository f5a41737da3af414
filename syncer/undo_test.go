package syncer_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/dialtree/dialtree/store"
)

func TestUndo(t *testing.T) {
	w := newWorld(t)
	w.write("username,phone", "alice,1", "bob,2", "carol,3")
	w.done(3, 0, 0, 0, 0)
	before := w.dump()
	bob := w.user("bob")
	w.write("username,phone", "alice,9", "dave,4", "carol,3")
	run := w.done(1, 1, 1, 1, 0)
	after := w.dump()

	undo, err := w.syncer.Undo(t.Context(), run.Run.ID, "ada")
	if err != nil {
		t.Fatal(err)
	}
	w.want(undo, store.RunDone, 1, 1, 1, 0, 0)
	if undo.Run.Undoes != run.Run.ID || !slices.Equal(w.dump(), before) || w.user("bob").ID != bob.ID {
		t.Errorf("undone: %+v, %q", undo.Run, w.dump())
	}
	redo, err := w.syncer.Undo(t.Context(), undo.Run.ID, "ada")
	if err != nil || redo.Run.Result != store.RunDone || !slices.Equal(w.dump(), after) {
		t.Errorf("the undo undone: %+v, %v, %q", redo, err, w.dump())
	}
}

func TestUndoLeavesLaterChanges(t *testing.T) {
	w := newWorld(t)
	w.write("username,phone", "alice,1", "bob,2", "carol,3")
	run := w.done(3, 0, 0, 0, 0)
	alice := w.user("alice")
	alice.Auth.Disabled = true
	w.put(alice)
	bob := w.user("bob")
	if _, err := w.store.Apply(t.Context(), &store.Changes{Remove: []store.Ref{bob.Ref()}}); err != nil {
		t.Fatal(err)
	}
	undo, err := w.syncer.Undo(t.Context(), run.Run.ID, "ada")
	if err != nil {
		t.Fatal(err)
	}
	w.want(undo, store.RunDone, 0, 0, 1, 0, 2)
	w.wantUsers("alice owner=staff key=alice displayname=1 phone=1 auth=upstream/corp disabled")
	for _, r := range undo.Run.Rejects {
		if r.Reason != "it was changed since" && r.Reason != "it was removed since" {
			t.Errorf("left: %+v", r)
		}
	}
	again, err := w.syncer.Undo(t.Context(), run.Run.ID, "ada")
	if err != nil || again.Run.Error != "every entry that run staff-1 changed was changed again since: there is nothing to undo" {
		t.Errorf("undone twice: %+v, %v", again, err)
	}
}

func TestUndoRefuses(t *testing.T) {
	w := newWorld(t)
	w.write("username", "alice", "bob")
	w.done(2, 0, 0, 0, 0)
	idle := w.done(0, 0, 0, 2, 0)
	if r, err := w.syncer.Undo(t.Context(), idle.Run.ID, "ada"); err != nil || r.Run.Error != "run staff-2 changed nothing: there is nothing to undo" {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := w.syncer.Undo(t.Context(), "staff-99", "ada"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an unknown run: %v", err)
	}
	// The name of a user that was removed has been given to another.
	w.write("username", "alice")
	gone := w.done(0, 0, 1, 1, 0)
	w.put(byHand("bob"))
	before := w.dump()
	r, err := w.syncer.Undo(t.Context(), gone.Run.ID, "ada")
	if err != nil || r.Run.Result != store.RunFailed || !slices.Equal(w.dump(), before) {
		t.Errorf("%+v, %v, %q", r, err, w.dump())
	}
}
