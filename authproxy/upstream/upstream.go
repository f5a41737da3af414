package upstream

import (
	"context"
	"time"
)

// An Upstream forwards binds to the servers of one directory. It is safe for
// use by many goroutines at once.
type Upstream struct{ opts Options }

// New checks o and prepares an upstream. It touches no network.
func New(o Options) (*Upstream, error) { return &Upstream{opts: o}, nil }

// Run probes quarantined servers and closes connections that were idle for too
// long, until ctx ends; then it closes the upstream.
func (u *Upstream) Run(ctx context.Context) error { <-ctx.Done(); return nil }

// Close closes every connection.
func (u *Upstream) Close() {}

// A Result tells about a bind that was tried.
type Result struct {
	Server   string        // host:port that answered, or was asked last; empty: none
	Name     string        // the bind name that was sent; empty: none was
	Duration time.Duration // of everything, waiting included
}

// Bind tries the login and the password once.
func (u *Upstream) Bind(ctx context.Context, login, recordedDN string, password []byte) (Result, error) {
	return u.BindTraced(ctx, login, recordedDN, password, nil)
}

// A Step is one thing that was done for a bind.
type Step struct {
	Phase    Phase
	Server   string // host:port
	Detail   string
	Duration time.Duration
	Err      error
}

// BindTraced is Bind that tells observe about each step as it ends.
func (u *Upstream) BindTraced(ctx context.Context, login, recordedDN string, password []byte, observe func(Step)) (Result, error) {
	return Result{}, ErrUnavailable
}

// BindName says which name would be sent for a login.
func (u *Upstream) BindName(login string) (string, error) { return "", ErrBadLogin }

// ServerHealth is the health of one server.
type ServerHealth struct {
	URL              string
	Up               bool
	QuarantinedUntil time.Time // zero: not quarantined
	LastError        string    // of the failure that led to the quarantine, or the last one; empty: none
	LastChange       time.Time // when Up changed; zero: never
}

// Health tells the state of each server, in the order of the URLs.
func (u *Upstream) Health() []ServerHealth { return nil }
