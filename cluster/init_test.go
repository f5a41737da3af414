package cluster_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dialtree/dialtree/cluster"
	"github.com/dialtree/dialtree/cluster/simulated"
	"github.com/dialtree/dialtree/store"
)

// The content of one node becomes that of all, also where another one has more, and where etcd has lost everything.
func TestReplace(t *testing.T) {
	for _, c := range []struct {
		name string
		lose bool
	}{{"the cluster is there", false}, {"etcd lost everything", true}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				etcd := simulated.New()
				empty, first := etcd.Save(), options(t, etcd, "a", false)
				if err := cluster.Init(t.Context(), first, false); err != nil {
					t.Fatal(err)
				}
				a, b := take(t, first), take(t, options(t, etcd, "b", true))
				if err := a.put(t.Context(), "both"); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
				a.stop(t)
				for range 1000 { // an etcd that lost everything counts from 1 again
					if _, _, err := etcd.Client().Txn(t.Context(), nil, []cluster.Op{cluster.Put("runs/other", nil)}); err != nil {
						t.Fatal(err)
					}
				}
				if err := b.put(t.Context(), "only b"); err != nil {
					t.Fatal(err)
				}
				id := a.store.Membership().Cluster
				if c.lose {
					etcd.Restore(empty)
					time.Sleep(time.Minute)
					if err := b.put(t.Context(), "lost"); !errors.Is(err, store.ErrAway) {
						t.Errorf("a change meanwhile: %v", err)
					}
				}
				if err := cluster.Init(t.Context(), a.o, true); err != nil {
					t.Fatal(err)
				}
				a = take(t, a.o)
				time.Sleep(2 * time.Minute)
				at, want, err := a.store.Digest(t.Context())
				got, sum, err2 := b.store.Digest(t.Context())
				if err != nil || err2 != nil || at != got || want != sum || a.store.Membership().Cluster != id {
					t.Errorf("they are at %d and %d of %s: %v, %v", at.Index, got.Index, a.store.Membership().Cluster, err, err2)
				}
				n := 0
				for _, err := range b.store.Entries(t.Context(), store.Query{}) {
					if n++; err != nil {
						t.Fatal(err)
					}
				}
				if n != 1 {
					t.Errorf("there are %d contacts, want the one of the node that replaced", n)
				}
				if err := errors.Join(a.put(t.Context(), "a"), b.put(t.Context(), "b")); err != nil {
					t.Errorf("changes afterwards: %v", err)
				}
				a.stop(t)
				b.stop(t)
				synctest.Wait()
			})
		})
	}
}

// What was ended half-way says so, and is done again.
func TestInitHalfWay(t *testing.T) {
	for _, c := range []struct {
		name    string
		replace bool
		fault   simulated.Fault
		doubt   bool
		want    string // of what doing it again says; empty: it is done
	}{
		{"made, and not told", false, simulated.LostAfter, true, "already: start it"},
		{"not made", false, simulated.LostBefore, true, ""},
		{"made, and full", false, simulated.Full, true, "already: start it"},
		{"replaced, and not told", true, simulated.LostAfter, true, ""},
		{"not replaced", true, simulated.LostBefore, true, ""},
		{"not sent", true, simulated.Unsent, false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := options(t, simulated.New(), "a", false)
				if c.replace {
					if err := cluster.Init(t.Context(), o, false); err != nil {
						t.Fatal(err)
					}
				}
				client := o.KV.(*simulated.Client)
				client.Before = func(r simulated.Request) (simulated.Fault, func(bool)) {
					for _, op := range r.Then {
						if op.Key == "log/head" {
							return c.fault, nil
						}
					}
					return simulated.None, nil
				}
				err := cluster.Init(t.Context(), o, c.replace)
				var doubt *store.DoubtError
				if err == nil || errors.As(err, &doubt) != c.doubt || strings.Contains(err.Error(), "before this node is started") != c.replace {
					t.Errorf("got %v", err)
				}
				client.Before = nil
				err = cluster.Init(t.Context(), o, c.replace)
				if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
					t.Errorf("again: %v", err)
				}
				a := take(t, o)
				time.Sleep(time.Second)
				if err := a.put(t.Context(), "x"); err != nil {
					t.Error(err)
				}
				a.stop(t)
				synctest.Wait()
			})
		})
	}
}

// A cluster whose pieces were cleared away before it was made is none.
func TestInitWithoutPieces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		etcd := simulated.New()
		o := options(t, etcd, "a", false)
		o.KV.(*simulated.Client).Before = func(r simulated.Request) (simulated.Fault, func(bool)) {
			for _, op := range r.Then {
				if op.Key != "log/head" {
					continue
				}
				if _, _, err := etcd.Client().Txn(t.Context(), nil, []cluster.Op{{Key: "parts/", Delete: true, Prefix: true}}); err != nil {
					t.Error(err)
				}
			}
			return simulated.None, nil
		}
		if err := cluster.Init(t.Context(), o, false); err == nil || etcd.Bytes("") != 0 {
			t.Errorf("%d bytes are there: %v", etcd.Bytes(""), err)
		}
	})
}

// Of two that make a cluster at the same time one does, and the other one's store is as it was.
func TestInitIsForOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		etcd := simulated.New()
		first, second := options(t, etcd, "a", false), options(t, etcd, "b", false)
		raced := false
		second.KV.(*simulated.Client).Before = func(r simulated.Request) (simulated.Fault, func(bool)) {
			for _, op := range r.Then {
				if op.Key == "log/head" && !raced {
					raced = true
					if err := cluster.Init(t.Context(), first, false); err != nil {
						t.Error(err)
					}
				}
			}
			return simulated.None, nil
		}
		if err := cluster.Init(t.Context(), second, false); err == nil || !raced {
			t.Fatalf("it was made twice: %v, %v", err, raced)
		}
		if m := second.Store.Membership(); m.Cluster != "" {
			t.Errorf("the other one is a member: %+v", m)
		}
		if _, err := second.Store.Apply(t.Context(), &store.Changes{PutObjects: []store.Object{&store.Phonebook{Name: "own"}}}); err != nil {
			t.Errorf("its store takes no change: %v", err)
		}
		a := take(t, first)
		time.Sleep(time.Second)
		if err := a.put(t.Context(), "x"); err != nil {
			t.Error(err)
		}
		a.stop(t)
		synctest.Wait()
	})
}
