package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dialtree/dialtree/cluster"
	"github.com/dialtree/dialtree/cluster/simulated"
	"github.com/dialtree/dialtree/store"
)

// TestRun has three nodes with real stores begin, join, follow each other through watches, lose etcd and find it again, and one leave.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		etcd, dir := simulated.New(), t.TempDir()
		ctx, stop := context.WithCancel(t.Context())
		var ends []chan error
		var stores []*store.Store
		var clients []*simulated.Client
		for i := range 3 {
			c := etcd.Client()
			o := cluster.Options{KV: c, Key: modelKey, Node: fmt.Sprint("n", i), Version: "test"}
			path := filepath.Join(dir, o.Node)
			if i > 0 {
				if _, err := cluster.Join(ctx, o, path); err != nil {
					t.Fatal(err)
				}
			}
			s, err := store.Open(ctx, store.Options{Dir: path})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if o.Store = s; i == 0 {
				if _, err := s.Apply(ctx, &store.Changes{PutObjects: []store.Object{&store.Phonebook{Name: "customers"}}}); err != nil {
					t.Fatal(err)
				}
				if err := cluster.Init(ctx, o, false); err != nil {
					t.Fatal(err)
				}
				if err := cluster.Init(ctx, o, false); err == nil {
					t.Error("a second Init did nothing against it")
				}
			}
			n, err := cluster.New(o)
			if err != nil {
				t.Fatal(err)
			}
			s.Share(n)
			end := make(chan error, 1)
			go func() { end <- n.Run(ctx) }()
			ends, stores, clients = append(ends, end), append(stores, s), append(clients, c)
		}
		put := func(i int, name string) error {
			_, err := stores[i].Apply(ctx, &store.Changes{Put: []store.Entry{{Kind: store.KindContact, Phonebook: "customers", Values: store.Values{{Field: store.DisplayName, Text: name}}}}})
			return err
		}
		equal := func(when string) {
			t.Helper()
			time.Sleep(time.Minute)
			at, want, err := stores[0].Digest(ctx)
			for _, s := range stores[1:] {
				got, sum, err2 := s.Digest(ctx)
				if err != nil || err2 != nil || got != at || sum != want {
					t.Errorf("%s: %d and %d: %v, %v", when, at.Index, got.Index, err, err2)
				}
			}
		}
		for i := range 9 {
			if err := put(i%3, fmt.Sprint("contact ", i)); err != nil {
				t.Fatal(err)
			}
		}
		equal("after nine changes")

		clients[1].SetUnreachable(true)
		time.Sleep(time.Second)
		if err := put(1, "away"); !errors.Is(err, store.ErrAway) {
			t.Errorf("while etcd is away: %v", err)
		}
		time.Sleep(3 * time.Second)
		if began := time.Now(); !errors.Is(put(1, "away still"), store.ErrAway) || !time.Now().Equal(began) {
			t.Errorf("etcd has been away for a while, and a change waited for %v", time.Since(began))
		}
		if err := put(0, "meanwhile"); err != nil {
			t.Error(err)
		}
		clients[1].SetUnreachable(false)
		equal("after one was away")
		if err := put(1, "back"); err != nil {
			t.Error(err)
		}
		for _, c := range clients {
			c.CutWatches()
		}
		synctest.Wait() // they have noticed that, and not yet that etcd answers
		if err := put(2, "without watches"); err != nil {
			t.Error(err)
		}
		equal("after watches were cut")
		for i := range 60 {
			if err := put(i%3, fmt.Sprint("more ", i)); err != nil {
				t.Fatal(err)
			}
		}
		equal("after many")
		stop()
		for i, end := range ends {
			if err := <-end; err != nil {
				t.Errorf("node %d ended with %v", i, err)
			}
		}
		o := cluster.Options{KV: clients[2], Key: modelKey, Node: "n2", Store: stores[2]}
		if told, err := cluster.Leave(context.Background(), o); !told || err != nil || stores[2].Membership().Cluster != "" {
			t.Errorf("leave: %v, %v, %+v", told, err, stores[2].Membership())
		}
		synctest.Wait()
	})
}
