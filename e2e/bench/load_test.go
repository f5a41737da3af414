//go:build linux

package main

import (
	"net"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
)

func TestResult(t *testing.T) {
	for _, c := range []struct {
		title    string
		answer   string
		id       uint32
		code     int
		complete bool
	}{
		{"success", "\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00", 1, 0, true},
		{"invalid credentials, long lengths", "\x30\x84\x00\x00\x00\x12\x02\x01\x07\x61\x84\x00\x00\x00\x09\x0a\x01\x31\x04\x00\x04\x02no", 7, 49, true},
		{"an ID of four octets", "\x30\x0f\x02\x04\x01\x00\x00\x02\x61\x07\x0a\x01\x00\x04\x00\x04\x00", firstID + 2, 0, true},
		{"half an answer", "\x30\x0c\x02\x01\x01\x61", 0, 0, false},
		{"nothing", "", 0, 0, false},
		{"no result in it", "\x30\x05\x02\x01\x02\x42\x00", 2, -1, true},
	} {
		if id, code, complete := result([]byte(c.answer)); id != c.id || code != c.code || complete != c.complete {
			t.Errorf("%s: %d, %d, %t; want %d, %d, %t", c.title, id, code, complete, c.id, c.code, c.complete)
		}
	}
}

// The generator counts what a server answers: right answers, wrong ones and
// connections that break.
func TestGeneratorCounts(t *testing.T) {
	for _, c := range []struct {
		title string
		fresh bool
		reply func(request []byte) []byte // nil closes the connection
		right bool
	}{
		{"right answers", false, func(r []byte) []byte { return bindResponse(r[4:8], 0) }, true},
		{"right answers on fresh connections", true, func(r []byte) []byte { return bindResponse(r[4:8], 0) }, true},
		{"refusals", false, func(r []byte) []byte { return bindResponse(r[4:8], 49) }, false},
		{"answers to another request", false, func([]byte) []byte { return bindResponse([]byte{1, 2, 3, 4}, 0) }, false},
		{"broken connections", false, func([]byte) []byte { return nil }, false},
	} {
		t.Run(c.title, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go serve(l, c.reply)
			m, err := load{address: l.Addr().String(), connections: 4, fresh: c.fresh, source: "127.0.0.1",
				requests: [][]byte{fixture.BindRequest(firstID, "uid=alice", "right")}}.run(100 * time.Millisecond)
			if err != nil {
				t.Fatal(err)
			}
			if (m.wrong == 0) != c.right || c.right && (m.answers == 0 || m.p50 == 0 || m.p99 < m.p50) {
				t.Errorf("measured %+v", m)
			}
		})
	}
}

func serve(l net.Listener, reply func([]byte) []byte) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			request := make([]byte, 512)
			for {
				n, err := c.Read(request)
				if err != nil || n < 8 {
					return
				}
				out := reply(request[:n])
				if out == nil {
					return
				}
				if _, err := c.Write(out); err != nil {
					return
				}
			}
		}()
	}
}

// bindResponse is a BindResponse to the message with an ID of four octets.
func bindResponse(id []byte, code byte) []byte {
	return append(append([]byte{0x30, 0x0f, 0x02, 0x04}, id...), 0x61, 0x07, 0x0a, 0x01, code, 0x04, 0x00, 0x04, 0x00)
}

func TestMedian(t *testing.T) {
	if got := median([]float64{5, 1, 3}); got != 3 {
		t.Errorf("median of 5, 1, 3: %v", got)
	}
}
