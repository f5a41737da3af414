package authproxy

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/dialtree/dialtree/authproxy/upstream"
	"github.com/dialtree/dialtree/store"
)

// heard keeps what a ledger tells.
type heard struct {
	nodes  int        // with this one; 0: two
	mu     sync.Mutex // guards events while somebody may tell
	events [][]byte
}

func (h *heard) Nodes() int { return cmp.Or(h.nodes, 2) }

func (h *heard) Tell(e []byte, _ bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, bytes.Clone(e))
}

// newPair returns two ledgers of two nodes, and what the first has told.
func newPair(o ThrottleOptions) (a, b *ledger, h *heard) {
	h = &heard{}
	a, b = newLedger(o), newLedger(o)
	a.share(h, [32]byte{7})
	b.share(&heard{}, [32]byte{7})
	return a, b, h
}

// deliver has a ledger hear what another told.
func (h *heard) deliver(t testing.TB, to *ledger, now time.Time, age time.Duration) {
	t.Helper()
	for _, told := range h.events {
		var e event
		if err := e.parse(told); err != nil {
			t.Fatal(err)
		}
		to.hear(&e, now, age)
	}
	h.events = nil
}

// refuse is what a front does with a wrong password.
func (l *ledger) refuse(key, password string, from netip.Addr, now time.Time) {
	hash := l.hash(key, []byte(password))
	again := l.failed(key, hash, true, from, now)
	lasts := l.refused(key, hash, true, time.Minute, now)
	l.tell(eventRefused, key, event{exists: true, again: again, from: from, password: hash, lasts: lasts})
}

func (l *ledger) verdictOf(key, password string, from netip.Addr, now time.Time) verdict {
	return l.judge(key, l.hash(key, []byte(password)), from, now)
}

func TestWhatIsHeardCountsByItsAge(t *testing.T) {
	for _, tt := range []struct {
		name string
		age  time.Duration
		old  verdict // of the password that was refused
		new  verdict // of another, after four failures
	}{
		{"now", 0, verdictRemembered, verdictThrottled},
		{"half a minute ago", 30 * time.Second, verdictRemembered, verdictThrottled},
		{"two minutes ago", 2 * time.Minute, verdictThrottled, verdictThrottled},
		{"before the window", 6 * time.Minute, verdictAsk, verdictAsk},
		// A clock that is five minutes ahead of the teller's makes new what is old, and one behind makes nothing older than it says.
		{"ten minutes ago", 10 * time.Minute, verdictAsk, verdictAsk},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, b, h := newPair(ThrottleOptions{})
			for i := range 4 {
				a.refuse("alice", fmt.Sprint("guess ", i), stranger, noon)
			}
			h.deliver(t, b, noon, tt.age)
			if v := b.verdictOf("alice", "guess 0", desk, noon); v != tt.old {
				t.Errorf("a refused password: %v, want %v", v, tt.old)
			}
			if v := b.verdictOf("alice", "another", desk, noon); v != tt.new {
				t.Errorf("another: %v, want %v", v, tt.new)
			}
		})
	}
}

// Failures are kept in the order in which they happened, whichever is heard first.
func TestLateNewsFindItsPlace(t *testing.T) {
	a, b, h := newPair(ThrottleOptions{})
	b.refuse("alice", "here", desk, noon)
	a.refuse("alice", "there", stranger, noon)
	h.deliver(t, b, noon, time.Minute)
	x := b.accounts["alice"]
	if len(x.failures) != 2 || !x.failures[0].Equal(noon.Add(-time.Minute)) || x.failedFrom[0] != stranger || x.failedFrom[1] != desk {
		t.Errorf("%v from %v", x.failures, x.failedFrom)
	}
}

// What another node has said before does not undo what has worked here since.
func TestNewsFromBeforeUndoesNothing(t *testing.T) {
	a, b, h := newPair(ThrottleOptions{})
	a.refuse("alice", "changed to", stranger, noon)
	b.right("alice", "changed to", desk, noon)
	h.deliver(t, b, noon, time.Minute)
	if v := b.verdictOf("alice", "changed to", desk, noon); v != verdictProven {
		t.Errorf("a password that works since: %v", v)
	}
	a.tell(eventForgotten, "alice", event{exists: true})
	b.refuse("alice", "a new guess", desk, noon)
	h.deliver(t, b, noon, time.Minute)
	if n := len(b.accounts["alice"].failures); n != 1 {
		t.Errorf("%d failures after a reset that was before", n)
	}
}

// A password that another node had refused works here no more, nor does one of an account that lets nobody in.
func TestARefusalElsewhereEndsTheCaches(t *testing.T) {
	for name, tell := range map[string]func(a *ledger){
		"refused": func(a *ledger) { a.refuse("alice", "right", stranger, noon) },
		"ended":   func(a *ledger) { a.tell(eventEnded, "alice", event{exists: true}) },
		"locked":  func(a *ledger) { a.tell(eventLocked, "alice", event{exists: true, lasts: time.Minute}) },
	} {
		t.Run(name, func(t *testing.T) {
			a, b, h := newPair(ThrottleOptions{})
			b.right("alice", "right", desk, noon.Add(-time.Second))
			tell(a)
			h.deliver(t, b, noon, 0)
			if b.provenWithin("alice", b.hash("alice", []byte("right")), 1, time.Hour, noon) {
				t.Error("the cache still lets in")
			}
			if v := b.verdictOf("alice", "right", desk, noon); (v == verdictRemembered) == (name == "ended") {
				t.Errorf("%v", v)
			}
		})
	}
}

// Two nodes that ask at the same time have met the password once: it is not refused for four times as long.
func TestRefusedTwiceAtOnceLastsOnce(t *testing.T) {
	a, b, h := newPair(ThrottleOptions{})
	a.refuse("alice", "old", desk, noon)
	h.deliver(t, b, noon.Add(5*time.Millisecond), 0)
	b.refuse("alice", "old", desk, noon.Add(10*time.Millisecond))
	if v := b.verdictOf("alice", "old", desk, noon.Add(61*time.Second)); v != verdictAsk {
		t.Errorf("a minute later: %v", v)
	}
	b.refuse("alice", "old", desk, noon.Add(61*time.Second))
	if v := b.verdictOf("alice", "old", desk, noon.Add(4*time.Minute)); v != verdictRemembered {
		t.Errorf("after it came back: %v", v)
	}
}

// An address is shut out at every node, and guesses at a known pair are counted at all of them.
func TestAddressesCountTogether(t *testing.T) {
	a, b, h := newPair(ThrottleOptions{})
	b.right("carol", "right", stranger, noon)
	for i := range 50 {
		a.refuse(fmt.Sprint("user", i), "Summer2026", stranger, noon)
	}
	h.deliver(t, b, noon, 0)
	if v := b.verdictOf("bob", "x", stranger, noon); v != verdictThrottled {
		t.Errorf("the address: %v", v)
	}
	if v := b.verdictOf("carol", "right", stranger, noon); v != verdictProven {
		t.Errorf("who is known there: %v", v)
	}
	v6 := netip.MustParseAddr("2001:db8::")
	for _, x := range []netip.Addr{desk, v6} {
		if got := a.open(b.seal(x)); got != x {
			t.Errorf("%v came as %v", x, got)
		}
	}
}

func TestGuessesAtAKnownPairCountTogether(t *testing.T) {
	a, b, h := newPair(ThrottleOptions{})
	for _, l := range []*ledger{a, b} {
		l.right("alice", "right", desk, noon)
	}
	for i := range 4 {
		a.refuse("alice", fmt.Sprint("guess ", i), stranger, noon)
	}
	for i := range 5 {
		a.verdictOf("alice", fmt.Sprint("other ", i), desk, noon)
	}
	h.deliver(t, b, noon, 0)
	if v := b.verdictOf("alice", "right", desk, noon); v != verdictThrottled {
		t.Errorf("after five guesses at the pair at another node: %v", v)
	}
}

// What strangers make other nodes remember has the bounds of what they do here.
func TestWhatIsHeardIsBounded(t *testing.T) {
	a, b, h := newPair(ThrottleOptions{})
	before := heap()
	for i := range maxAddresses + 1000 {
		from := netip.AddrFrom16([16]byte{0x20, 1, byte(i >> 16), byte(i >> 8), byte(i)})
		a.tell(eventRefused, fmt.Sprint("nobody", i), event{from: from, lasts: time.Minute, password: passwordHash{1}})
		a.tell(eventAsking, fmt.Sprint("nobody", i), event{lasts: time.Minute, password: passwordHash{1}})
		h.deliver(t, b, noon, 0)
	}
	grown := heap() - before
	t.Logf("%d names and %d addresses take %d MiB", len(b.byID), len(b.addresses), grown>>20)
	if len(b.byID) != maxAccounts || len(b.addresses) != maxAddresses || grown > 160<<20 {
		t.Errorf("%d names and %d addresses in %d MiB", len(b.byID), len(b.addresses), grown>>20)
	}
	b.right("alice", "right", desk, noon) // a user who exists always has a place
	b.failed("tomorrow", passwordHash{}, false, desk, noon.Add(24*time.Hour))
	if len(b.byID) > 2 || len(b.accounts) > 2 || len(b.addresses) != 1 {
		t.Errorf("a day later %d names, %d of them known, %d addresses", len(b.byID), len(b.accounts), len(b.addresses))
	}
	x := &turn{}
	for i := range 2 * maxAskers {
		x.others(passwordHash{byte(i >> 8), byte(i)}, noon.Add(time.Second), noon)
	}
	if len(x.asking) != maxAskers {
		t.Errorf("%d askers", len(x.asking))
	}
	if x.others(passwordHash{}, noon.Add(time.Hour), noon.Add(time.Minute)); len(x.asking) != 1 {
		t.Errorf("%d askers a minute later", len(x.asking))
	}
}

// toldTo is a Caution among ten nodes.
type toldTo func([]byte)

func (f toldTo) Tell(event []byte, _ bool) { f(event) }
func (toldTo) Nodes() int                  { return 10 }

// A node waits for another one's turn for as long as that takes, and for one that ended without a word no longer than a moment.
func TestTurns(t *testing.T) {
	for _, tt := range []struct {
		name        string
		heard       time.Duration // for how long the first is heard
		asks        time.Duration // how long it asks
		least, most time.Duration // until the second has its turn
	}{
		{"one that answers", time.Hour, time.Second, time.Second, time.Second + turnNotice},
		{"one that asks for long", time.Hour, 8 * time.Second, 8 * time.Second, 8*time.Second + turnNotice},
		{"one that ends without a word", turnNotice, time.Hour, 0, turnLasts + turnNotice},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first, second := &Front{ledger: newLedger(ThrottleOptions{}), now: time.Now}, &Front{ledger: newLedger(ThrottleOptions{}), now: time.Now}
				until := time.Now().Add(tt.heard)
				first.ledger.share(toldTo(func(told []byte) {
					if time.Now().Before(until) {
						if err := second.Hear(told, 0); err != nil {
							t.Error(err)
						}
					}
				}), [32]byte{7})
				second.ledger.share(toldTo(func([]byte) {}), [32]byte{7})
				alice := attempt{key: "alice", kind: identityUser}
				done, _, ok := first.takeTurn(t.Context(), &alice, upstream.DefaultBindTimeout)
				if !ok {
					t.Fatal("the first has no turn, though nobody else asks")
				}
				ends := time.AfterFunc(tt.asks, done)
				_, took, ok := second.takeTurn(t.Context(), &alice, upstream.DefaultBindTimeout)
				if !ok || took < tt.least || took > tt.most {
					t.Errorf("the second has its turn (%v) after %v, want %v to %v", ok, took, tt.least, tt.most)
				}
				if ends.Stop() {
					done()
				}
			})
		})
	}
}

// However late nodes hear of each other within half of the notice, no two ask at the same time.
func TestTurnsDoNotOverlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fronts := make([]*Front, 6)
		for i := range fronts {
			fronts[i] = &Front{ledger: newLedger(ThrottleOptions{}), now: time.Now}
		}
		for i, f := range fronts {
			f.ledger.share(toldTo(func(told []byte) {
				told = bytes.Clone(told)
				time.AfterFunc(rand.N(turnNotice/2), func() {
					for j, other := range fronts {
						if j != i {
							if err := other.Hear(told, 0); err != nil {
								t.Error(err)
							}
						}
					}
				})
			}), [32]byte{7})
		}
		var asking atomic.Int64
		for range 100 {
			var all sync.WaitGroup
			for _, f := range fronts {
				start, takes := rand.N(2*turnNotice), rand.N(2*turnNotice)
				all.Go(func() {
					time.Sleep(start)
					done, _, ok := f.takeTurn(t.Context(), &attempt{key: "alice", kind: identityUser}, upstream.DefaultBindTimeout)
					if n := asking.Add(1); n > 1 || !ok {
						t.Errorf("%d ask at the same time (%v)", n, ok)
					}
					time.Sleep(takes)
					asking.Add(-1)
					done()
				})
			}
			all.Wait()
			time.Sleep(turnNotice)
		}
	})
}

// A name that is one too many to remember is none more for asking about it in turn.
func TestTurnsOfMadeUpNamesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger(ThrottleOptions{})
		l.share(&heard{nodes: 10}, [32]byte{7})
		f := &Front{ledger: l, now: time.Now}
		for i := range maxAccounts {
			l.failed(fmt.Sprint("nobody", i), passwordHash{}, false, stranger, time.Now())
		}
		done, _, ok := f.takeTurn(t.Context(), &attempt{key: "one more", kind: nobody, from: stranger}, time.Second)
		if !ok {
			t.Fatal("it had no turn, though nobody else asks")
		}
		done()
		if n := l.remembered(); n != maxAccounts {
			t.Errorf("%d names are remembered, want %d", n, maxAccounts)
		}
	})
}

// No node tells anything of a password that worked, and nothing in clear.
func TestNothingIsToldOfPasswordsThatWorked(t *testing.T) {
	s, err := store.Open(t.Context(), store.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	hasher := NewHasher()
	hash, err := hasher.Hash(t.Context(), []byte("inge's own"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Apply(t.Context(), &store.Changes{Put: []store.Entry{{Kind: store.KindUser, Auth: store.Auth{Method: store.AuthInternal, Hash: store.Literal(hash)},
		Values: store.Values{{Field: store.Username, Text: "inge"}, {Field: store.DisplayName, Text: "Inge"}}}}})
	if err != nil {
		t.Fatal(err)
	}
	h := &heard{}
	f, err := New(Options{Store: s, Hasher: hasher, Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(), Caution: h, CautionKey: [32]byte{7}})
	if err != nil {
		t.Fatal(err)
	}
	from := netip.MustParseAddrPort("192.0.2.10:4711")
	for range 3 {
		for _, password := range []string{"inge's own", "wrong", "inge's own"} {
			f.LoginUser(context.Background(), from, "inge", []byte(password))
		}
		f.ResetUser("inge")
	}
	if len(h.events) < 5 {
		t.Fatalf("only %d events", len(h.events))
	}
	right, wrong := f.ledger.hash("inge", []byte("inge's own")), f.ledger.hash("inge", []byte("wrong"))
	refused := 0
	for _, e := range h.events {
		if bytes.Contains(e, wrong[:]) {
			refused++
		}
		for what, secret := range map[string][]byte{"the hash of what worked": right[:], "the name": []byte("inge"), "the address": from.Addr().AsSlice()} {
			if bytes.Contains(e, secret) {
				t.Errorf("%s is in %x", what, e)
			}
		}
	}
	if refused == 0 {
		t.Error("no refusal was told")
	}
}

func TestACautionNeedsItsKey(t *testing.T) {
	s, err := store.Open(t.Context(), store.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := New(Options{Store: s, Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(), Caution: &heard{}}); err == nil {
		t.Error("hashes under a key that everybody knows")
	}
}

// Whatever parses is written back the same, and is heard without harm.
func FuzzEvent(f *testing.F) {
	a, b, h := newPair(ThrottleOptions{})
	for kind := eventRefused; kind < eventKinds; kind++ {
		a.tell(kind, "alice", event{exists: true, from: desk, lasts: time.Minute, password: passwordHash{1}})
		a.tell(kind, "", event{from: stranger})
	}
	for _, e := range h.events {
		f.Add(e)
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		var e event
		if e.parse(data) != nil {
			return
		}
		if back := e.append(nil); !bytes.Equal(back, data) {
			t.Errorf("%x came back as %x", data, back)
		}
		b.hear(&e, noon, 0)
		b.verdictOf("alice", "x", desk, noon)
		b.throttled(noon)
	})
}

// The first login of an account that is not remembered here costs a hash more among nodes; later ones cost nothing.
func BenchmarkJudgeAndAcceptAmongNodes(b *testing.B) {
	_, l, _ := newPair(ThrottleOptions{})
	password := []byte("correct horse battery staple")
	b.ReportAllocs()
	for b.Loop() {
		hash := l.hash("alice", password)
		if l.judge("alice", hash, desk, noon) == verdictThrottled {
			b.Fatal("throttled")
		}
		l.accepted("alice", hash, 1, desk, noon)
	}
}
