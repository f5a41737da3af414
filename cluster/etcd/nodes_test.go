package etcd_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/dialtree/dialtree/cluster"
	"github.com/dialtree/dialtree/cluster/etcd"
	"github.com/dialtree/dialtree/store"
)

// A node is one with a store of its own, over a way to etcd that can be cut.
type node struct {
	*cluster.Cluster
	store *store.Store
	tap   *tap
	end   context.CancelFunc
	ended chan error
}

func (n *node) stop() error {
	n.end()
	return <-n.ended
}

func open(t *testing.T, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func note(ctx context.Context, n *node, name string) error {
	_, err := n.store.Apply(ctx, &store.Changes{Put: []store.Entry{{Kind: store.KindUser, Values: store.Values{{Field: store.Username, Text: name}, {Field: store.DisplayName, Text: name}, {Field: store.Phone, Text: "30000"}}}}})
	return err
}

// Three nodes over three members: the elected one is cut off, another goes on, and the first finds all when it is back.
func TestDutyPassesOnBetweenNodes(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	s := start(t, 3)
	dir := t.TempDir()
	key, err := cluster.MakeKey(filepath.Join(dir, "key"))
	if err != nil {
		t.Fatal(err)
	}
	var nodes []*node
	var first context.Context // of the one that is elected
	for i := range 3 {
		name := fmt.Sprintf("n%d", i)
		o := cluster.Options{KV: s.client(t, nil, "/nodes/"), Key: key, Node: name}
		if i == 0 {
			first := open(t, filepath.Join(dir, name))
			o.Store = first
			err = cluster.Init(t.Context(), o, false)
		} else {
			if _, err = cluster.Join(t.Context(), o, filepath.Join(dir, name)); err == nil {
				o.Store = open(t, filepath.Join(dir, name))
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		n := &node{store: o.Store, tap: newTap(t, s.endpoints[i]), ended: make(chan error, 1)}
		kv, err := etcd.New(etcd.Options{Endpoints: []string{n.tap.address}, Prefix: "/nodes/"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { kv.Close() })
		o.KV = kv
		if n.Cluster, err = cluster.New(o); err != nil {
			t.Fatal(err)
		}
		n.store.Share(n.Cluster)
		ctx, end := context.WithCancel(t.Context())
		n.end = end
		go func() { n.ended <- n.Run(ctx) }()
		nodes = append(nodes, n)
		if i == 0 {
			if first, err = n.OnDuty(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := note(first, nodes[0], "before"); err != nil {
		t.Fatal(err)
	}
	for {
		if st, err := nodes[0].Status(t.Context(), false); err == nil && len(st.Nodes) == len(nodes) {
			break
		}
		time.Sleep(10 * time.Millisecond) // until the test's deadline
	}
	began := time.Now()
	nodes[0].tap.cut()
	type elected struct {
		*node
		ctx context.Context
	}
	got := make(chan elected, 2)
	for _, n := range nodes[1:] {
		go func() {
			if ctx, err := n.OnDuty(t.Context()); err == nil {
				got <- elected{n, ctx}
			}
		}()
	}
	var next elected
	select {
	case next = <-got:
	case <-time.After(time.Minute):
		t.Fatal("nobody was elected")
	}
	t.Logf("the next one was elected %v after the cut", time.Since(began))
	if first.Err() == nil {
		t.Error("two are on duty")
	}
	if err := note(next.ctx, next.node, "after"); err != nil {
		t.Error(err)
	}
	if err := note(t.Context(), nodes[0], "away"); !errors.Is(err, store.ErrAway) {
		t.Errorf("a change of the one that is cut off: %v", err)
	}
	st, err := nodes[0].Status(t.Context(), false)
	if err != nil || st.Reachable || len(st.Nodes) != 3 {
		t.Errorf("status of the one that is cut off: %+v, %v", st, err)
	}
	st, err = next.Status(t.Context(), true)
	if err != nil || len(st.Nodes) != 2 || len(st.Members) != 3 {
		t.Errorf("status: %+v, %v", st, err)
	}
	for _, n := range nodes {
		if err := n.stop(); err != nil {
			t.Error(err)
		}
	}
}
