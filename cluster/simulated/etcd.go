// Package simulated is an etcd in memory, which behaves as etcd does where package cluster looks, and fails as a test tells it to: answers are lost before and after
// something was done, requests arrive late, clients stand still while their leases run out, watches are cut, history is compacted, all of it is put back to an older state.
//
// Time is that of package time: within a testing/synctest bubble it is the bubble's.
package simulated

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/dialtree/dialtree/cluster"
)

// What etcd takes in one request as it comes.
const (
	maxRequest = 1536 << 10
	maxOps     = 128
)

// An Etcd is one etcd, whatever the number of its members would be.
type Etcd struct {
	mu        sync.Mutex // guards what follows
	revision  int64
	compacted int64
	keys      []string // in order
	pairs     map[string]stored
	history   []cluster.Event
	leases    map[int64]*lease
	nextLease int64
	changed   chan struct{} // closed at every revision, and made anew
	holders   map[string][]*held
	late      []func() bool
	quota     int64
}

type stored struct {
	cluster.Pair
	lease int64
}

// New returns an empty one.
func New() *Etcd {
	return &Etcd{revision: 1, pairs: map[string]stored{}, leases: map[int64]*lease{}, changed: make(chan struct{}), holders: map[string][]*held{}}
}

// Client returns a new client: a node's way to it.
func (e *Etcd) Client() *Client { return &Client{etcd: e, cut: make(chan struct{})} }

// Bytes tells what lies below a prefix: the bytes of keys and values.
func (e *Etcd) Bytes(prefix string) (n int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, key := range e.below(prefix, "") {
		n += int64(len(key) + len(e.pairs[key].Value))
	}
	return n
}

// SetQuota has etcd refuse puts while it holds more than so many bytes; 0: none.
func (e *Etcd) SetQuota(bytes int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.quota = bytes
}

// A State is what an etcd held at a moment.
type State struct {
	revision int64
	pairs    map[string]stored
}

// Save copies what it holds, but for what has a lease.
func (e *Etcd) Save() *State {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := &State{revision: e.revision, pairs: map[string]stored{}}
	for k, p := range e.pairs {
		if p.lease == 0 {
			s.pairs[k] = p
		}
	}
	return s
}

// Restore puts an older state back, revisions included, as after etcdutl snapshot restore. Leases and watches are gone.
func (e *Etcd) Restore(s *State) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, l := range e.leases {
		l.end()
	}
	for key := range e.holders {
		e.lose(key)
	}
	e.leases, e.pairs, e.keys, e.history, e.late = map[int64]*lease{}, map[string]stored{}, nil, nil, nil
	for k, p := range s.pairs {
		e.pairs[k] = p
		e.keys = append(e.keys, k)
	}
	slices.Sort(e.keys)
	e.revision, e.compacted = s.revision, s.revision
}

// DeliverLate does what is on its way, in the order in which it was sent.
func (e *Etcd) DeliverLate() {
	e.mu.Lock()
	late := e.late
	e.late = nil
	e.mu.Unlock()
	for _, do := range late {
		do()
	}
}

// below returns the keys below a prefix from a key on. The caller has e.mu.
func (e *Etcd) below(prefix, from string) []string {
	start, _ := slices.BinarySearch(e.keys, max(prefix, from))
	end := start
	for end < len(e.keys) && strings.HasPrefix(e.keys[end], prefix) {
		end++
	}
	return e.keys[start:end]
}

func (e *Etcd) get(key string) (cluster.Pair, int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	p := e.pairs[key].Pair
	p.Key, p.Value = key, slices.Clone(p.Value)
	return p, e.revision
}

func (e *Etcd) list(prefix, from string, limit int, keysOnly bool) ([]cluster.Pair, int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var pairs []cluster.Pair
	for _, key := range e.below(prefix, from) {
		if limit > 0 && len(pairs) == limit {
			break
		}
		p := e.pairs[key].Pair
		if p.Value = slices.Clone(p.Value); keysOnly {
			p.Value = nil
		}
		pairs = append(pairs, p)
	}
	return pairs, e.revision
}

var (
	errLease     = errors.New("simulated: the lease is over")
	errTwice     = errors.New("simulated: a key is given twice in one transaction, which etcd refuses")
	errOps       = errors.New("simulated: too many operations in one transaction")
	errFuture    = errors.New("simulated: this revision is in the future")
	errNeverWait = cluster.ErrUnreachable
)

func (e *Etcd) txn(conditions []cluster.Condition, then []cluster.Op) (done bool, revision int64, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.acceptable(conditions, then); err != nil {
		return false, 0, err
	}
	for _, c := range conditions {
		if !e.holds(c) {
			return false, e.revision, nil
		}
	}
	var events []cluster.Event
	next := e.revision + 1
	for _, op := range then {
		switch {
		case op.Delete && op.Prefix:
			for _, key := range slices.Clone(e.below(op.Key, "")) {
				events = append(events, e.remove(key, next))
			}
		case op.Delete:
			if _, ok := e.pairs[op.Key]; ok {
				events = append(events, e.remove(op.Key, next))
			}
		default:
			events = append(events, e.put(op, next))
		}
	}
	e.happened(events)
	return true, e.revision, nil
}

func (e *Etcd) acceptable(conditions []cluster.Condition, then []cluster.Op) error {
	size, seen := 0, map[string]bool{}
	var have int64
	for _, op := range then {
		size += len(op.Key) + len(op.Value)
		if !op.Delete && seen[op.Key] {
			return errTwice
		}
		seen[op.Key] = true
		if op.Lease != nil && e.leases[op.Lease.ID()] == nil {
			return errLease
		}
		if !op.Delete && e.quota > 0 {
			have += int64(len(op.Value))
		}
	}
	switch {
	case size > maxRequest:
		return cluster.ErrTooLarge
	case len(then) > maxOps || len(conditions) > maxOps:
		return errOps
	case have > 0 && e.bytes()+have > e.quota:
		return cluster.ErrNoSpace
	}
	return nil
}

func (e *Etcd) bytes() (n int64) {
	for k, p := range e.pairs {
		n += int64(len(k) + len(p.Value))
	}
	return n
}

func (e *Etcd) holds(c cluster.Condition) bool {
	keys := []string{c.Key}
	if c.Prefix {
		if keys = e.below(c.Key, ""); len(keys) == 0 {
			keys = []string{c.Key}
		}
	}
	for _, key := range keys {
		p := e.pairs[key]
		if c.Created != nil && p.Created != *c.Created || c.Modified != nil && p.Modified != *c.Modified {
			return false
		}
	}
	return true
}

func (e *Etcd) put(op cluster.Op, revision int64) cluster.Event {
	p, ok := e.pairs[op.Key]
	if !ok {
		i, _ := slices.BinarySearch(e.keys, op.Key)
		e.keys = slices.Insert(e.keys, i, op.Key)
		p.Created = revision
	}
	p.Key, p.Value, p.Modified, p.Version, p.lease = op.Key, slices.Clone(op.Value), revision, p.Version+1, 0
	if op.Lease != nil {
		p.lease = op.Lease.ID()
	}
	e.pairs[op.Key] = p
	return cluster.Event{Pair: p.Pair}
}

func (e *Etcd) remove(key string, revision int64) cluster.Event {
	delete(e.pairs, key)
	i, _ := slices.BinarySearch(e.keys, key)
	e.keys = slices.Delete(e.keys, i, i+1)
	e.lose(key)
	return cluster.Event{Pair: cluster.Pair{Key: key, Modified: revision}, Deleted: true}
}

// happened makes a revision of events.
func (e *Etcd) happened(events []cluster.Event) {
	if len(events) == 0 {
		return
	}
	e.revision++
	e.history = append(e.history, events...)
	close(e.changed)
	e.changed = make(chan struct{})
}

func (e *Etcd) compact(revision int64) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case revision <= e.compacted:
		return cluster.ErrCompacted
	case revision > e.revision:
		return errFuture
	}
	e.compacted = revision
	i := slices.IndexFunc(e.history, func(ev cluster.Event) bool { return ev.Modified >= revision })
	if i < 0 {
		i = len(e.history)
	}
	e.history = slices.Clone(e.history[i:])
	return nil
}

// since returns what happened below a prefix from a revision on, up to now.
func (e *Etcd) since(prefix string, from int64) (cluster.Events, <-chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if from < e.compacted {
		return cluster.Events{Err: cluster.ErrCompacted}, nil
	}
	got := cluster.Events{Revision: e.revision}
	start, _ := slices.BinarySearchFunc(e.history, from, func(ev cluster.Event, r int64) int { return int(ev.Modified - r) })
	for _, ev := range e.history[start:] {
		if strings.HasPrefix(ev.Key, prefix) {
			got.Events = append(got.Events, ev)
		}
	}
	return got, e.changed
}

// wait returns when something happens, or with an error.
func wait(ctx context.Context, changed <-chan struct{}, cut <-chan struct{}) error {
	select {
	case <-changed:
		return nil
	case <-cut:
		return cluster.ErrUnreachable
	case <-ctx.Done():
		return ctx.Err()
	}
}
