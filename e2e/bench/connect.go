//go:build linux

package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"time"
)

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
	s := &socket{out: make([]pending, 0, g.pipelined)}
	if g.fresh {
		if err := syscall.SetNonblock(fd, true); err != nil {
			return os.NewSyscallError("fcntl", err)
		}
		s.began = time.Now()
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
