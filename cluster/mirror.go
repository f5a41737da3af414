package cluster

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// A mirror holds what lies below a prefix in etcd, as it was heard last. While etcd is away it keeps what it knew.
type mirror struct {
	kv     KV
	prefix string
	heard  func(Event) // of every key that came, changed or went, also those that went unseen; may be nil. It is called by one goroutine

	mu      sync.Mutex // guards what follows
	pairs   map[string]Pair
	changed chan struct{} // closed, and made anew, at every change
}

func newMirror(kv KV, prefix string, heard func(Event)) *mirror {
	return &mirror{kv: kv, prefix: prefix, heard: heard, pairs: map[string]Pair{}, changed: make(chan struct{})}
}

// retry is how long a loop waits before it asks etcd again. Nodes that lost it at the same time do not come back at the same time.
func retry(ctx context.Context) { sleep(ctx, 500*time.Millisecond+rand.N(time.Second)) }

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// run follows until ctx ends.
func (m *mirror) run(ctx context.Context) {
	for ctx.Err() == nil {
		if pairs, revision, err := m.kv.Range(ctx, m.prefix, "", 0, false); err == nil {
			m.replace(pairs, revision)
			m.follow(ctx, revision+1)
		}
		retry(ctx)
	}
}

func (m *mirror) follow(ctx context.Context, from int64) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for e := range m.kv.Watch(ctx, m.prefix, from) {
		if e.Err != nil {
			return // what was missed is read anew
		}
		if len(e.Events) > 0 {
			m.take(e.Events)
		}
	}
}

// replace makes the pairs those that were read.
func (m *mirror) replace(pairs []Pair, revision int64) {
	there := map[string]bool{}
	var events []Event
	for _, p := range pairs {
		there[p.Key] = true
	}
	m.mu.Lock()
	for key := range m.pairs {
		if !there[key] {
			events = append(events, Event{Pair: Pair{Key: key, Modified: revision}, Deleted: true})
		}
	}
	for _, p := range pairs {
		if m.pairs[p.Key].Modified != p.Modified {
			events = append(events, Event{Pair: p})
		}
	}
	m.mu.Unlock()
	m.take(events)
}

func (m *mirror) take(events []Event) {
	m.mu.Lock()
	for _, e := range events {
		if e.Deleted {
			delete(m.pairs, e.Key)
		} else {
			m.pairs[e.Key] = e.Pair
		}
	}
	close(m.changed)
	m.changed = make(chan struct{})
	m.mu.Unlock()
	if m.heard != nil {
		for _, e := range events {
			m.heard(e)
		}
	}
}

// all returns what is known, and a channel that is closed when that changes.
func (m *mirror) all() (pairs []Pair, changed <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.pairs {
		pairs = append(pairs, p)
	}
	return pairs, m.changed
}
