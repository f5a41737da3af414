package ldapwire

// arenaKeep is the chunk, in items, up to which an arena grows by doubling and
// which it keeps between messages. What is longer is allocated to measure and
// dropped with the message, so that one large message does not leave its
// connection holding memory for good.
const arenaKeep = 128

// An arena hands out the slices of a message and takes all of them back at
// once. Keeping the slices in the structures instead would let a peer pile up
// capacity: a filter tree of another shape in each message would leave memory
// behind at every node.
type arena[T any] struct {
	chunk []T
	used  int
}

// reset takes back what was handed out. It clears it, for what it points to,
// the input and other arenas' chunks, must not be kept alive.
func (a *arena[T]) reset() {
	if len(a.chunk) > arenaKeep {
		a.chunk = nil
	}
	clear(a.chunk[:min(a.used, len(a.chunk))])
	a.used = 0
}

// take hands out n zero items: nil for none.
func (a *arena[T]) take(n int) []T {
	if n == 0 {
		return nil
	}
	if n > len(a.chunk)-a.used {
		a.chunk = make([]T, max(n, min(2*len(a.chunk), arenaKeep), 4))
		a.used = 0
	}
	s := a.chunk[a.used : a.used+n : a.used+n]
	a.used += n
	return s
}

// arenas are the arenas of a Message.
type arenas struct {
	strings    arena[[]byte]
	filters    arena[Filter]
	attributes arena[Attribute]
	changes    arena[Change]
	controls   arena[Control]
}

func (a *arenas) reset() {
	a.strings.reset()
	a.filters.reset()
	a.attributes.reset()
	a.changes.reset()
	a.controls.reset()
}
