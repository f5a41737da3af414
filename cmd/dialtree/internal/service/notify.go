package service

import (
	"fmt"
	"net"
	"strings"
	"time"
)

// A Notifier tells the service manager how the process is. Without one, it tells nobody. Its methods may be called concurrently.
type Notifier struct {
	path string // of a datagram socket; "@" at its head stands for the NUL of an abstract one
}

// Ready says that the process serves, after its start and after a reload or restart.
func (n *Notifier) Ready(status string) error { return n.send("READY=1", "STATUS="+oneLine(status)) }

// Reloading says that a reload or a restart has begun, which Ready ends.
func (n *Notifier) Reloading(status string) error {
	return n.send("RELOADING=1", fmt.Sprintf("MONOTONIC_USEC=%d", monotonic().Microseconds()), "STATUS="+oneLine(status))
}

// Stopping says that the process is about to end.
func (n *Notifier) Stopping(status string) error {
	return n.send("STOPPING=1", "STATUS="+oneLine(status))
}

// Status says in one sentence how the process is.
func (n *Notifier) Status(status string) error { return n.send("STATUS=" + oneLine(status)) }

// WatchdogPing says that the process does what it is for.
func (n *Notifier) WatchdogPing() error { return n.send("WATCHDOG=1") }

func (n *Notifier) send(lines ...string) error {
	if n == nil || n.path == "" {
		return nil
	}
	// The socket is not kept: the manager may have been executed anew since.
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: n.path, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("notify the service manager: %w", err)
	}
	defer c.Close()
	_ = c.SetWriteDeadline(time.Now().Add(time.Second))
	if _, err := c.Write([]byte(strings.Join(lines, "\n") + "\n")); err != nil {
		return fmt.Errorf("notify the service manager: %w", err)
	}
	return nil
}

// oneLine keeps a text from being taken for more than one assignment.
func oneLine(text string) string { return strings.ReplaceAll(text, "\n", " ") }
