package directory_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dialtree/dialtree/authproxy/directory"
	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/store"
)

// A slow search is one that no index helps, and that is asked often enough whether to go on.
func slowSearch(t *testing.T, b *bench, filter string, canceled func() bool, emit func(directory.Entry) error) {
	t.Helper()
	f, err := ldapwire.ParseFilter(filter)
	if err != nil {
		t.Error(err)
		return
	}
	q := &directory.Query{Scope: ldapwire.ScopeWholeSubtree, Filter: &f, Canceled: canceled, Limit: 10, Reader: device}
	if _, err := b.tree.Search(context.Background(), q, emit); err != nil {
		t.Error(err)
	}
}

func manyEntries(t *testing.T) *bench {
	t.Helper()
	var fill store.Changes
	for i := range 2000 {
		fill.Put = append(fill.Put, contact("displayname", fmt.Sprint("Entry ", i)))
	}
	return newBench(t, &fill)
}

// However many long searches there are, a processor is left for everything else.
func TestLongSearchesTakeTurns(t *testing.T) {
	b := manyEntries(t)
	turns := int64(max(1, runtime.GOMAXPROCS(0)-1))
	var active, most atomic.Int64
	var crowd sync.WaitGroup
	for range 8 {
		crowd.Go(func() {
			asked := 0
			slowSearch(t, b, "(!(cn=e*))", func() bool {
				if asked++; asked < 4 {
					time.Sleep(time.Millisecond) // from then on it is a long one
					return false
				}
				n := active.Add(1)
				defer active.Add(-1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				time.Sleep(time.Millisecond)
				return false
			}, nil)
		})
	}
	crowd.Wait()
	if n := most.Load(); n < 1 || n > turns {
		t.Errorf("%d long searches were at work at once, want up to %d", n, turns)
	}
}

// A search that waits for its client to read keeps nobody waiting.
func TestSearchThatSendsHasNoTurn(t *testing.T) {
	b := manyEntries(t)
	slow := func() bool { time.Sleep(time.Millisecond); return false }
	sending, read := make(chan struct{}, 100), make(chan struct{})
	var crowd sync.WaitGroup
	for range max(1, runtime.GOMAXPROCS(0)-1) {
		crowd.Go(func() {
			slowSearch(t, b, "(|(cn=Entry 999)(!(cn=e*)))", slow, func(directory.Entry) error {
				sending <- struct{}{}
				<-read
				return nil
			})
		})
	}
	for range max(1, runtime.GOMAXPROCS(0)-1) {
		<-sending
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		slowSearch(t, b, "(!(cn=e*))", slow, nil)
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Error("a search waits for the clients of others")
	}
	close(read)
	crowd.Wait()
	<-done
}
