package access

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/dialtree/dialtree/store"
)

const (
	// DefaultIdle and DefaultLimit are how long a session lasts without being used, and altogether.
	DefaultIdle  = 30 * time.Minute
	DefaultLimit = 12 * time.Hour
	// maxSessions is how many sessions somebody may have; the one that was used longest ago ends for a new one.
	maxSessions = 20
	// seenWait is how long a request waits to note that a session is in use. An import may hold the store for seconds.
	seenWait = 200 * time.Millisecond
	maxAgent = 256
	// maxAhead is how far the clocks of two nodes may be apart, or one may be put right.
	maxAhead = 5 * time.Minute
)

// Sessions decides who comes with a cookie. They are kept in the store, so that each node knows them.
type Sessions struct {
	Store *store.Store
	Idle  time.Duration
	Limit time.Duration
	Now   func() time.Time

	mu   sync.Mutex           // guards used
	used map[string]time.Time // when sessions were in use here, as far as the store may not know: an outage of etcd must not sign out who works on it
}

// mostUsed bounds what is remembered beside the store.
const mostUsed = 1000

// New makes a session and the secret of its cookie. The caller puts the one into the store and hands out the other.
func (s *Sessions) New(a *Account, c Client) (secret string, session store.Session) {
	secret = newSecret()
	now := s.Now().UTC().Truncate(time.Second)
	hash := digest(secret)
	return secret, store.Session{
		ID: sessionID(hash), Hash: hash, Name: a.Name, Directory: a.Directory, Role: string(a.Role), Stamp: a.Stamp,
		From: c.From(), Agent: c.Agent[:min(len(c.Agent), maxAgent)], Started: now, Seen: now, Expires: now.Add(s.Limit),
	}
}

// sessionID names a session by a part of its hash: the cookie's secret does not follow from it.
func sessionID(hash []byte) string { return lower32(hash[:10]) }

// Superfluous returns the sessions that end when somebody begins another one: those that are over, and the oldest of too many.
func (s *Sessions) Superfluous(a *Account) ([]string, error) {
	all, err := s.Store.Sessions()
	if err != nil {
		return nil, err
	}
	var ended []string
	var own []store.Session
	for _, session := range all {
		switch {
		case s.over(&session):
			ended = append(ended, session.ID)
		case session.Name == a.Name && session.Directory == a.Directory:
			own = append(own, session)
		}
	}
	slices.SortFunc(own, func(x, y store.Session) int { return y.Seen.Compare(x.Seen) })
	for _, session := range own[min(len(own), maxSessions-1):] {
		ended = append(ended, session.ID)
	}
	return ended, nil
}

// over tells whether a session's time has run out. One that was in use at a time that has not come yet is over, too: the clock was
// set back, and the session would last until its end has come once more.
func (s *Sessions) over(session *store.Session) bool {
	now, seen := s.Now(), s.seen(session)
	return !now.Before(session.Expires) || now.Sub(seen) >= s.Idle || seen.Sub(now) > maxAhead
}

// seen is when a session was in use last.
func (s *Sessions) seen(session *store.Session) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.used[session.ID]
	switch {
	case ok && at.After(session.Seen):
		return at
	case ok:
		delete(s.used, session.ID) // the store knows
	}
	return session.Seen
}

// use remembers that a session is in use.
func (s *Sessions) use(id string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used == nil || len(s.used) >= mostUsed {
		s.used = map[string]time.Time{}
	}
	s.used[id] = at
}

// Holds tells whether a session still lets somebody in: its time is not over, and whoever began it has the same password and role.
func (s *Sessions) Holds(session *store.Session) (bool, error) {
	if s.over(session) {
		return false, nil
	}
	find := Administrator
	if session.Directory {
		find = DirectoryUser
	}
	account, err := find(s.Store, session.Name)
	switch {
	case errors.Is(err, ErrNoAccount), errors.Is(err, ErrDisabled):
		return false, nil
	case err != nil:
		return false, err
	}
	return sameDigest(account.Stamp, session.Stamp), nil
}

// ByCookie returns who comes with a cookie's secret; nil without an error for nobody.
func (s *Sessions) ByCookie(ctx context.Context, secret string) (*Identity, error) {
	hash := digest(secret)
	session, err := s.Store.Session(sessionID(hash))
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !sameDigest(session.Hash, hash) {
		return nil, nil
	}
	holds, err := s.Holds(&session)
	if err != nil || !holds {
		return nil, err
	}
	if err := s.see(ctx, &session); err != nil {
		return nil, err
	}
	role := Role(session.Role)
	return &Identity{Name: session.Name, Door: DoorSession, Role: role, Scopes: role.Scopes(), Session: session.ID}, nil
}

// see notes that a session is in use, a tenth of the idle time behind at most. Where the store is busy or cannot be changed, a later request notes it.
func (s *Sessions) see(ctx context.Context, session *store.Session) error {
	now := s.Now().UTC().Truncate(time.Second)
	if now.Sub(s.seen(session)) < s.Idle/10 {
		return nil
	}
	s.use(session.ID, now)
	waiting, cancel := context.WithTimeout(ctx, seenWait)
	defer cancel()
	_, err := s.Store.Apply(waiting, &store.Changes{SeenSessions: []store.SessionSeen{{ID: session.ID, At: now}}})
	var doubt *store.DoubtError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return nil
	case errors.Is(err, store.ErrAway), errors.Is(err, store.ErrConflict), errors.As(err, &doubt):
		return nil // what other nodes or etcd do must not keep somebody out who is signed in
	}
	return err
}
