package admin_test

import (
	"bufio"
	"errors"
	"fmt"
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

// piped is a connection to a server of its own.
func piped(t *testing.T, h http.Handler) net.Conn {
	t.Helper()
	listener := &pipeListener{make(chan net.Conn), make(chan struct{})}
	server := &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0)}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	conn, other := net.Pipe()
	t.Cleanup(func() { conn.Close() })
	listener.conns <- other
	return conn
}

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
				conn := piped(t, b.server.PublicHandler())
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

// Who sends more than he may, and asks for the end of the connection, is told why, and not cut off while he writes.
func TestUnreadBodyOfLastRequest(t *testing.T) {
	b := start(t)
	for _, tt := range []struct {
		name, path, header string
		body               int
		want               int
	}{
		{"larger than nobody may", "/api/v1/session", "", 100 << 10, http.StatusRequestEntityTooLarge},
		{"not read at all", "/api/v1/apply", "", 100 << 10, http.StatusUnauthorized},
		{"not sent before it is asked for", "/api/v1/apply", "Expect: 100-continue\r\n", 0, http.StatusUnauthorized},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn := piped(t, b.server.PublicHandler())
				wrote := make(chan error, 1)
				begun := time.Now()
				go func() {
					_, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: pbx\r\nContent-Type: application/json\r\n%sConnection: close\r\nContent-Length: %d\r\n\r\n%s",
						tt.path, tt.header, 100<<10, strings.Repeat(" ", tt.body))
					wrote <- err
				}()
				answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Fatal(err)
				}
				if answer.StatusCode != tt.want || time.Since(begun) > time.Second {
					t.Errorf("%s after %v", answer.Status, time.Since(begun))
				}
				if err := <-wrote; err != nil {
					t.Errorf("the connection ended while the client wrote: %v", err)
				}
			})
		})
	}
}
