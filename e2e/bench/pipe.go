//go:build linux

package main

import (
	"io"
	"net"
)

// pipe is the barest proxy that Go can be: it copies bytes both ways between
// each client and a connection of its own to the target. The product also has to
// understand what it copies; this shows what is left for that.
func pipe(listen, target string) error {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	for {
		client, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer client.Close()
			server, err := net.Dial("tcp", target)
			if err != nil {
				return
			}
			defer server.Close()
			go func() {
				copyBytes(client, server)
				client.Close()
			}()
			copyBytes(server, client)
		}()
	}
}

// copyBytes reads and writes. io.Copy would splice(2) between the sockets,
// which is dearer for messages of a hundred bytes.
func copyBytes(dst io.Writer, src io.Reader) {
	buf := make([]byte, 4096)
	for {
		n, err := src.Read(buf)
		if n > 0 {
			if _, err := dst.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
