package service

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// A Handover holds sockets open for the next program, or the next start in this one, whatever happens to the listeners that
// they came from: who connects meanwhile waits in the kernel.
type Handover struct {
	sockets []Socket // without listeners
	files   []int
}

// Hold begins a handover. Nothing is accepted by it.
func Hold(sockets []Socket) (*Handover, error) {
	h := &Handover{}
	for _, s := range sockets {
		fd, err := duplicate(s.Listener)
		if err != nil {
			h.Close()
			return nil, fmt.Errorf("keep the socket %s open: %w", s.Name, err)
		}
		h.sockets = append(h.sockets, Socket{Name: s.Name, Address: s.Address})
		h.files = append(h.files, fd)
	}
	return h, nil
}

// duplicate copies the descriptor of a listener. Its own File() would be a file of the runtime, which may not be handed on without
// making the listener itself block.
func duplicate(l net.Listener) (fd int, err error) {
	conn, ok := l.(syscall.Conn)
	if !ok {
		return 0, fmt.Errorf("%T has no descriptor", l)
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	cerr := raw.Control(func(from uintptr) { fd, err = dupCloseOnExec(int(from)) })
	return fd, errors.Join(cerr, err)
}

// Close closes what was held.
func (h *Handover) Close() {
	for _, fd := range h.files {
		_ = syscall.Close(fd)
	}
	h.files, h.sockets = nil, nil
}

// Take makes sockets of what was held, in this program. The handover is over.
func (h *Handover) Take() ([]Socket, error) {
	var sockets []Socket
	for i, s := range h.sockets {
		f := os.NewFile(uintptr(h.files[i]), s.Name)
		l, err := net.FileListener(f)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("take the socket %s back: %w", s.Name, err)
		}
		s.Listener = l
		sockets = append(sockets, s)
	}
	h.files, h.sockets = nil, nil
	return sockets, nil
}

// Exec replaces this program by another one, in the same process, which takes over what this one was given and the sockets that are
// held. It returns only when that fails; the sockets are still held then.
//
// The protocol wants the descriptors to begin with 3. Here that may be the poller of Go's runtime, which would end the process if
// something else took its place while it still runs; so the numbers are told in a variable of our own.
func (g *Given) Exec(program string, args, environ []string, h *Handover) error {
	env := append(Without(environ), g.environ...)
	if len(h.files) > 0 {
		var labels, numbers []string
		for i, s := range h.sockets {
			labels = append(labels, s.label())
			numbers = append(numbers, strconv.Itoa(h.files[i]))
		}
		env = append(env, varListen+"="+strconv.Itoa(len(h.files)), varListenPID+"="+strconv.Itoa(os.Getpid()),
			varListenNames+"="+strings.Join(labels, ":"), varListenNumber+"="+strings.Join(numbers, ":"))
	}
	syscall.ForkLock.Lock() // no child is started that would inherit them
	defer syscall.ForkLock.Unlock()
	for _, fd := range h.files {
		if err := setCloseOnExec(fd, false); err != nil {
			return fmt.Errorf("hand over a socket: %w", err)
		}
	}
	err := syscall.Exec(program, args, env)
	for _, fd := range h.files {
		_ = setCloseOnExec(fd, true)
	}
	return fmt.Errorf("execute %s: %w", program, err)
}
