package cluster_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dialtree/dialtree/cluster"
	"github.com/dialtree/dialtree/cluster/simulated"
	"github.com/dialtree/dialtree/store"
)

// Who no longer holds the election makes no snapshot and clears nothing away.
func TestOnlyTheElectedNodeClears(t *testing.T) {
	for _, c := range []struct {
		name string
		due  func(m *model, a *node)
	}{
		{"a snapshot", func(m *model, a *node) { a.commitMany(13) }},
		{"the snapshot before the latest", func(m *model, a *node) {
			a.commitMany(13)
			a.clear()
			time.Sleep(time.Hour)
		}},
		{"changes", func(m *model, a *node) {
			a.commitMany(13)
			a.client.Before = func(r simulated.Request) (fault simulated.Fault, after func(bool)) {
				if r.Method == "Txn" && strings.HasPrefix(r.Then[0].Key, "log/changes/") {
					fault = simulated.LostBefore
				}
				return fault, nil
			}
			a.clear()
			a.client.Before = nil
		}},
		{"pieces that nobody named", func(m *model, a *node) {
			m.put("parts/"+strings.Repeat("0", 32)+"/000000", []byte("x"))
			a.clear()
			time.Sleep(time.Minute)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, a, _ := calmModel(t, 0)
				c.due(m, a)
				held := func() [3]int64 {
					return [...]int64{m.etcd.Bytes("log/"), m.etcd.Bytes("parts/"), m.etcd.Bytes("snapshots/")}
				}
				had := held()
				if !a.elected() {
					t.Fatal("nobody else stands")
				}
				_ = a.janitor.Round(cluster.WithFence(m.ctx, cluster.CreatedAt("election/lost", 1)))
				if has := held(); has != had {
					t.Errorf("etcd held %v bytes and holds %v", had, has)
				}
				time.Sleep(10 * time.Second)
				a.clear()
				if held() == had {
					t.Error("nothing was due")
				}
			})
		})
	}
}

// A snapshot whose pieces were cleared away before it was named is none.
func TestASnapshotWithoutPiecesIsNotNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, a, b := calmModel(t, 13)
		a.client.Before = func(r simulated.Request) (simulated.Fault, func(bool)) {
			if r.Method == "Txn" && strings.HasPrefix(r.Then[0].Key, "snapshots/") {
				m.remove("parts/")
			}
			return simulated.None, nil
		}
		a.clear()
		a.client.Before = nil
		if n := m.count("snapshots/"); n != 1 {
			t.Errorf("%d snapshots", n)
		}
		b.step()
	})
}

// A large change behind the snapshot is not what goes first.
func TestALargeChangeBehindTheSnapshotStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, a, b := calmModel(t, 13)
		a.clear()
		a.commit(m.ctx, 5000, false)
		a.clear()
		if n := m.count("log/changes/"); n == 0 {
			t.Error("it is gone")
		}
		b.step()
		if a.replica.digest() != b.replica.digest() {
			t.Errorf("%v and %v", a.replica.changes(), b.replica.changes())
		}
	})
}

// A brokenStore cannot be read whole.
type brokenStore struct {
	*paper
	reads int
}

var errBrokenStore = errors.New("a page of the store is damaged")

func (b *brokenStore) WriteContent(context.Context, io.Writer) (store.Position, error) {
	b.reads++
	return store.Position{}, errBrokenStore
}

// A snapshot that cannot be made is tried again more and more seldom, as each try leaves its pieces in etcd's history; and that is forgotten all the same.
func TestASnapshotThatCannotBeMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, a, _ := calmModel(t, 13)
		broken := &brokenStore{paper: a.replica.(*paper)}
		a.log = cluster.NewLog(a.client, modelKey, a.name, broken, m.packery)
		a.step()
		compactions := 0
		a.client.Before = func(r simulated.Request) (simulated.Fault, func(bool)) {
			if r.Method == "Compact" {
				compactions++
			}
			return simulated.None, nil
		}
		if !a.elected() {
			t.Fatal("nobody else stands")
		}
		for began := time.Now(); time.Since(began) < time.Hour; time.Sleep(10 * time.Second) {
			m.put("runs/other", nil) // etcd has something to forget
			if err := a.janitor.Round(cluster.WithFence(m.ctx, a.held.Condition())); err != nil && !errors.Is(err, errBrokenStore) {
				t.Fatal(err)
			}
		}
		if broken.reads < 5 || broken.reads > 15 || compactions < 8 {
			t.Errorf("in an hour it was tried %d times, and %d times history was forgotten", broken.reads, compactions)
		}
	})
}

// What the latest snapshot holds stays for nodes that are a little behind, as far as it is small.
func TestFewBytesAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, a, _ := calmModel(t, 1)
		for range 5 {
			a.commit(m.ctx, 2000, false)
		}
		a.clear()
		if n, bytes := m.count("log/changes/"), m.etcd.Bytes("log/changes/")+m.etcd.Bytes("parts/"); n != 1 || bytes > 4000 {
			t.Errorf("%d changes are left, with the snapshot %d bytes", n, bytes)
		}
	})
}

// A node that has other changes than the cluster makes no snapshot of them.
func TestOnlyTheClustersContentIsASnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, a, b := calmModel(t, 13)
		b.fork()
		b.clear()
		if n := m.count("snapshots/"); n != 1 {
			t.Errorf("%d snapshots", n)
		}
		if err := b.held.Release(m.ctx); err != nil {
			t.Fatal(err)
		}
		if a.clear(); m.count("snapshots/") != 2 {
			t.Error("none was due: nothing is tested")
		}
	})
}
