package syncer_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer"
)

// Random files, one after the other. After each mirror run the connector's entries are the mapped source; a
// second run changes nothing; an undo brings back what was.
func TestMirrorProperties(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			w := newWorld(t, func(c *store.Connector) { c.Key, c.Limits = "number", store.Limits{Removals: "100%", Rejected: "100%"} })
			w.put(byHand("root"))
			for range 10 {
				before := w.dump()
				file, want := randomFile(r)
				w.write(file...)
				run := w.run(syncer.ImportOptions{})
				if run.Run.Result != store.RunDone {
					t.Fatalf("%+v\n%s", run.Run, strings.Join(file, "\n"))
				}
				want = append(want, "root owner= key= displayname=root auth=none")
				w.wantUsers(want...)
				seq := w.store.Seq()
				w.want(w.run(syncer.ImportOptions{}), store.RunDone, 0, 0, 0, len(want)-1, run.Run.Rejected)
				if w.store.Seq() != seq {
					t.Fatal("the second run wrote")
				}
				if run.Run.Seq == 0 || r.IntN(2) == 0 {
					continue
				}
				undo, err := w.syncer.Undo(t.Context(), run.Run.ID)
				if err != nil || undo.Run.Result != store.RunDone || undo.Run.Rejected != 0 {
					t.Fatalf("undo: %+v, %v", undo, err)
				}
				w.wantUsers(before...)
			}
		})
	}
}

// randomFile makes a file in which names move between numbers, and what it maps to.
func randomFile(r *rand.Rand) (file, want []string) {
	file = []string{"number,username,phone"}
	names := r.Perm(12)
	for i, number := range r.Perm(12)[:1+r.IntN(11)] {
		name, phone := fmt.Sprintf("user%d", names[i]), fmt.Sprint(r.IntN(3))
		file = append(file, fmt.Sprintf("%d,%s,%s", number, name, phone))
		want = append(want, fmt.Sprintf("%s owner=staff key=%d displayname=%s phone=%s auth=upstream/corp", name, number, phone, phone))
	}
	if r.IntN(3) == 0 {
		file = append(file, "99,root,1") // not the connector's
	}
	if r.IntN(3) == 0 {
		file = slices.Insert(file, 1+r.IntN(len(file)), ",nobody,1")
	}
	return file, want
}
