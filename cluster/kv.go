package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A KV is etcd, as far as this package needs it. Keys are given without the prefix. Its methods may be called concurrently. Their errors
// are ErrUnreachable where etcd gave no answer, or those named; a Txn that ends with ErrUnreachable may have been done, or be done later, unless it is ErrUnsent.
// One that ends with ErrNoSpace may have been done, and is not done later: etcd answers so, too, to what it did at the moment when its quota was reached.
type KV interface {
	// Get returns a key; Pair.Created is 0 where there is none. revision is that of the whole of etcd at the read.
	Get(ctx context.Context, key string) (p Pair, revision int64, err error)
	// Range returns what lies below a prefix, ordered by key, from a key on (empty: all); keysOnly leaves out the values. limit 0 is no limit.
	Range(ctx context.Context, prefix, from string, limit int, keysOnly bool) (pairs []Pair, revision int64, err error)
	// Txn does all of then if every condition holds, at one revision; otherwise it does nothing and done is false.
	Txn(ctx context.Context, conditions []Condition, then []Op) (done bool, revision int64, err error)
	// Watch tells what happens below a prefix from a revision on (0: now). The channel is closed when it ends: with ctx, with etcd out of reach (the caller begins anew), or
	// after an Events with Err: ErrCompacted where the revision is gone. An Events holds all of one revision, or more; Progress without events tells that there was nothing up to it.
	Watch(ctx context.Context, prefix string, from int64) <-chan Events
	// Lease makes keys that go away when the node does. Done is closed when it is lost; until Revoke it is kept alive.
	Lease(ctx context.Context, ttl time.Duration) (Lease, error)
	// Elect waits until this node holds an election, and Lock until it holds a lock, by etcd's own recipes. Both end with the lease. Where they fail, a place in the queue may
	// stay that nobody was told of, until they are called again with the same lease, or that ends.
	Elect(ctx context.Context, l Lease, name, value string) (Held, error)
	Lock(ctx context.Context, l Lease, name string) (Held, error)
	// Compact forgets what is older than a revision. ErrCompacted: it is forgotten already.
	Compact(ctx context.Context, revision int64) error
	// Members tells how the members of etcd are.
	Members(ctx context.Context) ([]Member, error)
}

var (
	ErrUnreachable = errors.New("etcd does not answer")
	// ErrUnsent is an ErrUnreachable of which nothing was sent: nobody has done it, and nobody will.
	ErrUnsent    = fmt.Errorf("%w", ErrUnreachable)
	ErrCompacted = errors.New("etcd no longer has what happened since")
	ErrTooLarge  = errors.New("etcd refuses a request of this size")
	ErrNoSpace   = errors.New("etcd has no space left: raise its quota or compact and defragment it, then disarm its alarm")
	ErrDenied    = errors.New("etcd refuses this user or this certificate")
)

// A Pair is a key and its value.
type Pair struct {
	Key      string
	Value    []byte
	Created  int64 // the revision at which it came into being
	Modified int64 // the last one that changed it
	Version  int64
}

// A Condition is one of a Txn.
type Condition struct {
	Key    string
	Prefix bool // of all keys below Key; none is as one with 0
	// One of these is compared.
	Created  *int64
	Modified *int64
}

// CreatedAt holds while a key is the one that was created at a revision; 0: while there is none.
func CreatedAt(key string, revision int64) Condition { return Condition{Key: key, Created: &revision} }

// ModifiedAt holds while a key was last changed at a revision; 0: while there is none.
func ModifiedAt(key string, revision int64) Condition {
	return Condition{Key: key, Modified: &revision}
}

// NoneBelow holds while there is no key below a prefix.
func NoneBelow(prefix string) Condition {
	var none int64
	return Condition{Key: prefix, Prefix: true, Created: &none}
}

// An Op is one of a Txn: a put, or a deletion of one key or of all below a prefix.
type Op struct {
	Key    string
	Value  []byte
	Delete bool
	Prefix bool // with Delete
	Lease  Lease
}

// Put puts a key that stays.
func Put(key string, value []byte) Op { return Op{Key: key, Value: value} }

// Events are what a watch saw.
type Events struct {
	Revision int64
	Events   []Event
	Err      error
}

// An Event is a put, or a deletion (of which Pair has the key and Modified).
type Event struct {
	Pair
	Deleted bool
}

// A Lease is kept alive until it is revoked or lost. Revoke ends that also where etcd does not hear of it: then the lease ends by itself.
type Lease interface {
	ID() int64
	Done() <-chan struct{}
	Revoke(ctx context.Context) error
}

// Held is an election or a lock that this node has.
type Held interface {
	// Condition holds in a Txn for as long as this node has it: the fence.
	Condition() Condition
	// Done is closed when it is lost.
	Done() <-chan struct{}
	Release(ctx context.Context) error
}

// A Member is one of etcd's servers.
type Member struct {
	Name     string `json:"name"`
	Endpoint string `json:"endpoint"`
	Healthy  bool   `json:"healthy"`
	Leader   bool   `json:"leader"`
	Learner  bool   `json:"learner"`
	Version  string `json:"version"`
	Bytes    int64  `json:"bytes"`          // of its database
	InUse    int64  `json:"in_use"`         // of these
	Full     bool   `json:"full,omitempty"` // its alarm NOSPACE, or another member's: no change is taken
	Error    string `json:"error,omitempty"`
}
