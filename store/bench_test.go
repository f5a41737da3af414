package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// A small and a large store: what is on the hot path must cost about the same in both. The large one takes some seconds to fill, so it is
// left out with -short.
func benchSizes(b *testing.B) []int {
	if testing.Short() {
		return []int{10_000}
	}
	return []int{10_000, 1_000_000}
}

func benchStore(b *testing.B, n int) *Store {
	b.Helper()
	s, err := Open(context.Background(), Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	seed(b, s)
	for all := users(n, 1); len(all) > 0; {
		some := min(len(all), 100_000)
		apply(b, s, Changes{Put: all[:some]})
		all = all[some:]
	}
	return s
}

func BenchmarkAccount(b *testing.B) {
	for _, n := range benchSizes(b) {
		s := benchStore(b, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				i = (i + 7919) % n
				if _, ok, err := s.Account(fmt.Sprintf("User%06d", i)); !ok || err != nil {
					b.Fatal(ok, err)
				}
			}
		})
		b.Run(fmt.Sprint(n, "/one"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, ok, err := s.Account("user004711"); !ok || err != nil {
					b.Fatal(ok, err)
				}
			}
		})
		b.Run(fmt.Sprint(n, "/parallel"), func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, ok, err := s.Account("user004711"); !ok || err != nil {
						b.Error(ok, err)
					}
				}
			})
		})
		b.Run(fmt.Sprint(n, "/unknown"), func(b *testing.B) {
			for b.Loop() {
				if _, ok, err := s.Account("nobody"); ok || err != nil {
					b.Fatal(ok, err)
				}
			}
		})
		b.Run(fmt.Sprint(n, "/apply one"), func(b *testing.B) {
			e, err := s.User("user004711")
			if err != nil {
				b.Fatal(err)
			}
			for i := 0; b.Loop(); i++ {
				e.Values = e.Values.With(Job, fmt.Sprint(i))
				apply(b, s, Changes{Put: []Entry{e}})
			}
		})
		b.Run(fmt.Sprint(n, "/open"), func(b *testing.B) {
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				var err error
				if s, err = Open(context.Background(), Options{Dir: s.Dir()}); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
			if info, err := os.Stat(filepath.Join(s.Dir(), fileName)); err == nil {
				b.ReportMetric(float64(info.Size())/float64(n), "file-B/entry")
			}
		})
	}
}

func BenchmarkApplyCreate100k(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		s := benchStore(b, 0)
		entries := users(100_000, 1)
		b.StartTimer()
		apply(b, s, Changes{Put: entries, Run: &Run{Connector: "staff"}, Undo: true})
	}
}

func BenchmarkApplyUpdate100k(b *testing.B) {
	s := benchStore(b, 100_000)
	for generation := 2; b.Loop(); generation++ {
		b.StopTimer()
		entries := users(100_000, generation)
		for i := range entries {
			entries[i].ID = ownedID(KindUser, "staff", entries[i].Key, 0).String()
		}
		b.StartTimer()
		apply(b, s, Changes{Put: entries, Run: &Run{Connector: "staff"}, Undo: true})
	}
}

func BenchmarkReadOwned100k(b *testing.B) {
	s := benchStore(b, 100_000)
	for b.Loop() {
		n := 0
		for _, err := range s.Entries(context.Background(), Query{Owner: "staff"}) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != 100_000 {
			b.Fatal(n)
		}
	}
}

func BenchmarkCheck100k(b *testing.B) {
	s := benchStore(b, 100_000)
	for b.Loop() {
		checkClean(b, s)
	}
}

// What a start costs that looks at every page, and the check of everything behind it.
func BenchmarkCheck(b *testing.B) {
	s := benchStore(b, 200_000)
	b.Run("pages", func(b *testing.B) {
		f, err := os.Open(s.db.Path())
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		for b.Loop() {
			if _, err := checkFile(b.Context(), f); err != nil {
				b.Fatal(err)
			}
		}
		info, err := f.Stat()
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(info.Size())/(1<<20), "MiB")
	})
	b.Run("content", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if problems, err := s.CheckContent(b.Context()); len(problems) > 0 || err != nil {
				b.Fatal(problems, err)
			}
		}
	})
}
