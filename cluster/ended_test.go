package cluster_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dialtree/dialtree/cluster"
	"github.com/dialtree/dialtree/cluster/simulated"
	"github.com/dialtree/dialtree/store"
)

// A running is a node with a real store that takes part in a cluster.
type running struct {
	*cluster.Cluster
	store  *store.Store
	o      cluster.Options
	client *simulated.Client
	cancel context.CancelFunc
	ended  chan error
}

// options are those of a node with a store: a new one, or one that joins.
func options(t *testing.T, etcd *simulated.Etcd, name string, join bool) cluster.Options {
	t.Helper()
	o, dir := cluster.Options{KV: etcd.Client(), Key: modelKey, Node: name, Version: "test"}, t.TempDir()
	if join {
		if _, err := cluster.Join(t.Context(), o, dir); err != nil {
			t.Fatal(err)
		}
	}
	s, err := store.Open(t.Context(), store.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	o.Store = s
	if !join {
		if _, err := s.Apply(t.Context(), &store.Changes{PutObjects: []store.Object{&store.Phonebook{Name: "customers"}}}); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

// take has a node take part until stop.
func take(t *testing.T, o cluster.Options) *running {
	t.Helper()
	c, err := cluster.New(o)
	if err != nil {
		t.Fatal(err)
	}
	o.Store.Share(c)
	r := &running{Cluster: c, store: o.Store, o: o, client: o.KV.(*simulated.Client), ended: make(chan error, 1)}
	r.run(t)
	return r
}

func (r *running) run(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r.cancel = cancel
	go func() { r.ended <- r.Run(ctx) }()
}

func (r *running) stop(t *testing.T) {
	t.Helper()
	r.cancel()
	if err := <-r.ended; err != nil {
		t.Errorf("%s ended with %v", r.o.Node, err)
	}
}

func (r *running) put(ctx context.Context, name string) error {
	_, err := r.store.Apply(ctx, &store.Changes{Put: []store.Entry{{Kind: store.KindContact, Phonebook: "customers", Values: store.Values{{Field: store.DisplayName, Text: name}}}}})
	return err
}

// A node that the cluster does not want changes nothing, says why, and is as before when it is wanted again.
func TestAnEndedNodeChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		etcd := simulated.New()
		first := options(t, etcd, "a", false)
		if err := cluster.Init(t.Context(), first, false); err != nil {
			t.Fatal(err)
		}
		a := take(t, first)
		time.Sleep(time.Second)
		b := take(t, options(t, etcd, "a", true))
		const why = `another node is called "a"`
		err := <-b.ended
		if err == nil || !strings.Contains(err.Error(), why) {
			t.Fatalf("it ended with %v", err)
		}
		var away *store.AwayError
		if err := b.Changeable(); !errors.As(err, &away) || !strings.Contains(err.Error(), why) || away.Since.IsZero() {
			t.Errorf("whether it can change something: %v", err)
		}
		if err := b.put(t.Context(), "x"); !errors.Is(err, store.ErrAway) || !strings.Contains(err.Error(), why) {
			t.Errorf("a change: %v", err)
		}
		if s, err := b.Status(t.Context(), false); err != nil || !strings.Contains(s.Trouble, why) || s.Since.IsZero() {
			t.Errorf("status: %+v, %v", s, err)
		}
		a.stop(t)
		b.run(t)
		time.Sleep(5 * time.Second)
		if err := errors.Join(b.Changeable(), b.put(t.Context(), "y")); err != nil {
			t.Errorf("when the other one is gone: %v", err)
		}
		b.stop(t)
		synctest.Wait()
	})
}
