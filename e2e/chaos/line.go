package chaos

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A line is the client's side of a connection, with a fault of its own at some byte of what is sent either way.
type line struct {
	net.Conn
	p     *Proxy
	fault Fault
	at    int // the byte, counted over both ways

	mu     sync.Mutex // guards passed
	passed int
	hung   atomic.Bool // nothing passes any more, and nobody is told
}

// rates are the bytes per second of slow lines.
var rates = [...]int{4, 50, 400}

func (l *line) Read(b []byte) (int, error) {
	if l.hung.Load() {
		hang(l.Conn)
		return 0, io.EOF
	}
	if l.fault == SlowLine && len(b) > 1 {
		b = b[:1]
		l.p.sleep(l.octetTime())
	}
	n, err := l.Conn.Read(b)
	if err != nil {
		return n, err
	}
	return l.pass(b[:n])
}

func (l *line) Write(b []byte) (int, error) {
	if l.hung.Load() {
		return len(b), nil
	}
	if l.fault == SlowLine {
		return l.p.writeSlowly(l.Conn, b, l.octetTime())
	}
	own := append([]byte(nil), b...) // a flip is not the caller's
	n, failed := l.pass(own)
	if n > 0 {
		if written, err := l.Conn.Write(own[:n]); err != nil {
			return written, err
		}
	}
	if l.fault == HangAfterUpgrade {
		l.hung.Store(true)
	}
	if failed != nil {
		l.end()
		return n, failed
	}
	return len(b), nil
}

func (l *line) octetTime() time.Duration { return time.Second / time.Duration(rates[l.at%len(rates)]) }

// pass says how many of the bytes may pass, and does what is to be done at the byte.
func (l *line) pass(b []byte) (int, error) {
	l.mu.Lock()
	k := l.at - l.passed
	l.passed += len(b)
	l.mu.Unlock()
	if k < 0 || k >= len(b) {
		return len(b), nil
	}
	switch l.fault {
	case FlipAt:
		b[k] ^= 1 << (l.at % 8)
	case HangAt:
		l.hung.Store(true)
		return k, nil
	case CutAt, ResetAt:
		return k, errEnded
	case HalfCloseAt:
		halfClose(l.Conn)
	}
	return len(b), nil
}

// end ends the connection in the way of its fault.
func (l *line) end() {
	if l.fault == ResetAt {
		reset(l.Conn)
	}
	l.Conn.Close()
}

// writeSlowly writes with a pause after each octet.
func (p *Proxy) writeSlowly(c net.Conn, b []byte, pause time.Duration) (int, error) {
	for i := range b {
		if _, err := c.Write(b[i : i+1]); err != nil {
			return i, err
		}
		p.sleep(pause)
	}
	return len(b), nil
}
