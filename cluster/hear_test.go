package cluster_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/dialtree/dialtree/cluster"
	"github.com/dialtree/dialtree/cluster/simulated"
	"github.com/dialtree/dialtree/store"
)

// TestHearsMeanwhile has a node hear of another one's change while it finds out why, or whether, its own was not made: what it looked at then is older than what it has heard.
func TestHearsMeanwhile(t *testing.T) {
	for _, c := range []struct {
		name   string
		lock   bool              // the other node has the writer's lock when the commit comes
		faults []simulated.Fault // of the commit, and of what settles it
		gets   int               // the last of these asks for the head: the other node's change is made while the answer is on its way
	}{
		{"the commit was refused", true, nil, 1},
		{"the commit never arrived, and the answer to what settled it was lost", false, []simulated.Fault{simulated.LostBefore, simulated.LostAfter}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, a, b := calmModel(t, 1)
				b.step()
				var d store.Draft
				if c.lock {
					var err error
					if d, err = b.log.Draft(m.ctx, true); err != nil {
						t.Fatal(err)
					}
				}
				calm, txns, gets := a.client.Before, 0, 0
				a.client.Before = func(r simulated.Request) (fault simulated.Fault, after func(bool)) {
					switch r.Method {
					case "Txn":
						if txns++; txns <= len(c.faults) {
							fault = c.faults[txns-1]
						}
					case "Get":
						if gets++; gets == c.gets {
							a.client.Before = calm
							after = func(bool) {
								if d != nil {
									d.Discard()
								}
								b.commit(m.ctx, 20, false)
								a.hear()
							}
						}
					}
					return fault, after
				}
				a.commit(m.ctx, 20, false)
				if gets != c.gets {
					t.Fatal("it did not come about")
				}
				for _, n := range []*node{a, b, m.addNode()} {
					n.step()
					if got := strings.Join(slices.Sorted(slices.Values(n.replica.changes())), " "); got != "c1 c2 c3" {
						t.Errorf("%s has %s", n.name, got)
					}
				}
			})
		})
	}
}

// What is heard late changes nothing: a node follows its own change without a question.
func TestHearsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, a, _ := calmModel(t, 1)
		late, revision, err := m.etcd.Client().Get(m.ctx, "log/head")
		if err != nil {
			t.Fatal(err)
		}
		a.commitMany(1)
		a.log.Hear(late, revision)
		var asked []string
		a.client.Before = func(r simulated.Request) (simulated.Fault, func(bool)) {
			asked = append(asked, r.Method)
			return simulated.None, nil
		}
		a.commitMany(1)
		if !slices.Equal(asked, []string{"Txn"}) || m.seen["acknowledged"] != 3 {
			t.Errorf("of %d changes the last took %v", m.seen["acknowledged"], asked)
		}
	})
}

// The loop that follows takes a change over when the watch tells of it, the first one too, and also where it has to ask twice for its pieces.
func TestHearsAtOnce(t *testing.T) {
	for _, c := range []struct {
		name string
		size int
		lost bool // the first question for pieces
	}{
		{"a small change", 20, false},
		{"a large change", 2000, false},
		{"a large change, and a question is lost", 2000, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, a, b := calmModel(t, 1)
				client, lose := m.etcd.Client(), false
				client.Before = func(r simulated.Request) (fault simulated.Fault, after func(bool)) {
					if lose && r.Method == "Range" {
						lose, fault = false, simulated.LostBefore
					}
					return fault, nil
				}
				l := cluster.NewLog(client, modelKey, "b", b.replica, m.packery)
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- l.FollowAll(ctx) }()
				synctest.Wait()
				lose = c.lost
				a.commit(m.ctx, c.size, false)
				synctest.Wait() // no time goes by
				if got := b.replica.changes(); !slices.Equal(got, []string{"c1", "c2"}) || lose {
					t.Errorf("it has %v", got)
				}
				cancel()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A change that was planned on other changes than the cluster's, though as many, is not made.
func TestAForkCommitsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, a, _ := calmModel(t, 1)
		d, err := a.log.Draft(m.ctx, false)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Discard()
		at := a.replica.Membership().Position
		at.Chain[3]++
		if _, err := d.Commit(m.ctx, at); !errors.Is(err, store.ErrConflict) || m.count(change) != 1 {
			t.Errorf("got %v, and there are %d changes", err, m.count(change))
		}
	})
}

// What was uploaded for a change that was not made is taken away at once.
func TestNoPiecesOfARefusedChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, a, b := calmModel(t, 1)
		b.step()
		before := m.etcd.Bytes("parts/")
		calm := a.client.Before
		a.client.Before = func(r simulated.Request) (simulated.Fault, func(bool)) {
			if r.Method == "Txn" && strings.HasPrefix(r.Then[0].Key, change) {
				a.client.Before = calm
				b.commit(m.ctx, 20, false)
			}
			return simulated.None, nil
		}
		a.commit(m.ctx, 2000, false)
		tries := 0
		a.log.Count(func(string) { tries++ })
		made := m.etcd.Bytes("parts/") - before
		a.commit(m.ctx, 2000, false)
		if again := m.etcd.Bytes("parts/") - before - made; made > again*3/2 || tries != 1 || m.count(change) != 4 {
			t.Errorf("a change that was overtaken left %d bytes, and one that was not %d", made, again)
		}
	})
}
