package cluster_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dialtree/dialtree/store"
)

// TestModelStores is TestModel with real stores: one run in fifty, as they wait for the disk.
func TestModelStores(t *testing.T) {
	seeds := uint64(1)
	if n, err := strconv.ParseUint(os.Getenv("DIALTREE_MODEL_SEEDS"), 10, 64); err == nil {
		seeds = max(1, n/50)
	}
	seen := map[string]int{}
	for seed := uint64(10_000); seed < 10_000+seeds && !t.Failed(); seed++ {
		synctest.Test(t, func(t *testing.T) { runModel(t, seed, seen, newShelf) })
	}
	t.Log(seen)
}

// A shelf is a store of the model: a real one. A change puts a contact with a new ID, so that one that was made twice is there twice.
type shelf struct {
	*store.Store
	m         *model
	dir       string
	committer store.Committer
	backups   int
}

func newShelf(m *model, name string) replica {
	s := &shelf{m: m, dir: filepath.Join(m.t.TempDir(), name)}
	if len(m.nodes) == 0 {
		s.must(s.open())
		m.t.Cleanup(func() { s.Close() })
		_, err := s.Apply(m.ctx, &store.Changes{PutObjects: []store.Object{&store.Phonebook{Name: "customers"}}})
		s.must(err)
		return s
	}
	// A node that joins copies what it can use of the cluster: the origin, and then the content.
	origin, err := m.nodes[0].replica.(*shelf).Origin()
	s.must(err)
	s.must(store.Join(m.ctx, s.dir, clusterID, origin, func(*store.Store) error { return nil }))
	s.must(s.open())
	m.t.Cleanup(func() { s.Close() })
	return s
}

func (s *shelf) must(err error) {
	s.m.t.Helper()
	if err != nil {
		s.m.t.Fatal(err)
	}
}

func (s *shelf) open() (err error) {
	s.Store, err = store.Open(context.Background(), store.Options{Dir: s.dir, LockTimeout: time.Second})
	return err
}

func (s *shelf) begin(chain [32]byte) { s.must(s.Store.Begin(s.m.ctx, clusterID, chain)) }

func (s *shelf) apply(ctx context.Context, id string, size int, alone bool) error {
	e := store.Entry{Kind: store.KindContact, Phonebook: "customers", Values: store.Values{{Field: store.DisplayName, Text: id}}}
	var b strings.Builder
	for range size {
		b.WriteByte(byte('a' + s.m.r.IntN(26)))
	}
	e.Values = append(e.Values, store.Value{Field: store.Notes, Text: b.String()})
	c := store.Changes{}
	if alone {
		c.PutEach = func(yield func(*store.Entry) bool) { yield(&e) }
	} else {
		c.Put = []store.Entry{e}
	}
	_, err := s.Store.Apply(ctx, &c)
	return err
}

func (s *shelf) changes() (ids []string) {
	for e, err := range s.Entries(context.Background(), store.Query{}) {
		s.must(err)
		ids = append(ids, e.Values.First(store.DisplayName))
	}
	return ids
}

func (s *shelf) digest() [32]byte {
	at, sum, err := s.Digest(context.Background())
	s.must(err)
	for i := range at.Chain {
		sum[i] ^= at.Chain[i]
	}
	return sum
}

func (s *shelf) backup() any {
	s.backups++
	path := filepath.Join(s.dir, fmt.Sprint("backup", s.backups))
	_, err := s.Backup(s.m.ctx, path)
	s.must(err)
	return path
}

func (s *shelf) restore(from any) {
	s.must(s.Close())
	_, err := store.Restore(s.m.ctx, s.dir, from.(string))
	s.must(err)
	s.must(s.open())
}

// reopen is a process that starts.
func (s *shelf) reopen(c store.Committer) {
	if s.committer != nil {
		s.must(s.Close())
		s.must(s.open())
	}
	s.committer = c
	s.Share(c)
}

// die has nothing to do: what it committed at etcd and not here comes back as etcd's answer that is lost.
func (s *shelf) die() {}
