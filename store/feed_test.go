package store

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestChangesSince(t *testing.T) {
	s := openTest(t)
	seed(t, s) // change 1
	ids := apply(t, s, Changes{Put: []Entry{user("alice"), contact("Bob")}}).IDs
	apply(t, s, Changes{Remove: []Ref{{KindUser, ids[0]}}, PutObjects: []Object{&Device{Name: "d"}}})

	sets, err := s.ChangesSince(1)
	if err != nil || len(sets) != 2 || sets[0].Seq != 2 || sets[1].Seq != 3 {
		t.Fatalf("got %+v, %v", sets, err)
	}
	if want := []Ref{{KindUser, ids[0]}, {KindContact, ids[1]}}; !slices.Equal(sets[0].Refs, want) {
		t.Errorf("got %v, want %v", sets[0].Refs, want)
	}
	if !slices.Equal(sets[1].Refs, []Ref{{KindUser, ids[0]}}) || !slices.Equal(sets[1].Objects, []ObjectRef{{ObjectDevice, "d"}}) {
		t.Errorf("got %+v", sets[1])
	}
	if sets, err := s.ChangesSince(3); len(sets) != 0 || err != nil {
		t.Errorf("after the last: %v, %v", sets, err)
	}
	if all, err := s.ChangesSince(0); len(all) != 3 || err != nil || len(all[0].Objects) != 4 {
		t.Errorf("from the start: %v, %v", all, err)
	}
	for _, after := range []uint64{4, ^uint64(0)} {
		if _, err := s.ChangesSince(after); !errors.Is(err, ErrTooOld) {
			t.Errorf("after %d, which has not been: %v", after, err)
		}
	}
}

func TestLogIsBounded(t *testing.T) {
	s := openTest(t)
	s.db.NoSync = true
	for i := range logSets + 50 {
		title := string(rune('a' + i%2))
		apply(t, s, Changes{PutObjects: []Object{&Phonebook{Name: "p", Title: title}}})
	}
	if sets, err := s.ChangesSince(50); err != nil || len(sets) != logSets {
		t.Errorf("%d sets, %v", len(sets), err)
	}
	if _, err := s.ChangesSince(49); !errors.Is(err, ErrTooOld) {
		t.Errorf("got %v", err)
	}
}

func TestLogIsBoundedByReferences(t *testing.T) {
	s := openTest(t)
	tx, err := s.db.Begin(true)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	ops := slices.Repeat([]*op{{}}, logRefs/2)
	for seq := uint64(1); seq <= 4; seq++ {
		if err := appendLog(&writes{tx: tx}, seq, ops, nil); err != nil {
			t.Fatal(err)
		}
	}
	if first, _ := tx.Bucket(bucketLog).Cursor().First(); !slices.Equal(first, number(3)) || metaNumber(tx, metaLogRefs) != logRefs {
		t.Errorf("the log starts with %x and counts %d", first, metaNumber(tx, metaLogRefs))
	}
	if err := appendLog(&writes{tx: tx}, 5, slices.Repeat([]*op{{}}, logRefs+1), nil); err != nil {
		t.Fatal(err)
	}
	if first, _ := tx.Bucket(bucketLog).Cursor().First(); !slices.Equal(first, number(5)) {
		t.Errorf("a change larger than the bound: the log starts with %x", first)
	}
}

func TestWait(t *testing.T) {
	s := openTest(t)
	apply(t, s, Changes{Put: []Entry{user("alice")}})
	if seq, err := s.Wait(context.Background(), 0); seq != 1 || err != nil {
		t.Errorf("a change that has been: %d, %v", seq, err)
	}
	const waiters = 20
	got := make(chan uint64, waiters)
	for range waiters {
		go func() {
			seq, err := s.Wait(context.Background(), 1)
			if err != nil {
				t.Error(err)
			}
			got <- seq
		}()
	}
	apply(t, s, Changes{Put: []Entry{user("bob")}})
	for range waiters {
		if seq := <-got; seq != 2 {
			t.Errorf("woke at %d", seq)
		}
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	s := openTest(t)
	synctest.Test(t, func(t *testing.T) {
		s := &Store{changed: make(chan struct{})}
		s.state.Store(&state{})
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		if _, err := s.Wait(ctx, 0); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
	done := make(chan error)
	go func() { _, err := s.Wait(context.Background(), 0); done <- err }()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestViewIsConsistent(t *testing.T) {
	s := openTest(t)
	seed(t, s)
	id := apply(t, s, Changes{Put: []Entry{user("alice")}}).IDs[0]
	err := s.View(func(v *Snapshot) error {
		before := v.Seq()
		done := make(chan struct{})
		go func() { // not by this goroutine: bbolt's writer may wait for this snapshot
			defer close(done)
			_, err := s.Apply(context.Background(), &Changes{Remove: []Ref{{KindUser, id}}, PutObjects: []Object{&Device{Name: "d"}}})
			if err != nil {
				t.Error(err)
			}
		}()
		<-done
		if _, err := v.User("alice"); err != nil {
			t.Errorf("alice: %v", err)
		}
		if devices, err := v.Objects(ObjectDevice); len(devices) != 0 || err != nil {
			t.Errorf("devices: %v, %v", devices, err)
		}
		if c, err := v.Counts(); c.Users != 1 || err != nil || v.Seq() != before {
			t.Errorf("counts %+v, %v, seq %d", c, err, v.Seq())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok, _ := s.Account("alice"); ok {
		t.Error("alice is still there")
	}
}

func TestEntries(t *testing.T) {
	s := openTest(t)
	seed(t, s)
	var put []Entry
	for i := range 1300 {
		put = append(put, owned(contact(string(rune('A'+i%26))), "staff", string(rune('a'+i%20))+string(rune('a'+i/20))))
	}
	apply(t, s, Changes{Put: append(put, user("alice"), user("bob"), speedDial("1"), contact("by hand"))})
	collect := func(q Query) (entries []Entry) {
		t.Helper()
		for e, err := range s.Entries(context.Background(), q) {
			if err != nil {
				t.Fatal(err)
			}
			entries = append(entries, e)
		}
		return entries
	}
	tests := []struct {
		name string
		q    Query
		want int
	}{
		{"all", Query{}, 1304},
		{"users", Query{Kind: KindUser}, 2},
		{"contacts", Query{Kind: KindContact}, 1301},
		{"speed dials", Query{Kind: KindSpeedDial}, 1},
		{"a phonebook", Query{Phonebook: "customers"}, 1301},
		{"no phonebook", Query{Phonebook: "custom"}, 0},
		{"an owner", Query{Owner: "staff"}, 1300},
		{"an owner and a kind", Query{Owner: "staff", Kind: KindUser}, 0},
		{"limit", Query{Kind: KindContact, Limit: 700}, 700},
		{"limit of one batch", Query{Limit: entriesBatch}, entriesBatch},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := collect(test.q)
			if len(got) != test.want {
				t.Fatalf("got %d, want %d", len(got), test.want)
			}
			if !slices.IsSortedFunc(got, func(a, b Entry) int {
				if test.q.Owner != "" {
					return strings.Compare(a.Key, b.Key)
				}
				return strings.Compare(a.ID, b.ID)
			}) {
				t.Error("out of order")
			}
			// Page by page gives the same.
			q, pages := test.q, []Entry(nil)
			for q.Limit = 400; len(pages) < test.want; {
				page := collect(q)
				if len(page) == 0 {
					break
				}
				pages = append(pages, page...)
				q.After = q.cursorOf(&page[len(page)-1])
			}
			if len(pages) < test.want || test.want > 0 && pages[test.want/2].ID != got[test.want/2].ID {
				t.Errorf("%d entries by page", len(pages))
			}
		})
	}
	t.Run("the caller may apply and stop", func(t *testing.T) {
		n := 0
		for e, err := range s.Entries(context.Background(), Query{Phonebook: "customers"}) {
			if err != nil {
				t.Fatal(err)
			}
			apply(t, s, Changes{Remove: []Ref{e.Ref()}})
			if n++; n == 3 {
				break
			}
		}
		if c := s.Counts().Contacts; c != 1298 {
			t.Errorf("%d contacts are left", c)
		}
	})
	for _, q := range []Query{{After: "nonsense"}, {Owner: "a", Phonebook: "b"}} {
		for _, err := range s.Entries(context.Background(), q) {
			if err == nil {
				t.Errorf("%+v was accepted", q)
			}
		}
	}
}
