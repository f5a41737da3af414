package syncer

import (
	"context"
	"errors"

	"github.com/dialtree/dialtree/store"
)

// A RunDetail is a run with what it changed.
type RunDetail struct {
	Run     store.Run
	Changes []PlannedChange // the first maxShown, ordered by ID
	More    bool            // there are more
	// Undoable is true while what was there before is known, unless the run was undone.
	Undoable bool
	UndoneBy string // the run that put it back; empty: none
}

// Nothing is kept of what a run made but the entries themselves: what was there before is kept for undo, and what the run made of it
// is either what is there now, or what was there before a later run of the connector changed it. Only what somebody changed by hand since
// cannot be told.

// Detail returns what a run changed, or store.ErrNotFound.
func (s *Syncer) Detail(ctx context.Context, runID string) (*RunDetail, error) {
	run, err := s.store.Run(runID)
	if err != nil {
		return nil, err
	}
	d := &detailing{store: s.store, detail: &RunDetail{Run: run}}
	later, err := d.later()
	if err != nil {
		return nil, err
	}
	kept, err := d.read(ctx)
	if err != nil {
		return nil, err
	}
	for _, run := range later {
		if err := d.readLater(ctx, run); err != nil {
			return nil, err
		}
	}
	for i := range d.images {
		if c, ok := d.change(&d.images[i]); ok {
			d.detail.Changes = append(d.detail.Changes, c)
		}
	}
	d.detail.Undoable = kept && run.Seq != 0 && d.detail.UndoneBy == ""
	return d.detail, nil
}

// detailing is a detail being made.
type detailing struct {
	store  *store.Store
	detail *RunDetail
	images []before
	open   map[store.Ref]*before // of whose entry it is not known what the run made
}

// A before is an entry as it was before the run, and as it was after it.
type before struct {
	store.Image
	after *store.Entry // nil: it is not known, or there was none
	now   bool         // the entry exists
}

// later returns the runs of the connector after this one that changed something, the oldest first, and notes which of them undid it.
func (d *detailing) later() ([]store.Run, error) {
	runs, err := d.store.Runs(d.detail.Run.Connector, 0)
	if err != nil {
		return nil, err
	}
	var later []store.Run
	for _, r := range runs {
		if r.ID == d.detail.Run.ID {
			break
		}
		if r.Seq == 0 {
			continue
		}
		later = append([]store.Run{r}, later...)
		if r.Undoes == d.detail.Run.ID {
			d.detail.UndoneBy = r.ID
		}
	}
	return later, nil
}

// read reads the first images of the run, and what is there now.
func (d *detailing) read(ctx context.Context) (kept bool, err error) {
	d.open = map[store.Ref]*before{}
	for image, err := range d.store.RunBefore(d.detail.Run.ID) {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return false, err
		}
		kept = true
		if len(d.images) == maxShown {
			d.detail.More = true
			break
		}
		b := before{Image: image}
		now, err := d.store.Entry(image.Ref)
		switch {
		case err == nil && now.Seq < d.detail.Run.Seq:
			continue // the run left it as it was
		case err == nil && now.Seq == d.detail.Run.Seq:
			b.after, b.now = &now, true
		case err == nil:
			b.now = true
		case !errors.Is(err, store.ErrNotFound):
			return false, err
		}
		d.images = append(d.images, b)
	}
	for i := range d.images {
		if b := &d.images[i]; b.after == nil {
			d.open[b.Ref] = b
		}
	}
	return kept, nil
}

// readLater learns what the run made of entries that a later one changed again.
func (d *detailing) readLater(ctx context.Context, run store.Run) error {
	if len(d.open) == 0 {
		return nil
	}
	for image, err := range d.store.RunBefore(run.ID) {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		if b := d.open[image.Ref]; b != nil && image.Existed && image.Entry.Seq == d.detail.Run.Seq {
			b.after = &image.Entry
			delete(d.open, image.Ref)
		}
	}
	return nil
}

// change tells what the run did to one entry.
func (d *detailing) change(b *before) (PlannedChange, bool) {
	c := PlannedChange{Change: changeUpdate, ID: b.Ref.ID, Name: b.Entry.Name()}
	none := &store.Entry{}
	switch {
	case !b.Existed && b.after != nil:
		c.Change, c.Name, c.Fields = changeCreate, b.after.Name(), differences(none, b.after)
	case !b.Existed:
		c.Change, c.Reason = changeCreate, "it was changed or removed since: what this run made of it is not known any more"
	case b.after != nil:
		c.Fields = differences(&b.Entry, b.after)
		if b.after.Hidden() && !b.Entry.Hidden() {
			c.Change = changeRemove
		}
	case b.now:
		c.Reason = "it was changed since: what this run made of it is not known any more"
	case d.detail.Run.Removed == 0 && !b.Entry.Hidden():
		c.Reason = "it was removed since: what this run made of it is not known any more"
	default:
		c.Change, c.Fields = changeRemove, differences(&b.Entry, none)
	}
	return c, b.after == nil || !b.Existed || len(c.Fields) > 0
}
