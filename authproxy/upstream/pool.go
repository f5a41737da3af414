package upstream

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

var errClosed = errors.New("the upstream is closed: it was removed or changed, or the server is ending")

// A pool bounds the connections to the servers of an upstream and hands them
// out one user at a time. It does no I/O.
//
// What it counts are slots: the right to have one connection. Who acquires gets
// a slot with an idle connection in it, the one used last, or an empty one to
// dial for. When there is none, it waits in line; when the line is full, it is
// turned away. A slot that comes free goes to the first in line, so nobody is
// overtaken: while someone waits, no connection is idle.
type pool struct {
	slots      int
	maxPending int

	mu     sync.Mutex         // guards what follows
	taken  int                // slots in use, and those with an idle connection
	idle   []*conn            // the one used last is the last
	conns  map[*conn]struct{} // all of them, so that close ends what is in flight
	first  *waiter            // the line
	last   *waiter
	length int
	spare  *waiter // waiters to be used again
	closed bool
}

func newPool(slots, maxPending int) *pool {
	return &pool{slots: slots, maxPending: maxPending, conns: make(map[*conn]struct{})}
}

// A waiter is a place in the line.
type waiter struct {
	prev, next *waiter
	inLine     bool
	timer      *time.Timer
	slot       chan slot // holds one, so that a grant never blocks
}

type slot struct {
	conn *conn // nil: dial
	err  error
}

// acquire gets a slot. The connection in it is nil when there is none yet.
func (p *pool) acquire(ctx context.Context, deadline time.Time) (*conn, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, errClosed
	}
	if c := p.popIdle(); c != nil {
		p.mu.Unlock()
		return c, nil
	}
	if p.taken < p.slots {
		p.taken++
		p.mu.Unlock()
		return nil, nil
	}
	if p.length >= p.maxPending {
		p.mu.Unlock()
		return nil, fmt.Errorf("%w: %d are", ErrBusy, p.maxPending)
	}
	w := p.enqueue()
	p.mu.Unlock()
	return p.wait(ctx, w, deadline)
}

func (p *pool) wait(ctx context.Context, w *waiter, deadline time.Time) (*conn, error) {
	w.timer.Reset(time.Until(deadline))
	select {
	case s := <-w.slot:
		p.putBack(w)
		return s.conn, s.err
	case <-w.timer.C:
		return nil, p.leave(w, errors.New("none came free in time"))
	case <-ctx.Done():
		return nil, p.leave(w, ctx.Err())
	}
}

// leave ends the wait of w without a slot.
func (p *pool) leave(w *waiter, cause error) error {
	p.mu.Lock()
	granted := !w.inLine
	if !granted {
		p.unlink(w)
	}
	p.mu.Unlock()
	if granted { // at this very moment: somebody else can have it
		switch s := <-w.slot; {
		case s.err != nil:
			p.putBack(w)
			return s.err
		case s.conn != nil:
			p.release(s.conn)
		default:
			p.vacate()
		}
	}
	p.putBack(w)
	return fmt.Errorf("%w: %w", ErrBusy, cause)
}

// another exchanges a slot whose connection is gone for one with an idle
// connection. With nil the caller keeps the empty slot.
func (p *pool) another() *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.popIdle()
	if c != nil {
		p.taken--
	}
	return c
}

// fill puts a connection into the caller's empty slot.
func (p *pool) fill(c *conn) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return errClosed
	}
	p.conns[c] = struct{}{}
	return nil
}

// empty takes a connection out of the caller's slot.
func (p *pool) empty(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

// release gives a slot back with a good connection in it.
func (p *pool) release(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed: // close has closed it
		p.taken--
	case p.first != nil:
		p.grant(slot{conn: c})
	default:
		p.idle = append(p.idle, c)
	}
}

// vacate gives an empty slot back.
func (p *pool) vacate() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.first != nil {
		p.grant(slot{})
		return
	}
	p.taken--
}

// evict takes the idle connections for which match is true out of the pool, for
// the caller to close.
func (p *pool) evict(match func(*conn) bool) []*conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []*conn
	keep := p.idle[:0]
	for _, c := range p.idle {
		if match(c) {
			out = append(out, c)
			delete(p.conns, c)
			p.taken--
		} else {
			keep = append(keep, c)
		}
	}
	clear(p.idle[len(keep):])
	p.idle = keep
	return out
}

// close turns away whoever waits, and whoever comes, and returns all
// connections, those in use too, for the caller to close.
func (p *pool) close() []*conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for p.first != nil {
		p.grant(slot{err: errClosed})
	}
	out := make([]*conn, 0, len(p.conns))
	for c := range p.conns {
		out = append(out, c)
	}
	clear(p.conns)
	p.taken -= len(p.idle)
	p.idle = nil
	return out
}

// counts tells how many connections are idle and how many slots are in use.
func (p *pool) counts() (idle, busy int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.idle), p.taken - len(p.idle)
}

// The rest is called with mu held, save putBack.

func (p *pool) popIdle() *conn {
	n := len(p.idle) - 1
	if n < 0 {
		return nil
	}
	c := p.idle[n]
	p.idle[n] = nil
	p.idle = p.idle[:n]
	return c
}

func (p *pool) grant(s slot) {
	w := p.first
	p.unlink(w)
	w.slot <- s
}

func (p *pool) enqueue() *waiter {
	w := p.spare
	if w != nil {
		p.spare = w.next
		w.next = nil
	} else {
		w = &waiter{slot: make(chan slot, 1), timer: time.NewTimer(time.Hour)}
	}
	w.inLine, w.prev = true, p.last
	if p.last != nil {
		p.last.next = w
	} else {
		p.first = w
	}
	p.last = w
	p.length++
	return w
}

func (p *pool) unlink(w *waiter) {
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		p.first = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	} else {
		p.last = w.prev
	}
	w.prev, w.next, w.inLine = nil, nil, false
	p.length--
}

// putBack keeps a waiter for the next one; the caller does not touch it again.
// At most maxPending and a few exist.
func (p *pool) putBack(w *waiter) {
	w.timer.Stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	w.next = p.spare
	p.spare = w
}
