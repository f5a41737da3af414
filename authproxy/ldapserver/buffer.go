package ldapserver

import "sync"

// A buffer holds what was read and not yet taken: b[r:w]. It starts small,
// since most connections are idle and most requests short, and grows with what
// has arrived, not with what a message announces, so that nobody makes the
// server hold much by promising it.
type buffer struct {
	b     []byte
	r, w  int
	class int
}

// The sizes of pooled buffers. 512 bytes hold a bind, and most searches; it is
// what an idle connection keeps. What is larger than the largest class is
// allocated when needed.
var bufferSizes = [...]int{512, 4 << 10, 16 << 10, 64 << 10, 256 << 10}

// sizeOf is the size of a class; beyond the pooled ones it doubles.
func sizeOf(class int) int {
	last := len(bufferSizes) - 1
	if class <= last {
		return bufferSizes[class]
	}
	return bufferSizes[last] << (class - last)
}

// buffers are the pools, one for each class.
type buffers [len(bufferSizes)]sync.Pool

func (p *buffers) get(class int) *buffer {
	if class < len(p) {
		if b, ok := p[class].Get().(*buffer); ok {
			return b
		}
	}
	return &buffer{b: make([]byte, sizeOf(class)), class: class}
}

// put takes b back. It is emptied of its content first: that held passwords.
func (p *buffers) put(b *buffer) {
	clear(b.b[:b.w])
	b.r, b.w = 0, 0
	if b.class < len(p) {
		p[b.class].Put(b)
	}
}

// holding returns a buffer with a copy of data.
func (p *buffers) holding(data []byte) *buffer {
	class := 0
	for sizeOf(class) < len(data) {
		class++
	}
	b := p.get(class)
	b.w = copy(b.b, data)
	return b
}

func (b *buffer) unread() []byte { return b.b[b.r:b.w] }

func (b *buffer) empty() bool { return b.r == b.w }

// take returns the next n unread bytes, which stay where they are until the
// buffer is read into.
func (b *buffer) take(n int) []byte {
	t := b.b[b.r : b.r+n : b.r+n]
	b.r += n
	return t
}

// room returns b, or what takes its place, with room to read into: an empty
// buffer shrinks to the smallest class, a full one is compacted or grows.
func (p *buffers) room(b *buffer) *buffer {
	switch {
	case b.empty() && b.class > 0:
		p.put(b)
		return p.get(0)
	case b.empty():
		b.r, b.w = 0, 0
	case b.w < len(b.b):
	case b.r >= len(b.b)/2:
		b.w = copy(b.b, b.unread())
		b.r = 0
	default:
		next := p.get(b.class + 1)
		next.w = copy(next.b, b.unread())
		p.put(b)
		return next
	}
	return b
}
