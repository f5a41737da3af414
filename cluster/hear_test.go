package cluster_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

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
