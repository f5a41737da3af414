package main

import (
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"

	"github.com/dialtree/dialtree/cmd/dialtree/internal/config"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/resources"
)

// fewClients is below what a site with more than a handful of phones needs.
const fewClients = 2000

// scarce tells of what the configuration counts on and the system does not let the process have. Whoever left
// max_connections out asked for as many as there can be.
func scarce(c *config.Config, d resources.Descriptors) []*config.Warning {
	const key = "ldap.max_connections"
	wanted := c.LDAP.MaxConnections
	_, given := c.Origins[key]
	if d.Limit == 0 || wanted <= d.LDAP || !given && d.LDAP >= fewClients {
		return nil
	}
	return []*config.Warning{{Path: key, Message: fmt.Sprintf(
		"of %d clients only %d can be connected at a time, because the process may open %d files, of which the store, upstreams and the admin side need some: raise the limit to %d (LimitNOFILE= of systemd, ulimit -Hn, --ulimit nofile= of a container), or lower max_connections",
		wanted, d.LDAP, d.Limit, resources.Needed(wanted))}}
}

// limitMemory tells the garbage collector what a control group allows, so that it works harder near the limit
// rather than let the kernel end the process. GOMEMLIMIT is obeyed by the runtime itself, and rules.
func limitMemory(getenv func(string) string, logger *slog.Logger) {
	limit := resources.MemoryOf()
	if limit == 0 || getenv("GOMEMLIMIT") != "" {
		return
	}
	most := resources.ForGo(limit)
	debug.SetMemoryLimit(most)
	logger.Info("memory is limited by the control group", "limit_mib", limit>>20, "garbage_collected_to_mib", most>>20)
}

// atMost accepts no more connections than that at a time: the next ones wait in the kernel's queue until one
// ends. Zero is no limit.
func atMost(l net.Listener, connections int) net.Listener {
	if connections <= 0 {
		return l
	}
	return &boundedListener{Listener: l, places: make(chan struct{}, connections), closed: make(chan struct{})}
}

type boundedListener struct {
	net.Listener
	places chan struct{}
	once   sync.Once
	closed chan struct{} // so that Accept does not wait for a place any more
}

func (l *boundedListener) Accept() (net.Conn, error) {
	select {
	case l.places <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		return nil, err
	}
	return &boundedConn{Conn: c, leave: sync.OnceFunc(func() { <-l.places })}, nil
}

func (l *boundedListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

type boundedConn struct {
	net.Conn
	leave func()
}

func (c *boundedConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
