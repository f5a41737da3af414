package syncer

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/dialtree/dialtree/store"
)

// retries are the waits before a scheduled run that failed for a reason that may pass is tried again. Together they outlast a
// restart of the source's server; after that, somebody has to look.
func retries() []time.Duration {
	return []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute}
}

// due runs a connector that is due: after its jitter, and again while it fails for reasons that may pass. How each run ended is
// recorded, counted and logged by Import. chain holds the connectors that led to it.
func (s *Syncer) due(ctx context.Context, name string, chain []string) {
	c, err := s.store.Connector(name)
	if err != nil || !wait(ctx, jitter(c)) {
		return
	}
	s.mu.Lock()
	if p, ok := s.scheduled[name]; ok {
		p.last = s.now()
	}
	s.mu.Unlock()
	pauses := append(s.retries(), -1)
	for len(pauses) > 0 {
		pause := pauses[0]
		r, err := s.run(ctx, name, ImportOptions{By: BySchedule}, runOptions{chain: chain, again: pause >= 0, changes: true, observed: true})
		var running *RunningError
		switch {
		case errors.As(err, &running) && running.Node != "" && s.misses(name):
			pause = s.dutyPause // one that the node on duty before is ending yet may have no record
		case errors.As(err, &running):
			s.log.Info("connector is due but still running", "connector", name, "node", running.Node)
			return
		case err != nil && outOfReach(err), err == nil && r.unrecorded:
			pause = s.awayPause // for as long as it takes: what is due is not left out because etcd was away
		case err != nil && ctx.Err() != nil:
			return
		case err != nil:
			s.log.Error("connector could not run", "connector", name, "error", err)
			return
		case !r.Temporary || pause < 0:
			return
		default:
			pauses = pauses[1:]
		}
		s.log.Info("connector will be tried again", "connector", name, "in", pause.String())
		if !wait(ctx, pause) {
			return
		}
	}
}

func jitter(c *store.Connector) time.Duration {
	if c.Jitter <= 0 {
		return 0
	}
	return rand.N(time.Duration(c.Jitter))
}

// wait returns false when ctx ends before.
func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// runOptions say what a run is part of.
type runOptions struct {
	chain []string // the connectors that led to it
	again bool     // it is tried again when it fails for a reason that may pass
	// changes: what changed since an earlier run is enough, where the source can tell.
	changes bool
	// observed: nobody started it, and Options.Observe is told.
	observed bool
}

// ended does what follows from a run: the connectors that wait for it run, or somebody is told that it failed. Both happen in the
// background, and only while Run is at work. They happen on the node that did the run, which need not be the one on duty: the others do not see it end.
func (s *Syncer) ended(c *store.Connector, r *Report, o runOptions) {
	switch {
	case r.DryRun, r.unrecorded:
	case r.Run.Result == store.RunDone:
		s.runFollowers(c.Name, o.chain)
	case c.Webhook != nil && !(r.Temporary && o.again):
		run, hook := r.Run, *c.Webhook
		s.background(func(ctx context.Context) { s.notify(ctx, &hook, &run) })
	}
}

// runFollowers runs the connectors that are to run after one.
func (s *Syncer) runFollowers(name string, chain []string) {
	objects, err := s.store.Objects(store.ObjectConnector)
	if err != nil {
		s.log.Error("connectors that run after another cannot be read", "connector", name, "error", err)
		return
	}
	chain = append(slices.Clone(chain), name)
	for _, o := range objects {
		follower := o.(*store.Connector)
		if follower.After != name {
			continue
		}
		// Check refuses circles, but two that were applied together may make one.
		if slices.Contains(chain, follower.Name) {
			s.log.Error("connector is not run after another, because each waits for the other", "connector", follower.Name, "after", name)
			continue
		}
		s.background(func(ctx context.Context) { s.due(ctx, follower.Name, chain) })
	}
}

// background runs f beside Run, which waits for it. It is false, and f is not run, while Run is not at work.
func (s *Syncer) background(f func(context.Context)) bool {
	s.mu.Lock()
	beside := s.beside
	s.mu.Unlock()
	return beside != nil && beside.start(f)
}
