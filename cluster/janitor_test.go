package cluster_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dialtree/dialtree/cluster"
	"github.com/dialtree/dialtree/cluster/simulated"
)

// The elected node makes snapshots, clears away what is older and has etcd forget.
func TestTheElectedNodeClears(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		etcd := simulated.New()
		o := options(t, etcd, "a", false)
		if err := cluster.Init(t.Context(), o, false); err != nil {
			t.Fatal(err)
		}
		c, err := cluster.New(o)
		if err != nil {
			t.Fatal(err)
		}
		c.ClearSoon()
		o.Store.Share(c)
		a := &running{Cluster: c, store: o.Store, o: o, client: o.KV.(*simulated.Client), ended: make(chan error, 1)}
		a.run(t)
		count := func(prefix string) int {
			pairs, _, err := etcd.Client().Range(t.Context(), prefix, "", 0, true)
			if err != nil {
				t.Fatal(err)
			}
			return len(pairs)
		}
		time.Sleep(time.Second)
		for range 40 {
			if err := a.put(t.Context(), "x"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		time.Sleep(30 * time.Second)
		if s, err := a.Status(t.Context(), false); err != nil || s.Snapshot.Index+13 < s.Head || s.Snapshot.Index == 0 {
			t.Errorf("the snapshot is %+v at head %d: %v", s.Snapshot, s.Head, err)
		}
		if n := count("log/changes/"); n > 12+5+1 {
			t.Errorf("%d changes are left", n)
		}
		time.Sleep(19 * time.Minute)
		_, recent, err := etcd.Client().Get(t.Context(), "log/head")
		if err := errors.Join(err, a.put(t.Context(), "x")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(6 * time.Minute)
		if n := count("snapshots/"); n != 1 {
			t.Errorf("%d snapshots are left", n)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if e := <-etcd.Client().Watch(ctx, "", 2); !errors.Is(e.Err, cluster.ErrCompacted) {
			t.Errorf("etcd remembers everything: %+v", e)
		}
		if e := <-etcd.Client().Watch(ctx, "", recent); e.Err != nil {
			t.Errorf("of what happened six minutes ago etcd says %v", e.Err)
		}
		a.stop(t)
		synctest.Wait()
	})
}

// etcd is not asked again and again to forget what it has forgotten, as long as nothing is changed.
func TestWhatIsForgottenIsNotForgottenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		etcd := simulated.New()
		o := options(t, etcd, "a", false)
		asked := 0
		o.KV.(*simulated.Client).Before = func(r simulated.Request) (simulated.Fault, func(bool)) {
			if r.Method == "Compact" {
				asked++
			}
			return simulated.None, nil
		}
		if err := cluster.Init(t.Context(), o, false); err != nil {
			t.Fatal(err)
		}
		c, err := cluster.New(o)
		if err != nil {
			t.Fatal(err)
		}
		o.Store.Share(c)
		a := &running{Cluster: c, store: o.Store, o: o, client: o.KV.(*simulated.Client), ended: make(chan error, 1)}
		a.run(t)
		time.Sleep(time.Hour)
		idle := asked
		time.Sleep(time.Hour)
		if idle == 0 || asked != idle {
			t.Errorf("it was asked %d times in the first hour, and %d times in the second one, in which nothing was changed", idle, asked-idle)
		}
		if err := a.put(t.Context(), "x"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if asked == idle {
			t.Error("it is no longer asked after a change")
		}
		a.stop(t)
		synctest.Wait()
	})
}
