package ldap

import (
	"errors"
	"net"
	"sync"
	"time"
)

// maxAnswer bounds what a server may send in answer to one request, which is a page
// of entries at most. 500 entries with a picture of 100 kB each are 50 MB.
const maxAnswer = 256 << 20

var errTooMuch = errors.New("the answer is larger than 256 MiB: set page_size lower")

// A wire is the connection below go-ldap, which has no deadline for writing, and none
// for reading that it may be given safely: with SetTimeout it drops entries that are
// not taken in time. The wire has one for each request, bounds its answer, lets nothing
// through that answers another request, and remembers what ended it, which go-ldap keeps only as text.
type wire struct {
	net.Conn

	mu     sync.Mutex // guards what follows
	left   int        // bytes that may still come for the request
	watch  watch
	failed error
}

// begin starts a request.
func (w *wire) begin(deadline time.Time) {
	w.mu.Lock()
	w.left = maxAnswer
	w.mu.Unlock()
	_ = w.SetDeadline(deadline)
}

// end lets the connection rest until the next request.
func (w *wire) end() { _ = w.SetDeadline(time.Time{}) }

func (w *wire) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.left -= n; w.left < 0 && err == nil {
		err = errTooMuch
	}
	if stray := w.watch.came(b[:n]); stray != nil {
		n, err = 0, stray // what came with it is of no use either
	}
	w.note(err)
	return n, err
}

func (w *wire) Write(b []byte) (int, error) {
	w.mu.Lock()
	w.watch.sent(b) // go-ldap writes a request at once
	w.mu.Unlock()
	n, err := w.Conn.Write(b)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.note(err)
	return n, err
}

// note is called with mu held. The first error is the cause of the others.
func (w *wire) note(err error) {
	if w.failed == nil {
		w.failed = err
	}
}

// cause is what ended the connection; nil while it is good.
func (w *wire) cause() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failed
}
