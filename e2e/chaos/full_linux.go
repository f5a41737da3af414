package chaos

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// A FullServer listens and has no room: its backlog is full, and a further connection waits for an answer to its SYN.
type FullServer struct {
	Address  string
	listener net.Listener
	filling  []net.Conn
	done     sync.WaitGroup
	mu       sync.Mutex // guards conns
	conns    []net.Conn
}

// NewFullServer starts one.
func NewFullServer() (*FullServer, error) {
	fail := func(err error) (*FullServer, error) { return nil, fmt.Errorf("start full server: %w", err) }
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return fail(err)
	}
	file := os.NewFile(uintptr(fd), "listener")
	defer file.Close() // the listener has its own
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), syscall.Listen(fd, 0)); err != nil {
		return fail(err)
	}
	s := &FullServer{}
	if s.listener, err = net.FileListener(file); err != nil {
		return fail(err)
	}
	s.Address = s.listener.Addr().String()
	for range 16 {
		c, err := net.DialTimeout("tcp", s.Address, 500*time.Millisecond)
		if err != nil {
			return s, nil // it is full
		}
		s.filling = append(s.filling, c)
	}
	s.Close()
	return fail(errors.New("16 connections do not fill a backlog of none"))
}

// Serve makes room: from now on connections reach the target.
func (s *FullServer) Serve(target string) {
	for _, c := range s.filling {
		c.Close()
	}
	s.done.Go(func() {
		for {
			client, err := s.listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", target)
			if err != nil {
				client.Close()
				continue
			}
			s.mu.Lock()
			s.conns = append(s.conns, client, server)
			s.mu.Unlock()
			s.done.Go(func() { pipe(client, server) })
			s.done.Go(func() { pipe(server, client) })
		}
	})
}

// Close ends it.
func (s *FullServer) Close() {
	s.listener.Close()
	for _, c := range s.filling {
		c.Close()
	}
	s.mu.Lock()
	for _, c := range s.conns {
		c.Close()
	}
	s.mu.Unlock()
	s.done.Wait()
}

// pipe copies until one side ends, and ends the other.
func pipe(to, from net.Conn) {
	defer to.Close()
	b := make([]byte, 4096)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}
