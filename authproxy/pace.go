package authproxy

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// A pace knows how long the place that knows the passwords takes to refuse one these days.
//
// Refusals are answered on a beat: a whole number of them after the login began. Nearly all fit into one, so that those which
// somebody was asked about and those which nobody was asked about end at the same timer, and none of their microseconds show. For
// the rest, a refusal that nobody was asked about takes as long as one that was noted, drawn at random.
type pace struct {
	mu     sync.Mutex // guards what follows
	ring   [128]time.Duration
	filled int
	next   int
	since  time.Time     // when the beat was reckoned, or the first duration was noted
	stale  bool          // something was noted since
	length time.Duration // of the beat; 0: never reckoned
}

const (
	// maxPace bounds how long a refusal waits, however slow the upstream was.
	maxPace = 3 * time.Second
	// firstBeat holds until something is known, and is longer than most directories take.
	firstBeat = 300 * time.Millisecond
	// leastBeat is more than what a busy machine adds to the fastest directory's answer.
	leastBeat = 20 * time.Millisecond
	// A beat is reckoned no more often than this: it must not move because of the one login that somebody watches.
	beatLasts = time.Second
	// beatMargin is how much longer the beat is than all but one in twenty refusals, and beatStep is what its lengths
	// differ by: so it stays the same while the directory does.
	beatMargin = 1.2
	beatStep   = 1.25
)

// observe notes how long an answer took.
func (p *pace) observe(d time.Duration, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.filled == 0 {
		p.since = now
	}
	p.ring[p.next] = min(d, maxPace)
	p.next = (p.next + 1) % len(p.ring)
	p.filled = min(p.filled+1, len(p.ring))
	p.stale = true
}

// draw returns one of the durations noted; nothing while there is none, which is less than the first beat.
func (p *pace) draw() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.filled == 0 {
		return 0
	}
	return p.ring[rand.IntN(p.filled)]
}

// beat returns how long a beat is; 0 while that is not known.
func (p *pace) beat(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stale && now.Sub(p.since) >= beatLasts {
		ring := p.ring
		noted := ring[:p.filled]
		slices.Sort(noted)
		p.length = beatOf(noted[(len(noted)*19)/20])
		p.since, p.stale = now, false
	}
	return p.length
}

// beatOf returns the beat that fits durations of d: one of a few lengths.
func beatOf(d time.Duration) time.Duration {
	wanted := float64(d) * beatMargin / float64(leastBeat)
	if wanted <= 1 {
		return leastBeat
	}
	steps := math.Ceil(math.Log(wanted) / math.Log(beatStep))
	return min(time.Duration(float64(leastBeat)*math.Pow(beatStep, steps)), maxPace)
}

// onBeat returns the end of the beat in which something ends that took d.
func onBeat(d, beat time.Duration) time.Duration {
	return beat * max(1, (d+beat-1)/beat)
}

// sleepUntil waits until t or until ctx ends.
func sleepUntil(ctx context.Context, t time.Time) {
	d := time.Until(t)
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
