package access

import (
	"sync"
	"time"
)

// LinkLife is how long a one-time link holds.
const LinkLife = 24 * time.Hour

// Links are the one-time links by which somebody sets an administrator's password. There is one at a time, in memory:
// a link that a restart voids is made again. Its methods may be called concurrently.
type Links struct {
	mu   sync.Mutex // guards link
	link *link
}

// A LinkFor says what a link is for.
type LinkFor struct {
	Name  string // the administrator; empty: a new one
	First bool   // he is the first one
}

type link struct {
	hash    []byte
	what    LinkFor
	expires time.Time
}

// New voids the link of before and makes one.
func (l *Links) New(what LinkFor, now time.Time) (code string, expires time.Time) {
	code, expires = newSecret(), now.Add(LinkLife)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.link = &link{digest(code), what, expires}
	return code, expires
}

// Take uses the link with this code up. Who could not do what it is for calls back, and the link holds again.
func (l *Links) Take(code string, now time.Time) (what LinkFor, back func(), ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	taken := l.link
	if taken == nil || !now.Before(taken.expires) || !sameDigest(taken.hash, digest(code)) {
		return LinkFor{}, nil, false
	}
	l.link = nil
	return taken.what, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.link == nil { // a new one voids it
			l.link = taken
		}
	}, true
}
