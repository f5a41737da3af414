package syncer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-co-op/gocron/v2"

	"github.com/dialtree/dialtree/store"
)

// A Schedule says when a connector runs by itself.
type Schedule struct {
	Connector string
	Spec      string    // as in the connector
	Last      time.Time // when the last scheduled run began; zero: not since Run began
	Next      time.Time
}

// Schedule returns when a connector runs by itself; false when it does not, or while Run is not running.
func (s *Syncer) Schedule(connector string) (Schedule, bool) {
	s.mu.Lock()
	p, ok := s.scheduled[connector]
	if !ok {
		elsewhere := s.duty != nil && s.beside != nil
		s.mu.Unlock()
		if elsewhere {
			return s.scheduleElsewhere(connector)
		}
		return Schedule{}, false
	}
	out, job := Schedule{Connector: connector, Spec: p.spec, Last: p.last}, p.job
	s.mu.Unlock()
	if next, err := job.NextRun(); err == nil {
		out.Next = next
	}
	return out, true
}

// scheduled is a connector with a schedule.
type scheduled struct {
	spec    string // as in the connector
	crontab string // with the time zone
	job     gocron.Job
	last    time.Time
}

// Run runs connectors when their schedules say so or when one that they wait for is done, and follows changes of connectors, until ctx ends.
// One that was due while no Run was at work runs once at the beginning. When it returns, everything that it started has ended. A run that
// is due while the connector is running is left out. Where nodes share the content, the schedules are those of the node on duty (duty.go).
func (s *Syncer) Run(ctx context.Context) error {
	beside := newTasks(ctx)
	s.mu.Lock()
	s.beside = beside
	s.mu.Unlock()
	defer func() {
		beside.end(nil)
		s.mu.Lock()
		s.beside = nil
		s.mu.Unlock()
		beside.wait()
	}()
	if s.duty != nil {
		beside.start(s.keepFigures)
		return s.serveOnDuty(beside.ctx)
	}
	return s.serve(beside.ctx)
}

// serve keeps and carries out the schedules until ctx ends.
func (s *Syncer) serve(ctx context.Context) (err error) {
	cron, err := gocron.NewScheduler(gocron.WithLogger(quiet{}))
	if err != nil {
		return fmt.Errorf("make scheduler: %w", err)
	}
	cron.Start()
	f := &following{Syncer: s, cron: cron, tasks: newTasks(ctx), clock: newSetClock(s.now), known: map[string]bool{}, first: true}
	defer func() {
		f.tasks.end(context.Cause(ctx)) // says why to whatever it cancels
		// gocron waits for its jobs, too, but gives up after a while.
		err = errors.Join(err, cron.Shutdown())
		f.tasks.wait()
		s.mu.Lock()
		defer s.mu.Unlock()
		clear(s.scheduled)
	}()
	for {
		// Before reading: what changes after that is seen in the next round.
		seq := s.store.Seq()
		if err := f.follow(); err != nil {
			return err
		}
		f.first = false
		switch err := f.wait(ctx, seq); {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, store.ErrClosed):
			return nil
		case err != nil:
			return err
		}
	}
}

// wait returns when the store has changed, or when the clock was set and everything is to be scheduled anew.
func (f *following) wait(ctx context.Context, seq uint64) error {
	for {
		look, cancel := context.WithTimeout(ctx, f.clockEvery)
		_, err := f.store.Wait(look, seq)
		cancel()
		if jump := f.clock.jumped(); jump != 0 {
			f.clockWasSet(jump)
			return nil
		}
		if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
			return err
		}
	}
}

// following keeps the schedules those of the stored connectors.
type following struct {
	*Syncer
	cron  gocron.Scheduler
	tasks *tasks // runs that are due
	clock *setClock
	known map[string]bool
	first bool // of the rounds since this node began to run the schedules
}

func (f *following) follow() error {
	objects, err := f.store.Objects(store.ObjectConnector)
	if err != nil {
		return fmt.Errorf("read connectors: %w", err)
	}
	var names []string
	for _, o := range objects {
		c := o.(*store.Connector)
		names = append(names, c.Name)
		if !f.known[c.Name] {
			f.known[c.Name] = true
			if err := f.begin(c); err != nil {
				return err
			}
		}
		f.reschedule(c)
	}
	for name := range f.known {
		if !slices.Contains(names, name) {
			delete(f.known, name)
			f.unschedule(name)
			f.metrics.forget(name)
		}
	}
	return nil
}

// begin takes up a connector where an earlier process left it.
func (f *following) begin(c *store.Connector) error {
	runs, err := f.store.Runs(c.Name, 0)
	if err != nil {
		return err
	}
	f.metrics.known(c.Name, runs)
	if f.first && c.Schedule != "" && missed(c, runs, f.now()) {
		f.log.Info("connector was due while no server ran its schedule", "connector", c.Name, "last", runs[0].Started)
		f.tasks.start(func(ctx context.Context) { f.due(ctx, c.Name, nil) })
	}
	return nil
}

// reschedule gives a connector the schedule that it has now.
func (f *following) reschedule(c *store.Connector) {
	spec := ""
	if c.Schedule != "" {
		spec = crontab(c)
	}
	f.mu.Lock()
	p, ok := f.scheduled[c.Name]
	f.mu.Unlock()
	if ok && p.crontab == spec || !ok && spec == "" {
		return
	}
	f.unschedule(c.Name)
	if spec == "" {
		return
	}
	task := func(connector string) {
		done := make(chan struct{})
		started := f.tasks.start(func(ctx context.Context) {
			defer close(done)
			f.due(ctx, connector, nil)
		})
		if started {
			<-done // so that gocron sees whether it is at work
		}
	}
	job, err := f.cron.NewJob(gocron.CronJob(spec, false), gocron.NewTask(task, c.Name), gocron.WithSingletonMode(gocron.LimitModeReschedule))
	if err != nil {
		// Check refuses such a schedule, but a connector may come from elsewhere.
		f.log.Error("connector cannot be scheduled", "connector", c.Name, "schedule", spec, "error", err)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.scheduled[c.Name] = &scheduled{spec: c.Schedule, crontab: spec, job: job}
}

func (f *following) unschedule(name string) {
	f.mu.Lock()
	p, ok := f.scheduled[name]
	delete(f.scheduled, name)
	f.mu.Unlock()
	if !ok {
		return
	}
	if err := f.cron.RemoveJob(p.job.ID()); err != nil {
		f.log.Error("schedule cannot be removed", "connector", name, "error", err)
	}
}

// quiet is gocron's logger: what matters of a run is logged by Import.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Error(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
