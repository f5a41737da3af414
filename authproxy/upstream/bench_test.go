//go:build unix

package upstream_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/authproxy/upstream"
)

// thrifty answers binds with success and allocates nothing while it does, so
// that what a benchmark counts is the client's.
func thrifty(p *peer) {
	in, out := make([]byte, 4096), make([]byte, 0, 64)
	var m ldapwire.Message
	for n := 0; ; {
		got, err := p.Conn.Read(in[n:])
		if err != nil {
			return
		}
		n += got
		size, err := ldapwire.Size(in[:n], len(in))
		if err != nil || size == 0 || size > n {
			continue
		}
		if m.Decode(in[:size], nil) != nil || m.Op != ldapwire.OpBindRequest {
			return
		}
		n = copy(in, in[size:n])
		out = ldapwire.AppendBindResponse(out[:0], m.ID, ldapwire.Success, "", nil)
		if _, err := p.Conn.Write(out); err != nil {
			return
		}
	}
}

// A warm bind allocates its name and nothing else.
func TestWarmBindAllocations(t *testing.T) {
	f := start(t, thrifty)
	u := open(t, options("ldap://"+f.address))
	password := []byte(rightPassword)
	got := testing.AllocsPerRun(500, func() {
		if _, err := u.Bind(context.Background(), "alice", "", password); err != nil {
			t.Fatal(err)
		}
	})
	if got > 1 {
		t.Errorf("%.1f allocations, want at most 1", got)
	}
}

// target is the server that the benchmarks bind to: DIALTREE_BENCH_UPSTREAM, an
// address where every login is refused or accepted alike, or a fake one in this
// process, whose work is then part of the CPU time.
func target(b *testing.B) string {
	if address := os.Getenv("DIALTREE_BENCH_UPSTREAM"); address != "" {
		return address
	}
	f := &fake{handle: thrifty, stopped: make(chan struct{})}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			go thrifty(&peer{Conn: nc, f: f})
		}
	}()
	b.Cleanup(func() { ln.Close() })
	return ln.Addr().String()
}

// BenchmarkBind compares a pool on go-ldap with this package's: eight
// connections, one caller and eight for each core.
func BenchmarkBind(b *testing.B) {
	const name = aliceDN
	for _, callers := range []int{1, 8} {
		suffix := map[int]string{1: "/one caller", 8: "/many callers"}[callers]
		b.Run("dialtree"+suffix, func(b *testing.B) {
			o := options("ldap://" + target(b))
			o.BindTimeout = 10 * time.Second
			u, err := upstream.New(o)
			if err != nil {
				b.Fatal(err)
			}
			defer u.Close()
			password := []byte(rightPassword)
			measure(b, callers, func() error {
				_, err := u.Bind(context.Background(), "alice", "", password)
				if errors.Is(err, upstream.ErrRefused) {
					return nil
				}
				return err
			})
		})
		b.Run("go-ldap"+suffix, func(b *testing.B) {
			address := target(b)
			pool := make(chan *ldap.Conn, upstream.DefaultMaxConnections)
			for range cap(pool) {
				c, err := ldap.DialURL("ldap://" + address)
				if err != nil {
					b.Fatal(err)
				}
				c.SetTimeout(10 * time.Second)
				defer c.Close()
				pool <- c
			}
			measure(b, callers, func() error {
				c := <-pool
				defer func() { pool <- c }()
				err := c.Bind(name, rightPassword)
				if ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials) {
					return nil
				}
				return err
			})
		})
		b.Run("bytes"+suffix, func(b *testing.B) { // the limit: a request made beforehand, an answer not looked at
			address := target(b)
			pool := make(chan net.Conn, upstream.DefaultMaxConnections)
			for range cap(pool) {
				c, err := net.Dial("tcp", address)
				if err != nil {
					b.Fatal(err)
				}
				defer c.Close()
				pool <- c
			}
			request := ldapwire.AppendBindRequest(nil, 1, 3, name, []byte(rightPassword))
			measure(b, callers, func() error {
				c := <-pool
				defer func() { pool <- c }()
				var in [14]byte
				if _, err := c.Write(request); err != nil {
					return err
				}
				_, err := io.ReadFull(c, in[:])
				return err
			})
		})
	}
}

func measure(b *testing.B, callers int, bind func() error) {
	b.ReportAllocs()
	b.ResetTimer()
	before := cpu()
	if callers == 1 {
		for b.Loop() {
			if err := bind(); err != nil {
				b.Fatal(err)
			}
		}
	} else {
		b.SetParallelism(callers)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := bind(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	b.ReportMetric(float64(cpu()-before)/float64(b.N), "cpu-ns/op")
}

// cpu is the CPU time of this process.
func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
