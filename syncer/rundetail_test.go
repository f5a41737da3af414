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

// detail returns the changes of a run as text, ordered.
func (w *world) detail(run string) ([]string, *syncer.RunDetail) {
	w.t.Helper()
	d, err := w.syncer.Detail(w.t.Context(), run)
	if err != nil {
		w.t.Fatal(err)
	}
	var list []string
	for _, c := range d.Changes {
		text := c.Change + " " + c.Name
		for _, f := range c.Fields {
			if f.Field == "phone" {
				text += fmt.Sprintf(" %q → %q", f.Old, f.New)
			}
		}
		if c.Reason != "" {
			text += " (" + c.Reason + ")"
		}
		list = append(list, text)
	}
	slices.Sort(list)
	return list, d
}

func (w *world) wantDetail(run string, want ...string) *syncer.RunDetail {
	w.t.Helper()
	got, d := w.detail(run)
	if !slices.Equal(got, want) {
		w.t.Errorf("%s:\n got %q\nwant %q", run, got, want)
	}
	return d
}

func TestDetail(t *testing.T) {
	w := newWorld(t, func(c *store.Connector) { c.Limits.Removals = "100%" })
	w.write("username,phone", "alice,1", "bob,1", "carol,1")
	w.run(syncer.ImportOptions{})
	w.write("username,phone", "alice,2", "bob,1", "dora,1")
	w.run(syncer.ImportOptions{})
	created := []string{`create alice "" → "1"`, `create bob "" → "1"`, `create carol "" → "1"`}
	w.wantDetail("staff-1", created...) // though one was changed since, and one removed
	second := []string{`create dora "" → "1"`, `remove carol "1" → ""`, `update alice "1" → "2"`}
	if d := w.wantDetail("staff-2", second...); !d.Undoable || d.UndoneBy != "" || d.More {
		t.Errorf("%+v", d)
	}
	e, err := w.store.User("alice")
	if err != nil {
		t.Fatal(err)
	}
	e.Values = e.Values.With(store.Phone, "3")
	w.put(e)
	const since = "it was changed since: what this run made of it is not known any more"
	w.wantDetail("staff-2", second[0], second[1], "update alice ("+since+")")
	w.wantDetail("staff-1", created...)
	if _, err := w.syncer.Undo(t.Context(), "staff-2", "ada"); err != nil {
		t.Fatal(err)
	}
	if _, d := w.detail("staff-2"); d.Undoable || d.UndoneBy != "staff-3" {
		t.Errorf("%+v", d)
	}
	w.run(syncer.ImportOptions{})
	if _, err := w.syncer.Detail(t.Context(), "staff-9"); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
}

func TestDetailIsBounded(t *testing.T) {
	w := newWorld(t)
	w.write(users(0, 501)...)
	w.run(syncer.ImportOptions{})
	if got, d := w.detail("staff-1"); len(got) != 500 || !d.More {
		t.Errorf("%d, %v", len(got), d.More)
	}
}

func TestDetailOfAFailedRun(t *testing.T) {
	w := newWorld(t)
	w.write("x")
	w.run(syncer.ImportOptions{})
	if d := w.wantDetail("staff-1"); d.Undoable || !strings.Contains(d.Run.Error, "no rows") {
		t.Errorf("%+v", d)
	}
}
