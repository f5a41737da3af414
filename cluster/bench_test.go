package cluster_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/dialtree/dialtree/cluster"
	"github.com/dialtree/dialtree/store"
)

// A tap keeps what a store writes.
type tap struct{ bytes.Buffer }

func (t *tap) Draft(context.Context, bool) (store.Draft, error) { t.Reset(); return t, nil }
func (t *tap) Discard()                                         {}
func (t *tap) Commit(_ context.Context, after store.Position) (store.Position, error) {
	after.Index++
	after.Chain[0]++
	return after, nil
}

// BenchmarkSeal tells what a change of 200,000 contacts and one of a single contact take: bytes as they go to etcd, and the time to seal and to open.
func BenchmarkSeal(b *testing.B) {
	s, err := store.Open(b.Context(), store.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Apply(b.Context(), &store.Changes{PutObjects: []store.Object{&store.Phonebook{Name: "customers"}}}); err != nil {
		b.Fatal(err)
	}
	if err := s.Begin(b.Context(), clusterID, [32]byte{1}); err != nil {
		b.Fatal(err)
	}
	var t tap
	s.Share(&t)
	for _, n := range []int{200_000, 1} {
		if _, err := s.Apply(b.Context(), &store.Changes{PutEach: contacts(n)}); err != nil {
			b.Fatal(err)
		}
		plain := bytes.Clone(t.Bytes())
		var sealed [][]byte
		var sum []byte
		b.Run(fmt.Sprint("seal ", n), func(b *testing.B) {
			for b.Loop() {
				sealed, sum = cluster.PackSealed(modelKey, plain)
			}
			size := 0
			for _, piece := range sealed {
				size += len(piece)
			}
			b.ReportMetric(float64(size)/float64(n), "sealedB/entry")
			b.ReportMetric(float64(len(plain))/float64(n), "plainB/entry")
			b.ReportMetric(float64(len(sealed)), "parts")
		})
		b.Run(fmt.Sprint("open ", n), func(b *testing.B) {
			for b.Loop() {
				if got, err := cluster.OpenSealed(modelKey, int64(len(plain)), sealed, sum); err != nil || got != int64(len(plain)) {
					b.Fatal(got, err)
				}
			}
		})
	}
}

// contacts yields contacts with names and numbers such as a customer list has.
func contacts(n int) func(func(*store.Entry) bool) {
	given := []string{"Anna", "Bernd", "Chiara", "Dmitri", "Eva", "Fatima", "Georg", "Hanna", "Ivan", "Jürgen", "Karla", "Lukas", "Maria", "Nils", "Olga", "Peter"}
	r := rand.New(rand.NewPCG(1, 2))
	return func(yield func(*store.Entry) bool) {
		for i := range n {
			first, last := given[r.IntN(len(given))], fmt.Sprintf("Mus%c%c%05d", 'a'+rune(r.IntN(26)), 'a'+rune(r.IntN(26)), r.IntN(100_000))
			e := store.Entry{Kind: store.KindContact, Phonebook: "customers", Values: store.Values{
				{Field: store.DisplayName, Text: last + ", " + first}, {Field: store.GivenName, Text: first}, {Field: store.Surname, Text: last},
				{Field: store.Organisation, Text: fmt.Sprintf("Company %d", r.IntN(20_000))},
				{Field: store.Email, Text: fmt.Sprintf("%s.%d@example.com", last, i)},
				{Field: store.Phone, Text: fmt.Sprintf("+49 30 %d", 1_000_000+r.IntN(9_000_000))},
				{Field: store.Mobile, Text: fmt.Sprintf("+49 170 %d", 1_000_000+r.IntN(9_000_000))},
			}}
			if !yield(&e) {
				return
			}
		}
	}
}
