package admin_test

import (
	"bufio"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A pipeListener accepts connections that are pipes, which a bubble of synctest understands.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return loopback{conn}, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { close(l.closed); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// A loopback is a pipe that says it comes from this machine: logins in clear are taken from there.
type loopback struct{ net.Conn }

func (loopback) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

// A client has 30 s to read a page, on the way of which it may stand still.
func TestContactsReadSlowly(t *testing.T) {
	b := start(t)
	b.fill(t, 40, strings.Repeat("x", 10<<10))
	for _, tt := range []struct {
		name  string
		pause time.Duration
		want  error
	}{
		{"in time", 30*time.Second - time.Millisecond, nil},
		{"too late", 30*time.Second + time.Millisecond, io.ErrUnexpectedEOF},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				listener := &pipeListener{make(chan net.Conn), make(chan struct{})}
				server := &http.Server{Handler: b.server.PublicHandler(), ErrorLog: log.New(io.Discard, "", 0)}
				go server.Serve(listener)
				defer server.Close()
				conn, other := net.Pipe()
				defer conn.Close()
				listener.conns <- other
				if got := readAfter(t, conn, tt.pause); !errors.Is(got, tt.want) {
					t.Errorf("after %s: %v, want %v", tt.pause, got, tt.want)
				}
			})
		})
	}
}

// readAfter asks for a page and reads the beginning, and after a pause the rest. It returns the error of reading the rest.
func readAfter(t *testing.T, conn net.Conn, pause time.Duration) error {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, "http://pbx"+contactsPath, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("branch", "right")
	if err := r.Write(conn); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), r)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%v, %v", response, err)
	}
	time.Sleep(pause)
	n, err := io.Copy(io.Discard, response.Body)
	if whole := n > 390<<10; whole != (err == nil) {
		t.Errorf("%d bytes and %v", n, err)
	}
	return err
}
