package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestModel applies random changes to a store and to a map, and compares. A change that breaks a rule in the map must fail in the
// store and leave it as it is.
func TestModel(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { runModel(t, rand.New(rand.NewPCG(seed, 1))) })
	}
}

type model map[string]Entry // by ID

func runModel(t *testing.T, r *rand.Rand) {
	s := openTest(t)
	s.db.NoSync = true
	seed(t, s)
	m := model{}
	applied, refused := 0, 0
	for range 400 {
		c, next := randomChanges(r, m)
		got, err := s.Apply(context.Background(), &c)
		ok := next.commit(&c, got)
		if ok != (err == nil) {
			t.Fatalf("the model says %v, the store %v for %+v", ok, err, c)
		}
		if err == nil {
			m = next
			applied++
		} else {
			var conflict *ConflictError
			if !errors.As(err, &conflict) {
				t.Fatalf("got %v", err)
			}
			refused++
		}
		compareModel(t, s, m)
		if t.Failed() {
			return
		}
	}
	checkClean(t, s)
	if applied < 50 || refused < 20 {
		t.Errorf("%d applied, %d refused: not much of a test", applied, refused)
	}
}

// randomChanges picks puts and removals from a small set of names, so that they clash often. It returns the model without what is removed or replaced.
func randomChanges(r *rand.Rand, m model) (c Changes, next model) {
	next = maps.Clone(m)
	ids := slices.Sorted(maps.Keys(m))
	used := map[string]bool{}
	for range r.IntN(3) {
		if len(ids) == 0 {
			break
		}
		if e := m[ids[r.IntN(len(ids))]]; !used[e.ID] {
			used[e.ID] = true
			c.Remove = append(c.Remove, e.Ref())
			delete(next, e.ID)
		}
	}
	for range r.IntN(4) {
		e := randomEntry(r)
		if len(ids) > 0 && r.IntN(2) == 0 {
			if old := m[ids[r.IntN(len(ids))]]; old.Kind == e.Kind && !used[old.ID] {
				used[old.ID] = true
				e.ID = old.ID
				delete(next, old.ID)
			}
		}
		c.Put = append(c.Put, e)
	}
	return c, next
}

func randomEntry(r *rand.Rand) (e Entry) {
	name := string(rune('a' + r.IntN(12)))
	switch r.IntN(3) {
	case 0:
		e = user(name)
		if r.IntN(2) == 0 {
			e.Auth = Auth{Method: AuthUpstream, Upstream: "corp", Disabled: r.IntN(2) == 0}
		}
	case 1:
		e = contact(name)
	default:
		e = speedDial("1" + name)
	}
	if r.IntN(2) == 0 {
		e = owned(e, []string{"staff", "other"}[r.IntN(2)], fmt.Sprint("key", r.IntN(15)))
		if r.IntN(3) == 0 {
			e.Removed = time.Unix(1_700_000_000+r.Int64N(100), 0).UTC()
		}
	}
	return e
}

// commit adds what is put; false when that breaks a rule.
func (m model) commit(c *Changes, got Applied) bool {
	for i, e := range c.Put {
		if e.ID == "" {
			e.ID = fmt.Sprint("new", i) // of a change that fails
			if got.IDs != nil {
				e.ID = got.IDs[i]
			}
		}
		if _, ok := m[e.ID]; ok {
			return false
		}
		m[e.ID] = e
	}
	seen := map[string]bool{}
	for _, e := range m {
		keys := []string{}
		switch e.Kind {
		case KindUser:
			keys = append(keys, "user "+e.Values.First(Username))
		case KindSpeedDial:
			keys = append(keys, "code "+e.Values.First(ShortCode))
		}
		if e.Owner != "" {
			keys = append(keys, "key "+e.Owner+"/"+e.Key)
		}
		for _, k := range keys {
			if seen[k] {
				return false
			}
			seen[k] = true
		}
	}
	return true
}

func compareModel(t *testing.T, s *Store, m model) {
	t.Helper()
	n := 0
	for got, err := range s.Entries(context.Background(), Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		want, ok := m[got.ID]
		if n++; !ok || !got.sameContent(&want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	if n != len(m) {
		t.Errorf("%d entries, want %d", n, len(m))
	}
	var counts Counts
	for _, e := range m {
		counts.add(&e, 1)
	}
	if got := s.Counts(); !got.equal(counts) {
		t.Errorf("counts %+v, want %+v", got, counts)
	}
	for name := range 12 {
		login := string(rune('a' + name))
		got, ok, err := s.Account(login)
		want := ""
		for _, e := range m {
			if e.Values.First(Username) == login {
				want = e.ID
			}
		}
		if err != nil || ok != (want != "") || got.ID != want {
			t.Errorf("account %s is %q, %v, want %q", login, got.ID, err, want)
		}
		if e := m[want]; want != "" && got.Auth.Disabled != (e.Auth.Disabled || e.Hidden()) {
			t.Errorf("account %s is disabled: %v", login, got.Auth.Disabled)
		}
	}
}
