package syncer

import "time"

// progressEvery keeps a caller that draws a bar or sends a line per call from slowing the run.
const progressEvery = 50 * time.Millisecond

type progress struct {
	call func(Progress)
	last time.Time
}

func newProgress(call func(Progress)) *progress { return &progress{call: call} }

// at reports a step, unless it is too soon after the last one.
func (p *progress) at(phase string, done, total int) {
	if p.call == nil || time.Since(p.last) < progressEvery {
		return
	}
	p.last = time.Now()
	p.call(Progress{Phase: phase, Done: done, Total: total})
}

// end reports that a phase is complete.
func (p *progress) end(phase string, total int) {
	if p.call != nil {
		p.last = time.Now()
		p.call(Progress{Phase: phase, Done: total, Total: total})
	}
}
