// Package kvtest holds what every cluster.KV must do: the simulated one and a real etcd run the same cases.
package kvtest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/dialtree/dialtree/cluster"
)

// Run runs the cases. open gives two clients of one etcd, with an own empty prefix each time it is called. Leases last for ttl: etcd grants none of less than two seconds, and a machine must not stand still for as long.
func Run(t *testing.T, ttl time.Duration, open func(t *testing.T) (a, b cluster.KV)) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, *peers)
	}{
		{"a key comes, changes and goes", comesAndGoes},
		{"ranges are in order, from a key on, up to a limit", ranges},
		{"a transaction is whole or nothing", transactions},
		{"a condition on an empty range holds as with 0", emptyRanges},
		{"a watch hands over whole revisions, in order", watches},
		{"a watch from a revision on tells the past", watchesThePast},
		{"a watch ends with its context", watchEnds},
		{"what is compacted cannot be watched", compaction},
		{"keys go with a revoked lease", revokes},
		{"an election passes on when it is released", elects},
		{"an election passes on when its lease ends, and fences", fences},
		{"a lock is held by one, and fences", locks},
		{"who gives up waiting stands in nobody's way", givesUp},
		{"a lease lives as long as it is renewed", lives},
		{"members are told", members},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			a, b := open(t)
			c.run(t, &peers{t: t, ctx: ctx, a: a, b: b, ttl: ttl})
		})
	}
}

type peers struct {
	t    *testing.T
	ctx  context.Context
	a, b cluster.KV
	ttl  time.Duration
}

func (p *peers) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *peers) put(key, value string) int64 {
	p.t.Helper()
	done, revision, err := p.a.Txn(p.ctx, nil, []cluster.Op{cluster.Put(key, []byte(value))})
	p.must(err)
	if !done {
		p.t.Fatalf("put %s: nothing was done", key)
	}
	return revision
}

func (p *peers) get(key string) cluster.Pair {
	p.t.Helper()
	pair, revision, err := p.b.Get(p.ctx, key)
	p.must(err)
	if revision < pair.Modified {
		p.t.Fatalf("read at revision %d what was changed at %d", revision, pair.Modified)
	}
	return pair
}

func (p *peers) lease(kv cluster.KV) cluster.Lease {
	p.t.Helper()
	l, err := kv.Lease(p.ctx, p.ttl)
	p.must(err)
	p.t.Cleanup(func() { l.Revoke(context.WithoutCancel(p.ctx)) })
	return l
}

func (p *peers) ends(done <-chan struct{}, what string, within time.Duration) {
	p.t.Helper()
	select {
	case <-done:
	case <-time.After(within):
		p.t.Fatalf("%s has not ended within %v", what, within)
	}
}

func comesAndGoes(t *testing.T, p *peers) {
	if got := p.get("k"); got.Created != 0 || got.Key != "k" {
		t.Fatalf("before: %+v", got)
	}
	first := p.put("k", "1")
	second := p.put("k", "2")
	if got := p.get("k"); string(got.Value) != "2" || got.Created != first || got.Modified != second || got.Version != 2 {
		t.Fatalf("after two puts at %d and %d: %+v", first, second, got)
	}
	_, _, err := p.a.Txn(p.ctx, nil, []cluster.Op{{Key: "k", Delete: true}})
	p.must(err)
	if got := p.get("k"); got.Created != 0 || got.Value != nil {
		t.Fatalf("after the deletion: %+v", got)
	}
}

func ranges(t *testing.T, p *peers) {
	for _, k := range []string{"r/b", "r/a", "r/d", "r/c", "q/z", "s"} {
		p.put(k, "value of "+k)
	}
	for _, c := range []struct {
		prefix, from string
		limit        int
		want         string
	}{
		{"r/", "", 0, "r/a r/b r/c r/d"},
		{"r/", "r/b", 0, "r/b r/c r/d"},
		{"r/", "r/bb", 2, "r/c r/d"},
		{"r/", "", 3, "r/a r/b r/c"},
		{"r/", "s", 0, ""},
		{"r/", "a", 1, "r/a"},
		{"nothing/", "", 0, ""},
		{"", "", 0, "q/z r/a r/b r/c r/d s"},
	} {
		for _, keysOnly := range []bool{false, true} {
			pairs, revision, err := p.b.Range(p.ctx, c.prefix, c.from, c.limit, keysOnly)
			p.must(err)
			got := ""
			for i, one := range pairs {
				if got += one.Key; i < len(pairs)-1 {
					got += " "
				}
				if want := "value of " + one.Key; keysOnly && len(one.Value) != 0 || !keysOnly && string(one.Value) != want || one.Modified > revision || one.Modified == 0 {
					t.Errorf("%+v: got %+v at %d", c, one, revision)
				}
			}
			if got != c.want {
				t.Errorf("%+v: got %q", c, got)
			}
		}
	}
	_, _, err := p.a.Txn(p.ctx, nil, []cluster.Op{{Key: "r/", Delete: true, Prefix: true}})
	p.must(err)
	if pairs, _, err := p.b.Range(p.ctx, "", "", 0, true); err != nil || len(pairs) != 2 {
		t.Errorf("after the deletion of r/: %+v, %v", pairs, err)
	}
}

func transactions(t *testing.T, p *peers) {
	at := p.put("t", "1")
	both := []cluster.Op{cluster.Put("t", []byte("2")), cluster.Put("u", []byte("2"))}
	for _, c := range []struct {
		name       string
		conditions []cluster.Condition
		done       bool
	}{
		{"changed since", []cluster.Condition{cluster.ModifiedAt("t", at-1)}, false},
		{"there though it must not be", []cluster.Condition{cluster.CreatedAt("t", 0)}, false},
		{"one of two does not hold", []cluster.Condition{cluster.ModifiedAt("t", at), cluster.CreatedAt("u", at)}, false},
		{"both hold", []cluster.Condition{cluster.ModifiedAt("t", at), cluster.CreatedAt("u", 0)}, true},
	} {
		done, revision, err := p.b.Txn(p.ctx, c.conditions, both)
		p.must(err)
		if done != c.done {
			t.Fatalf("%s: done is %v", c.name, done)
		}
		got, other := p.get("t"), p.get("u")
		if !done && (got.Modified != at || other.Created != 0) {
			t.Fatalf("%s: something was done: %+v %+v", c.name, got, other)
		}
		if done && (got.Modified != revision || other.Modified != revision || got.Created != at) {
			t.Fatalf("%s: not at one revision: %+v %+v", c.name, got, other)
		}
	}
}

func emptyRanges(t *testing.T, p *peers) {
	none := cluster.NoneBelow("e/")
	try := func(want bool, when string) {
		t.Helper()
		done, _, err := p.a.Txn(p.ctx, []cluster.Condition{none}, []cluster.Op{cluster.Put("done", nil)})
		p.must(err)
		if done != want {
			t.Fatalf("%s: done is %v", when, done)
		}
	}
	try(true, "nothing was ever there")
	p.put("e/1", "")
	try(false, "one is there")
	p.put("f", "")
	_, _, err := p.a.Txn(p.ctx, nil, []cluster.Op{{Key: "e/1", Delete: true}})
	p.must(err)
	try(true, "it is gone again")
}

func watches(t *testing.T, p *peers) {
	_, now, err := p.b.Get(p.ctx, "w/")
	p.must(err)
	events := p.b.Watch(p.ctx, "w/", now+1)
	p.put("elsewhere", "")
	const n = 50
	var want []int64
	for i := range n {
		ops := []cluster.Op{cluster.Put(fmt.Sprintf("w/a%d", i), nil), cluster.Put(fmt.Sprintf("w/b%d", i), []byte("x"))}
		if i == n-1 {
			ops[0] = cluster.Op{Key: "w/a0", Delete: true}
		}
		_, revision, err := p.a.Txn(p.ctx, nil, ops)
		p.must(err)
		want = append(want, revision)
	}
	for len(want) > 0 {
		e, ok := <-events
		if !ok || e.Err != nil {
			t.Fatalf("the watch ended: %v", e.Err)
		}
		if len(e.Events)%2 != 0 {
			t.Fatalf("half a revision: %+v", e)
		}
		for i := 0; i < len(e.Events); i += 2 {
			if e.Events[i].Modified != want[0] || e.Events[i+1].Modified != want[0] {
				t.Fatalf("want both of revision %d, got %+v", want[0], e.Events[i:i+2])
			}
			if want = want[1:]; len(want) == 0 && (!e.Events[i].Deleted && !e.Events[i+1].Deleted) {
				t.Fatalf("the deletion is none: %+v", e.Events[i:i+2])
			}
		}
		if len(e.Events) > 0 && e.Revision < e.Events[len(e.Events)-1].Modified {
			t.Fatalf("revision %d is before its own events", e.Revision)
		}
	}
}

func watchesThePast(t *testing.T, p *peers) {
	first := p.put("w/1", "1")
	p.put("w/1", "2")
	last := p.put("w/2", "3")
	var got []string
	for e := range p.b.Watch(p.ctx, "w/", first) {
		for _, one := range e.Events {
			got = append(got, string(one.Value))
		}
		if e.Err != nil || e.Revision >= last {
			break
		}
	}
	if fmt.Sprint(got) != "[1 2 3]" {
		t.Fatalf("got %v", got)
	}
}

func watchEnds(t *testing.T, p *peers) {
	ctx, cancel := context.WithCancel(p.ctx)
	events := p.b.Watch(ctx, "w/", 0)
	cancel()
	for {
		select {
		case _, ok := <-events:
			if !ok {
				return
			}
		case <-time.After(20 * time.Second):
			t.Fatal("the channel is still open")
		}
	}
}

func compaction(t *testing.T, p *peers) {
	first := p.put("c", "1")
	p.put("c", "2")
	last := p.put("c", "3")
	p.must(p.a.Compact(p.ctx, last))
	if err := p.a.Compact(p.ctx, first); !errors.Is(err, cluster.ErrCompacted) {
		t.Errorf("compacted again: %v", err)
	}
	var got error
	for e := range p.b.Watch(p.ctx, "c", first) {
		if got = e.Err; len(e.Events) > 0 {
			t.Fatalf("got what is forgotten: %+v", e)
		}
	}
	if !errors.Is(got, cluster.ErrCompacted) {
		t.Errorf("the watch ended with %v", got)
	}
	if p.get("c").Modified != last {
		t.Error("what is there is gone")
	}
}

func revokes(t *testing.T, p *peers) {
	l := p.lease(p.a)
	_, _, err := p.a.Txn(p.ctx, nil, []cluster.Op{{Key: "l", Value: []byte("x"), Lease: l}})
	p.must(err)
	if p.get("l").Created == 0 {
		t.Fatal("it is not there")
	}
	p.must(l.Revoke(p.ctx))
	if p.get("l").Created != 0 {
		t.Fatal("it is there still")
	}
	p.ends(l.Done(), "the lease", 5*time.Second)
	if done, _, err := p.a.Txn(p.ctx, nil, []cluster.Op{{Key: "l", Lease: l}}); err == nil || done {
		t.Fatalf("a put with a lease that is over: %v, %v", done, err)
	}
}

func lives(t *testing.T, p *peers) {
	l := p.lease(p.a)
	_, _, err := p.a.Txn(p.ctx, nil, []cluster.Op{{Key: "l", Lease: l}})
	p.must(err)
	select {
	case <-l.Done():
		t.Fatal("it was lost")
	case <-time.After(p.ttl * 5 / 2):
	}
	if p.get("l").Created == 0 {
		t.Fatal("its key is gone")
	}
}

type held struct {
	cluster.Held
	err error
}

func (p *peers) elect(kv cluster.KV, l cluster.Lease, value string) <-chan held {
	got := make(chan held, 1)
	go func() {
		h, err := kv.Elect(p.ctx, l, "election/", value)
		got <- held{h, err}
	}()
	return got
}

func (p *peers) holds(got <-chan held, within time.Duration) held {
	p.t.Helper()
	select {
	case h := <-got:
		p.must(h.err)
		return h
	case <-time.After(within):
		p.t.Fatalf("nobody holds it within %v", within)
	}
	panic("never")
}

func (p *peers) waits(got <-chan held) {
	p.t.Helper()
	select {
	case h := <-got:
		p.t.Fatalf("a second one got it: %v", h.err)
	case <-time.After(300 * time.Millisecond):
	}
}

func (p *peers) fenced(h held, want bool) {
	p.t.Helper()
	done, _, err := p.a.Txn(p.ctx, []cluster.Condition{h.Condition()}, []cluster.Op{cluster.Put("fenced", nil)})
	p.must(err)
	if done != want {
		p.t.Fatalf("a change behind the fence: done is %v", done)
	}
}

func elects(t *testing.T, p *peers) {
	first := p.holds(p.elect(p.a, p.lease(p.a), "a"), 20*time.Second)
	waiting := p.elect(p.b, p.lease(p.b), "b")
	p.waits(waiting)
	p.fenced(first, true)
	if pairs, _, err := p.a.Range(p.ctx, "election/", "", 0, false); err != nil || len(pairs) != 2 {
		t.Fatalf("want those of both below the name: %+v, %v", pairs, err)
	}
	p.must(first.Release(p.ctx))
	second := p.holds(waiting, 20*time.Second)
	p.ends(first.Done(), "what was released", 5*time.Second)
	p.fenced(first, false)
	p.fenced(second, true)
	pairs, _, err := p.a.Range(p.ctx, "election/", "", 0, false)
	if err != nil || len(pairs) != 1 || string(pairs[0].Value) != "b" {
		t.Fatalf("who is elected: %+v, %v", pairs, err)
	}
}

func fences(t *testing.T, p *peers) {
	l := p.lease(p.a)
	first := p.holds(p.elect(p.a, l, "a"), 20*time.Second)
	waiting := p.elect(p.b, p.lease(p.b), "b")
	p.waits(waiting)
	p.must(l.Revoke(p.ctx))
	p.ends(first.Done(), "the election of a lease that is over", 5*time.Second)
	p.fenced(p.holds(waiting, 20*time.Second), true)
	p.fenced(first, false)
}

func locks(t *testing.T, p *peers) {
	la, lb := p.lease(p.a), p.lease(p.b)
	free := func(want bool) {
		t.Helper()
		done, _, err := p.a.Txn(p.ctx, []cluster.Condition{cluster.NoneBelow("lock/")}, []cluster.Op{cluster.Put("free", nil)})
		p.must(err)
		if done != want {
			t.Fatalf("a change of somebody without the lock: done is %v", done)
		}
	}
	free(true)
	h, err := p.a.Lock(p.ctx, la, "lock/")
	p.must(err)
	free(false)
	first, waiting := held{Held: h}, make(chan held, 1)
	go func() {
		h, err := p.b.Lock(p.ctx, lb, "lock/")
		waiting <- held{h, err}
	}()
	p.waits(waiting)
	p.fenced(first, true)
	p.must(first.Release(p.ctx))
	second := p.holds(waiting, 20*time.Second)
	p.fenced(first, false)
	p.fenced(second, true)
	p.must(second.Release(p.ctx))
	free(true)
	// A key that somebody else deletes ends it, too.
	h, err = p.a.Lock(p.ctx, la, "lock/")
	p.must(err)
	_, _, err = p.b.Txn(p.ctx, nil, []cluster.Op{{Key: "lock/", Delete: true, Prefix: true}})
	p.must(err)
	p.ends(h.Done(), "a lock whose key is gone", 20*time.Second)
}

func givesUp(t *testing.T, p *peers) {
	la, lb := p.lease(p.a), p.lease(p.b)
	first, err := p.a.Lock(p.ctx, la, "lock/")
	p.must(err)
	ctx, cancel := context.WithTimeout(p.ctx, 300*time.Millisecond)
	defer cancel()
	if _, err := p.b.Lock(ctx, lb, "lock/"); err == nil {
		t.Fatal("it is held by another")
	}
	p.must(first.Release(p.ctx))
	third, err := p.a.Lock(p.ctx, la, "lock/")
	p.must(err)
	p.must(third.Release(p.ctx))
	if pairs, _, err := p.a.Range(p.ctx, "lock/", "", 0, true); err != nil || len(pairs) != 0 {
		t.Fatalf("left behind: %+v, %v", pairs, err)
	}
}

func members(t *testing.T, p *peers) {
	all, err := p.a.Members(p.ctx)
	p.must(err)
	leaders := 0
	for _, m := range all {
		if m.Leader {
			leaders++
		}
		if !m.Healthy || m.Error != "" || m.Version == "" {
			t.Errorf("%+v", m)
		}
	}
	if leaders != 1 {
		t.Errorf("%d leaders of %+v", leaders, all)
	}
}
