package ldapserver

import (
	"net"
	"testing"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// The reader has seen that another goroutine serves, and that one has stopped before the request is in the queue: it must not
// lie there, where nobody looks any more, but be served by the reader. (A client that sends its next request at once after a
// slow one met this once in some hundred thousand.)
func TestNothingIsQueuedForNobody(t *testing.T) {
	s, err := New(Options{Handler: nobody{}})
	if err != nil {
		t.Fatal(err)
	}
	near, far := net.Pipe()
	defer far.Close()
	c := &Conn{srv: s, limits: s.limits.Load(), raw: near, nc: near, roles: 1}
	x := s.borrow(c)
	raw := ldapwire.AppendBindRequest(nil, 7, 3, "alice", []byte("right"))
	if err := x.msg.Decode(raw, &c.limits.Decode); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name   string
		served bool
		want   reading
		queued int
	}{
		{"somebody serves", true, readOn, 1},
		{"nobody does any more", false, serveIt, 1},
	} {
		c.served = tc.served
		if got := c.wait(x, append([]byte(nil), raw...)); got != tc.want || len(c.queue) != tc.queued {
			t.Errorf("%s: %v with %d in the queue, want %v with %d", tc.name, got, len(c.queue), tc.want, tc.queued)
		}
		x.msg.ID++
	}
}

type nobody struct{}

func (nobody) Serve(*ResponseWriter, *Request) {}
