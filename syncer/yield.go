package syncer

import (
	"runtime"
	"runtime/debug"

	"github.com/dialtree/dialtree/store"
)

// A run is work for seconds on a server that answers phones within a millisecond: it lets them go first, and gives back what it took.

// yieldEvery is how many records are done at a time: some 100 µs of work. The scheduler by itself would let a run have 10 ms.
const yieldEvery = 32

// yieldToServing is called with the number of each record or entry of a long loop.
func yieldToServing(n int) {
	if n%yieldEvery == 0 {
		runtime.Gosched()
	}
}

// manyEntries is from how many on the memory of a run is given back to the system at its end. The collector would
// do it within minutes, and not at all what it thinks it needs again.
const manyEntries = 10_000

// giveBack gives back the memory that a run took. It is called when nothing of the run is in use any more.
func giveBack(r *store.Run) {
	if r.Created+r.Updated+r.Removed+r.Unchanged > manyEntries {
		debug.FreeOSMemory()
	}
}
