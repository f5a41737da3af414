package admin

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dialtree/dialtree/admin/access"
	"github.com/dialtree/dialtree/store"
)

const (
	// maxJobs bounds the runs that are started here and under way at once: each holds its source's records.
	maxJobs = 8
	// keptJobs is how many ended jobs are kept. A report of 500 changes takes some 150 KB.
	keptJobs = 50
	// bySchedule is who starts the runs that nobody started.
	bySchedule = "schedule"
)

// jobs are the runs that go on whoever looks at them.
type jobs struct {
	problemOf func(error) *Problem
	log       *slog.Logger

	mu      sync.Mutex // guards what follows
	stopped bool
	all     []*job // in the order in which they began
}

func newJobs(problemOf func(error) *Problem, log *slog.Logger) *jobs {
	return &jobs{problemOf: problemOf, log: log}
}

// A job is one run.
type job struct {
	needs    access.Scope // to cancel it
	started  bool         // here, not by a schedule
	cancel   func(cause error)
	describe Job // without what is below

	mu       sync.Mutex // guards what follows
	progress []Progress // where each phase is, in the order of the phases
	ended    bool
	report   *Report
	problem  *Problem
	changed  chan struct{} // closed at the next change
}

// A jobStart is what a job is started with.
type jobStart struct {
	connector string
	by        string
	needs     access.Scope
	options   ImportOptions
	run       func(context.Context, ImportOptions) (*Report, error)
}

// start begins a run. Its errors are of the type *Problem.
func (all *jobs) start(s jobStart) (*job, error) {
	if s.options.DryRun && s.options.Confirm {
		return nil, newProblem(http.StatusUnprocessableEntity, "dry_run and confirm exclude each other: choose one of the two")
	}
	ctx, cancel := context.WithCancelCause(context.Background()) // it outlives its starter's request
	j := newJob(s.connector, s.by, s.options.DryRun, s.needs, cancel)
	j.started = true
	all.mu.Lock()
	defer all.mu.Unlock()
	if err := all.admit(); err != nil {
		cancel(err)
		return nil, err
	}
	all.add(j)
	go func() {
		defer cancel(nil)
		options := s.options
		options.Progress = j.at
		report, err := all.guarded(ctx, s.run, options)
		if errors.Is(err, context.Canceled) {
			err = context.Cause(ctx)
		}
		all.end(j, report, err)
	}()
	return j, nil
}

// admit is called with mu held.
func (all *jobs) admit() error {
	if all.stopped {
		return errStopping
	}
	running := 0
	for _, j := range all.all {
		if j.started && !j.isOver() {
			running++
		}
	}
	if running >= maxJobs {
		return newProblem(http.StatusTooManyRequests, fmt.Sprintf("%d runs are under way, which is as many as there may be: wait for one to end, or cancel one", running))
	}
	return nil
}

// errStopping is what becomes of runs and watchers when the server ends.
var errStopping = newProblem(http.StatusServiceUnavailable, "the server is stopping")

// add is called with mu held. It forgets the oldest that have ended.
func (all *jobs) add(j *job) {
	all.all = append(all.all, j)
	over := 0
	for i := len(all.all) - 1; i >= 0; i-- {
		if !all.all[i].isOver() {
			continue
		}
		if over++; over > keptJobs {
			all.all = slices.Delete(all.all, i, i+1)
		}
	}
}

// guarded calls run: what it stumbles over must not end the process.
func (all *jobs) guarded(ctx context.Context, run func(context.Context, ImportOptions) (*Report, error), o ImportOptions) (report *Report, err error) {
	defer func() {
		if p := recover(); p != nil {
			all.log.Error("run panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			report, err = nil, newProblem(http.StatusInternalServerError, "internal error: the log of the server says more")
		}
	}()
	return run(ctx, o)
}

func (all *jobs) end(j *job, report *Report, err error) {
	var problem *Problem
	if err != nil {
		report, problem = nil, all.problemOf(err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.ended, j.report, j.problem = true, report, problem
	j.tell()
}

// stop cancels what was started here and takes no more.
func (all *jobs) stop() {
	all.mu.Lock()
	defer all.mu.Unlock()
	all.stopped = true
	for _, j := range all.all {
		if j.started {
			j.cancel(errStopping)
		}
	}
}

// wait waits for what was started here, or until ctx ends.
func (all *jobs) wait(ctx context.Context) {
	for _, j := range all.list() {
		for j.started && ctx.Err() == nil {
			over, changed := j.state()
			if over {
				break
			}
			select {
			case <-changed:
			case <-ctx.Done():
			}
		}
	}
}

// list returns all jobs, the last one first.
func (all *jobs) list() []*job {
	all.mu.Lock()
	defer all.mu.Unlock()
	list := slices.Clone(all.all)
	slices.Reverse(list)
	return list
}

// find returns a job, or a *store.NotFoundError.
func (all *jobs) find(id string) (*job, error) {
	for _, j := range all.list() {
		if j.describe.ID == id {
			return j, nil
		}
	}
	return nil, &store.NotFoundError{What: "job " + id}
}

// Scheduled takes note of a run that a schedule began. The functions are told its progress and its end; cancel
// ends the run.
func (s *Server) Scheduled(connector string, cancel func(cause error)) (progress func(Progress), ended func(*Report, error)) {
	j := newJob(connector, bySchedule, false, access.Run, cancel)
	s.jobs.mu.Lock()
	s.jobs.add(j)
	s.jobs.mu.Unlock()
	return j.at, func(r *Report, err error) { s.jobs.end(j, r, err) }
}

func newJob(connector, by string, dryRun bool, needs access.Scope, cancel func(error)) *job {
	return &job{needs: needs, cancel: cancel, changed: make(chan struct{}), describe: Job{
		// Not a number: one of an earlier start of the server would be that of another job.
		ID: strings.ToLower(rand.Text()[:16]), Connector: connector, By: by, DryRun: dryRun, Started: time.Now().UTC(),
	}}
}

// at notes where the run is.
func (j *job) at(p Progress) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if n := len(j.progress); n > 0 && j.progress[n-1].Phase == p.Phase {
		j.progress[n-1] = p
	} else {
		j.progress = append(j.progress, p)
	}
	j.tell()
}

// tell wakes whoever watches. It is called with mu held.
func (j *job) tell() {
	close(j.changed)
	j.changed = make(chan struct{})
}

func (j *job) isOver() bool {
	over, _ := j.state()
	return over
}

// state tells whether the run has ended; if not, changed is closed when there is something new.
func (j *job) state() (over bool, changed <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.ended, j.changed
}

// shown is the job as it is now.
func (j *job) shown() Job {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := j.describe
	if n := len(j.progress); n > 0 {
		out.Progress = j.progress[n-1]
	}
	out.Done, out.Report, out.Problem = j.ended, j.report, j.problem
	return out
}
