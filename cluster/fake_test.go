package cluster

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// A fake is an etcd in memory, for tests within a synctest bubble. Its nodes' ways to it can be cut.
type fake struct {
	mu       sync.Mutex // guards what follows
	revision int64
	pairs    map[string]Pair
	leases   map[string]*fakeLease // of keys
	history  []Event
	changed  chan struct{}
	next     int64
}

func newFake() *fake {
	return &fake{revision: 1, pairs: map[string]Pair{}, leases: map[string]*fakeLease{}, changed: make(chan struct{})}
}

// A way is one node's client.
type way struct {
	*fake
	cut  chan struct{} // closed while it is cut; guarded by fake.mu
	lose bool          // the answer of the next Txn; guarded by fake.mu
}

func (f *fake) way() *way { return &way{fake: f, cut: make(chan struct{})} }

func (w *way) setCut(cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if cut {
		close(w.cut)
	} else {
		w.cut = make(chan struct{})
	}
}

func (w *way) isCut() (<-chan struct{}, error) {
	w.mu.Lock()
	c := w.cut
	w.mu.Unlock()
	select {
	case <-c:
		time.Sleep(2 * time.Second) // as long as the real one waits
		return c, ErrUnreachable
	default:
		return c, nil
	}
}

func (w *way) Get(ctx context.Context, key string) (Pair, int64, error) {
	if _, err := w.isCut(); err != nil {
		return Pair{}, 0, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.pairs[key]
	p.Key = key
	return p, w.revision, nil
}

func (w *way) Range(ctx context.Context, prefix, from string, limit int, keysOnly bool) ([]Pair, int64, error) {
	if _, err := w.isCut(); err != nil {
		return nil, 0, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.below(prefix), w.revision, nil
}

func (f *fake) left(prefix string) []Pair {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.below(prefix)
}

// below is for who has f.mu.
func (f *fake) below(prefix string) (all []Pair) {
	for k, p := range f.pairs {
		if strings.HasPrefix(k, prefix) {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b Pair) int { return cmp.Compare(a.Key, b.Key) })
	return all
}

func (w *way) Txn(ctx context.Context, conditions []Condition, then []Op) (bool, int64, error) {
	if _, err := w.isCut(); err != nil {
		return false, 0, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range conditions {
		p := w.pairs[c.Key]
		if c.Created != nil && p.Created != *c.Created || c.Modified != nil && p.Modified != *c.Modified {
			return false, w.revision, nil
		}
	}
	at := w.do(then)
	if w.lose {
		w.lose = false
		return false, 0, ErrUnreachable
	}
	return true, at, nil
}

func (f *fake) do(then []Op) int64 {
	f.revision++
	for _, o := range then {
		p := f.pairs[o.Key]
		delete(f.leases, o.Key)
		if p.Key, p.Modified = o.Key, f.revision; o.Delete {
			delete(f.pairs, o.Key)
			f.history = append(f.history, Event{Pair: Pair{Key: o.Key, Modified: f.revision}, Deleted: true})
			continue
		}
		if p.Created == 0 {
			p.Created = f.revision
		}
		p.Value, p.Version = o.Value, p.Version+1
		if t, ok := o.Lease.(*tenure); ok {
			f.leases[o.Key] = t.Lease.(*fakeLease)
		} else if l, ok := o.Lease.(*fakeLease); ok {
			f.leases[o.Key] = l
		}
		f.pairs[o.Key] = p
		f.history = append(f.history, Event{Pair: p})
	}
	close(f.changed)
	f.changed = make(chan struct{})
	return f.revision
}

func (w *way) Watch(ctx context.Context, prefix string, from int64) <-chan Events {
	out := make(chan Events)
	go func() {
		defer close(out)
		cut, err := w.isCut()
		if err != nil {
			return
		}
		for at := 0; ; {
			w.mu.Lock()
			changed, e := w.changed, Events{Revision: w.revision}
			for ; at < len(w.history); at++ {
				if h := w.history[at]; h.Modified >= from && strings.HasPrefix(h.Key, prefix) {
					e.Events = append(e.Events, h)
				}
			}
			w.mu.Unlock()
			if len(e.Events) > 0 {
				select {
				case out <- e:
				case <-ctx.Done():
					return
				}
			}
			select {
			case <-changed:
			case <-cut:
				return
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

type fakeLease struct {
	w    *way
	id   int64
	done chan struct{}
	end  context.CancelFunc
}

func (l *fakeLease) ID() int64             { return l.id }
func (l *fakeLease) Done() <-chan struct{} { return l.done }
func (l *fakeLease) Revoke(ctx context.Context) error {
	l.end()
	<-l.done
	if _, err := l.w.isCut(); err != nil {
		return err
	}
	l.w.expire(l)
	return nil
}

func (f *fake) expire(l *fakeLease) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var ops []Op
	for k, of := range f.leases {
		if of == l {
			ops = append(ops, Op{Key: k, Delete: true})
		}
	}
	if len(ops) > 0 {
		f.do(ops)
	}
}

// Lease is lost here half a second before it is there.
func (w *way) Lease(ctx context.Context, ttl time.Duration) (Lease, error) {
	if _, err := w.isCut(); err != nil {
		return nil, err
	}
	w.mu.Lock()
	w.next++
	renewals, end := context.WithCancel(context.Background())
	l := &fakeLease{w: w, id: w.next, done: make(chan struct{}), end: end}
	w.mu.Unlock()
	go func() {
		there := time.AfterFunc(ttl, func() { w.expire(l) })
		renewed := time.Now()
		for renewals.Err() == nil && time.Since(renewed) < ttl-500*time.Millisecond {
			sleep(renewals, 250*time.Millisecond)
			w.mu.Lock()
			cut := w.cut
			w.mu.Unlock()
			select {
			case <-cut:
			default:
				if there.Reset(ttl) {
					renewed = time.Now()
				}
			}
		}
		close(l.done)
	}()
	return l, nil
}

type fakeHeld struct {
	w       *way
	key     string
	created int64
	done    <-chan struct{}
}

func (h *fakeHeld) Condition() Condition  { return CreatedAt(h.key, h.created) }
func (h *fakeHeld) Done() <-chan struct{} { return h.done }
func (h *fakeHeld) Release(ctx context.Context) error {
	_, _, err := h.w.Txn(ctx, []Condition{h.Condition()}, []Op{{Key: h.key, Delete: true}})
	return err
}

func (w *way) Elect(ctx context.Context, l Lease, name, value string) (Held, error) {
	key := fmt.Sprintf("%s/%x", name, l.ID())
	if _, _, err := w.Txn(ctx, []Condition{CreatedAt(key, 0)}, []Op{{Key: key, Value: []byte(value), Lease: l}}); err != nil {
		return nil, err
	}
	for {
		cut, err := w.isCut()
		if err != nil {
			return nil, err
		}
		w.mu.Lock()
		mine, first, changed := w.pairs[key], true, w.changed
		for _, p := range w.below(name) {
			first = first && p.Created >= mine.Created
		}
		w.mu.Unlock()
		if mine.Created == 0 {
			return nil, ErrUnreachable
		}
		if first {
			return &fakeHeld{w: w, key: key, created: mine.Created, done: l.Done()}, nil
		}
		select {
		case <-changed:
		case <-cut:
		case <-l.Done():
			return nil, ErrUnreachable
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (w *way) Lock(ctx context.Context, l Lease, name string) (Held, error) {
	return w.Elect(ctx, l, name, "")
}
func (w *way) Compact(context.Context, int64) error      { return nil }
func (w *way) Members(context.Context) ([]Member, error) { return []Member{{Name: "m0"}}, nil }
