package syncer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
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

// minEvery keeps a slip of the pen from running an import all the time.
const minEvery = 10 * time.Second

// checkSchedule tells what is wrong with a schedule.
func checkSchedule(spec string, now time.Time) error {
	c := gocron.NewDefaultCron(false)
	if err := c.IsValid(spec, time.Local, now); err != nil {
		return fmt.Errorf(`%q is neither cron, such as "*/30 * * * *" (minute, hour, day, month, weekday), nor such as "@every 30m"`, spec)
	}
	first := c.Next(now) // there is one, or it would not be valid
	if c.Next(first).Sub(first) < minEvery {
		return fmt.Errorf("%q is more often than every %s", spec, minEvery)
	}
	return nil
}

// Schedule returns when a connector runs by itself; false when it does not, or while Run is not running.
func (s *Syncer) Schedule(connector string) (Schedule, bool) {
	s.mu.Lock()
	p, ok := s.scheduled[connector]
	if !ok {
		s.mu.Unlock()
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
	spec string
	job  gocron.Job
	last time.Time
}

// Run runs connectors when their schedules say so and follows changes of connectors, until ctx ends. When it returns, every
// run that it started has ended. A run that is due while the connector is running is left out.
func (s *Syncer) Run(ctx context.Context) (err error) {
	cron, err := gocron.NewScheduler(gocron.WithLogger(quiet{}))
	if err != nil {
		return fmt.Errorf("make scheduler: %w", err)
	}
	cron.Start()
	var runs sync.WaitGroup
	ctx, cancel := context.WithCancel(ctx)
	defer func() {
		cancel()
		// gocron waits for its jobs, too, but gives up after a while.
		err = errors.Join(err, cron.Shutdown())
		runs.Wait()
		s.mu.Lock()
		defer s.mu.Unlock()
		clear(s.scheduled)
	}()
	known := map[string]bool{}
	run := func(connector string) {
		runs.Add(1)
		defer runs.Done()
		s.runScheduled(ctx, connector)
	}
	for {
		// Before reading: what changes after that is seen in the next round.
		seq := s.store.Seq()
		if err := s.follow(cron, known, run); err != nil {
			return err
		}
		switch _, err := s.store.Wait(ctx, seq); {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, store.ErrClosed):
			return nil
		case err != nil:
			return err
		}
	}
}

// follow makes the schedules those of the stored connectors.
func (s *Syncer) follow(cron gocron.Scheduler, known map[string]bool, run func(connector string)) error {
	objects, err := s.store.Objects(store.ObjectConnector)
	if err != nil {
		return fmt.Errorf("read connectors: %w", err)
	}
	var names []string
	for _, o := range objects {
		c := o.(*store.Connector)
		names = append(names, c.Name)
		if !known[c.Name] {
			known[c.Name] = true
			runs, err := s.store.Runs(c.Name, 0)
			if err != nil {
				return err
			}
			s.metrics.known(c.Name, runs)
		}
		s.reschedule(cron, c, run)
	}
	for name := range known {
		if !slices.Contains(names, name) {
			delete(known, name)
			s.unschedule(cron, name)
			s.metrics.forget(name)
		}
	}
	return nil
}

// reschedule gives a connector the schedule that it has now.
func (s *Syncer) reschedule(cron gocron.Scheduler, c *store.Connector, run func(connector string)) {
	s.mu.Lock()
	p, ok := s.scheduled[c.Name]
	s.mu.Unlock()
	if ok && p.spec == c.Schedule || !ok && c.Schedule == "" {
		return
	}
	s.unschedule(cron, c.Name)
	if c.Schedule == "" {
		return
	}
	job, err := cron.NewJob(gocron.CronJob(c.Schedule, false), gocron.NewTask(run, c.Name),
		gocron.WithSingletonMode(gocron.LimitModeReschedule))
	if err != nil {
		// Check refuses such a schedule, but a connector may come from elsewhere.
		s.log.Error("connector cannot be scheduled", "connector", c.Name, "schedule", c.Schedule, "error", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scheduled[c.Name] = &scheduled{spec: c.Schedule, job: job}
}

func (s *Syncer) unschedule(cron gocron.Scheduler, name string) {
	s.mu.Lock()
	p, ok := s.scheduled[name]
	delete(s.scheduled, name)
	s.mu.Unlock()
	if !ok {
		return
	}
	if err := cron.RemoveJob(p.job.ID()); err != nil {
		s.log.Error("schedule cannot be removed", "connector", name, "error", err)
	}
}

// runScheduled is one run when it is due. How it ended is recorded, counted and logged by Import.
func (s *Syncer) runScheduled(ctx context.Context, name string) {
	if ctx.Err() != nil {
		return
	}
	s.mu.Lock()
	if p, ok := s.scheduled[name]; ok {
		p.last = s.now()
	}
	s.mu.Unlock()
	_, err := s.Import(ctx, name, ImportOptions{})
	var running *RunningError
	switch {
	case errors.As(err, &running):
		s.log.Info("connector is due but still running", "connector", name)
	case err != nil:
		s.log.Error("connector could not run", "connector", name, "error", err)
	}
}

// quiet is gocron's logger: what matters of a run is logged by Import.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Error(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
