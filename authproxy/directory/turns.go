package directory

import (
	"runtime"
	"time"
)

// Searches that take long take turns: all but one of the processors are theirs, for a moment each. The rest, which
// is nearly all that there is, finds a processor when it comes: without turns, somebody who logs in stands in line
// behind every long search, ten milliseconds each, at each of the steps that a login takes.
type turns chan struct{}

const (
	// shortSearch is how long a search is no long one. What an index helps with takes a tenth of it.
	shortSearch = time.Millisecond
	// turnLasts is how long a turn is.
	turnLasts = 2 * time.Millisecond
	// mostOutOfTurn is how many entries are sorted without a turn.
	mostOutOfTurn = 2048
)

func newTurns() turns { return make(turns, max(1, runtime.GOMAXPROCS(0)-1)) }

// rest has a search that takes long wait for its turn, or give its turn up and wait for the next. It tells whether
// time went by.
func (s *searcher) rest(now time.Time) bool {
	switch {
	case s.begun.IsZero():
		s.begun = now
		return false
	case s.turn.IsZero() && now.Sub(s.begun) < shortSearch, !s.turn.IsZero() && now.Sub(s.turn) < turnLasts:
		return false
	}
	s.leaveTurn()
	s.takeTurn()
	return true
}

// takeTurn waits for a turn. Those who wait get theirs in the order in which they came.
func (s *searcher) takeTurn() {
	s.tree.turns <- struct{}{}
	s.turn = time.Now()
}

// leaveTurn ends the turn, if the search has one: it does before it sends, which may block.
func (s *searcher) leaveTurn() {
	if !s.turn.IsZero() {
		<-s.tree.turns
		s.turn = time.Time{}
	}
}

// sortInTurn has a turn for a sort that is long.
func (s *searcher) sortInTurn() (done func()) {
	for _, c := range s.cursors {
		if c.seg.len() > mostOutOfTurn {
			s.takeTurn()
			return s.leaveTurn
		}
	}
	return func() {}
}
