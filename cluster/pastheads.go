package cluster

import "time"

// Nodes say where they are now and then only, so that what another one said is compared with the head as it was then: a node is behind by the changes that it has had the time
// to tell of and has not told of.

const (
	// headEvery is how close heads are remembered.
	headEvery = time.Second
	// maxHeads bounds how many are kept: for longer than any node waits before it says where it is (tellLatest).
	maxHeads = 1024
)

// A headAt is the head at a time.
type headAt struct {
	at    time.Time
	index uint64
}

// pastHeads are the head of the last minutes, the oldest first.
type pastHeads struct {
	past    []headAt
	current headAt
}

// note is called when the head has changed.
func (m *pastHeads) note(index uint64, now time.Time) {
	m.current = headAt{now, index}
	if n := len(m.past); n > 0 && now.Sub(m.past[n-1].at) < headEvery {
		return
	}
	if len(m.past) == maxHeads {
		m.past = m.past[:copy(m.past, m.past[1:])]
	}
	m.past = append(m.past, m.current)
}

// before is the head as it was at a time, or an earlier one; 0: that is not known.
func (m *pastHeads) before(then time.Time) uint64 {
	if !m.current.at.After(then) {
		return m.current.index
	}
	for i := len(m.past) - 1; i >= 0; i-- {
		if !m.past[i].at.After(then) {
			return m.past[i].index
		}
	}
	return 0
}
