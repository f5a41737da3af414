package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/dialtree/dialtree/store"
)

// A copied is a store, as far as the duty needs it.
type copied struct {
	mu       sync.Mutex // guards what follows
	m        store.Membership
	schema   int
	upgraded int
	fences   int
}

func (s *copied) Membership() store.Membership {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.m
}
func (s *copied) Schema() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.schema
}
func (s *copied) Upgrade(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.upgraded++
	s.schema = 5
	s.fences = len(fencesOf(ctx))
	return nil
}
func (s *copied) upgrades() (n, fences int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.upgraded, s.fences
}
func (s *copied) at(index uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.m.Index = index
}

// A peer is one node's duty.
type peer struct {
	*duty
	*way
	store *copied
	end   context.CancelFunc
	ended chan error
}

func (f *fake) peer(name, id string) *peer {
	w := f.way()
	c := &copied{m: store.Membership{Cluster: "c", Node: id}, schema: 4}
	d := newDuty(Options{KV: w, Node: name, Key: Key{secret: [32]byte{1}}, Logger: slog.New(slog.DiscardHandler), Now: time.Now, Version: "1"}, c,
		func() view { return view{Cluster: "c", Head: 7, Reachable: true} })
	d.knows = 4
	return &peer{duty: d, way: w, store: c, ended: make(chan error, 1)}
}

func (p *peer) start(t *testing.T) *peer {
	ctx, end := context.WithCancel(t.Context())
	p.end = end
	go func() { p.ended <- p.duty.run(ctx) }()
	return p
}

// stop ends peers and waits until all they started has ended.
func stop(t *testing.T, all ...*peer) {
	t.Helper()
	for _, p := range all {
		p.end()
	}
	for _, p := range all {
		if err := <-p.ended; err != nil {
			t.Errorf("%s ended with %v", p.o.Node, err)
		}
	}
}

func settle(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func onDuty(t *testing.T, p *peer) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	got, err := p.onDuty(ctx)
	if err != nil {
		t.Fatalf("%s was not elected: %v", p.o.Node, err)
	}
	return got
}

func TestOneIsOnDuty(t *testing.T) {
	for _, c := range []struct {
		name   string
		lose   func(*testing.T, *peer)
		within time.Duration // until the other one is elected
	}{
		{"it ends", func(t *testing.T, p *peer) { p.end(); <-p.ended }, time.Second},
		{"it is cut off", func(t *testing.T, p *peer) { p.setCut(true) }, leaseTime + time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				a := f.peer("a", "1").start(t)
				first := onDuty(t, a)
				b := f.peer("b", "2").start(t)
				settle(time.Second)
				if b.isElected() || b.elected() != "a" {
					t.Fatalf("elected are %v and %q", b.isElected(), b.elected())
				}
				if n := len(fencesOf(first)); n != 1 {
					t.Fatalf("%d fences", n)
				}
				began := time.Now()
				var lost time.Time
				context.AfterFunc(first, func() { lost = time.Now() })
				c.lose(t, a)
				second := onDuty(t, b)
				if took := time.Since(began); took > c.within {
					t.Errorf("the next one was elected after %v", took)
				}
				synctest.Wait()
				if first.Err() == nil || lost.After(time.Now()) || !lost.Before(time.Now()) && c.within > time.Second {
					t.Errorf("lost at %v, elected at %v", lost.Sub(began), time.Since(began))
				}
				if done, _, err := f.way().Txn(t.Context(), fencesOf(first), []Op{Put("x", nil)}); done || err != nil {
					t.Errorf("a commit of the one that was: %v, %v", done, err)
				}
				if done, _, err := f.way().Txn(t.Context(), fencesOf(second), []Op{Put("x", nil)}); !done || err != nil {
					t.Errorf("a commit of the one that is: %v, %v", done, err)
				}
				stop(t, b)
				if a.end(); len(a.ended) > 0 {
					<-a.ended
				}
				settle(time.Minute)
			})
		})
	}
}

func TestDutyComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		a := f.peer("a", "1").start(t)
		first := onDuty(t, a)
		a.setCut(true)
		<-first.Done()
		if !errors.Is(context.Cause(first), errOffice) {
			t.Errorf("it ended with %v", context.Cause(first))
		}
		settle(time.Minute)
		if _, err := a.tenures.get(t.Context()); !errors.Is(err, store.ErrAway) {
			t.Errorf("a lease while etcd is away: %v", err)
		}
		a.setCut(false)
		onDuty(t, a)
		settle(3 * time.Second)
		if nodes := a.registered(); len(nodes) != 1 {
			t.Errorf("registered are %+v", nodes)
		}
		stop(t, a)
		if left := f.left(""); len(left) != 0 {
			t.Errorf("left behind: %+v", left)
		}
	})
}

// Who hears etcd and can change nothing all the same, as its disk is full, leaves the election to one that can: schedules would run nowhere, and nothing be cleared away.
func TestWhoCannotChangeIsNotElected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		var sick atomic.Bool
		a, began := f.peer("a", "1"), time.Now()
		a.look = func() view {
			v := view{Cluster: "c", Head: 7, Reachable: true}
			if sick.Load() {
				v.Trouble, v.Since = "the disk is full", began
			}
			return v
		}
		a.start(t)
		first := onDuty(t, a)
		b := f.peer("b", "2").start(t)
		settle(20 * time.Second)
		if first.Err() != nil {
			t.Fatalf("nothing is wrong yet: %v", context.Cause(first))
		}
		sick.Store(true)
		onDuty(t, b)
		settle(time.Second)
		if first.Err() == nil || a.isElected() {
			t.Error("the first one goes on")
		}
		sick.Store(false)
		settle(time.Minute)
		if a.isElected() || b.elected() != "b" {
			t.Errorf("elected is %q", b.elected())
		}
		stop(t, b)
		onDuty(t, a)
		stop(t, a)
	})
}

func TestClaims(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		a := f.peer("a", "1").start(t)
		ctx := onDuty(t, a)
		b := f.peer("b", "2").start(t)
		claimed, release, taken, err := a.claim(ctx, "people/Bonn", "root")
		if err != nil || taken != nil {
			t.Fatal(taken, err)
		}
		if n := len(fencesOf(claimed)); n != 2 {
			t.Errorf("a claim on duty has %d fences", n)
		}
		for _, p := range f.left(prefixRuns) {
			if strings.Contains(string(p.Value), "root") {
				t.Errorf("a name is in clear: %s", p.Value)
			}
		}
		for _, p := range []*peer{a, b} {
			if _, _, taken, err := p.claim(t.Context(), "people/Bonn", "x"); err != nil || taken == nil || taken.Node != "a" {
				t.Errorf("%s: taken is %+v, %v", p.o.Node, taken, err)
			}
		}
		release()
		release()
		if claimed.Err() == nil {
			t.Error("a released claim's context goes on")
		}
		_, release, taken, err = b.claim(t.Context(), "people/Bonn", "x")
		if err != nil || taken != nil {
			t.Fatal(taken, err)
		}
		release()
		stop(t, a, b)
	})
}

// A counted context counts who waits for its end.
type counted struct {
	context.Context
	waiting atomic.Int64
}

func (*counted) Done() <-chan struct{} { return make(chan struct{}) }
func (c *counted) AfterFunc(func()) func() bool {
	c.waiting.Add(1)
	return func() bool { c.waiting.Add(-1); return true }
}

// A lease lasts for months, in which runs come and go.
func TestAReleasedClaimLeavesNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		a := f.peer("a", "1")
		l, err := a.Lease(t.Context(), leaseTime)
		if err != nil {
			t.Fatal(err)
		}
		lasting := &counted{Context: t.Context()}
		a.tenures.set(&tenure{Lease: l, ctx: lasting}, nil)
		for range 3 {
			_, release, taken, err := a.claim(t.Context(), "c", "")
			if err != nil || taken != nil {
				t.Fatal(taken, err)
			}
			release()
			synctest.Wait()
			if n := lasting.waiting.Load(); n != 0 {
				t.Errorf("%d released claims wait for the end of the lease", n)
			}
		}
		l.Revoke(t.Context())
	})
}

func TestAClaimEndsWithItsLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		a, b := f.peer("a", "1").start(t), f.peer("b", "2").start(t)
		claimed, release, _, err := a.claim(t.Context(), "c", "")
		if err != nil {
			t.Fatal(err)
		}
		a.setCut(true)
		if _, _, _, err := a.claim(t.Context(), "d", ""); !errors.Is(err, store.ErrAway) {
			t.Errorf("a claim while etcd is away: %v", err)
		}
		<-claimed.Done()
		if !errors.Is(context.Cause(claimed), errClaim) {
			t.Errorf("it ended with %v", context.Cause(claimed))
		}
		settle(2 * time.Second)
		_, again, taken, err := b.claim(t.Context(), "c", "")
		if err != nil || taken != nil {
			t.Fatal(taken, err)
		}
		if done, _, _ := f.way().Txn(t.Context(), fencesOf(claimed), []Op{Put("x", nil)}); done {
			t.Error("the run whose claim was lost could commit")
		}
		release()
		again()
		a.setCut(false)
		stop(t, a, b)
	})
}

// A release that etcd did not hear is done when it answers again, and stands in nobody's way here.
func TestAReleaseIsMadeUpFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		a := f.peer("a", "1").start(t)
		_, release, _, err := a.claim(t.Context(), "c", "")
		if err != nil {
			t.Fatal(err)
		}
		a.setCut(true)
		release()
		a.setCut(false)
		settle(3 * time.Second)
		if left := f.left(prefixRuns); len(left) != 0 {
			t.Errorf("left behind: %+v", left)
		}
		// And what an earlier process of this node left is no obstacle, but another fence.
		f.way().Txn(t.Context(), nil, []Op{Put(runKey("c"), a.sealer.seal(nil, runKey("c"), []byte(`{"node":"a"}`)))})
		before := f.left(prefixRuns)[0].Created
		claimed, release, taken, err := a.claim(t.Context(), "c", "")
		if err != nil || taken != nil || *fencesOf(claimed)[0].Created == before {
			t.Fatal(taken, err)
		}
		release()
		stop(t, a)
	})
}

func TestAClaimWhoseAnswerWasLostIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		a := f.peer("a", "1").start(t)
		settle(3 * time.Second)
		f.mu.Lock()
		a.lose = true
		f.mu.Unlock()
		if _, _, _, err := a.claim(t.Context(), "c", ""); !errors.Is(err, store.ErrAway) {
			t.Fatal(err)
		}
		if len(f.left(prefixRuns)) != 1 {
			t.Fatal("nothing was claimed")
		}
		settle(2 * time.Second)
		if left := f.left(prefixRuns); len(left) != 0 {
			t.Errorf("left behind: %+v", left)
		}
		// One that is claimed anew in the meantime stays.
		f.mu.Lock()
		a.lose = true
		f.mu.Unlock()
		a.claim(t.Context(), "c", "")
		time.Sleep(10 * time.Millisecond)
		_, release, taken, err := a.claim(t.Context(), "c", "")
		if err != nil || taken != nil {
			t.Fatal(taken, err)
		}
		settle(2 * leaseTime)
		if left := f.left(prefixRuns); len(left) != 1 {
			t.Errorf("the second claim was forgotten, too: %+v", left)
		}
		release()
		stop(t, a)
	})
}

func TestANameIsForOneNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		a := f.peer("a", "1").start(t)
		settle(time.Second)
		claimed, release, _, err := a.claim(t.Context(), "c", "")
		if err != nil {
			t.Fatal(err)
		}
		other := f.peer("a", "2").start(t)
		settle(time.Second)
		if _, _, taken, err := other.claim(t.Context(), "c", ""); !errors.Is(err, store.ErrAway) {
			t.Errorf("a node that has another one's name claims its run: %+v, %v", taken, err)
		}
		if done, _, err := f.way().Txn(t.Context(), fencesOf(claimed), []Op{Put("x", nil)}); !done || err != nil {
			t.Errorf("a commit of the run that goes on: %v, %v", done, err)
		}
		release()
		if err := <-other.ended; err == nil || !strings.Contains(err.Error(), `another node is called "a"`) {
			t.Errorf("another node with this name ends with %v", err)
		}
		stop(t, a)
	})
}

// What no node has written is not taken for one: the sentence says what to delete.
func TestANameThatSomethingElseHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.way().Txn(t.Context(), nil, []Op{Put(prefixNodes+"a", []byte("nonsense"))})
		a := f.peer("a", "1").start(t)
		if err := <-a.ended; err == nil || !strings.Contains(err.Error(), `no node wrote what is registered as "a" in etcd: delete the key nodes/a`) {
			t.Errorf("it ends with %v", err)
		}
	})
}

// The same store after kill -9 needs no wait.
func TestAKilledNodeIsBackAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		a := f.peer("a", "1").start(t)
		settle(time.Second)
		a.setCut(true) // for good
		same := f.peer("a", "1").start(t)
		settle(time.Second)
		if got := f.left(prefixNodes); len(got) != 1 || parseRegistered(got[0].Value).Process != same.process {
			t.Errorf("registered are %+v", got)
		}
		stop(t, a, same)
	})
}

// Of two processes with copies of one store the one that started first goes on, and the other one gives up for as long as that one lives.
func TestTheOlderOfTwoCopiesGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		older := f.peer("a", "1").start(t)
		settle(time.Second)
		younger := f.peer("a", "1")
		for try := range 4 {
			younger.start(t)
			began := time.Now()
			if err := <-younger.ended; !errors.Is(err, errYielded) {
				t.Fatalf("try %d: the younger one ends with %v", try, err)
			}
			if took := time.Since(began); took > tellEvery {
				t.Errorf("try %d took %v", try, took)
			}
			settle(tellEvery)
			got := f.left(prefixNodes)
			if len(got) != 1 || parseRegistered(got[0].Value).Process != older.process || got[0].Version != 3 { // one write each, and then the older one again
				t.Errorf("try %d: registered are %+v", try, got)
			}
			time.Sleep(10 * time.Second)
		}
		if len(older.ended) > 0 {
			t.Fatalf("the older one ended with %v", <-older.ended)
		}
		older.setCut(true) // it was killed
		settle(leaseTime + time.Second)
		younger.start(t)
		settle(time.Second)
		if got := f.left(prefixNodes); len(got) != 1 || parseRegistered(got[0].Value).Process != younger.process {
			t.Errorf("when the older one is gone, registered are %+v", got)
		}
		older.setCut(false)
		if err := <-younger.ended; !errors.Is(err, errYielded) {
			t.Errorf("when the older one is back, the younger one ends with %v", err)
		}
		stop(t, older)
	})
}

// A node that was filled anew has another ID: what it registered before goes with that lease.
func TestANodeThatWasFilledAnewWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		a := f.peer("a", "1").start(t)
		settle(time.Second)
		a.setCut(true)
		b := f.peer("a", "2").start(t)
		settle(leaseTime + 2*time.Second)
		if nodes := b.registered(); len(nodes) != 1 || nodes[0].ID != "2" {
			t.Errorf("registered are %+v", nodes)
		}
		stop(t, a, b)
	})
}

func TestPositionsAreToldAtAPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		a, b := f.peer("a", "1").start(t), f.peer("b", "2").start(t)
		settle(5 * time.Second)
		count := func() (n int) {
			f.mu.Lock()
			defer f.mu.Unlock()
			for _, e := range f.history {
				if e.Key == prefixNodes+"a" {
					n++
				}
			}
			return n
		}
		before := count()
		settle(time.Minute)
		if n := count() - before; n != 0 {
			t.Errorf("a node where nothing changed wrote %d times", n)
		}
		for i := range 100 {
			a.store.at(uint64(i + 1))
			time.Sleep(100 * time.Millisecond)
		}
		settle(3 * time.Second)
		if n := count() - before; n < 4 || n > 7 {
			t.Errorf("13 seconds of changes were told %d times", n)
		}
		s, err := b.status(t.Context(), true)
		if err != nil || len(s.Nodes) != 2 || s.Nodes[0].Index != 100 || s.Nodes[1].Behind != 7 || len(s.Members) != 1 || s.Elected == "" || s.Nodes[0].Elected == s.Nodes[1].Elected {
			t.Errorf("status: %+v, %v", s, err)
		}
		// While etcd is away the status is what was heard last.
		b.setCut(true)
		settle(time.Minute)
		if s, err := b.status(t.Context(), false); err != nil || len(s.Nodes) != 2 {
			t.Errorf("status while etcd is away: %+v, %v", s, err)
		}
		stop(t, a, b)
	})
}

// What nodes hear of each other's positions is bounded, however many there are.
func TestPace(t *testing.T) {
	for nodes, want := range map[int]time.Duration{0: 2 * time.Second, 20: 2 * time.Second, 100: 2 * time.Second, 200: 8 * time.Second, 1000: 200 * time.Second, 10_000: tellLatest} {
		if got := pace(nodes); got != want {
			t.Errorf("%d nodes: %v, want %v", nodes, got, want)
		}
	}
	for nodes := 1; nodes <= 2000; nodes++ {
		if events := float64(nodes) * float64(nodes) / pace(nodes).Seconds(); events > tellMost+1 { // what is rounded off
			t.Errorf("%d nodes hear %.0f events a second, want at most %d", nodes, events, tellMost)
		}
	}
	if kept := maxHeads * headEvery; kept < tellLatest+tellingTakes {
		t.Errorf("heads are kept for %v, and a node may say where it is after %v", kept, tellLatest)
	}
}

func TestTheContentIsUpgradedWhenAllKnow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		a, b := f.peer("a", "1"), f.peer("b", "2")
		a.knows = 5
		a.start(t)
		onDuty(t, a)
		b.start(t)
		settle(2 * time.Minute)
		if n, _ := a.store.upgrades(); n != 0 {
			t.Fatal("it was upgraded though a node does not know it")
		}
		stop(t, b)
		b = f.peer("b", "2")
		b.knows = 5
		b.start(t)
		settle(upgradeAfter - upgradeLook)
		early, _ := a.store.upgrades()
		settle(3 * upgradeLook)
		if n, fences := a.store.upgrades(); early != 0 || n != 1 || fences != 1 {
			t.Errorf("upgraded %d times early, then %d, with %d fences", early, n, fences)
		}
		stop(t, a, b)
	})
}

func TestJobsAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		a, b := f.peer("a", "1").start(t), f.peer("b", "2").start(t)
		var cancelled []string
		a.jobs.onCancel = func(id, by string) { cancelled = append(cancelled, id+" by "+by) }
		for i := range 100 {
			a.jobs.set("run 1", []byte{'s', 'e', 'c', 'r', 'e', 't', byte(i)}, time.Time{})
			time.Sleep(50 * time.Millisecond)
		}
		a.jobs.set("large", make([]byte, maxJob+1), time.Time{})
		settle(2 * time.Second)
		if got := b.jobs.remote(); len(got) != 1 || got[0].Node != "a" || got[0].ID != "run 1" || got[0].Data[6] != 99 {
			t.Fatalf("b knows %+v", got)
		}
		if len(a.jobs.remote()) != 0 {
			t.Error("a node's own jobs are another's")
		}
		writes := 0
		for _, e := range f.history {
			if strings.HasPrefix(e.Key, prefixJobs) {
				if writes++; strings.Contains(string(e.Value), "secret") {
					t.Fatal("it is in clear")
				}
			}
		}
		if writes > 8 {
			t.Errorf("5 seconds took %d writes", writes)
		}
		if err := b.jobs.cancel(t.Context(), "run 1", "ada"); err != nil {
			t.Fatal(err)
		}
		// One that nobody sealed is not heard.
		f.way().Txn(t.Context(), nil, []Op{Put(prefixCancel+"run%201", []byte("x"))})
		settle(time.Second)
		if len(cancelled) != 1 || cancelled[0] != "run 1 by ada" {
			t.Errorf("cancelled are %v", cancelled)
		}
		a.jobs.set("run 1", []byte("end"), time.Now())
		settle(30 * time.Second)
		if got := b.jobs.remote(); len(got) != 1 || string(got[0].Data) != "end" {
			t.Errorf("half a minute after its end: %+v", got)
		}
		settle(40 * time.Second)
		if got := f.left(prefixJobs); len(got) != 0 {
			t.Errorf("a minute after its end: %+v", got)
		}
		stop(t, a, b)
	})
}

func TestReadings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		a := f.peer("a", "1").start(t)
		onDuty(t, a)
		settle(3 * time.Second)
		r := prometheus.NewPedanticRegistry()
		if err := r.Register(newReadings(a.duty)); err != nil {
			t.Fatal(err)
		}
		all, err := r.Gather()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]float64{}
		for _, m := range all {
			got[m.GetName()] = m.GetMetric()[0].GetGauge().GetValue()
		}
		for name, want := range map[string]float64{"dialtree_cluster_elected": 1, "dialtree_cluster_head": 7, "dialtree_cluster_behind_changes": 7, "dialtree_cluster_reachable": 1, "dialtree_cluster_nodes": 1} {
			if value, ok := got[name]; !ok || value != want {
				t.Errorf("%s is %v (%v), want %v", name, value, ok, want)
			}
		}
		stop(t, a)
	})
}

func FuzzNode(f *testing.F) {
	f.Add([]byte(`{"name":"a","id":"1","index":3,"process":"p"}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, value []byte) {
		n := parseNode(value)
		again, err := json.Marshal(n)
		if err != nil {
			t.Skip() // a year that JSON cannot say
		}
		if back := parseNode(again); back.ID != n.ID || back.Index != n.Index || !back.Started.Equal(n.Started) {
			t.Errorf("%+v became %+v", n, back)
		}
	})
}
