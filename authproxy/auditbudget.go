package authproxy

import (
	"sync"
	"time"
)

// How many refusals are logged that cost whoever asks for them nothing: those that no directory decided. A flood
// of them would otherwise fill a disk at the rate of the network. What is left out is counted in the next line,
// and in the metrics one by one; right passwords, and wrong ones that a directory refused, of which the
// throttle lets few through, always leave their line.
const (
	mostLinesAtOnce = 500
	linesPerSecond  = 20
)

// A lineBudget says which lines are written. The zero value has all of its room.
type lineBudget struct {
	mu    sync.Mutex // guards what follows
	spent float64    // lines, of mostLinesAtOnce; it goes down with time
	at    time.Time
	left  int // lines left out since the last one that was written
}

// take tells whether a line may be written, and how many before it were not.
func (b *lineBudget) take(now time.Time) (left int, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spent = max(0, b.spent-max(0, now.Sub(b.at).Seconds())*linesPerSecond)
	b.at = now
	if b.spent+1 > mostLinesAtOnce {
		b.left++
		return 0, false
	}
	b.spent++
	left, b.left = b.left, 0
	return left, true
}

// cheap tells whether the outcome cost nobody but this program anything.
func (a *attempt) cheap() bool { return a.outcome != Accepted && a.outcome != Refused }
