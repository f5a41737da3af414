package ldapserver

import (
	"sync"
	"time"
)

const (
	// slowAfter is how long a request may be in service before the reading is
	// taken over, give or take as much.
	slowAfter = 5 * time.Millisecond
	// quietAfter is for how long a connection that serves nothing is looked at.
	quietAfter = 100 * time.Millisecond
)

// A watchdog notices requests that take long. It looks at the connections that
// are busy, or were a moment ago, every slowAfter, and at nothing while there
// are none. A timer per request would do the same and cost each of them a
// change of the runtime's timers and often the waking of a thread.
type watchdog struct {
	wake chan struct{}

	mu    sync.Mutex
	conns []*Conn // guarded by mu
}

func newWatchdog() *watchdog { return &watchdog{wake: make(chan struct{}, 1)} }

// watch puts c on the list. c's since was set before.
func (d *watchdog) watch(c *Conn) {
	if !c.watched.CompareAndSwap(false, true) {
		return
	}
	d.mu.Lock()
	d.conns = append(d.conns, c)
	first := len(d.conns) == 1
	d.mu.Unlock()
	if first {
		select {
		case d.wake <- struct{}{}:
		default:
		}
	}
}

// run looks until stop is closed.
func (d *watchdog) run(now func() int64, stop <-chan struct{}) {
	ticker := time.NewTicker(slowAfter)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if d.look(now()) > 0 {
				continue
			}
		case <-stop:
			return
		}
		ticker.Stop()
		select {
		case <-d.wake:
			ticker.Reset(slowAfter)
		case <-stop:
			return
		}
	}
}

// look takes over what has become slow, drops what is quiet, and returns how
// many connections are still on the list.
func (d *watchdog) look(now int64) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	keep := d.conns[:0]
	for _, c := range d.conns {
		since := c.since.Load()
		switch {
		case since > 0 && now-since >= int64(slowAfter):
			c.takeOver(since)
		case since == 0 && now-c.lastActive.Load() >= int64(quietAfter):
			// A request that starts in between either sees that c is not
			// watched, or is seen here.
			c.watched.Store(false)
			if c.since.Load() == 0 || !c.watched.CompareAndSwap(false, true) {
				continue
			}
		}
		keep = append(keep, c)
	}
	clear(d.conns[len(keep):])
	d.conns = keep
	return len(keep)
}
