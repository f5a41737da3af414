package cluster_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dialtree/dialtree/cluster"
	"github.com/dialtree/dialtree/cluster/simulated"
	"github.com/dialtree/dialtree/store"
)

// A fullDisk is a store whose disk takes nothing for some times.
type fullDisk struct {
	*paper
	fails int
}

func (f *fullDisk) Follow(ctx context.Context, at store.Position, r io.Reader) error {
	if f.fails > 0 {
		f.fails--
		return &store.WriteError{Path: "directory.db", Err: syscall.ENOSPC}
	}
	return f.paper.Follow(ctx, at, r)
}

// A node whose disk is full changes nothing and goes on following by itself when there is room.
func TestAFullDiskIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, a, b := calmModel(t, 3)
		disk := &fullDisk{paper: b.replica.(*paper), fails: 4}
		client := m.etcd.Client()
		l := cluster.NewLog(client, modelKey, "b", disk, m.packery)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- l.FollowAll(ctx) }()
		time.Sleep(time.Millisecond)
		synctest.Wait()
		var write *store.WriteError
		if err := l.Trouble(); !errors.As(err, &write) || !errors.Is(err, store.ErrAway) {
			t.Errorf("while the disk is full: %v", err)
		}
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if err := l.Trouble(); err != nil || a.replica.digest() != disk.digest() || disk.fails != 0 {
			t.Errorf("with room again: %v, %v and %v", err, a.replica.changes(), disk.changes())
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// What was noted at a node while etcd took no changes is done for all when it takes some again.
func TestWhatWasNotedIsHandedOn(t *testing.T) {
	for _, c := range []struct {
		name string
		out  func(etcd *simulated.Etcd, b *simulated.Client, out bool)
	}{
		{"etcd is away", func(_ *simulated.Etcd, b *simulated.Client, out bool) { b.SetUnreachable(out) }},
		{"etcd is full", func(etcd *simulated.Etcd, _ *simulated.Client, out bool) {
			etcd.SetQuota(map[bool]int64{true: 1, false: 0}[out])
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				etcd := simulated.New()
				first := options(t, etcd, "a", false)
				if err := cluster.Init(t.Context(), first, false); err != nil {
					t.Fatal(err)
				}
				a, b := take(t, first), take(t, options(t, etcd, "b", true))
				if _, err := a.store.Apply(t.Context(), &store.Changes{PutSessions: []store.Session{{ID: "s", Name: "admin", Hash: make([]byte, 32), Role: "admin", Started: time.Now(), Seen: time.Now(), Expires: time.Now().Add(time.Hour)}}}); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
				c.out(etcd, b.client, true)
				time.Sleep(10 * time.Second)
				if _, err := b.store.Apply(t.Context(), &store.Changes{EndSessions: []string{"s"}}); err != nil {
					t.Fatal(err)
				}
				time.Sleep(10 * time.Second)
				if _, err := a.store.Session("s"); err != nil {
					t.Errorf("before anybody could know: %v", err)
				}
				c.out(etcd, b.client, false)
				time.Sleep(time.Minute)
				if _, err := a.store.Session("s"); !errors.Is(err, store.ErrNotFound) {
					t.Errorf("the session that was ended at the other node: %v", err)
				}
				a.stop(t)
				b.stop(t)
				synctest.Wait()
			})
		})
	}
}

// What a node loses to a snapshot it warns of, where nobody else may have it.
func TestASnapshotThatTakesAwayIsWarnedOf(t *testing.T) {
	for _, c := range []struct {
		name  string
		do    func(m *model, a, b *node)
		level slog.Level
	}{
		{"it was too far behind", func(m *model, a, b *node) {
			for range 4 {
				a.commitMany(8)
				a.clear()
			}
		}, slog.LevelInfo},
		{"it was restored", func(m *model, a, b *node) {
			b.replica.(*paper).m.Position = store.Position{Index: 3}
		}, slog.LevelWarn},
		{"it has other changes", func(m *model, a, b *node) {
			a.commitMany(8)
			a.clear()
			b.fork()
			a.commitMany(1)
		}, slog.LevelWarn},
		{"the content was replaced", func(m *model, a, b *node) {
			if err := a.log.Publish(m.ctx, a.replica, store.Origin{}, clusterID, true); err != nil {
				m.t.Fatal(err)
			}
		}, slog.LevelWarn},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, a, b := calmModel(t, 5)
				b.step()
				c.do(m, a, b)
				if t.Failed() {
					return
				}
				var said bytes.Buffer
				b.log.LogTo(slog.New(slog.NewTextHandler(&said, nil)))
				b.step()
				if n := strings.Count(said.String(), "replaced by a snapshot"); n != 1 || !strings.Contains(said.String(), "level="+c.level.String()) {
					t.Errorf("it says %s", said.String())
				}
				if gone := strings.Contains(said.String(), "are gone"); gone != (c.level == slog.LevelWarn) {
					t.Errorf("it says %s", said.String())
				}
			})
		})
	}
}
