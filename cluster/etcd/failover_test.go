package etcd_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/dialtree/dialtree/cluster"
)

// tooLong is what no single call may take, whatever one member does.
const tooLong = 3 * time.Second

// hung accepts connections and never says a word.
func hung(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
		}
	}()
	return "http://" + l.Addr().String()
}

func TestAMemberThatNeverAnswersIsPassedOver(t *testing.T) {
	s := start(t, 1)
	for _, c := range []struct {
		name string
		more []string
	}{
		{"one hangs", []string{hung(t)}},
		{"one refuses", []string{"http://" + free(t)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var longest time.Duration
			for range 6 { // each begins with any of them
				kv := s.client(t, c.more)
				for range 3 {
					began := time.Now()
					if _, _, err := kv.Txn(t.Context(), nil, []cluster.Op{cluster.Put("k", nil)}); err != nil && !errors.Is(err, cluster.ErrUnreachable) {
						t.Fatal(err)
					}
					longest = max(longest, time.Since(began))
					began = time.Now()
					if _, _, err := kv.Get(t.Context(), "k"); err != nil {
						t.Fatal(err)
					}
					longest = max(longest, time.Since(began))
				}
			}
			t.Logf("longest call: %v", longest)
			if longest > tooLong {
				t.Errorf("a call took %v", longest)
			}
		})
	}
}

func TestTheOnlyMemberHangs(t *testing.T) {
	s := &servers{endpoints: []string{hung(t)}}
	kv := s.client(t, nil)
	for range 5 {
		began := time.Now()
		_, _, err := kv.Get(t.Context(), "k")
		if took := time.Since(began); !errors.Is(err, cluster.ErrUnreachable) || took > tooLong {
			t.Fatalf("%v after %v", err, took)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, _, err := kv.Txn(ctx, nil, []cluster.Op{cluster.Put("k", nil)})
	if took := time.Since(began); !errors.Is(err, cluster.ErrUnreachable) || !errors.Is(err, context.DeadlineExceeded) || took > time.Second {
		t.Fatalf("%v after %v", err, took)
	}
}

// writer puts a key again and again through each of several clients.
type writer struct {
	mu       sync.Mutex
	longest  time.Duration // of a call
	gap      time.Duration // between two that were done, of one client
	doubtful int
	calls    []time.Duration
}

func (w *writer) run(ctx context.Context, t *testing.T, kv cluster.KV) {
	last := time.Now()
	for ctx.Err() == nil {
		began := time.Now()
		_, _, err := kv.Txn(context.WithoutCancel(ctx), nil, []cluster.Op{cluster.Put("k", []byte("x"))})
		now := time.Now()
		w.mu.Lock()
		w.longest = max(w.longest, now.Sub(began))
		if w.calls = append(w.calls, now.Sub(began)); err == nil {
			w.gap = max(w.gap, now.Sub(last))
			last = now
		} else if w.doubtful++; !errors.Is(err, cluster.ErrUnreachable) {
			t.Error(err)
		}
		w.mu.Unlock()
		time.Sleep(20 * time.Millisecond)
	}
}

func TestCallsGoOnWhileAMemberIsAway(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	s := start(t, 3)
	for _, c := range []struct {
		name   string
		leader bool
		away   func(int)
		back   func(int)
	}{
		{"a follower is paused", false, func(i int) { s.signal(i, pause) }, func(i int) { s.signal(i, resume) }},
		{"the leader is paused", true, func(i int) { s.signal(i, pause) }, func(i int) { s.signal(i, resume) }},
		{"a follower is killed", false, s.kill, func(i int) { s.run(t, i) }},
		{"the leader is killed", true, s.kill, func(i int) { s.run(t, i) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			w, g := &writer{}, sync.WaitGroup{}
			var leases []cluster.Lease
			var seen []time.Duration
			for range 4 {
				kv := s.client(t, nil, "/away/")
				l, err := kv.Lease(ctx, 10*time.Second)
				if err != nil {
					t.Fatal(err)
				}
				leases = append(leases, l)
				g.Go(func() { w.run(ctx, t, kv) })
				g.Go(func() {
					gap := watchGap(ctx, kv)
					w.mu.Lock()
					seen = append(seen, gap)
					w.mu.Unlock()
				})
			}
			time.Sleep(time.Second)
			i := s.leader(t)
			if !c.leader {
				i = (i + 1) % 3
			}
			c.away(i)
			time.Sleep(8 * time.Second)
			c.back(i)
			time.Sleep(time.Second)
			cancel()
			g.Wait()
			slices.Sort(w.calls)
			t.Logf("longest call %v, longest without a change %v, unanswered %d of %d, median call %v, longest silence of a watch %v", w.longest, w.gap, w.doubtful, len(w.calls), w.calls[len(w.calls)/2], slices.Max(seen))
			if w.longest > tooLong {
				t.Errorf("a call took %v", w.longest)
			}
			// An election among the members takes one to two seconds, and one call may have been sent to the member that is away.
			if w.gap > 6*time.Second {
				t.Errorf("nothing was changed for %v", w.gap)
			}
			if slices.Max(seen) > 8*time.Second {
				t.Errorf("a watch said nothing for %v", slices.Max(seen))
			}
			for _, l := range leases {
				select {
				case <-l.Done():
					t.Error("a lease of 10 s was lost")
				default:
				}
				l.Revoke(context.Background())
			}
		})
	}
}

// watchGap is the longest time between two events, beginning anew as a caller does.
func watchGap(ctx context.Context, kv cluster.KV) (longest time.Duration) {
	last, from := time.Now(), int64(0)
	for ctx.Err() == nil {
		for e := range kv.Watch(ctx, "k", from) {
			if e.Err != nil {
				return time.Hour
			}
			longest = max(longest, time.Since(last))
			last, from = time.Now(), e.Revision+1
		}
		time.Sleep(50 * time.Millisecond)
	}
	return longest
}

// By this machine's clock a lease is over before etcd gives what hung on it to another.
func TestALeaseIsOverHereBeforeItIsThere(t *testing.T) {
	s := start(t, 1)
	through := newTap(t, s.endpoints[0])
	near := (&servers{endpoints: []string{"http://" + through.address}}).client(t, nil, "/over/")
	far := s.client(t, nil, "/over/")
	l, err := near.Lease(t.Context(), 2*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := near.Elect(t.Context(), l, "election/", "near"); err != nil {
		t.Fatal(err)
	}
	other, err := far.Lease(t.Context(), 2*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	elected := make(chan time.Time, 1)
	go func() {
		if _, err := far.Elect(t.Context(), other, "election/", "far"); err != nil {
			t.Error(err)
		}
		elected <- time.Now()
	}()
	time.Sleep(700 * time.Millisecond)
	through.cut()
	cut := time.Now()
	<-l.Done()
	lost := time.Now()
	took := <-elected
	t.Logf("lost here after %v, elected there after %v", lost.Sub(cut), took.Sub(cut))
	if !lost.Before(took) {
		t.Errorf("lost %v after another was elected", lost.Sub(took))
	}
	other.Revoke(context.Background())
}

// A tap passes on connections until it is cut; then they stay open and nothing passes.
type tap struct {
	address string
	mu      sync.Mutex
	stopped bool
}

func newTap(t *testing.T, to string) *tap {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	p := &tap{address: l.Addr().String()}
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to[len("http://"):])
			if err != nil {
				in.Close()
				continue
			}
			t.Cleanup(func() { in.Close(); out.Close() })
			go p.pass(in, out)
			go p.pass(out, in)
		}
	}()
	return p
}

func (p *tap) cut() {
	p.mu.Lock()
	p.stopped = true
	p.mu.Unlock()
}

func (p *tap) pass(from, to net.Conn) {
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		p.mu.Lock()
		stopped := p.stopped
		p.mu.Unlock()
		if stopped {
			return
		}
		if err != nil {
			to.Close()
			return
		}
		to.Write(b[:n])
	}
}
