package authproxy

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dialtree/dialtree/store"
)

// A population is those whose refusals take alike long: the users of one upstream, or those whose passwords are kept here.
type population struct {
	upstream          string // empty: passwords are kept here
	hashed            bool   // refusing one takes a hash of it
	refused, accepted pace
}

// pace returns how long its refusals take, and the beat on which they are answered: those of its other answers while not enough
// is known of refusals.
func (p *population) pace(now time.Time) (*pace, time.Duration) {
	if beat := p.refused.beat(now); beat > 0 {
		return &p.refused, beat
	}
	if beat := p.accepted.beat(now); beat > 0 {
		return &p.accepted, beat
	}
	return &p.refused, firstBeat
}

// populations tell whom a name that does not exist is to look like. Where users are of several upstreams, a name that always looked
// like one of the first would be told from the users of the others; one that looked like another each time would be told from
// everybody. So each name belongs to one of them for good, by a hash, in the shares that the users have.
type populations struct {
	store *store.Store
	id    string // of the store: what the hash depends on beside the name, the same after a restart

	mu     sync.Mutex // guards what follows; not held while the store is read
	byName map[string]*population
	shares []share    // sorted by upstream
	nobody population // whom all are like while no user can log in
}

// A share is how many users a population has.
type share struct {
	upstream string
	users    uint64
}

// recountAfter is how old a count of the users may be once the store has changed.
const recountAfter = time.Minute

func newPopulations(s *store.Store) *populations {
	return &populations{store: s, id: s.ID(), byName: make(map[string]*population)}
}

// of returns the population of an upstream's users; of those kept here for the empty name.
func (p *populations) of(upstream string) *population {
	p.mu.Lock()
	defer p.mu.Unlock()
	found := p.byName[upstream]
	if found == nil {
		found = &population{upstream: upstream, hashed: upstream == ""}
		p.byName[upstream] = found
	}
	return found
}

// drawn returns the population that a name belongs to which says nothing of itself.
func (p *populations) drawn(key string) *population {
	p.mu.Lock()
	shares := p.shares
	p.mu.Unlock()
	if len(shares) == 0 {
		return &p.nobody
	}
	return p.of(pick(shares, p.id, key))
}

// pick draws an upstream for a name, the same each time as long as the shares are the same.
func pick(shares []share, id, key string) string {
	var all uint64
	for _, s := range shares {
		all += s.users
	}
	sum := sha256.Sum256([]byte(id + "\x00" + key))
	at := binary.BigEndian.Uint64(sum[:]) % all
	for _, s := range shares {
		if at < s.users {
			return s.upstream
		}
		at -= s.users
	}
	return ""
}

// run counts the users as the store changes, until ctx ends.
func (p *populations) run(ctx context.Context) error {
	for {
		seq := p.store.Seq()
		p.count(ctx)
		if _, err := p.store.Wait(ctx, seq); err != nil {
			return nil // ctx ended, or the store was closed
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(p.patience()):
		}
	}
}

// patience is how long a change may wait to be counted: not at all while nobody was counted.
func (p *populations) patience() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.shares) == 0 {
		return 0
	}
	return recountAfter
}

// count counts the users who can log in. Where that fails the last count stands.
func (p *populations) count(ctx context.Context) {
	users := make(map[string]uint64)
	for e, err := range p.store.Entries(ctx, store.Query{Kind: store.KindUser}) {
		if err != nil {
			return
		}
		switch e.Auth.Method {
		case store.AuthUpstream:
			users[e.Auth.Upstream]++
		case store.AuthInternal:
			users[""]++
		}
	}
	shares := make([]share, 0, len(users))
	for upstream, n := range users {
		shares = append(shares, share{upstream, n})
	}
	slices.SortFunc(shares, func(a, b share) int { return strings.Compare(a.upstream, b.upstream) })
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shares = shares
	for name := range p.byName { // of upstreams that nobody uses any more
		if name != "" && users[name] == 0 {
			delete(p.byName, name)
		}
	}
}
