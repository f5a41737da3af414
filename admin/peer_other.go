//go:build !linux

package admin

import "net"

// peerName returns who is at the other end of a unix socket, which only Linux is asked.
func peerName(net.Conn) string { return "local" }
