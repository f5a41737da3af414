//go:build linux

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// A load is what one client program sends: requests that were encoded before,
// round robin, each after the answer to the one before it.
type load struct {
	address     string
	connections int // at the same time
	fresh       bool
	setup       []byte   // one request sent first on every persistent connection, may be nil
	requests    [][]byte // each with firstID as its message ID
	source      string   // the client's own address
	limit       int      // stop after so many answers; 0: go on until the time is up
}

// untilDone is time enough for a load with a limit.
const untilDone = 5 * time.Minute

// A measurement is what one load saw.
type measurement struct {
	answers  int
	wrong    int // answers other than success, broken connections
	elapsed  time.Duration
	p50, p99 time.Duration
}

func (m measurement) rate() float64 { return float64(m.answers) / m.elapsed.Seconds() }

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
	epoll     int
	sockets   map[int]*socket
	next      int // the request to send next
	answers   int
	wrong     int
	latencies []time.Duration
	draining  bool // nothing more is sent
	target    syscall.Sockaddr
	from      syscall.Sockaddr
}

type socket struct {
	sent      time.Time
	id        uint32 // of the request that is out
	connected bool
	waiting   bool // for an answer
	answer    [512]byte
	n         int
}

// run sends the load for d and reports what came back in that time.
func (l load) run(d time.Duration) (measurement, error) {
	// A collection in the middle would be measured as the server's latency.
	runtime.GC()
	g := &generator{load: l, sockets: map[int]*socket{}, latencies: make([]time.Duration, 0, 1<<20)}
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
	m := measurement{answers: g.answers, wrong: g.wrong, elapsed: time.Since(start)}
	if err := g.drain(time.Now().Add(2 * time.Second)); err != nil {
		return measurement{}, err
	}
	if len(g.latencies) > 0 {
		slices.Sort(g.latencies)
		m.p50 = g.latencies[len(g.latencies)/2]
		m.p99 = g.latencies[len(g.latencies)*99/100]
	}
	return m, nil
}

func (g *generator) open() error {
	target, err := netip.ParseAddrPort(g.address)
	if err != nil {
		return err
	}
	from, err := netip.ParseAddr(g.source)
	if err != nil {
		return err
	}
	g.target = &syscall.SockaddrInet4{Addr: target.Addr().As4(), Port: int(target.Port())}
	g.from = &syscall.SockaddrInet4{Addr: from.As4()}
	if g.epoll, err = syscall.EpollCreate1(0); err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	return nil
}

func (g *generator) close() {
	for fd := range g.sockets {
		_, _ = syscall.Write(fd, unbind)
		syscall.Close(fd)
	}
	syscall.Close(g.epoll)
}

// connect opens one connection. A persistent one is set up before it counts.
func (g *generator) connect() error {
	const bindAddressNoPort = 24 // IP_BIND_ADDRESS_NO_PORT of ip(7): choose the port at connect
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	if err := errors.Join(
		syscall.SetsockoptInt(fd, syscall.IPPROTO_IP, bindAddressNoPort, 1),
		syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1),
		syscall.Bind(fd, g.from),
	); err != nil {
		return os.NewSyscallError("bind", err)
	}
	s := &socket{}
	if g.fresh {
		if err := syscall.SetNonblock(fd, true); err != nil {
			return os.NewSyscallError("fcntl", err)
		}
		s.sent = time.Now()
	}
	if err := syscall.Connect(fd, g.target); err != nil && err != syscall.EINPROGRESS {
		return os.NewSyscallError("connect", err)
	}
	event := syscall.EpollEvent{Events: syscall.EPOLLOUT, Fd: int32(fd)}
	if !g.fresh {
		if err := g.prepare(fd); err != nil {
			return err
		}
		if err := syscall.SetNonblock(fd, true); err != nil {
			return os.NewSyscallError("fcntl", err)
		}
	}
	g.sockets[fd] = s
	return os.NewSyscallError("epoll_ctl", syscall.EpollCtl(g.epoll, syscall.EPOLL_CTL_ADD, fd, &event))
}

// prepare sends the setup request on a connection and awaits success.
func (g *generator) prepare(fd int) error {
	if g.setup == nil {
		return nil
	}
	if _, err := syscall.Write(fd, g.setup); err != nil {
		return os.NewSyscallError("write", err)
	}
	var answer [512]byte
	n, err := syscall.Read(fd, answer[:])
	if err != nil {
		return os.NewSyscallError("read", err)
	}
	if _, code, _ := result(answer[:n]); code != 0 {
		return fmt.Errorf("set a connection up: answer % x", answer[:n])
	}
	return nil
}

func (g *generator) loop(until time.Time) error {
	events := make([]syscall.EpollEvent, 128)
	for {
		n, err := syscall.EpollWait(g.epoll, events, 100)
		if err != nil && err != syscall.EINTR {
			return os.NewSyscallError("epoll_wait", err)
		}
		for _, e := range events[:max(n, 0)] {
			if err := g.handle(int(e.Fd), e.Events); err != nil {
				return err
			}
		}
		if time.Now().After(until) || g.limit > 0 && g.answers >= g.limit {
			return nil
		}
	}
}

// drain takes the answers that are still out, so that no contender has to cope
// with clients that vanish in the middle.
func (g *generator) drain(until time.Time) error {
	g.draining = true
	for time.Now().Before(until) {
		waiting := slices.ContainsFunc(slices.Collect(maps.Values(g.sockets)), func(s *socket) bool { return s.waiting })
		if !waiting {
			break
		}
		events := make([]syscall.EpollEvent, 128)
		n, err := syscall.EpollWait(g.epoll, events, 100)
		if err != nil && err != syscall.EINTR {
			return os.NewSyscallError("epoll_wait", err)
		}
		for _, e := range events[:max(n, 0)] {
			if err := g.handle(int(e.Fd), e.Events); err != nil {
				return err
			}
		}
	}
	return nil
}

func (g *generator) handle(fd int, events uint32) error {
	s := g.sockets[fd]
	if !s.connected {
		if events&syscall.EPOLLOUT == 0 {
			return g.fail(fd)
		}
		s.connected = true
		event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(fd)}
		if err := syscall.EpollCtl(g.epoll, syscall.EPOLL_CTL_MOD, fd, &event); err != nil {
			return os.NewSyscallError("epoll_ctl", err)
		}
		return g.send(fd, s)
	}
	n, err := syscall.Read(fd, s.answer[s.n:])
	if err == syscall.EAGAIN {
		return nil
	}
	if err != nil || n == 0 {
		return g.fail(fd)
	}
	s.n += n
	id, code, complete := result(s.answer[:s.n])
	if !complete {
		return nil
	}
	s.n, s.waiting = 0, false
	if g.draining {
		return nil
	}
	g.answers++
	if code != 0 || id != s.id {
		g.wrong++
	}
	g.latencies = append(g.latencies, time.Since(s.sent))
	if !g.fresh {
		return g.send(fd, s)
	}
	_, _ = syscall.Write(fd, unbind)
	g.drop(fd)
	return g.connect()
}

// send sends the next request. The latency of a fresh connection counts from
// its start, that of a persistent one from the request.
func (g *generator) send(fd int, s *socket) error {
	if g.draining {
		return nil
	}
	request := g.requests[g.next%len(g.requests)]
	s.id = firstID + uint32(g.next)
	g.next++
	// The ID follows the header of the message, which is two octets, or three
	// for a message of 128 octets and more, and its own header.
	binary.BigEndian.PutUint32(request[4+max(0, int(request[1])-0x80):], s.id)
	if !g.fresh {
		s.sent = time.Now()
	}
	if n, err := syscall.Write(fd, request); err != nil || n != len(request) {
		return g.fail(fd)
	}
	s.waiting = true
	return nil
}

// fail counts a broken connection and replaces it.
func (g *generator) fail(fd int) error {
	g.wrong++
	g.drop(fd)
	if g.draining {
		return nil
	}
	return g.connect()
}

func (g *generator) drop(fd int) {
	delete(g.sockets, fd)
	syscall.Close(fd) // also takes it out of the epoll set
}

// result is the message ID and the result code of the response at the head of b,
// once all of it is there; the code is -1 when it is no response with a result.
func result(b []byte) (id uint32, code int, complete bool) {
	_, body, ok := element(b)
	if !ok {
		return 0, 0, false
	}
	n, octets, ok := element(body)
	if !ok || len(octets) > 4 {
		return 0, -1, true
	}
	for _, o := range octets {
		id = id<<8 | uint32(o)
	}
	_, op, ok := element(body[n:])
	if !ok || len(op) < 3 || op[0] != 0x0a || op[1] != 1 {
		return id, -1, true
	}
	return id, int(op[2]), true
}

// element is the size of the BER element at the head of b and its contents.
func element(b []byte) (size int, content []byte, ok bool) {
	if len(b) < 2 {
		return 0, nil, false
	}
	n, head := int(b[1]), 2
	if n >= 0x80 {
		octets := n & 0x7f
		if octets > 4 || len(b) < 2+octets {
			return 0, nil, false
		}
		n = 0
		for _, o := range b[2 : 2+octets] {
			n = n<<8 | int(o)
		}
		head += octets
	}
	if len(b) < head+n {
		return 0, nil, false
	}
	return head + n, b[head : head+n], true
}
