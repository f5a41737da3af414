package admin

import (
	"net"
	"net/http"
	"sync"
)

// silentConns are the connections on which nothing was asked yet. http.Server.Shutdown waits for them for five seconds.
type silentConns struct {
	mu    sync.Mutex
	conns map[net.Conn]bool // guarded by mu
}

// note is an http.Server's ConnState.
func (s *silentConns) note(c net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if state != http.StateNew {
		delete(s.conns, c)
		return
	}
	if s.conns == nil {
		s.conns = make(map[net.Conn]bool)
	}
	s.conns[c] = true
}

func (s *silentConns) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.Close()
	}
}
