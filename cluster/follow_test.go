package cluster_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dialtree/dialtree/cluster"
	"github.com/dialtree/dialtree/cluster/simulated"
	"github.com/dialtree/dialtree/store"
)

// calmModel is a cluster of two nodes, of which nothing fails, with so many changes.
func calmModel(t *testing.T, changes int) (m *model, a, b *node) {
	m = &model{t: t, r: rand.New(rand.NewPCG(1, 7)), etcd: simulated.New(), packery: cluster.NewPackery(), create: newPaper, fates: map[string]fate{}, seen: map[string]int{}, ctx: t.Context()}
	a = m.addNode()
	if err := a.start(); err != nil {
		t.Fatal(err)
	}
	m.calm = true
	b = m.addNode()
	for _, n := range m.nodes {
		if err := n.log.Step(m.ctx); err != nil {
			t.Fatal(err)
		}
	}
	for range changes {
		a.commit(m.ctx, 20, false)
	}
	return m, a, b
}

func (m *model) put(key string, value []byte) {
	if _, _, err := m.etcd.Client().Txn(m.ctx, nil, []cluster.Op{cluster.Put(key, value)}); err != nil {
		m.t.Fatal(err)
	}
}

func (m *model) value(key string) []byte {
	p, _, err := m.etcd.Client().Get(m.ctx, key)
	if err != nil || p.Created == 0 {
		m.t.Fatalf("%s is not there: %v", key, err)
	}
	return p.Value
}

func (m *model) remove(prefix string) {
	if _, _, err := m.etcd.Client().Txn(m.ctx, nil, []cluster.Op{{Key: prefix, Delete: true, Prefix: true}}); err != nil {
		m.t.Fatal(err)
	}
}

const change = "log/changes/000000000000000"

// TestNotices has a node meet what must not be there.
func TestNotices(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(m *model, a, b *node)
		want string // of the error; empty: b mends it and equals a
	}{
		{"changes were cleared away", func(m *model, a, b *node) { a.clear(); a.commitMany(20); a.clear() }, ""},
		{"a backup was restored", func(m *model, a, b *node) {
			b.step()
			had := b.replica.backup()
			a.commitMany(3)
			b.step()
			b.replica.restore(had)
		}, ""},
		{"another history at the same index", func(m *model, a, b *node) {
			a.commitMany(8)
			a.clear() // makes a snapshot
			b.fork()
		}, ""},
		{"another history at the same index, and no snapshot", func(m *model, a, b *node) { b.fork() }, "does not follow change 5, at which this node is"},
		{"another history before the next change", func(m *model, a, b *node) {
			a.commitMany(8)
			a.clear()
			b.fork()
			a.commitMany(1)
		}, ""},
		{"another history before the next change, and no snapshot", func(m *model, a, b *node) {
			b.fork()
			a.commitMany(1)
		}, "does not follow change 5, at which this node is"},
		{"etcd is older than the node", func(m *model, a, b *node) {
			old := m.etcd.Save()
			a.commitMany(1)
			b.step()
			m.etcd.Restore(old)
		}, "dialtree cluster init --replace"},
		{"another cluster", func(m *model, a, b *node) { b.replica.(*paper).m.Cluster = "another" }, "the store belongs to the cluster"},
		{"another key", func(m *model, a, b *node) {
			b.log = cluster.NewLog(b.client, cluster.NewKey(8), "b", b.replica, nil)
			b.replica.reopen(b.log)
		}, "the key does not open"},
		{"no cluster at all", func(m *model, a, b *node) { m.etcd.Restore(simulated.New().Save()) }, "etcd holds no cluster"},
		{"a change was damaged", func(m *model, a, b *node) {
			v := m.value(change + "2")
			v[len(v)-1]++
			m.put(change+"2", v)
		}, "damaged or tampered with"},
		{"two changes were exchanged", func(m *model, a, b *node) {
			x, y := m.value(change+"1"), m.value(change+"2")
			m.put(change+"1", bytes.Replace(y, []byte(`"index":2`), []byte(`"index":1`), 1))
			m.put(change+"2", bytes.Replace(x, []byte(`"index":1`), []byte(`"index":2`), 1))
		}, "damaged or tampered with"},
		{"a header was changed", func(m *model, a, b *node) {
			m.put(change+"1", bytes.Replace(m.value(change+"1"), []byte(`"node":"n0"`), []byte(`"node":"nx"`), 1))
		}, "damaged or tampered with"},
		{"the head was forged, and changes are gone", func(m *model, a, b *node) {
			b.step()
			m.remove(change)
			m.put("log/head", bytes.Replace(m.value("log/head"), []byte(`"index":5`), []byte(`"index":6`), 1))
		}, "does not follow change 5, at which this node is"},
		{"the head was forged in its place, and changes are gone", func(m *model, a, b *node) {
			b.step()
			m.remove(change)
			v := m.value("log/head")
			digit := &v[bytes.Index(v, []byte(`"chain":"`))+len(`"chain":"`)]
			*digit = map[bool]byte{true: '1', false: '0'}[*digit == '0']
			m.put("log/head", v)
		}, "does not follow change 5, at which this node is"},
		{"the next change was damaged, and those before it are gone", func(m *model, a, b *node) {
			b.step()
			a.commitMany(1)
			v := m.value(change + "6")
			m.remove(change)
			v[len(v)-1]++
			m.put(change+"6", v)
		}, "does not follow change 5, at which this node is"},
		{"the next change says that the content was replaced, and those before it are gone", func(m *model, a, b *node) {
			b.step()
			a.commitMany(1)
			v := m.value(change + "6")
			m.remove(change)
			m.put(change+"6", bytes.Replace(v, []byte(`"node":`), []byte(`"kind":"replace","node":`), 1))
		}, "does not follow change 5, at which this node is"},
		{"pieces of the snapshot are gone", func(m *model, a, b *node) {
			a.commitMany(8)
			a.clear()
			m.remove("parts/")
		}, "damaged or tampered with"},
		{"an older snapshot was put behind the latest", func(m *model, a, b *node) {
			a.commitMany(8)
			a.clear()
			m.put("snapshots/000000000000000e", bytes.Replace(m.value("snapshots/000000000000000d"), []byte(`"index":13`), []byte(`"index":14`), 1))
		}, "damaged or tampered with"},
		{"a change was damaged, and the content was replaced", func(m *model, a, b *node) {
			v := m.value(change + "2")
			v[len(v)-1]++
			m.put(change+"2", v)
			if err := b.log.Step(m.ctx); err == nil {
				m.t.Error("it was not noticed")
			}
			if err := a.log.Publish(m.ctx, a.replica, store.Origin{}, clusterID, true); err != nil {
				m.t.Fatal(err)
			}
			a.step()
		}, ""},
		{"a later schema", func(m *model, a, b *node) {
			m.put("log/head", bytes.Replace(m.value("log/head"), []byte(`"schema":`), []byte(`"schema":9`), 1))
		}, "upgrade this node"},
		{"the content was replaced", func(m *model, a, b *node) {
			b.step()
			a.replica.(*paper).list = []string{"other", "content"}
			if err := a.log.Publish(m.ctx, a.replica, store.Origin{}, clusterID, true); err != nil {
				m.t.Fatal(err)
			}
			a.step()
		}, ""},
		{"etcd is older than the node, and the content was replaced by a node that has less than it", func(m *model, a, b *node) {
			old := m.etcd.Save()
			b.step()
			b.commitMany(3)
			m.etcd.Restore(old)
			a.open()
			if err := a.log.Publish(m.ctx, a.replica, store.Origin{}, clusterID, true); err != nil {
				m.t.Fatal(err)
			}
			a.step()
			b.open()
		}, ""},
		{"etcd is older than the node, and the content was replaced", func(m *model, a, b *node) {
			old := m.etcd.Save()
			a.commitMany(1)
			b.step()
			m.etcd.Restore(old)
			if err := a.log.Publish(m.ctx, a.replica, store.Origin{}, clusterID, true); err != nil {
				m.t.Fatal(err)
			}
			a.open()
			a.step()
			b.open()
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, a, b := calmModel(t, 5)
				c.do(m, a, b)
				if t.Failed() {
					return
				}
				had := b.replica.changes()
				err := b.log.Step(m.ctx)
				if c.want != "" {
					if err == nil || !strings.Contains(err.Error(), c.want) {
						t.Errorf("got %v", err)
					}
					if has := b.replica.changes(); len(has) < len(had) || !slices.Equal(has[:len(had)], had) {
						t.Errorf("it had %v and has %v", had, has)
					}
					if err := b.replica.apply(m.ctx, "x", 1, false); !errors.Is(err, store.ErrAway) {
						t.Errorf("a change meanwhile: %v", err)
					}
					return
				}
				if err != nil || a.replica.digest() != b.replica.digest() {
					t.Fatalf("%v: %v and %v", err, a.replica.changes(), b.replica.changes())
				}
				if err := b.replica.apply(m.ctx, "x", 1, false); err != nil {
					t.Errorf("a change afterwards: %v", err)
				}
			})
		})
	}
}

// fork gives the node a change in the place of its last one that nobody else has.
func (n *node) fork() {
	n.step()
	p := n.replica.(*paper)
	p.m.Chain[3]++
	p.list = append(p.list[:len(p.list)-1], "other")
}

func (n *node) step() {
	n.m.t.Helper()
	if err := n.log.Step(n.m.ctx); err != nil {
		n.m.t.Fatal(err)
	}
}

func (n *node) commitMany(count int) {
	for range count {
		n.commit(n.m.ctx, 20, false)
	}
}

// TestRefusals has etcd refuse changes for reasons that an administrator can do something about.
func TestRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, a, _ := calmModel(t, 1)
		m.etcd.SetQuota(m.etcd.Bytes("") + 100)
		err := a.replica.apply(m.ctx, "x", 100, false)
		if !errors.Is(err, cluster.ErrNoSpace) || !errors.Is(err, store.ErrAway) {
			t.Errorf("without space: %v", err)
		}
		m.etcd.SetQuota(0)
		if err := a.replica.apply(m.ctx, "y", 100, false); err != nil {
			t.Errorf("with space again: %v", err)
		}
	})
}

// etcd says once that it has no space left of what it has done all the same: at the moment when its quota is reached.
func TestFullAndDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, a, b := calmModel(t, 1)
		calm := a.client.Before
		a.client.Before = func(r simulated.Request) (simulated.Fault, func(bool)) {
			if r.Method != "Txn" {
				return simulated.None, nil
			}
			return simulated.Full, func(bool) { a.client.Before = calm }
		}
		if err := a.replica.apply(m.ctx, "x", 10, false); err != nil {
			t.Errorf("got %v", err)
		}
		b.step()
		if got := strings.Join(b.replica.changes(), " "); got != "c1 x" || a.replica.digest() != b.replica.digest() {
			t.Errorf("the other node has %s", got)
		}
	})
}

// What a node could not do is over when it can again: what comes later began later.
func TestTroubleIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, a, b := calmModel(t, 1)
		b.step()
		head := m.value("log/head")
		m.put("log/head", []byte("no head"))
		b.log.Forget()
		if err := b.replica.apply(m.ctx, "x", 1, false); !errors.Is(err, store.ErrAway) {
			t.Fatalf("without a head: %v", err)
		}
		m.put("log/head", head)
		time.Sleep(time.Hour)
		if err := b.log.CatchUp(m.ctx); err != nil {
			t.Fatal(err)
		}
		a.step()
		time.Sleep(time.Hour)
		b.client.SetUnreachable(true)
		if err := b.log.Step(m.ctx); err == nil {
			t.Fatal("it reaches etcd")
		}
		var away *store.AwayError
		if err := b.log.Trouble(); !errors.As(err, &away) || time.Since(away.Since) > time.Minute {
			t.Errorf("since %v: %v", time.Since(away.Since), err)
		}
	})
}

// TestSilence has etcd go silent while a change is being committed.
func TestSilence(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault simulated.Fault
		back  bool
		doubt bool
		made  int
	}{
		{"it never arrived, and etcd is back at once", simulated.LostBefore, true, false, 1},
		{"it was done, and etcd is back at once", simulated.LostAfter, true, false, 1},
		{"it arrives late, after it was settled and sent anew", simulated.Late, true, false, 1},
		{"it was done, and etcd stays silent", simulated.LostAfter, false, true, 1},
		{"it never arrived, and etcd stays silent", simulated.LostBefore, false, true, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, a, b := calmModel(t, 1)
				armed := true
				a.client.Before = func(r simulated.Request) (simulated.Fault, func(bool)) {
					if r.Method != "Txn" || !armed {
						return simulated.None, nil
					}
					armed = false
					if c.back {
						return c.fault, nil
					}
					return c.fault, func(bool) { a.client.SetUnreachable(true) }
				}
				if !c.back && c.fault == simulated.LostBefore {
					a.client.Before = func(r simulated.Request) (simulated.Fault, func(bool)) { return simulated.LostBefore, nil }
				}
				err := a.replica.apply(m.ctx, "x", 10, false)
				var doubt *store.DoubtError
				if errors.As(err, &doubt) != c.doubt || !c.doubt && err != nil {
					t.Fatalf("got %v", err)
				}
				m.etcd.DeliverLate()
				b.step()
				if n := strings.Count(strings.Join(b.replica.changes(), " "), "x"); n != c.made {
					t.Errorf("it is there %d times", n)
				}
			})
		})
	}
}

// The pieces of a change in doubt stay, also where etcd is back before its draft ends.
func TestDoubtKeepsPieces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, a, b := calmModel(t, 1)
		b.step()
		d, err := a.log.Draft(m.ctx, false)
		if err != nil {
			t.Fatal(err)
		}
		text := []byte("x 1 ")
		for range 2000 {
			text = append(text, byte('a'+m.r.IntN(26)))
		}
		if _, err := d.Write(text); err != nil {
			t.Fatal(err)
		}
		a.client.Before = func(r simulated.Request) (simulated.Fault, func(bool)) {
			if r.Method == "Txn" && strings.HasPrefix(r.Then[0].Key, change) {
				return simulated.LostAfter, func(bool) { a.client.SetUnreachable(true) }
			}
			return simulated.None, nil
		}
		var doubt *store.DoubtError
		if _, err := d.Commit(m.ctx, a.replica.Membership().Position); !errors.As(err, &doubt) {
			t.Fatalf("got %v", err)
		}
		a.client.SetUnreachable(false)
		a.step()
		d.Discard()
		b.step()
		if m.etcd.Bytes("parts/") < 1000 {
			t.Error("it has no pieces: nothing is tested")
		}
		if got := b.replica.changes(); !slices.Equal(got, []string{"c1", "x"}) {
			t.Errorf("the other node has %v", got)
		}
	})
}

// An etcd that is put back to an older state while a change waits for its answer takes nothing that follows what it has lost.
func TestRestoredMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, a, _ := calmModel(t, 1)
		old := m.etcd.Save()
		a.commitMany(1)
		calm := a.client.Before
		a.client.Before = func(r simulated.Request) (simulated.Fault, func(bool)) {
			a.client.Before = calm
			m.etcd.Restore(old)
			return simulated.LostBefore, nil
		}
		had := m.value("log/head")
		if err := a.replica.apply(m.ctx, "x", 10, false); err == nil {
			t.Error("it was made")
		}
		if m.count(change) != 1 || bytes.Equal(m.value("log/head"), had) {
			t.Errorf("etcd has %d changes, and its head is %s", m.count(change), m.value("log/head"))
		}
		if err := a.log.Step(m.ctx); err == nil || !strings.Contains(err.Error(), "etcd lost changes") {
			t.Errorf("got %v", err)
		}
	})
}

// A change that was never sent was not made, and nobody is told to look whether it was: also where etcd stays away.
func TestUnsentIsNotInDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, a, b := calmModel(t, 1)
		calm := a.client.Before
		a.client.Before = func(r simulated.Request) (simulated.Fault, func(bool)) { return simulated.Unsent, nil }
		err := a.replica.apply(m.ctx, "x", 10, false)
		var doubt *store.DoubtError
		if !errors.Is(err, store.ErrAway) || errors.As(err, &doubt) {
			t.Errorf("got %v", err)
		}
		a.client.Before = calm
		a.step()
		b.step()
		if n := strings.Count(strings.Join(b.replica.changes(), " "), "x"); n != 0 {
			t.Errorf("it is there %d times", n)
		}
		if err := a.replica.apply(m.ctx, "y", 10, false); err != nil {
			t.Errorf("the next change: %v", err)
		}
	})
}

// TestLock has a small change wait while another node has the writer's lock.
func TestLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, a, b := calmModel(t, 1)
		b.step()
		b.client.NeverWait = false
		d, err := a.log.Draft(m.ctx, true)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- b.replica.apply(context.Background(), "small", 1, false) }()
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("it did not wait: %v", err)
		default:
		}
		d.Discard()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
}

// A change that has the writer's lock is made at its first try, however often another node changes something before each of its requests.
func TestTheLockedChangeWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, a, b := calmModel(t, 1)
		var asked []string
		a.client.Before = func(r simulated.Request) (simulated.Fault, func(bool)) {
			if asked = append(asked, r.Method); len(asked) < 50 {
				b.commit(m.ctx, 20, false)
			}
			return simulated.None, nil
		}
		d, err := a.log.Draft(m.ctx, true)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Discard()
		if _, err := fmt.Fprintf(d, "x %d %0999d", len(a.replica.changes()), 1); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Commit(m.ctx, a.replica.Membership().Position); err != nil {
			t.Errorf("got %v after %v", err, asked)
		}
		b.step()
		if got := b.replica.changes(); len(got) < 3 || got[len(got)-1] != "x" {
			t.Errorf("there are %v, and nobody else changed anything: nothing is tested", got)
		}
	})
}

// What does not keep a change from being made costs it no second try: one that can be ranged over once has none.
func TestOneTryIsEnough(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault simulated.Fault // of the first transaction below prefix
		below string
		touch bool // another node settles a change of its own just before
	}{
		{"the answer to a piece is lost", simulated.LostAfter, "parts/", false},
		{"a piece is lost", simulated.LostBefore, "parts/", false},
		{"the answer to the commit is lost", simulated.LostAfter, change, false},
		{"the commit is lost", simulated.LostBefore, change, false},
		{"the commit arrives twice", simulated.Twice, change, false},
		{"the head is touched", simulated.None, change, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, a, b := calmModel(t, 1)
				var results []string
				a.log.Count(func(result string) { results = append(results, result) })
				calm := a.client.Before
				a.client.Before = func(r simulated.Request) (simulated.Fault, func(bool)) {
					if r.Method != "Txn" || !strings.HasPrefix(r.Then[0].Key, c.below) {
						return simulated.None, nil
					}
					if a.client.Before = calm; c.touch {
						m.put("log/head", m.value("log/head"))
					}
					return c.fault, func(bool) { m.put("runs/other", nil) } // etcd's revision goes on
				}
				a.commit(m.ctx, 2000, true)
				b.step()
				if !slices.Equal(results, []string{"committed"}) || !slices.Equal(b.replica.changes(), []string{"c1", "c2"}) {
					t.Errorf("%v, and the other node has %v", results, b.replica.changes())
				}
			})
		})
	}
}

// TestLateOrphan has a commit arrive that nobody waits for any more, just before the janitor takes its parts away as those of nobody.
func TestLateOrphan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, a, b := calmModel(t, 1)
		b.step()
		b.client.Before = func(r simulated.Request) (simulated.Fault, func(bool)) {
			if r.Method == "Txn" && strings.HasPrefix(r.Then[0].Key, "log/changes/") {
				b.die()
				return simulated.Late, nil
			}
			return simulated.None, nil
		}
		b.commit(m.ctx, 2000, false)
		a.clear() // makes a snapshot, and notes the time
		time.Sleep(time.Hour)
		m.calm = true
		a.client.Before = func(r simulated.Request) (simulated.Fault, func(bool)) {
			if r.Method == "Txn" && strings.HasPrefix(r.Then[0].Key, "parts/") && r.Then[0].Delete {
				m.etcd.DeliverLate()
			}
			return simulated.None, nil
		}
		a.clear()
		a.client.Before = nil
		a.step()
		if n := len(a.replica.changes()); n != 2 || m.etcd.Bytes("parts/") == 0 {
			t.Errorf("%d changes, %d bytes of parts", n, m.etcd.Bytes("parts/"))
		}
	})
}

// TestOrphan has the janitor take away what a node left behind that died while it uploaded.
func TestOrphan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, a, b := calmModel(t, 1)
		b.step()
		a.clear()
		before := m.etcd.Bytes("parts/")
		b.client.Before = func(r simulated.Request) (simulated.Fault, func(bool)) {
			if r.Method == "Txn" && strings.HasPrefix(r.Then[0].Key, "log/changes/") {
				b.die()
			}
			return simulated.None, nil
		}
		b.commit(m.ctx, 2000, false)
		if m.etcd.Bytes("parts/") < before+1000 {
			t.Fatal("nothing was left behind: not much of a test")
		}
		a.clear()
		time.Sleep(5 * time.Second)
		if a.clear(); m.etcd.Bytes("parts/") == before {
			t.Error("they went before their time")
		}
		time.Sleep(10 * time.Second)
		if a.clear(); m.etcd.Bytes("parts/") != before {
			t.Errorf("%d bytes of parts, %d before", m.etcd.Bytes("parts/"), before)
		}
	})
}

// A lock that etcd gave, or was not heard to take back, keeps the others waiting for no longer than a lease lasts, though the node that asked for it lives on.
func TestLostLock(t *testing.T) {
	for _, c := range []struct {
		name   string
		faults map[string]simulated.Fault
	}{
		{"the answer that gives it is lost", map[string]simulated.Fault{"Lock": simulated.LostAfter, "Release": simulated.LostBefore, "Revoke": simulated.LostBefore}},
		{"what gives it back is lost", map[string]simulated.Fault{"Release": simulated.LostBefore, "Revoke": simulated.LostBefore}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, a, b := calmModel(t, 3)
				calm := a.client.Before
				a.client.Before = func(r simulated.Request) (simulated.Fault, func(bool)) { return c.faults[r.Method], nil }
				a.commit(m.ctx, 20, true)
				a.client.Before = calm
				if m.count("lock/") != 1 {
					t.Fatalf("%d locks are left in etcd: nothing is tested", m.count("lock/"))
				}
				time.Sleep(30 * time.Second)
				b.step()
				made := m.seen["acknowledged"]
				b.commit(m.ctx, 20, false)
				b.commit(m.ctx, 20, true)
				if got := m.seen["acknowledged"] - made; got != 2 {
					t.Errorf("%d of 2 changes of another node were made", got)
				}
			})
		})
	}
}

// A node finds the next snapshot where the one that it reads is cleared away for that.
func TestASnapshotGoesWhileItIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, a, b := calmModel(t, 13)
		a.clear()
		ranges := 0
		b.client.Before = func(r simulated.Request) (simulated.Fault, func(bool)) {
			if r.Method != "Range" {
				return simulated.None, nil
			}
			if ranges++; ranges == 3 { // after the changes and the snapshots
				for range 2 {
					a.commitMany(13)
					a.clear()
				}
			}
			return simulated.None, nil
		}
		if err := b.log.Step(m.ctx); err == nil || !strings.Contains(err.Error(), "replaced by a newer one") {
			t.Errorf("got %v", err)
		}
		if err := b.log.Trouble(); err != nil {
			t.Errorf("it has something to tell: %v", err)
		}
		b.step()
		if a.replica.digest() != b.replica.digest() {
			t.Errorf("%v and %v", a.replica.changes(), b.replica.changes())
		}
	})
}
