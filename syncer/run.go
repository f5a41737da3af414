package syncer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer/source"
)

// ImportOptions say how far a run goes.
type ImportOptions struct {
	// DryRun stops before anything is written; not even the run is recorded.
	DryRun bool
	// Confirm applies the plan that the latest dry run showed or the guard stopped, whatever the
	// limits say, and only that one: when the source or the store has changed since, nothing is done.
	Confirm bool
	// By is who started the run, for its record.
	By string
	// Progress is called at most 20 times a second from the goroutine of Import, and at the end of each phase. Nil: not at all.
	Progress func(Progress)
}

// BySchedule is who starts the runs that are due.
const BySchedule = "schedule"

// recordTimeout bounds the recording of a failed run, which must not end with the caller's context:
// that may be why it failed.
const recordTimeout = 10 * time.Second

// Import runs a connector. The report's run says how it ended: done, failed or stopped by the guard. An error means that there
// is no report: the connector does not exist (store.ErrNotFound) or is running (*RunningError), or the run could not be recorded.
func (s *Syncer) Import(ctx context.Context, connector string, o ImportOptions) (*Report, error) {
	return s.run(ctx, connector, o, runOptions{})
}

func (s *Syncer) run(ctx context.Context, connector string, o ImportOptions, part runOptions) (r *Report, err error) {
	if o.DryRun && o.Confirm {
		return nil, errDryConfirm
	}
	ctx, end, err := s.begin(ctx, connector, o.By, o.DryRun)
	if err != nil {
		return nil, err
	}
	defer end()
	if part.observed && s.observe != nil {
		observed, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		var ended func(*Report, error)
		o.Progress, ended = s.observe(connector, cancel)
		ctx = observed
		defer func() { ended(r, err) }()
	}
	c, err := s.store.Connector(connector)
	if err != nil {
		return nil, err
	}
	r, err = s.carryOut(ctx, connector, o, func() (*job, error) {
		j, err := s.prepare(c)
		if err == nil {
			j.fetch, err = s.fetchOf(c, j, part.changes)
		}
		return j, err
	})
	if err == nil {
		s.ended(c, r, part)
	}
	return r, err
}

var errDryConfirm = errors.New("a dry run cannot be confirmed: choose one of the two")

// carryOut does a run that was claimed, and records how it ended.
func (s *Syncer) carryOut(ctx context.Context, connector string, o ImportOptions, prepare func() (*job, error)) (*Report, error) {
	r := &Report{DryRun: o.DryRun, Run: store.Run{Connector: connector, By: o.By, Started: s.now().UTC()}}
	defer giveBack(&r.Run)
	err := s.importOnce(ctx, prepare, o, r)
	for tries := 1; tries < triesOf(err); tries++ {
		*r = Report{DryRun: o.DryRun, Run: store.Run{Connector: connector, By: o.By, Started: r.Run.Started}}
		err = s.importOnce(ctx, prepare, o, r)
	}
	return s.end(ctx, r, err)
}

// triesOf is how often a run is done that ends so.
func triesOf(err error) int {
	var overtaken *store.OvertakenError
	switch {
	case errors.As(err, &overtaken):
		return 3 // the other nodes change something all the time; it is not about the same entries
	case errors.Is(err, store.ErrConflict):
		return 2 // somebody changed an entry between plan and apply: an administrator, or another connector
	}
	return 1
}

// importOnce does everything from fetch to apply. Where it returns nil, the run is recorded, unless it is a dry run.
func (s *Syncer) importOnce(ctx context.Context, prepare func() (*job, error), o ImportOptions, r *Report) error {
	j, err := prepare()
	if err != nil {
		return err
	}
	if j.file != nil {
		defer j.file.close()
	}
	progress := newProgress(o.Progress)
	p, err := s.recall(ctx, j, r)
	if p == nil && err == nil {
		p, err = s.plan(ctx, j, progress, r)
	}
	if err != nil {
		return err
	}
	p.report(r)
	r.Run.Result = store.RunDone
	if p.empty() {
		if o.Confirm {
			return errors.New("there is nothing to confirm: the plan changes nothing")
		}
		return s.apply(ctx, p, o, progress, r)
	}
	r.Run.PlanDigest = p.digest()
	switch stop := p.guard(); {
	case o.Confirm:
		if err := s.confirm(&r.Run); err != nil {
			return err
		}
	case stop != "":
		r.Run.Result, r.Run.Error = store.RunStopped, stop
	}
	return s.apply(ctx, p, o, progress, r)
}

// confirm refuses a plan that nobody has seen.
func (s *Syncer) confirm(run *store.Run) error {
	shown := ""
	seen, err := s.shownPlan(run.Connector)
	if err != nil {
		return err
	}
	if seen != nil {
		shown = seen.Report.Run.PlanDigest
	}
	if shown == run.PlanDigest {
		return nil
	}
	runs, err := s.store.Runs(run.Connector, 0)
	if err != nil {
		return err
	}
	for _, earlier := range runs {
		if shown != "" {
			break // what was seen last is what was meant
		}
		if earlier.Result != store.RunStopped {
			continue
		}
		if earlier.PlanDigest == run.PlanDigest {
			return nil
		}
		shown = earlier.PlanDigest
		break
	}
	run.PlanDigest = ""
	if shown == "" {
		return errors.New("there is no plan to confirm: look at it with a dry run first")
	}
	return errors.New("the source or the store has changed since the plan was shown: nothing was done: look at the new plan with a dry run, then confirm that")
}

// apply writes the plan and the run, or remembers what a dry run showed.
func (s *Syncer) apply(ctx context.Context, p *plan, o ImportOptions, progress *progress, r *Report) error {
	if o.DryRun {
		s.show(ctx, p.job, r)
		return nil
	}
	changes := &store.Changes{Run: &r.Run, Undo: true}
	if r.Run.Result == store.RunDone {
		if err := s.hashPasswords(ctx, p, progress); err != nil {
			return err
		}
		if err := p.changes(changes, s.now()); err != nil {
			return err
		}
	}
	r.Run.Finished = s.finished(r.Run.Started)
	seen := s.planChanges(changes, p.job, r)
	applied, err := s.store.Apply(ctx, changes)
	if err != nil {
		return err
	}
	r.Run = *applied.Run
	p.applied(applied, r)
	if r.Run.Result == store.RunDone {
		s.remember(p, applied.Seq, r)
	}
	s.showHere(r.Run.Connector, seen)
	progress.end(phaseApply, len(applied.IDs)+len(changes.Remove))
	return nil
}

// end records what is not recorded yet, counts and logs the run.
func (s *Syncer) end(ctx context.Context, r *Report, failed error) (*Report, error) {
	if cause := context.Cause(ctx); cause != nil && errors.Is(failed, context.Canceled) {
		failed = cause // says who cancelled it
	}
	if failed != nil {
		r.Run.Result, r.Run.Error = store.RunFailed, failed.Error()
		r.Temporary = source.IsTemporary(failed) || outOfReach(failed)
		// What a plan counted did not happen; what was rejected may be why.
		r.Run.Created, r.Run.Updated, r.Run.Removed, r.Run.Unchanged = 0, 0, 0, 0
	}
	if r.DryRun {
		r.Run.Finished = s.finished(r.Run.Started)
		return r, nil
	}
	if failed != nil {
		switch err := s.record(ctx, r); {
		case err == nil:
		case outOfReach(err), s.shared() && (ctx.Err() != nil || errors.Is(err, context.Canceled)):
			s.unrecorded(r, err)
		default:
			return nil, fmt.Errorf("%w (and the run could not be recorded: %w)", failed, err)
		}
	}
	s.metrics.ran(&r.Run)
	s.logRun(&r.Run)
	return r, nil
}

// shared tells whether other nodes share the content.
func (s *Syncer) shared() bool { return s.duty != nil || s.claims != nil }

// unrecorded ends a run that failed and of which no record can be made: etcd is away, or this node lost what it ran the connector by, which goes with the
// record's context, which nobody cancels, as it went with the run's. The report says why the run failed, and there is nothing else to be done about it.
func (s *Syncer) unrecorded(r *Report, err error) {
	r.unrecorded, r.Temporary = true, true
	r.note("the run is not in the history, because it could not be recorded: %v", err)
	s.log.Warn("run could not be recorded", "connector", r.Run.Connector, "error", err)
}

func (s *Syncer) record(ctx context.Context, r *Report) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	r.Run.Finished = s.finished(r.Run.Started)
	applied, err := s.store.Apply(ctx, &store.Changes{Run: &r.Run})
	if err != nil {
		return err
	}
	r.Run = *applied.Run
	return nil
}

func (s *Syncer) logRun(r *store.Run) {
	log := s.log.With("connector", r.Connector, "run", r.ID, "result", r.Result,
		"created", r.Created, "updated", r.Updated, "removed", r.Removed, "unchanged", r.Unchanged, "rejected", r.Rejected,
		"duration_ms", r.Finished.Sub(r.Started).Milliseconds())
	if r.Result == store.RunDone {
		log.Info("connector ran")
		return
	}
	log.Warn("connector did not import", "error", r.Error)
}
