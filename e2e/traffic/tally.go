package traffic

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Tally is what phones have seen. It may be used concurrently.
type Tally struct {
	Asked, Answered, Notices, Crossed, Late, Connections atomic.Int64

	mu           sync.Mutex
	failures     map[string]int   // guarded by mu, by what happened
	examples     map[string]error // guarded by mu
	slowest      time.Duration    // guarded by mu: from a question to its answer
	slowestToGet time.Duration    // guarded by mu: to be connected
}

func (t *Tally) asked()   { t.Asked.Add(1) }
func (t *Tally) noticed() { t.Notices.Add(1) }
func (t *Tally) crossed() { t.Notices.Add(1); t.Crossed.Add(1) }
func (t *Tally) late()    { t.Notices.Add(1); t.Late.Add(1) }

func (t *Tally) connected(took time.Duration) {
	t.Connections.Add(1)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.slowestToGet = max(t.slowestToGet, took)
}

func (t *Tally) answered(took time.Duration) {
	t.Answered.Add(1)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.slowest = max(t.slowest, took)
}

func (t *Tally) fail(what string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failures == nil {
		t.failures, t.examples = map[string]int{}, map[string]error{}
	}
	t.failures[what]++
	t.examples[what] = err
}

// Slowest returns the longest that somebody waited for an answer, and to be connected, since it was called last.
func (t *Tally) Slowest() (answer, connection time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	answer, connection = t.slowest, t.slowestToGet
	t.slowest, t.slowestToGet = 0, 0
	return answer, connection
}

// Failures says what went wrong, and how often; empty for nothing.
func (t *Tally) Failures() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var b strings.Builder
	for what, n := range t.failures {
		fmt.Fprintf(&b, "%d × %s, such as: %v\n", n, what, t.examples[what])
	}
	return b.String()
}
