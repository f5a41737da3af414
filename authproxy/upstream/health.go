package upstream

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// quarantines is how long a server is left alone after the first, the second
// and every further failure in a row. Each ends with one probe.
var quarantines = [...]time.Duration{5 * time.Second, 15 * time.Second, time.Minute}

// lastResort is how long a server is left alone while no other is up either: then a
// probe a second costs less than a company that cannot log in though its directory is back.
const lastResort = time.Second

// maxSilent is how many requests in a row a server may leave without an answer
// before it counts as failed. A frozen server still accepts connections, since
// its kernel does that, and would otherwise keep every bind for itself. As many
// answers of no use count as a failure where another server is up.
const maxSilent = 3

// stillDown is how often the log says that a server has not come back.
const stillDown = time.Minute

// A server is one URL of an upstream and its health.
type server struct {
	url     string
	address string // host:port
	host    string
	tls     bool // ldaps
	log     *slog.Logger

	silent  atomic.Int32  // requests in a row without an answer, or with one of no use
	answers atomic.Uint32 // how many came

	mu       sync.Mutex // guards what follows
	failures int        // in a row
	until    time.Time  // the end of the quarantine; zero: up
	spared   int        // failed connections in a row that were not held against it
	sparedAt time.Time  // when the last of them was
	soonest  time.Time  // when it may be probed if no other server is up
	logged   time.Time  // the last quarantine that was
	probing  bool
	lastErr  *UnavailableError
	changed  time.Time
}

// A ServerHealth is the health of one server.
type ServerHealth struct {
	URL              string
	Up               bool
	QuarantinedUntil time.Time // zero: not quarantined
	LastError        string    // of the last failure; empty: none
	LastChange       time.Time // when Up changed; zero: never
}

// Health tells the state of each server, in the order of the URLs.
func (u *Upstream) Health() []ServerHealth {
	all := make([]ServerHealth, len(u.servers))
	for i, s := range u.servers {
		s.mu.Lock()
		all[i] = ServerHealth{URL: s.url, Up: s.until.IsZero(), QuarantinedUntil: s.until, LastChange: s.changed}
		if s.lastErr != nil {
			all[i].LastError = s.lastErr.Error()
		}
		s.mu.Unlock()
	}
	return all
}

// noneUp tells whether every server but this one is in quarantine; nil: every one.
func (u *Upstream) noneUp(but *server) bool {
	for _, s := range u.servers {
		if s != but && s.up() {
			return false
		}
	}
	return true
}

func (s *server) up() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.until.IsZero()
}

// failed quarantines a server that was up.
func (s *server) failed(err *UnavailableError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastErr = err
	// Whoever began to connect before the quarantine adds nothing to it: eight
	// connections that fail together are one failure.
	if s.until.IsZero() {
		s.quarantine()
	}
}

// quarantine is called with mu held.
func (s *server) quarantine() {
	now := time.Now()
	if s.until.IsZero() {
		s.changed = now
	}
	pause := quarantines[min(s.failures, len(quarantines)-1)]
	s.failures++
	s.until, s.soonest = now.Add(pause), now.Add(lastResort)
	s.probing = false
	s.silent.Store(0)
	if s.failures <= len(quarantines) || now.Sub(s.logged) >= stillDown {
		s.logged = now
		s.log.Warn("upstream server quarantined", "server", s.address, "error", s.lastErr.Error(), "seconds", int(pause.Seconds()))
	}
}

// claimProbe gives the right to probe to one caller, once the quarantine is over,
// and earlier when no server is up. That caller ends it with probeDone.
func (s *server) claimProbe(noneUp bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	end := s.until
	if noneUp {
		end = s.soonest
	}
	if s.until.IsZero() || s.probing || time.Now().Before(end) {
		return false
	}
	s.probing = true
	return true
}

// probeDone takes the server back, or puts it into its next quarantine. A probe
// that was called off says nothing about the server.
func (s *server) probeDone(err *UnavailableError, calledOff bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.probing = false
	switch {
	case err == nil:
		s.until, s.failures, s.changed = time.Time{}, 0, time.Now()
		s.log.Info("upstream server is back", "server", s.address)
	case !calledOff:
		s.lastErr = err
		s.quarantine()
	}
}

// connected notes a connection to a server that was up.
func (s *server) connected() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spared = 0
	if s.until.IsZero() {
		s.failures = 0
	}
}

// spare tells whether a connection that failed is not held against a server, though its like would be: one that timed out or ended early while
// the server answered others, and on the last server that is up one that merely ended early, which costs the next login nothing. A
// network that loses one packet in ten does this; one that lets no new connection through does it again and again, so that a server is
// spared no more than twice in a row. Connections that fail together are one failure.
func (s *server) spare(failure *UnavailableError, begun time.Time, heard uint32, last bool) bool {
	answers := s.answers.Load() != heard
	if !(answers && isTimeout(failure.Err)) && !((answers || last) && endedEarly(failure.Err)) {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if begun.After(s.sparedAt) {
		s.spared++
		s.sparedAt = time.Now()
	}
	return s.spared < maxSilent
}

// answered notes that a request was answered with something of use.
func (s *server) answered() {
	if s.silent.Load() != 0 {
		s.silent.Store(0)
	}
}

// unanswered notes a request without an answer. It tells whether that was one
// too many, and the server has been quarantined.
func (s *server) unanswered(err *UnavailableError) bool {
	if s.silent.Add(1) < maxSilent {
		return false
	}
	s.failed(err)
	return true
}
