package admin_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/store"
)

// BenchmarkLists measures what only the store is asked for: the directory's part has a benchmark of its own.
func BenchmarkLists(b *testing.B) {
	st, err := store.Open(context.Background(), store.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	changes := &store.Changes{PutObjects: []store.Object{&store.Phonebook{Name: "customers"}}}
	for i := range 200_000 {
		changes.Put = append(changes.Put, contactOf("customers", fmt.Sprint("Contact ", i*7919%200_000), fmt.Sprint("+49 30 ", 1_000_000+i%150_000)))
	}
	if _, err := st.Apply(context.Background(), changes); err != nil {
		b.Fatal(err)
	}
	client := admin.NewLocalClient(newServer(b, st).LocalHandler())
	b.Run("duplicates", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			b.StopTimer()
			if _, err := st.Apply(b.Context(), &store.Changes{Put: []store.Entry{contactOf("customers", "New", fmt.Sprint(i))}}); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			if _, err := client.Duplicates(b.Context(), "customers"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("duplicates again", func(b *testing.B) {
		for b.Loop() {
			if _, err := client.Duplicates(b.Context(), "customers"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("removed", func(b *testing.B) {
		for b.Loop() {
			if _, err := client.ListPage(b.Context(), "contact", admin.ListOptions{State: "removed", Limit: 50}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
