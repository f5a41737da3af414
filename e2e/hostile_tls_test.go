//go:build e2e

package e2e_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
	"github.com/dialtree/dialtree/e2e/hostile"
	"github.com/dialtree/dialtree/e2e/torture"
)

// What is said in clear around StartTLS, old versions of TLS, and what may be done inside it.
func TestTortureHostileTLS(t *testing.T) {
	t.Parallel() // it is mostly waiting
	p := preyProduct(t, hostileOptions(t), 200)
	before := p.footprint(t)
	rekeyed := make(chan error, 1)
	go func() { rekeyed <- rekey(t.Context(), p) }()

	t.Run("smuggled", func(t *testing.T) {
		for _, server := range []*prey{p, preySlapd(t)} {
			kept, tries := smuggle(t, server, torture.Pick(40, 400))
			if kept > 0 && server.product != nil {
				t.Errorf("%d of %d times, what was sent in clear was taken for something said under TLS", kept, tries)
			}
			torture.Note(t, clientsPart, "bytes sent in clear behind StartTLS that became part of what TLS protects", server.server, "%d of %d", kept, tries)
		}
	})
	t.Run("StartTLS where it is not possible", func(t *testing.T) { startTLSRefused(t, p) })
	t.Run("old versions", func(t *testing.T) {
		for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS11} {
			for _, transport := range []hostile.Transport{hostile.StartTLS, hostile.LDAPS} {
				old := *p.target
				old.TLS = p.target.TLS.Clone()
				old.TLS.MinVersion, old.TLS.MaxVersion = tls.VersionTLS10, version
				if conn, err := old.Dial(t.Context(), transport, hostile.Source(1)); err == nil {
					conn.Close()
					t.Errorf("%v, %s: the handshake succeeded", transport, tls.VersionName(version))
				}
			}
		}
	})
	t.Run("what is no TLS on the port for it", func(t *testing.T) { noTLS(t, p) })
	t.Run("renegotiation", func(t *testing.T) {
		for range torture.Pick(3, 30) {
			renegotiate(t, p)
		}
	})
	if err := <-rekeyed; err != nil {
		t.Errorf("a client that asks for new keys after a while: %v", err)
	}
	p.settled(t, before, 10*time.Second)
}

// smuggle sends a part of a request in clear behind StartTLS and the rest under TLS, in several ways. kept counts how
// often the server made one request of both.
func smuggle(t *testing.T, p *prey, tries int) (kept, all int) {
	t.Helper()
	var mu sync.Mutex
	var crowd sync.WaitGroup
	request := fixture.WhoAmIRequest(66)
	next := make(chan int)
	for range 8 {
		crowd.Go(func() {
			for i := range next {
				// Nothing but StartTLS, and then all, half or one byte of a request: with it, or a moment later.
				cut := []int{len(request), len(request) / 2, 1, len(request) - 1}[i%4]
				got := smuggled(t, p, request, cut, time.Duration(i%3)*700*time.Microsecond)
				mu.Lock()
				if all++; got {
					kept++
				}
				mu.Unlock()
			}
		})
	}
	for i := range tries {
		next <- i
	}
	close(next)
	crowd.Wait()
	return kept, all
}

func smuggled(t *testing.T, p *prey, request []byte, cut int, pause time.Duration) bool {
	raw, err := p.target.Dial(t.Context(), hostile.Plain, hostile.Source(9))
	if err != nil {
		t.Errorf("connect: %v", err)
		return false
	}
	defer raw.Close()
	_ = raw.SetDeadline(time.Now().Add(5 * time.Second))
	if pause == 0 {
		_, _ = raw.Write(slices.Concat(hostile.StartTLSRequest(1), request[:cut]))
	} else {
		_, _ = raw.Write(hostile.StartTLSRequest(1))
		time.Sleep(pause)
		_, _ = raw.Write(request[:cut])
	}
	replies, over, err := hostile.Listen(raw, time.Now().Add(5*time.Second), (*hostile.Reply).Final)
	if err != nil || over || len(replies) != 1 || replies[0].Code != 0 {
		return false // refused
	}
	secured := tls.Client(raw, p.target.TLS)
	if secured.Handshake() != nil {
		return false
	}
	_, _ = secured.Write(request[cut:])
	replies, _, _ = hostile.Listen(secured, time.Now().Add(150*time.Millisecond), (*hostile.Reply).Final)
	return len(replies) > 0 && replies[0].ID == 66
}

// startTLSRefused asks for TLS where RFC 4511, section 4.14.1, does not allow it.
func startTLSRefused(t *testing.T, p *prey) {
	code := func(name string, want int, transport hostile.Transport, parts ...[]byte) {
		t.Helper()
		conn := must[net.Conn](t)(p.target.Dial(t.Context(), transport, hostile.Source(2)))
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		_, _ = conn.Write(slices.Concat(parts...))
		replies, _, err := hostile.Listen(conn, time.Now().Add(5*time.Second), func(r *hostile.Reply) bool { return r.ID == 31 })
		if err != nil || len(replies) == 0 || replies[len(replies)-1].ID != 31 || replies[len(replies)-1].Code != want {
			t.Errorf("%s: %v, %v; want result %d", name, replies, err, want)
		}
	}
	start := hostile.StartTLSRequest(31)
	code("twice", 1, hostile.StartTLS, start)
	code("on the port for TLS", 1, hostile.LDAPS, start)
	code("behind a request", 1, hostile.Plain, fixture.WhoAmIRequest(5), start)
	code("behind a bind that waits", 1, hostile.Plain, fixture.BindRequest(5, fixture.DialtreeDN("alice"), "wrong again"), start)
	code("with another request behind it", 1, hostile.Plain, start, fixture.WhoAmIRequest(32))
	code("with a bind behind it", 1, hostile.Plain, start, fixture.BindRequest(32, "attacker", attackerPassword))
}

// noTLS sends the port for TLS what is none. It answers in clear with an alert of TLS at most.
func noTLS(t *testing.T, p *prey) {
	var crowd sync.WaitGroup
	clear := *p.target
	clear.Address = p.target.TLSAddress
	for i, c := range hostile.OnTLS(p.target.Subject) {
		crowd.Go(func() {
			conn, err := clear.Dial(t.Context(), hostile.Plain, hostile.Source(i))
			if err != nil {
				t.Errorf("connect: %v", err)
				return
			}
			defer conn.Close()
			_, _ = conn.Write(c.Parts[0])
			_ = conn.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
			answer, _ := io.ReadAll(io.LimitReader(conn, 64<<10))
			if len(answer) > 0 && answer[0] != 21 && answer[0] != 22 {
				t.Errorf("%s: answered with % x", c.Name, answer[:min(len(answer), 40)])
			}
		})
	}
	crowd.Wait()
}

// An openssl is `openssl s_client`, which speaks what a library for decent clients does not.
type openssl struct {
	in  io.WriteCloser
	out *lockedBuffer
	cmd *exec.Cmd
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedBuffer) bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.b.Bytes())
}

func startOpenssl(ctx context.Context, p *prey, args ...string) (*openssl, error) {
	program, err := exec.LookPath("openssl")
	if err != nil {
		return nil, &fixture.MissingError{Program: "openssl", Package: "openssl"}
	}
	o := &openssl{out: &lockedBuffer{}}
	o.cmd = exec.CommandContext(ctx, program, append([]string{"s_client", "-connect", p.target.TLSAddress}, args...)...)
	o.cmd.Stdout, o.cmd.Stderr = o.out, o.out
	if o.in, err = o.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	return o, o.cmd.Start()
}

// await waits until it has written so many of something.
func (o *openssl) await(what []byte, n int, limit time.Duration) error {
	deadline := time.Now().Add(limit)
	for bytes.Count(o.out.bytes(), what) < n {
		if time.Now().After(deadline) {
			out := o.out.bytes()
			return fmt.Errorf("openssl does not show % x, but %q", what, out[max(0, len(out)-500):])
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil
}

func (o *openssl) end() {
	o.in.Close()
	_ = o.cmd.Process.Kill()
	_ = o.cmd.Wait()
}

// renegotiate asks for a handshake in a session of TLS 1.2. The connection ends; nothing else may happen.
func renegotiate(t *testing.T, p *prey) {
	t.Helper()
	o := must[*openssl](t)(startOpenssl(t.Context(), p, "-tls1_2"))
	defer o.end()
	check(t, o.await([]byte("Secure Renegotiation"), 1, 10*time.Second))
	_, _ = o.in.Write([]byte("R\n"))
	done := make(chan error, 1)
	go func() { done <- o.cmd.Wait() }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Error("a renegotiation left the connection open")
	}
	if out := string(o.out.bytes()); !strings.Contains(out, "RENEGOTIATING") {
		t.Errorf("openssl did not renegotiate: %s", out)
	}
}

// rekey asks for new keys of TLS 1.3 when the connection has been quiet for longer than a write may take, which
// is any client's right (RFC 8446, section 4.6.3), and then goes on.
func rekey(ctx context.Context, p *prey) error {
	o, err := startOpenssl(ctx, p, "-tls1_3")
	if err != nil {
		return err
	}
	defer o.end()
	// What an answer to Who am I? holds: success and nobody.
	answer := []byte{0x0a, 0x01, 0x00, 0x04, 0x00, 0x04, 0x00, 0x8b, 0x00}
	if err := o.await([]byte("Early data"), 1, 10*time.Second); err != nil {
		return err
	}
	for n := 1; n <= 2; n++ {
		if n == 2 {
			time.Sleep(messageTime + 3*time.Second)
			if _, err := o.in.Write([]byte("K\n")); err != nil {
				return err
			}
			if err := o.await([]byte("KEYUPDATE"), 1, 5*time.Second); err != nil {
				return err
			}
		}
		if _, err := o.in.Write(fixture.WhoAmIRequest(n)); err != nil {
			return err
		}
		if err := o.await(answer, n, 5*time.Second); err != nil {
			return err
		}
	}
	return nil
}
