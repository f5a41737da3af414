package store

import (
	"context"
	"testing"
)

func BenchmarkApplyCreate(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		s := openTest(b)
		seed(b, s)
		entries := users(100_000, 1)
		b.StartTimer()
		if _, err := s.Apply(context.Background(), &Changes{Put: entries}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAccount(b *testing.B) {
	s := openTest(b)
	seed(b, s)
	apply(b, s, Changes{Put: users(10_000, 1)})
	b.ReportAllocs()
	for b.Loop() {
		if _, ok, err := s.Account("user004711"); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

func TestSmoke(t *testing.T) {
	s := openTest(t)
	seed(t, s)
	got := apply(t, s, Changes{Put: []Entry{user("alice"), contact("Bob"), speedDial("*97")}})
	t.Log(got)
	a, ok, err := s.Account(" ALICE ")
	t.Log(a, ok, err)
}
