package admin

import (
	"context"
	"slices"
	"time"
)

// keepAliveEvery keeps proxies from taking a run that says nothing for one that is dead.
const keepAliveEvery = 15 * time.Second

// A watcher tells one client of a job. It looks at the job when that has changed and it has told
// what it saw before, so that a client that reads slowly misses steps and keeps nobody waiting.
type watcher struct {
	job    *job
	events *events
	phase  int      // how far it has told
	last   Progress // what it told last
}

// watch tells of a job until it has ended or ctx has. from is the first phase to tell of; below 0, where the job is now.
func (j *job) watch(ctx context.Context, e *events, from int) {
	w := &watcher{job: j, events: e, phase: from}
	alive := time.NewTicker(keepAliveEvery)
	defer alive.Stop()
	defer e.close()
	for {
		over, changed := w.tell()
		if over {
			return
		}
		select {
		case <-changed:
		case <-alive.C:
			e.comment()
		case <-ctx.Done():
			return
		}
	}
}

// tell tells what is new. changed is closed when there is more; over is true after the last event.
func (w *watcher) tell() (over bool, changed <-chan struct{}) {
	j := w.job
	j.mu.Lock()
	progress, ended, report, problem, changed := slices.Clone(j.progress), j.ended, j.report, j.problem, j.changed
	j.mu.Unlock()
	if w.phase < 0 {
		w.phase = max(len(progress)-1, 0)
	}
	for ; w.phase < len(progress); w.phase++ {
		if p := progress[w.phase]; p != w.last {
			w.events.progress(p)
			w.last = p
		}
	}
	w.phase = max(len(progress)-1, 0) // it may go on
	switch {
	case !ended:
		return false, changed
	case problem != nil:
		w.events.send(eventProblem, problem)
	default:
		w.events.send(eventReport, report)
	}
	return true, nil
}
