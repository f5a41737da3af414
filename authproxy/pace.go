package authproxy

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// A pace knows how long refusals by an upstream take these days, so that the
// refusal of a name that does not exist takes as long as one of a name that does.
// It keeps real durations and draws one of them at random: an average would be a
// fingerprint of its own.
type pace struct {
	mu     sync.Mutex // guards the ring
	ring   [128]time.Duration
	filled int
	next   int
}

// usualHashTime is what verifying a password here takes on most machines.
const usualHashTime = 30 * time.Millisecond

// maxPace bounds how long a refusal waits, however slow the upstream was.
const maxPace = 3 * time.Second

// observe notes how long an answer of an upstream took.
func (p *pace) observe(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ring[p.next] = min(d, maxPace)
	p.next = (p.next + 1) % len(p.ring)
	p.filled = min(p.filled+1, len(p.ring))
}

// draw returns one of the durations noted, or false when there is none yet.
func (p *pace) draw() (time.Duration, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.filled == 0 {
		return 0, false
	}
	return p.ring[rand.IntN(p.filled)], true
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
