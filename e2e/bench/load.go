//go:build linux

package main

import (
	"encoding/binary"
	"os"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// A load is what one client program sends: requests that were encoded before,
// round robin, each after the answer to an earlier one.
type load struct {
	address     string
	connections int // at the same time
	fresh       bool
	pipelined   int             // requests that are out at the same time on a connection; 0 is 1
	pause       time.Duration   // between an answer and the next request
	setup       []byte          // one request sent first on every persistent connection, may be nil
	requests    [][]byte        // each with firstID as its message ID
	searches    bool            // the requests are searches: sizeLimitExceeded (4) is right, too
	source      string          // the client's own address
	limit       int             // stop after so many answers; 0: go on until the time is up
	stop        <-chan struct{} // stop when it is closed; may be nil
}

// untilDone is time enough for a load with a limit.
const untilDone = 5 * time.Minute

// A measurement is what one load saw.
type measurement struct {
	answers       int
	entries       int
	wrong         int // answers other than success, broken connections
	elapsed       time.Duration
	p50, p99, max time.Duration
}

func (m measurement) rate() float64 { return float64(m.answers) / m.elapsed.Seconds() }

// sizeLimitExceeded is a result code of RFC 4511.
const sizeLimitExceeded = 4

// firstID is a message ID of four octets. Every request is sent with the next
// one: lloadd 2.5.13 stops at an assertion when a client uses an ID again right
// after its answer.
const firstID = 0x01000000

// unbind is an UnbindRequest with message ID 0.
var unbind = []byte{0x30, 0x05, 0x02, 0x01, 0x00, 0x42, 0x00}

// A generator runs a load from one thread with epoll(7) on bare sockets: on a
// small machine, what it costs itself is taken from the server.
type generator struct {
	load
	measurement
	epoll     int
	events    [128]syscall.EpollEvent
	sockets   map[int]*socket
	pausing   []paused
	next      int // the request to send next
	out       int // requests that wait for an answer
	latencies []time.Duration
	ending    bool // nothing more is sent
	counting  bool
	sending   []byte
	receiving [1 << 18]byte
	target    syscall.Sockaddr
	from      syscall.Sockaddr
}

// A socket is one connection.
type socket struct {
	began     time.Time // of a fresh connection
	connected bool
	out       []pending
	answer    answer
}

// A pending request waits for its answer.
type pending struct {
	id   uint32
	sent time.Time
}

// A paused connection waits before its next request.
type paused struct {
	until time.Time
	fd    int
	on    *socket
}

// run sends the load for d and reports what came back. Searches that are out at
// the end count with the time until they are answered: where one takes as long as
// the load, those that were quick would be counted alone.
func (l load) run(d time.Duration) (measurement, error) {
	// A collection in the middle would be measured as the server's latency.
	runtime.GC()
	g := &generator{load: l, sockets: map[int]*socket{}, latencies: make([]time.Duration, 0, 1<<20), counting: true}
	g.pipelined = max(1, g.pipelined)
	if err := g.open(); err != nil {
		return measurement{}, err
	}
	defer g.close()
	for range l.connections {
		if err := g.connect(); err != nil {
			return measurement{}, err
		}
	}
	start := time.Now()
	if err := g.loop(start.Add(d)); err != nil {
		return measurement{}, err
	}
	g.ending = true
	if !l.searches {
		g.elapsed, g.counting = time.Since(start), false
	}
	// No contender is to cope with clients that vanish in the middle.
	if err := g.drain(time.Now().Add(drainTime)); err != nil {
		return measurement{}, err
	}
	if l.searches {
		g.elapsed = time.Since(start)
	}
	if len(g.latencies) > 0 {
		slices.Sort(g.latencies)
		g.p50 = g.latencies[len(g.latencies)/2]
		g.p99 = g.latencies[len(g.latencies)*99/100]
		g.max = g.latencies[len(g.latencies)-1]
	}
	return g.measurement, nil
}

// drainTime is how long the answers are awaited that are out when the time is up.
const drainTime = 5 * time.Second

// loop sends and receives until the time is up.
func (g *generator) loop(until time.Time) error {
	for {
		if err := g.step(); err != nil {
			return err
		}
		select {
		case <-g.stop:
			return nil
		default:
		}
		if time.Now().After(until) || g.limit > 0 && g.answers >= g.limit {
			return nil
		}
	}
}

// drain takes the answers that are still out.
func (g *generator) drain(until time.Time) error {
	for g.out > 0 && time.Now().Before(until) {
		if err := g.step(); err != nil {
			return err
		}
	}
	return nil
}

// step handles what has happened on the sockets, or what comes next.
func (g *generator) step() error {
	timeout := 100
	if len(g.pausing) > 0 {
		timeout = 1
	}
	n, err := syscall.EpollWait(g.epoll, g.events[:], timeout)
	if err != nil && err != syscall.EINTR {
		return os.NewSyscallError("epoll_wait", err)
	}
	for _, e := range g.events[:max(n, 0)] {
		if err := g.handle(int(e.Fd), e.Events); err != nil {
			return err
		}
	}
	return g.resume()
}

// resume sends what has paused long enough.
func (g *generator) resume() error {
	for len(g.pausing) > 0 {
		p, now := g.pausing[0], time.Now()
		if now.Before(p.until) {
			return nil
		}
		g.pausing = g.pausing[1:]
		if g.sockets[p.fd] != p.on { // it broke meanwhile
			continue
		}
		if err := g.send(p.fd, p.on, 1, now); err != nil {
			return err
		}
	}
	return nil
}

func (g *generator) handle(fd int, events uint32) error {
	s := g.sockets[fd]
	if !s.connected {
		if events&syscall.EPOLLOUT == 0 {
			return g.fail(fd, s)
		}
		s.connected = true
		event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(fd)}
		if err := syscall.EpollCtl(g.epoll, syscall.EPOLL_CTL_MOD, fd, &event); err != nil {
			return os.NewSyscallError("epoll_ctl", err)
		}
		return g.send(fd, s, g.pipelined, time.Now())
	}
	kept := copy(g.receiving[:], s.answer.rest[:s.answer.n])
	n, err := syscall.Read(fd, g.receiving[kept:])
	if err == syscall.EAGAIN {
		return nil
	}
	if err != nil || n == 0 {
		return g.fail(fd, s)
	}
	now, before := time.Now(), len(s.out)
	entries, ok := s.answer.take(g.receiving[:kept+n], func(r response) { g.count(s, r, now) })
	if g.counting {
		g.entries += entries
	}
	if !ok {
		return g.fail(fd, s)
	}
	answered := before - len(s.out)
	switch {
	case answered == 0:
		return nil
	case g.fresh:
		_, _ = syscall.Write(fd, unbind)
		g.drop(fd, s)
		if g.ending {
			return nil
		}
		return g.connect()
	case g.pause > 0:
		for range answered {
			g.pausing = append(g.pausing, paused{now.Add(g.pause), fd, s})
		}
		return nil
	}
	return g.send(fd, s, answered, now)
}

// count takes the response to a request. Servers may answer requests of one
// connection in any order; one to none of them takes the place of the oldest.
func (g *generator) count(s *socket, r response, now time.Time) {
	if len(s.out) == 0 { // a response too many
		g.wrong++
		return
	}
	i := max(0, slices.IndexFunc(s.out, func(p pending) bool { return p.id == r.id }))
	p := s.out[i]
	s.out = slices.Delete(s.out, i, i+1)
	g.out--
	if !g.counting {
		return
	}
	g.answers++
	if p.id != r.id || r.code != 0 && (!g.searches || r.code != sizeLimitExceeded) {
		g.wrong++
	}
	g.latencies = append(g.latencies, now.Sub(p.sent))
}

// send sends the next n requests. The latency of a fresh connection counts from
// its start, that of a persistent one from the request.
func (g *generator) send(fd int, s *socket, n int, now time.Time) error {
	if g.ending {
		return nil
	}
	if g.fresh {
		now = s.began
	}
	g.sending = g.sending[:0]
	for range n {
		request := g.requests[g.next%len(g.requests)]
		id := firstID + uint32(g.next)
		g.next++
		at := len(g.sending)
		g.sending = append(g.sending, request...)
		// The ID follows the header of the message, which is two octets, or three
		// and more for a message of 128 octets and more, and its own header.
		binary.BigEndian.PutUint32(g.sending[at+4+max(0, int(request[1])-0x80):], id)
		s.out = append(s.out, pending{id, now})
	}
	g.out += n
	if written, err := syscall.Write(fd, g.sending); err != nil || written != len(g.sending) {
		return g.fail(fd, s)
	}
	return nil
}

// fail counts a broken connection and replaces it.
func (g *generator) fail(fd int, s *socket) error {
	g.wrong++
	g.drop(fd, s)
	if g.ending {
		return nil
	}
	return g.connect()
}

func (g *generator) drop(fd int, s *socket) {
	g.out -= len(s.out)
	delete(g.sockets, fd)
	syscall.Close(fd) // also takes it out of the epoll set
}
