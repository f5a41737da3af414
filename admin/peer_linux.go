package admin

import (
	"net"
	"os/user"
	"strconv"
	"syscall"
)

// peerName returns the system's user at the other end of a unix socket; "local" where the system does not tell.
func peerName(c net.Conn) string {
	const unknown = "local"
	conn, ok := c.(*net.UnixConn)
	if !ok {
		return unknown
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return unknown
	}
	var peer *syscall.Ucred
	var peerErr error
	err = raw.Control(func(fd uintptr) {
		peer, peerErr = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if err != nil || peerErr != nil {
		return unknown
	}
	id := strconv.FormatUint(uint64(peer.Uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return "uid " + id
}
