package ldapserver_test

import (
	"fmt"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/dialtree/dialtree/authproxy/ldapserver"
	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// BenchmarkBind measures binds with a handler that does nothing, over
// persistent connections, one at a time or eight in one write.
func BenchmarkBind(b *testing.B) {
	for _, c := range []struct{ connections, pipelined int }{{1, 1}, {8, 1}, {64, 1}, {1, 8}} {
		b.Run(fmt.Sprintf("connections=%d/pipelined=%d", c.connections, c.pipelined), func(b *testing.B) {
			s := run(b, ldapserver.Options{
				Registerer: prometheus.NewRegistry(),
				Handler: handlerFunc(func(w *ldapserver.ResponseWriter, r *ldapserver.Request) {
					_ = r.Context()
					w.Bind(ldapwire.Success, "")
				}),
			})
			measure(b, s.addr, c.connections, c.pipelined)
		})
	}
}

// BenchmarkEcho is the same load against a goroutine per connection that does
// nothing but read and write: the limit.
func BenchmarkEcho(b *testing.B) {
	for _, c := range []struct{ connections, pipelined int }{{1, 1}, {8, 1}, {64, 1}, {1, 8}} {
		b.Run(fmt.Sprintf("connections=%d/pipelined=%d", c.connections, c.pipelined), func(b *testing.B) {
			l := listen(b)
			defer l.Close()
			answer := ldapwire.AppendBindResponse(nil, 1, ldapwire.Success, "", nil)
			request := len(bind(1))
			go func() {
				for {
					nc, err := l.Accept()
					if err != nil {
						return
					}
					go func() {
						defer nc.Close()
						in, out := make([]byte, 4096), make([]byte, 0, 4096)
						for {
							n, err := nc.Read(in)
							if err != nil {
								return
							}
							for out = out[:0]; n >= request; n -= request {
								out = append(out, answer...)
							}
							if _, err := nc.Write(out); err != nil {
								return
							}
						}
					}()
				}
			}()
			measure(b, l.Addr().String(), c.connections, c.pipelined)
		})
	}
}

func measure(b *testing.B, addr string, connections, pipelined int) {
	var batch []byte
	for range pipelined {
		batch = append(batch, bind(1)...)
	}
	answer := len(ldapwire.AppendBindResponse(nil, 1, ldapwire.Success, "", nil)) * pipelined
	conns := make([]net.Conn, connections)
	exchange := func(nc net.Conn, in []byte) {
		if _, err := nc.Write(batch); err != nil {
			b.Error(err)
		}
		if _, err := io.ReadFull(nc, in); err != nil {
			b.Error(err)
		}
	}
	for i := range conns {
		nc, err := net.Dial("tcp", addr)
		if err != nil {
			b.Fatal(err)
		}
		defer nc.Close()
		conns[i] = nc
		exchange(nc, make([]byte, answer))
	}
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	for i, nc := range conns {
		n := b.N / pipelined / connections
		if i < b.N/pipelined%connections {
			n++
		}
		wg.Go(func() {
			in := make([]byte, answer)
			for range n {
				exchange(nc, in)
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "binds/s")
}
