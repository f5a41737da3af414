//go:build unix

package service

import (
	"errors"
	"syscall"
)

// listens says what is wrong with a descriptor that should be a listening stream socket.
func listens(fd int) error {
	kind, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_TYPE)
	switch {
	case errors.Is(err, syscall.EBADF):
		return errors.New("is not open")
	case err != nil:
		return errors.New("is not a socket")
	case kind != syscall.SOCK_STREAM:
		return errors.New("is not a stream socket")
	}
	listening, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, soAcceptConn)
	if err == nil && listening == 0 {
		return errors.New("does not listen")
	}
	return nil
}

func dupCloseOnExec(fd int) (int, error) {
	n, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_DUPFD_CLOEXEC, firstDescriptor)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

func setCloseOnExec(fd int, on bool) error {
	flag := uintptr(0)
	if on {
		flag = syscall.FD_CLOEXEC
	}
	if _, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_SETFD, flag); errno != 0 {
		return errno
	}
	return nil
}
