package refusals

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dialtree/dialtree/store"
)

// A sink takes batches as the store does.
type sink struct {
	batches [][]store.Refusal
	err     error
}

func (s *sink) write(_ context.Context, batch []store.Refusal) error {
	if s.err != nil {
		return s.err
	}
	s.batches = append(s.batches, append([]store.Refusal(nil), batch...))
	return nil
}

func newCollector(t *testing.T, s *sink) *Collector {
	t.Helper()
	c, err := New(Options{Write: s.write, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var client = netip.MustParseAddr("192.0.2.1")

func wrong(name string, from netip.Addr) Refusal {
	return Refusal{Door: LDAP, Name: name, From: from, Outcome: "refused", Code: 49, Reason: "wrong password"}
}

func TestLikeOnesAreOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s sink
		c := newCollector(t, &s)
		for range 3 {
			c.Add(wrong("alice", client))
			time.Sleep(time.Second)
		}
		c.Add(wrong("bob", netip.MustParseAddr("2001:db8::1")))
		c.Add(wrong("bob", netip.MustParseAddr("2001:db8::2")))
		c.Add(Refusal{Door: LDAP, From: client, Outcome: "limit", Reason: "too many connections"})
		c.Flush(t.Context())
		c.Flush(t.Context())
		if len(s.batches) != 1 || len(s.batches[0]) != 3 {
			t.Fatalf("%+v", s.batches)
		}
		a, b := s.batches[0][0], s.batches[0][2]
		if a.Name != "alice" || a.Count != 3 || a.Last.Sub(a.First) != 2*time.Second || a.From != "192.0.2.1" || a.Code != 49 {
			t.Errorf("%+v", a)
		}
		if b.Name != "bob" || b.Count != 2 || b.From != "2001:db8::2" {
			t.Errorf("%+v", b)
		}
		names, addresses := c.Top(1)
		if fmt.Sprint(names, addresses) != "[{alice 3}] [{192.0.2.1 4}]" {
			t.Errorf("%v %v", names, addresses)
		}
		time.Sleep(2 * time.Minute)
		if names, _ := c.Top(1); len(names) != 0 {
			t.Errorf("after two minutes: %v", names)
		}
	})
}

// One guesser does not use up what is told apart of others, and all of them together not the memory.
func TestFlood(t *testing.T) {
	var s sink
	c := newCollector(t, &s)
	for i := range 10_000 {
		c.Add(wrong(fmt.Sprint("guess ", i), client))
	}
	c.Add(wrong("alice", netip.MustParseAddr("192.0.2.2")))
	for i := range 100_000 {
		c.Add(wrong("spray", netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})))
	}
	known := wrong("carol", netip.MustParseAddr("192.0.2.3"))
	known.Known = true
	c.Add(known) // behind the flood
	c.Flush(t.Context())
	total, of := 0, map[string]int{}
	for _, r := range s.batches[0] {
		total += r.Count
		switch {
		case r.Others && r.From == "":
			of["everybody's others"] += r.Count
		case r.Others:
			of["others of "+r.From] += r.Count
		case r.From == client.String():
			of["told apart"] += r.Count
		case r.Name == "alice", r.Name == "carol":
			of[r.Name]++
		}
	}
	if total != 110_002 || of["carol"] != 1 || of["told apart"] != maxOfNetwork || of["others of 192.0.2.1"] != 10_000-maxOfNetwork || of["alice"] != 1 || len(s.batches[0]) != maxKinds+2 {
		t.Errorf("%d refusals in %d records: %v", total, len(s.batches[0]), of)
	}
}

// What the store does not take is kept for later, up to a bound.
func TestStoreThatDoesNotWrite(t *testing.T) {
	s := sink{err: errors.New("no space left on device")}
	c := newCollector(t, &s)
	for i := range 20 {
		for j := range maxKinds {
			c.Add(wrong("alice", netip.AddrFrom4([4]byte{10, byte(i), byte(j >> 8), byte(j)})))
		}
		c.Flush(t.Context())
	}
	s.err = nil
	c.Flush(t.Context())
	if len(s.batches) != 1 || len(s.batches[0]) != maxUnwritten || !strings.HasPrefix(s.batches[0][0].From, "10.10.") {
		t.Errorf("%d batches", len(s.batches))
	}
}

// At the end everything is written.
func TestLastWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s sink
		c := newCollector(t, &s)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- c.Run(ctx) }()
		c.Add(wrong("alice", client))
		time.Sleep(Every + time.Second)
		c.Add(wrong("bob", client))
		cancel()
		if err := <-done; err != nil || len(s.batches) != 2 {
			t.Errorf("%v, %d batches", err, len(s.batches))
		}
	})
	(*Collector)(nil).Add(wrong("alice", client))
}

func TestShown(t *testing.T) {
	for text, want := range map[string]string{
		"alice": "alice", `EXAMPLE\alice`: `EXAMPLE\alice`, "Jürgen Groß": "Jürgen Groß", "a\nb": `a\x0ab`, "a\x00": `a\x00`,
		"\xff\xfe": `\xff\xfe`, "a\u202eb": `a\u202eb`, "\x1b[2J": `\x1b[2J`, "a\u200bb": `a\u200bb`, "": "",
	} {
		if got := Shown(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := cut(strings.Repeat("ä", 200), 255); len(got) != 254 {
		t.Errorf("%d bytes", len(got))
	}
	if got := cut(strings.Repeat("\xbf", 300), 256); len(got) < 250 || len(got) > 256 {
		t.Errorf("%d bytes", len(got))
	}
}

// A refusal of a kind that is known costs no memory.
func BenchmarkAdd(b *testing.B) {
	c, _ := New(Options{Logger: slog.New(slog.DiscardHandler)})
	r := wrong("alice", client)
	b.ReportAllocs()
	for b.Loop() {
		c.Add(r)
	}
}
