package cluster

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// A keySpace is as much of etcd as a Caution needs.
type keySpace struct {
	KV
	mu       sync.Mutex // guards what follows
	revision int64
	pairs    map[string]Pair
	leases   map[string]int64 // of keys
	leased   int64
	watches  map[chan Events]bool
	away     bool
	slow     time.Duration
}

func newKeySpace() *keySpace {
	return &keySpace{revision: 1, pairs: make(map[string]Pair), leases: make(map[string]int64), watches: make(map[chan Events]bool)}
}

// answer takes as long as etcd does, or as the caller waits where it is away.
func (k *keySpace) answer(ctx context.Context) error {
	k.mu.Lock()
	away, slow := k.away, k.slow
	k.mu.Unlock()
	if away {
		<-ctx.Done()
		return ErrUnreachable
	}
	cautionWait(ctx, slow)
	return nil
}

func (k *keySpace) set(away bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.away = away; away {
		for w := range k.watches {
			close(w)
		}
		clear(k.watches)
	}
}

func (k *keySpace) Range(ctx context.Context, prefix, from string, limit int, _ bool) ([]Pair, int64, error) {
	if ctx, cancel := context.WithTimeout(ctx, time.Second); k.answer(ctx) != nil {
		cancel()
		return nil, 0, ErrUnreachable
	} else {
		cancel()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	var found []Pair
	for key, p := range k.pairs {
		if strings.HasPrefix(key, prefix) && key >= from {
			found = append(found, p)
		}
	}
	slices.SortFunc(found, func(a, b Pair) int { return strings.Compare(a.Key, b.Key) })
	return found[:min(len(found), cmp.Or(limit, len(found)))], k.revision, nil
}

func (k *keySpace) Txn(ctx context.Context, _ []Condition, then []Op) (bool, int64, error) {
	if err := k.answer(ctx); err != nil {
		return false, 0, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.revision++
	for _, o := range then {
		p := Pair{Key: o.Key, Value: o.Value, Created: k.revision, Modified: k.revision, Version: 1}
		k.pairs[o.Key], k.leases[o.Key] = p, o.Lease.ID()
		for w := range k.watches {
			w <- Events{Revision: k.revision, Events: []Event{{Pair: p}}}
		}
	}
	return true, k.revision, nil
}

func (k *keySpace) Watch(ctx context.Context, _ string, from int64) <-chan Events {
	k.mu.Lock()
	defer k.mu.Unlock()
	w := make(chan Events, 100_000)
	if k.away {
		close(w)
		return w
	}
	var missed []Pair
	for _, p := range k.pairs {
		if p.Created >= from {
			missed = append(missed, p)
		}
	}
	slices.SortFunc(missed, func(a, b Pair) int { return int(a.Created - b.Created) })
	for _, p := range missed {
		w <- Events{Revision: p.Created, Events: []Event{{Pair: p}}}
	}
	k.watches[w] = true
	context.AfterFunc(ctx, func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.watches[w] {
			delete(k.watches, w)
			close(w)
		}
	})
	return w
}

type spaceLease struct {
	space *keySpace
	id    int64
	ctx   context.Context
}

func (l spaceLease) ID() int64             { return l.id }
func (l spaceLease) Done() <-chan struct{} { return l.ctx.Done() }

func (l spaceLease) Revoke(ctx context.Context) error {
	if ctx.Err() != nil {
		return ErrUnreachable
	}
	l.space.mu.Lock()
	defer l.space.mu.Unlock()
	for key, id := range l.space.leases {
		if id == l.id {
			delete(l.space.pairs, key)
			delete(l.space.leases, key)
		}
	}
	return nil
}

// Lease makes one that is kept alive until ctx ends.
func (k *keySpace) Lease(ctx context.Context, _ time.Duration) (Lease, error) {
	if err := k.answer(ctx); err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.leased++
	return spaceLease{k, k.leased, ctx}, nil
}

func (k *keySpace) now() int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.revision
}

func (k *keySpace) held() (keys int, size int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for key, p := range k.pairs {
		keys++
		size += len(key) + len(p.Value)
	}
	return keys, size
}

// A listener is a Caution and what it has heard.
type listener struct {
	*Caution
	mu   sync.Mutex // guards what follows
	all  []string
	ages []time.Duration
	when []time.Time
	stop func()
}

func (l *listener) hear(event []byte, age time.Duration) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if bytes.HasPrefix(event, []byte("?")) {
		return errors.New("of a later version")
	}
	l.all, l.ages, l.when = append(l.all, string(event)), append(l.ages, age), append(l.when, time.Now())
	return nil
}

func (l *listener) take() (all []string, ages []time.Duration) {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	all, ages = l.all, l.ages
	l.all, l.ages = nil, nil
	return all, ages
}

func (l *listener) count(direction, result string) int {
	return int(testutil.ToFloat64(l.events.WithLabelValues(direction, result)))
}

// listen starts a node, whose clock is ahead by some time.
func listen(t *testing.T, k *keySpace, node string, ahead time.Duration) *listener {
	t.Helper()
	c, err := NewCaution(Options{KV: k, Key: Key{[32]byte{1}}, Node: node, Registerer: prometheus.NewRegistry(), Now: func() time.Time { return time.Now().Add(ahead) }}, "a cluster")
	if err != nil {
		t.Fatal(err)
	}
	l := &listener{Caution: c}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := c.Run(ctx, l.hear); err != nil {
			t.Error(err)
		}
	}()
	l.stop = sync.OnceFunc(func() { cancel(); <-done })
	synctest.Wait()
	return l
}

func TestCautionGoesAtOnceWhileIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeySpace()
		k.slow = 5 * time.Millisecond
		a, b, c := listen(t, k, "a", 0), listen(t, k, "b", 0), listen(t, k, "c", 5*time.Minute)
		defer func() { a.stop(); b.stop(); c.stop() }()
		time.Sleep(time.Second)
		a.Tell([]byte("first"), true)
		time.Sleep(10 * time.Millisecond) // a lease and a put
		a.Tell([]byte("second"), true)
		time.Sleep(cautionPause + 6*time.Millisecond)
		for _, l := range []*listener{b, c} {
			if all, ages := l.take(); fmt.Sprint(all, ages) != "[first second] [0s 0s]" {
				t.Errorf("%s heard %v %v", l.o.Node, all, ages)
			}
		}
		if all, _ := a.take(); len(all) > 0 {
			t.Errorf("a heard itself: %v", all)
		}
		if a.count("told", "sent") != 2 || b.count("heard", "noted") != 2 {
			t.Error("not counted")
		}
	})
}

func TestCautionGoesTogetherUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeySpace()
		a, b := listen(t, k, "a", 0), listen(t, k, "b", 0)
		defer func() { a.stop(); b.stop() }()
		for i := range cautionBurst + 200 {
			a.Tell(fmt.Append(nil, i), true)
		}
		time.Sleep(time.Second)
		all, _ := b.take()
		if len(all) != cautionBurst || all[0] != "0" || all[len(all)-1] != "999" {
			t.Errorf("%d were heard", len(all))
		}
		if keys, _ := k.held(); keys > cautionBurst/cautionBatch+1 {
			t.Errorf("in %d batches", keys)
		}
		if n := a.count("told", "dropped"); n != 200 {
			t.Errorf("%d were dropped", n)
		}
	})
}

// Nodes that ask in turn wait for 100 ms (turnNotice in package authproxy), which is as long as two events may take: no one may take longer than half, of as many as are told.
func TestCautionIsInTime(t *testing.T) {
	for _, every := range []time.Duration{time.Second, 100 * time.Millisecond, 30 * time.Millisecond, 7 * time.Millisecond} {
		t.Run(fmt.Sprint("every ", every), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newKeySpace()
				k.slow = 5 * time.Millisecond
				a, b := listen(t, k, "a", 0), listen(t, k, "b", 0)
				defer func() { a.stop(); b.stop() }()
				var told []time.Time
				for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(every) {
					told = append(told, time.Now())
					a.Tell([]byte("x"), true)
				}
				time.Sleep(time.Second)
				all, _ := b.take()
				if len(all) != len(told) {
					t.Fatalf("%d of %d were heard", len(all), len(told))
				}
				var longest time.Duration
				for i, at := range told {
					longest = max(longest, b.when[i].Sub(at))
				}
				t.Logf("at most %v", longest)
				if longest > 50*time.Millisecond {
					t.Errorf("one was heard after %v", longest)
				}
			})
		})
	}
}

// However much is told for however long, etcd holds and is written no more than what is stated, and what is urgent has its half.
func TestCautionIsBoundedInEtcd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeySpace()
		name := strings.Repeat("a", 63)
		a := listen(t, k, name, 0)
		defer a.stop()
		event := make([]byte, 56)
		event[0] = 'x'
		most, urgent := 0, 0
		for i := range 15 * 60 * 40 { // a quarter of an hour, 600 a second and ten of somebody who exists
			for range 15 {
				a.Tell(event, false)
			}
			if i%4 == 0 {
				before := a.count("told", "dropped")
				a.Tell(event, true)
				urgent += 1 - (a.count("told", "dropped") - before)
				_, size := k.held()
				most = max(most, size)
			}
			time.Sleep(25 * time.Millisecond)
		}
		const seconds = int((cautionKept + cautionLeases/2) / time.Second)
		bound := (cautionRate*seconds+cautionBurst)*57 + (cautionBatchRate*seconds+cautionBatchBurst)*cautionOverhead
		t.Logf("at most %d bytes, of %d", most, bound)
		if most > bound || most < bound/3 || bound > 9_200_000 {
			t.Errorf("etcd held %d bytes, want at most %d", most, bound)
		}
		if urgent != 15*60*10 {
			t.Errorf("%d of %d urgent ones were told", urgent, 15*60*10)
		}
		if writes, bound := k.now()-1, int64(15*60*cautionBatchRate+cautionBatchBurst); writes > bound {
			t.Errorf("etcd was written to %d times, want at most %d", writes, bound)
		}
		if k.leased > 17 {
			t.Errorf("%d leases in a quarter of an hour", k.leased)
		}
	})
}

// A lateSpace is an etcd whose leases are granted when nobody waits for them any more.
type lateSpace struct {
	*keySpace
	ended atomic.Int64
}

type lateLease struct {
	Lease
	space *lateSpace
}

func (l lateLease) Revoke(ctx context.Context) error {
	l.space.ended.Add(1)
	return l.Lease.Revoke(ctx)
}

func (k *lateSpace) Lease(ctx context.Context, ttl time.Duration) (Lease, error) {
	time.Sleep(cautionPut)
	synctest.Wait()
	l, err := k.keySpace.Lease(context.WithoutCancel(ctx), ttl)
	return lateLease{l, k}, err
}

// A lease that comes too late is renewed no more.
func TestCautionKeepsNoLeaseThatCameTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &lateSpace{keySpace: newKeySpace()}
		c, err := NewCaution(Options{KV: k, Key: Key{[32]byte{1}}, Node: "a"}, "a cluster")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), cautionPut)
		defer cancel()
		if l, err := c.lease(ctx); err == nil {
			t.Errorf("it is %v", l)
		}
		if n := k.ended.Load(); n != 1 || k.leased != 1 {
			t.Errorf("%d leases were granted and %d ended", k.leased, n)
		}
	})
}

// Many nodes write no more all together than etcd and each other can take.
func TestCautionOfManyNodes(t *testing.T) {
	c := &Caution{}
	for nodes, want := range map[int]float64{0: 25, 1: 25, 10: 25, 25: 10, 50: 5, 1000: 5} {
		c.nodes.Store(int64(nodes))
		if got := c.batchRate(); got != want {
			t.Errorf("%d nodes: %v batches a second each, want %v", nodes, got, want)
		}
	}
}

func TestCautionGoesAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeySpace()
		a := listen(t, k, "a", 0)
		defer a.stop()
		for range 12 {
			a.Tell([]byte("x"), true)
			time.Sleep(time.Minute)
		}
		if keys, _ := k.held(); keys < 9 || keys > 11 {
			t.Errorf("%d batches after 12 minutes of one a minute", keys)
		}
		time.Sleep(cautionKept + cautionLeases)
		if keys, _ := k.held(); keys != 0 {
			t.Errorf("%d batches are still there", keys)
		}
	})
}

// A node that starts hears what was told before, each with its age, in the order in which it was told, whatever the clocks say.
func TestCautionIsReadAtTheStart(t *testing.T) {
	for _, tt := range []struct {
		name  string
		ahead time.Duration // the teller's clock
		live  time.Duration // the age to those who hear it at once
		old   time.Duration // three minutes later
	}{
		{"clocks agree", 0, 0, 3 * time.Minute},
		{"the teller is ahead", 5 * time.Minute, 0, 0},
		{"the teller is behind", -5 * time.Minute, 0, 8 * time.Minute},
		{"far behind", -24 * time.Hour, cautionKept, cautionKept},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newKeySpace()
				z, a := listen(t, k, "z", tt.ahead), listen(t, k, "a", 0)
				defer a.stop()
				for i := range 3 * cautionPage { // more than a page
					z.Tell(fmt.Append(nil, i), true)
					time.Sleep(cautionPause)
				}
				time.Sleep(time.Minute)
				all, ages := a.take()
				if len(all) != 3*cautionPage || slices.Max(ages) != tt.live {
					t.Errorf("who was there heard %d, at most %v old", len(all), slices.Max(ages))
				}
				a.Tell([]byte("last"), true)
				time.Sleep(2 * time.Minute)
				before := k.now()
				z.stop()
				b, z2 := listen(t, k, "b", 0), listen(t, k, "z", 0)
				defer func() { b.stop(); z2.stop() }()
				for _, l := range []*listener{b, z2} { // z itself, when it is back, too
					all, ages := l.take()
					if len(all) != 3*cautionPage+1 || all[0] != "0" || all[len(all)-1] != "last" || ages[len(ages)-1] != 2*time.Minute {
						t.Errorf("%s heard %d: %v", l.o.Node, len(all), ages[len(ages)-1])
					}
					if age := ages[len(ages)-2]; (age-tt.old).Abs() > time.Second || slices.Max(ages) > cautionKept {
						t.Errorf("the age was %v, want %v", age, tt.old)
					}
				}
				if k.now() != before {
					t.Error("reading writes")
				}
			})
		})
	}
}

// While etcd is away nothing waits, what is told is lost, and when it is back all that others have told is heard once.
func TestCautionWhileEtcdIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeySpace()
		a, b := listen(t, k, "a", 0), listen(t, k, "b", 0)
		defer func() { a.stop(); b.stop() }()
		a.Tell([]byte("before"), true)
		b.Tell([]byte("b's own"), true)
		time.Sleep(time.Second)
		k.set(true)
		for i := range 5000 {
			begin := time.Now()
			a.Tell(fmt.Append(nil, i), true)
			if took := time.Since(begin); took != 0 {
				t.Fatalf("telling took %v", took)
			}
			time.Sleep(10 * time.Millisecond)
		}
		a.Caution.mu.Lock()
		pending := len(a.pending)
		a.Caution.mu.Unlock()
		if pending > cautionBurst {
			t.Errorf("%d wait to be told", pending)
		}
		time.Sleep(time.Minute)
		k.set(false)
		time.Sleep(5 * time.Second)
		b.take()
		a.Tell([]byte("after"), true)
		time.Sleep(time.Second)
		if all, _ := b.take(); fmt.Sprint(all) != "[after]" {
			t.Errorf("b heard %q", all)
		}
		if n := b.count("heard", "noted"); n != 2 {
			t.Errorf("%d were heard in all, want before and after", n)
		}
		if failed := a.count("told", "failed"); failed < 2000 {
			t.Errorf("%d failed", failed)
		}
	})
}

// What does not open, or is from another place, or was put there again, is no news.
func TestCautionThatIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeySpace()
		a, b := listen(t, k, "a", 0), listen(t, k, "b", 0)
		defer func() { a.stop(); b.stop() }()
		a.Tell([]byte("?"), true)
		time.Sleep(time.Second)
		var p Pair
		k.mu.Lock()
		for _, p = range k.pairs {
		}
		k.mu.Unlock()
		lease := spaceLease{k, 99, t.Context()}
		for _, o := range []Op{
			{Key: p.Key + "0", Value: p.Value, Lease: lease},
			{Key: "caution/c/1", Value: []byte("nonsense"), Lease: lease},
			{Key: "caution/c/2", Value: a.sealer.seal(nil, "caution/c/2", []byte("short")), Lease: lease},
		} {
			if _, _, err := k.Txn(t.Context(), nil, []Op{o}); err != nil {
				t.Fatal(err)
			}
		}
		if all, _ := b.take(); len(all) != 0 || b.count("heard", "unreadable") != 3 || b.count("heard", "unknown") != 1 {
			t.Errorf("%v, %d unreadable, %d unknown", all, b.count("heard", "unreadable"), b.count("heard", "unknown"))
		}
		key := "caution/c/3"
		before := Op{Key: key, Value: a.sealer.seal(nil, key, appendBatch(nil, time.Now().Add(-time.Hour), [][]byte{[]byte("x")})), Lease: lease}
		_, _, _ = k.Txn(t.Context(), nil, []Op{before})
		if _, ages := b.take(); fmt.Sprint(ages) != "[10m0s]" {
			t.Errorf("what was told before this node was started, and put there again, has the ages %v", ages)
		}
	})
}

// What was told once is heard once, whoever puts it there again, before and after the node that told it was started again.
func TestCautionThatIsRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeySpace()
		a, b := listen(t, k, "a", 0), listen(t, k, "b", 0)
		defer func() { a.stop(); b.stop() }()
		told := func(event string) Op {
			a.Tell([]byte(event), true)
			time.Sleep(time.Second)
			k.mu.Lock()
			defer k.mu.Unlock()
			p := slices.MaxFunc(slices.Collect(maps.Values(k.pairs)), func(a, b Pair) int { return cmp.Compare(a.Created, b.Created) })
			return Op{Key: p.Key, Value: p.Value, Lease: spaceLease{k, 99, t.Context()}}
		}
		repeat := func(o Op) {
			if _, _, err := k.Txn(t.Context(), nil, []Op{o}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		}
		first, second := told("first"), told("second")
		repeat(first)
		repeat(second)
		k.set(true)
		time.Sleep(2 * time.Second)
		k.set(false)
		repeat(first) // b was away, and reads what is there
		a.stop()
		a = listen(t, k, "a", 0)
		third := told("third")
		repeat(first)
		repeat(third)
		if all, _ := b.take(); fmt.Sprint(all) != "[first second third]" || b.count("heard", "repeated") != 5 {
			t.Errorf("heard are %v, and %d were repeated", all, b.count("heard", "repeated"))
		}
	})
}

// A node counts those that are registered, and itself.
func TestCautionCountsNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeySpace()
		a := listen(t, k, "a", 0)
		defer a.stop()
		if n := a.Nodes(); n != 1 {
			t.Errorf("alone: %d", n)
		}
		for i := range 5 {
			_, _, _ = k.Txn(t.Context(), nil, []Op{{Key: fmt.Sprint(prefixNodes, i), Lease: spaceLease{k, 99, t.Context()}}})
		}
		time.Sleep(time.Minute)
		if n := a.Nodes(); n != 5 {
			t.Errorf("%d, want 5", n)
		}
		k.set(true)
		time.Sleep(2 * time.Second)
		if n := a.Nodes(); n != 1 {
			t.Errorf("while etcd is away nobody hears this node, and it counts %d", n)
		}
		k.set(false)
		time.Sleep(cautionCounted)
		if n := a.Nodes(); n != 5 {
			t.Errorf("when etcd is back: %d, want 5", n)
		}
	})
}

func TestCautionChecksItsOptions(t *testing.T) {
	if _, err := NewCaution(Options{Key: Key{[32]byte{1}}, Node: "a"}, "x"); err == nil {
		t.Error("without etcd")
	}
	c, err := NewCaution(Options{KV: newKeySpace(), Key: Key{[32]byte{1}}, Node: "a"}, "x")
	if err != nil {
		t.Fatal(err)
	}
	c.Tell(make([]byte, maxCautionEvent+1), true)
	c.Tell(nil, true)
	if len(c.pending) != 0 {
		t.Error("it took an event that has no form")
	}
}

// Whatever is a batch is written back the same.
func FuzzBatch(f *testing.F) {
	f.Add(appendBatch(nil, time.Now(), nil))
	f.Add(appendBatch(nil, time.Now(), [][]byte{[]byte("one"), make([]byte, 255)}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		at, events, err := parseBatch(data)
		if err != nil {
			return
		}
		if back := appendBatch(nil, at, events); !bytes.Equal(back, data) {
			t.Errorf("%x came back as %x", data, back)
		}
	})
}
