package authproxy

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/dialtree/dialtree/store"
)

const (
	// keptLogins is how many logins are remembered: some 3 MB.
	keptLogins = 10_000
	// maxShownName bounds a name that is kept or logged, in bytes.
	maxShownName = 256
)

// A Login is a login that was tried. There is no password in it.
type Login struct {
	At       time.Time  // when it began
	User     string     // or device; as it was sent where there is none of that name
	Address  netip.Addr // invalid: this machine's own socket
	Method   string     // upstream, internal, device or none
	Upstream string
	Outcome  Outcome
	Detail   string // why; for the administrator, never for the client
	Duration time.Duration
}

// keptLogin is a login with the account that it was of.
type keptLogin struct {
	key string
	Login
}

// logins keeps the latest logins in a ring, in memory only. Keeping one allocates nothing.
type logins struct {
	mu   sync.Mutex // guards everything below
	ring []keptLogin
	next int // where the next one goes once the ring is full
}

func (l *logins) add(k keptLogin) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.ring == nil:
		l.ring = make([]keptLogin, 1, keptLogins)
		l.ring[0] = k
	case len(l.ring) < keptLogins:
		l.ring = append(l.ring, k)
	default:
		l.ring[l.next] = k
		l.next = (l.next + 1) % keptLogins
	}
}

// latest returns the last logins of some accounts, or of all where none is named, the last first.
func (l *logins) latest(limit int, keys ...string) []Login {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []Login
	for i := len(l.ring) - 1; i >= 0 && len(out) < limit; i-- {
		k := &l.ring[(l.next+i)%len(l.ring)]
		if len(keys) == 0 || slices.Contains(keys, k.key) {
			out = append(out, k.Login)
		}
	}
	return out
}

// Logins returns the latest logins, the last one first; of a user or device when one is named, in
// whatever spelling.
func (f *Front) Logins(user string, limit int) []Login {
	if user == "" {
		return f.logins.latest(limit)
	}
	name, ok := store.NormalizeName(user)
	if !ok {
		return nil
	}
	return f.logins.latest(limit, name, deviceKey(name))
}

// keep remembers a login that has ended.
func (f *Front) keep(client netip.AddrPort, a *attempt, took time.Duration) {
	f.logins.add(keptLogin{key: a.key, Login: Login{
		At: a.start, User: a.shownName(), Address: client.Addr().Unmap(), Method: a.method, Upstream: a.upstream,
		Outcome: a.outcome, Detail: a.reason, Duration: took,
	}})
}

// shownName is whose login it was, as far as that is known.
func (a *attempt) shownName() string {
	switch a.kind {
	case identityUser:
		return a.user.Username
	case identityDevice:
		return a.device.name
	}
	return a.name[:min(len(a.name), maxShownName)]
}
