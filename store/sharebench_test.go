package store

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"strings"
	"testing"
)

// BenchmarkContent200k, run once (-benchtime 1x), is what a node costs that takes over the content of another, and one that follows an import, with the most memory that the process had.
func BenchmarkContent200k(b *testing.B) {
	from := benchStore(b, 0)
	chain := sha256.Sum256([]byte("origin"))
	if err := from.Begin(b.Context(), testCluster, chain); err != nil {
		b.Fatal(err)
	}
	l := &sharedLog{start: Position{Chain: chain}}
	from.Share(&logCommitter{l, from})
	o, err := from.Origin()
	if err != nil {
		b.Fatal(err)
	}
	follower := l.join(b, from, b.TempDir())
	var packed Packed
	for i := range 200_000 {
		e := contact(fmt.Sprintf("Contact %06d", i))
		packed.Add(&e)
	}
	each := func(yield func(*Entry) bool) {
		for _, e := range packed.Drain() {
			if !yield(e) {
				return
			}
		}
	}
	apply(b, from, Changes{PutEach: each})
	b.Run("follow", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() { // more than once there is nothing to be done
			if err := l.catchUp(b.Context(), follower); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(len(l.changes[0]))/200_000, "B/entry")
		b.ReportMetric(peak(b), "peak-MB")
	})
	b.Run("join", func(b *testing.B) {
		b.ReportAllocs()
		var content bytes.Buffer
		at, err := from.WriteContent(b.Context(), &content)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			err := Join(b.Context(), b.TempDir(), testCluster, o, func(s *Store) error {
				return s.ReplaceContent(b.Context(), at, bytes.NewReader(content.Bytes()))
			})
			if err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(content.Len())/200_000, "B/entry")
		b.ReportMetric(peak(b), "peak-MB")
	})
}

// peak is the most memory that the process had, as the kernel counts it.
func peak(b *testing.B) float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Skip(err)
	}
	var kB float64
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			fmt.Sscan(rest, &kB)
		}
	}
	return kB / 1024
}
