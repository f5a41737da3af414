package etcd_test

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"

	"github.com/dialtree/dialtree/cluster"
	"github.com/dialtree/dialtree/cluster/etcd"
)

// tooLong is what no single call may take, whatever one member does: two seconds, but on a busy machine. Where a call waits for the
// connection's keepalive it takes 13.
const tooLong = 6 * time.Second

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
	t.Parallel()
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
	t.Parallel()
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
	if took := time.Since(began); !errors.Is(err, cluster.ErrUnreachable) || !errors.Is(err, context.DeadlineExceeded) || took > 1900*time.Millisecond {
		t.Fatalf("%v after %v", err, took)
	}
}

// A lateKV answers, though late.
type lateKV struct {
	pb.UnimplementedKVServer
}

func (lateKV) Range(ctx context.Context, _ *pb.RangeRequest) (*pb.RangeResponse, error) {
	select {
	case <-time.After(1200 * time.Millisecond):
	case <-ctx.Done():
	}
	return &pb.RangeResponse{Header: &pb.ResponseHeader{Revision: 1}}, nil
}

// Where all members take long, as with a disk that is busy, one of them is waited for: to ask the next one, which takes as long, would never end.
func TestAllMembersAreSlow(t *testing.T) {
	t.Parallel()
	var endpoints []string
	for range 3 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s := grpc.NewServer()
		pb.RegisterKVServer(s, lateKV{})
		go s.Serve(l)
		t.Cleanup(s.Stop)
		endpoints = append(endpoints, "http://"+l.Addr().String())
	}
	c := (&servers{endpoints: endpoints}).client(t, nil)
	eventually(t, c, nil)
	for range 3 {
		eventually(t, c, nil)
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
			time.Sleep(6 * time.Second)
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
			if w.gap > 10*time.Second {
				t.Errorf("nothing was changed for %v", w.gap)
			}
			if slices.Max(seen) > 10*time.Second {
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

var leaseTime = flag.Duration("lease", 5*time.Second, "the lease of who holds the election in TestTheElectionPassesOn")

// A member that was added and never started has no name and no address for clients: it is known by where other members look for it.
func TestAMemberThatIsNotStarted(t *testing.T) {
	t.Parallel()
	s := start(t, 1)
	admin, err := clientv3.New(clientv3.Config{Endpoints: s.endpoints})
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	const peer = "http://127.0.0.1:2380"
	if _, err := admin.MemberAddAsLearner(t.Context(), []string{peer}); err != nil { // without a vote it stops nothing
		t.Fatal(err)
	}
	all, err := s.client(t, nil).Members(t.Context())
	if err != nil || len(all) != 2 {
		t.Fatalf("%+v, %v", all, err)
	}
	slices.SortFunc(all, func(a, b cluster.Member) int { return cmp.Compare(a.Name, b.Name) })
	if added := all[0]; added.Name != "" || added.Endpoint != peer || added.Healthy || added.Error != "etcd does not answer: it is not started" {
		t.Errorf("what was added is %+v", added)
	}
}

// By this machine's clock a lease is over before etcd gives what hung on it to another.
func TestTheElectionPassesOn(t *testing.T) {
	t.Parallel()
	s := start(t, 3)
	for _, c := range []struct {
		name string
		away func(*etcd.Client, *tap, cluster.Lease, cluster.Held)
		lost bool // it is known here before
		fast bool
	}{
		{"given back", func(_ *etcd.Client, _ *tap, _ cluster.Lease, h cluster.Held) { h.Release(context.Background()) }, true, true},
		{"the lease is revoked", func(_ *etcd.Client, _ *tap, l cluster.Lease, _ cluster.Held) { l.Revoke(context.Background()) }, false, true},
		{"the node is killed", func(c *etcd.Client, _ *tap, _ cluster.Lease, _ cluster.Held) { c.Close() }, true, false},
		{"the node is cut off", func(_ *etcd.Client, p *tap, _ cluster.Lease, _ cluster.Held) { p.cut() }, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			prefix := fmt.Sprintf("/test%d/", prefixes.Add(1))
			through := newTap(t, s.endpoints[0])
			near := (&servers{endpoints: []string{"http://" + through.address}}).client(t, nil, prefix)
			far := s.client(t, nil, prefix)
			leases := map[cluster.KV]cluster.Lease{}
			for _, kv := range []cluster.KV{near, far} {
				l, err := kv.Lease(t.Context(), *leaseTime)
				if err != nil {
					t.Fatal(err)
				}
				leases[kv] = l
			}
			h, err := near.Elect(t.Context(), leases[near], "election/", "near")
			if err != nil {
				t.Fatal(err)
			}
			elected := make(chan time.Time, 1)
			go func() {
				if _, err := far.Elect(t.Context(), leases[far], "election/", "far"); err != nil {
					t.Error(err)
				}
				elected <- time.Now()
			}()
			time.Sleep(*leaseTime / 3) // so that the other one waits
			began := time.Now()
			lost := make(chan time.Time, 1)
			go func() {
				<-h.Done()
				lost <- time.Now()
			}()
			c.away(near, through, leases[near], h)
			here, there := <-lost, <-elected
			t.Logf("a lease of %v: lost here after %v, elected there after %v", *leaseTime, here.Sub(began), there.Sub(began))
			if c.lost && !c.fast && !here.Before(there) {
				t.Errorf("lost %v after another was elected", here.Sub(there))
			}
			// Where nothing is given back that is after more than the lease's time, less what has gone by since its last renewal.
			if took := there.Sub(began); c.fast && took > *leaseTime/2 {
				t.Errorf("it took %v", took)
			}
			if done, _, err := far.Txn(t.Context(), []cluster.Condition{h.Condition()}, nil); done || err != nil {
				t.Errorf("the fence of who was elected: %v, %v", done, err)
			}
			leases[far].Revoke(context.Background())
		})
	}
}

// What a node that is far behind reads at once takes longer over a slow line than a member has for a small question.
func TestALongAnswerOverASlowLine(t *testing.T) {
	t.Parallel()
	s := start(t, 1)
	near := s.client(t, nil, "/slow/")
	for i := range 4 {
		if _, _, err := near.Txn(t.Context(), nil, []cluster.Op{cluster.Put(fmt.Sprintf("part/%d", i), make([]byte, 768<<10))}); err != nil {
			t.Fatal(err)
		}
	}
	var lines []string
	for range 2 {
		p := newTap(t, s.endpoints[0])
		p.rate.Store(2 << 20) // 16 Mbit/s
		lines = append(lines, "http://"+p.address)
	}
	far := (&servers{endpoints: lines}).client(t, nil, "/slow/")
	var pairs []cluster.Pair
	var err error
	for range 3 { // where the machine stands still, too
		if pairs, _, err = far.Range(t.Context(), "part/", "", 4, false); err == nil {
			break
		}
	}
	if err != nil || len(pairs) != 4 {
		t.Errorf("%d parts, %v", len(pairs), err)
	}
}

// A tap passes on connections until it is cut; then they stay open and nothing passes.
type tap struct {
	address string
	rate    atomic.Int64 // bytes a second to the client; 0: as they come
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
			go p.pass(in, out, false)
			go p.pass(out, in, true)
		}
	}()
	return p
}

func (p *tap) cut() {
	p.mu.Lock()
	p.stopped = true
	p.mu.Unlock()
}

func (p *tap) pass(from, to net.Conn, answers bool) {
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
		if rate := p.rate.Load(); rate > 0 && answers {
			time.Sleep(time.Duration(int64(n) * int64(time.Second) / rate))
		}
		to.Write(b[:n])
	}
}

func BenchmarkTxn(b *testing.B) {
	for _, n := range []int{1, 3} {
		s := start(b, n)
		for _, bytes := range []int{300, 768 << 10} {
			b.Run(fmt.Sprintf("members=%d/bytes=%d", n, bytes), func(b *testing.B) {
				kv, value := s.client(b, nil), make([]byte, bytes)
				p, _, err := kv.Get(b.Context(), "head")
				for b.Loop() && err == nil {
					_, p.Modified, err = kv.Txn(b.Context(), []cluster.Condition{cluster.ModifiedAt("head", p.Modified), cluster.NoneBelow("lock/")}, []cluster.Op{cluster.Put("head", nil), cluster.Put("change", value)})
				}
				if err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}
