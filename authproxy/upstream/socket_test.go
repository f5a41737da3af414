package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// After the handshake a TLS 1.3 server sends session tickets. Unread, they lie
// on the connection like a farewell, and are none.
func TestAliveWithSessionTickets(t *testing.T) {
	notice := ldapwire.AppendNoticeOfDisconnection(nil, ldapwire.Unavailable, "")
	for _, test := range []struct {
		name string
		then func(*tls.Conn) // after the tickets
		want error           // nil: still good
	}{
		{"tickets only", func(*tls.Conn) {}, nil},
		{"tickets and half a record", func(c *tls.Conn) { c.NetConn().Write([]byte{23, 3, 3, 0, 50, 1, 2, 3}) }, nil},
		{"tickets and a notice", func(c *tls.Conn) { c.Write(notice) }, errUnasked},
		{"tickets and a close", func(c *tls.Conn) { c.CloseWrite() }, io.EOF},
		{"tickets and a cut", func(c *tls.Conn) { c.NetConn().(*net.TCPConn).CloseWrite() }, io.EOF},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, server := handshaken(t)
			pause := func() { time.Sleep(10 * time.Millisecond) } // for what was sent to arrive
			pause()
			if err := c.alive(); err != nil {
				t.Fatalf("with tickets: %v", err)
			}
			test.then(server)
			pause()
			if err := c.alive(); !errors.Is(err, test.want) {
				t.Fatalf("%v, want %v", err, test.want)
			}
			if test.want != nil {
				return
			}
			if err := c.alive(); err != nil {
				t.Errorf("looked at again: %v", err)
			}
			if _, err := c.rw.Write(notice); err != nil {
				t.Errorf("good, but: %v", err)
			}
		})
	}
}

// handshaken is a connection on which the server's tickets have not been read.
func handshaken(t *testing.T) (*conn, *tls.Conn) {
	t.Helper()
	web := httptest.NewTLSServer(nil) // for its certificate
	web.Close()
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: web.TLS.Certificates, MinVersion: tls.VersionTLS13})
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan *tls.Conn, 1)
	go func() {
		nc, err := ln.Accept()
		if err != nil {
			close(accepted)
			return
		}
		tc := nc.(*tls.Conn)
		tc.Handshake()
		accepted <- tc
	}()
	u, err := New(Options{URLs: []string{"ldaps://" + ln.Addr().String()}, TLS: TLSOptions{InsecureSkipVerify: true}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	c, failure := u.network.dial(ctx, u.servers[0], nil)
	if failure != nil {
		t.Fatal(failure)
	}
	server := <-accepted
	t.Cleanup(func() {
		c.drop()
		server.NetConn().Close()
		ln.Close()
	})
	return c, server
}
