package syncer

import (
	"context"
	"errors"
	"fmt"

	"github.com/dialtree/dialtree/store"
)

// Undo puts back what a run changed: it removes what the run created, and restores what it updated and removed. Entries that
// were changed since are left alone and reported. The undo is a run of its own, which can be undone; by is who asked for it. An error means the same as that of Import;
// store.ErrNotFound also that there is no such run.
func (s *Syncer) Undo(ctx context.Context, runID, by string) (*Report, error) {
	run, err := s.store.Run(runID)
	if err != nil {
		return nil, err
	}
	ctx, end, err := s.begin(ctx, run.Connector, by, false)
	if err != nil {
		return nil, err
	}
	defer end()
	r := &Report{Run: store.Run{Connector: run.Connector, Undoes: runID, By: by, Started: s.now().UTC()}}
	defer giveBack(&r.Run)
	return s.end(ctx, r, s.undo(ctx, &run, r))
}

func (s *Syncer) undo(ctx context.Context, run *store.Run, r *Report) error {
	if run.Seq == 0 {
		return fmt.Errorf("run %s changed nothing: there is nothing to undo", run.ID)
	}
	u := &undoing{store: s.store, run: run, report: r, changes: &store.Changes{Run: &r.Run, Undo: true, ForgetPlans: []string{run.Connector}}}
	images := 0
	for image, err := range s.store.RunBefore(run.ID) {
		if err == nil {
			err = u.restore(&image)
		}
		if err != nil {
			return err
		}
		if images++; images%1000 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if images == 0 {
		return fmt.Errorf("what run %s replaced is no longer kept: it cannot be undone", run.ID)
	}
	if len(u.changes.Put) == 0 && len(u.changes.Remove) == 0 {
		return fmt.Errorf("every entry that run %s changed was changed again since: there is nothing to undo", run.ID)
	}
	if run.Connector != store.HandImports {
		r.note("the next run of connector %s will do the same as %s, unless its source or its settings change before", run.Connector, run.ID)
	}
	r.Run.Result, r.Run.Finished = store.RunDone, s.finished(r.Run.Started)
	applied, err := s.store.Apply(ctx, u.changes)
	if err != nil {
		return undoError(err)
	}
	r.Run = *applied.Run
	s.showHere(run.Connector, nil)
	return nil
}

// undoError explains a clash in words that fit an undo.
func undoError(err error) error {
	var conflict *store.ConflictError
	if errors.As(err, &conflict) {
		return fmt.Errorf("nothing was put back, because a name is in use by now: %w", err)
	}
	return err
}

// undoing is an undo being made.
type undoing struct {
	store   *store.Store
	run     *store.Run
	report  *Report
	changes *store.Changes
}

// restore plans to put one entry back, unless somebody touched it since.
func (u *undoing) restore(image *store.Image) error {
	now, err := u.store.Entry(image.Ref)
	exists := err == nil
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	c := PlannedChange{ID: image.Ref.ID, Name: image.Entry.Name()}
	if !image.Existed {
		c.Name = now.Name()
	}
	r := &u.report.Run
	switch {
	case exists && now.Seq != u.run.Seq:
		u.leave(c, "it was changed since")
		return nil
	case !exists && !image.Existed:
		u.leave(c, "it was removed since")
		return nil
	case exists && !image.Existed:
		c.Change, c.Fields = changeRemove, differences(&now, &store.Entry{})
		u.changes.Remove = append(u.changes.Remove, image.Ref)
		r.Removed++
	case exists:
		c.Change, c.Fields = changeUpdate, differences(&now, &image.Entry)
		u.changes.Put = append(u.changes.Put, image.Entry)
		r.Updated++
	default:
		// It is gone: the run removed it, or somebody did after the run had changed it.
		c.Change, c.Fields = changeCreate, differences(&store.Entry{}, &image.Entry)
		u.changes.Put = append(u.changes.Put, image.Entry)
		r.Created++
	}
	u.changes.Expect = append(u.changes.Expect, store.Expectation{Ref: image.Ref, Seq: now.Seq})
	u.show(c)
	return nil
}

// leave reports an entry that stays as it is.
func (u *undoing) leave(c PlannedChange, why string) {
	c.Change, c.Reason = changeReject, why
	r := &u.report.Run
	r.Rejected++
	if len(r.Rejects) < maxRejects {
		name := c.Name
		if name == "" {
			name = c.ID
		}
		r.Rejects = append(r.Rejects, store.Reject{Column: name, Reason: why})
	}
	u.show(c)
}

func (u *undoing) show(c PlannedChange) {
	if len(u.report.Changes) < maxShown {
		u.report.Changes = append(u.report.Changes, c)
	}
}
