// Package trace lets an administrator follow, as they happen, the requests of one user, one device or one network: what was asked, in
// words, what was done for it, and what the client was told.
//
// While nobody follows anything, a request costs one atomic read (Idle). While somebody does, the requests that he follows are put into
// words on the goroutines that serve them, and go to a buffer of his; a request never waits for him, and what the buffer has no room for is
// counted instead.
//
// No secret goes in: not a password in any form of a bind, not one in a password modification, none in a filter or a comparison, and
// nothing of the content of a message that could not be understood, for nobody knows what that was.
package trace

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dialtree/dialtree/authproxy/ldapserver"
)

const (
	// maxFollowers is how many may follow at a time.
	maxFollowers = 8
	// maxWaiting is how many events wait for a follower: a second of a busy phone system, some 2 MB.
	maxWaiting = 4096
	// maxKnown is how many connections a follower has been told of at a time.
	maxKnown = 32768
)

// ErrTooMany says that as many follow as may.
var ErrTooMany = errors.New("others are following already, as many as may at a time: wait for one to end")

// A Target is what is followed.
type Target struct {
	Networks []netip.Prefix // all requests of clients in these
	Accounts []string       // all requests of these, by their keys
	All      bool
}

// An Event is something that happened.
type Event struct {
	At      time.Time
	Conn    uint64
	Client  netip.AddrPort
	Message int32  // the message ID of the request that it is about; 0: of none
	Kind    string // connection, request, step, result, malformed or ended
	What    string // the operation or the step
	Attrs   []Attr
}

// An Attr is a part of an event.
type Attr struct{ Key, Value string }

// A Hub knows who follows what. Its zero value is one that nobody uses yet.
type Hub struct {
	followers atomic.Pointer[[]*Follower] // nil: nobody follows anything
	mu        sync.Mutex                  // held while followers is replaced
}

// Idle tells whether nobody follows anything.
func (h *Hub) Idle() bool { return h.followers.Load() == nil }

// Follow begins to follow. The follower has to be closed.
func (h *Hub) Follow(t Target) (*Follower, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []*Follower
	if p := h.followers.Load(); p != nil {
		all = slices.Clone(*p)
	}
	if len(all) >= maxFollowers {
		return nil, ErrTooMany
	}
	f := &Follower{hub: h, target: t, wake: make(chan struct{}, 1), known: make(map[uint64]struct{})}
	all = append(all, f)
	h.followers.Store(&all)
	return f, nil
}

func (h *Hub) leave(f *Follower) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.followers.Load()
	if p == nil {
		return
	}
	left := slices.DeleteFunc(slices.Clone(*p), func(other *Follower) bool { return other == f })
	if len(left) == 0 {
		h.followers.Store(nil)
		return
	}
	h.followers.Store(&left)
}

// of returns who follows a client, or an account. account is asked for only where somebody follows one.
func (h *Hub) of(client netip.Addr, account func() string) []*Follower {
	p := h.followers.Load()
	if p == nil {
		return nil
	}
	var out []*Follower
	key, asked := "", false
	for _, f := range *p {
		follows := f.target.All || f.target.has(client)
		if !follows && len(f.target.Accounts) > 0 && account != nil {
			if !asked {
				key, asked = account(), true
			}
			follows = key != "" && slices.Contains(f.target.Accounts, key)
		}
		if follows {
			out = append(out, f)
		}
	}
	return out
}

func (t *Target) has(client netip.Addr) bool {
	client = client.Unmap().WithZone("")
	return slices.ContainsFunc(t.Networks, func(p netip.Prefix) bool { return p.Contains(client) })
}

// A Follower is told what he follows.
type Follower struct {
	hub    *Hub
	target Target
	wake   chan struct{}

	mu      sync.Mutex // guards what follows
	waiting []Event
	lost    int
	known   map[uint64]struct{} // connections that he was told of
}

// Close ends the following.
func (f *Follower) Close() { f.hub.leave(f) }

// Next waits for events. lost is how many there were no room for before these. Its error is the context's.
func (f *Follower) Next(ctx context.Context) (events []Event, lost int, err error) {
	for {
		f.mu.Lock()
		events, lost = f.waiting, f.lost
		f.waiting, f.lost = nil, 0
		f.mu.Unlock()
		if len(events) > 0 || lost > 0 {
			return events, lost, nil
		}
		select {
		case <-f.wake:
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		}
	}
}

// room tells whether there is room for an event; where there is none, one is counted as lost.
func (f *Follower) room() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.waiting) < maxWaiting {
		return true
	}
	f.lost++
	return false
}

func (f *Follower) tell(e Event) {
	f.mu.Lock()
	if len(f.waiting) < maxWaiting {
		f.waiting = append(f.waiting, e)
	} else {
		f.lost++
	}
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// meet tells whether a connection is a new one to the follower, who knows it from now on.
func (f *Follower) meet(conn uint64) (fresh bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.known[conn]; ok {
		return false
	}
	if len(f.known) >= maxKnown {
		clear(f.known)
	}
	f.known[conn] = struct{}{}
	return true
}

// part tells whether the follower knew a connection, and forgets it.
func (f *Follower) part(conn uint64) (known bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, known = f.known[conn]
	delete(f.known, conn)
	return known
}

func (f *Follower) knows(conn uint64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, known := f.known[conn]
	return known
}

func event(c *ldapserver.Conn, kind, what string, attrs ...Attr) Event {
	return Event{At: time.Now(), Conn: c.ID(), Client: c.RemoteAddr(), Kind: kind, What: what, Attrs: attrs}
}
