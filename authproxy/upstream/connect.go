package upstream

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// connect makes a connection for an empty slot, or gives the slot back. The
// servers that are up are tried in order, after the one that is named first;
// then those whose quarantine is over.
func (a *attempt) connect(p *pool, first *server) (*conn, error) {
	c, err := a.connectAny(first)
	if err == nil {
		err = a.settle(p, c)
	}
	if err != nil {
		p.vacate()
		return nil, err
	}
	return c, nil
}

// settle makes a new connection one of the pool's.
func (a *attempt) settle(p *pool, c *conn) error {
	if err := p.fill(c); err != nil {
		c.drop()
		return err
	}
	if p != a.u.searches {
		return nil
	}
	answer, fault := a.run(c, a.u.search.introduce)
	if fault != nil {
		failure := &UnavailableError{Server: c.server.address, Phase: PhaseSearch, Err: fault}
		a.blame(c.server, failure)
		answer = failure
	}
	if answer != nil {
		a.report(PhaseSearch, "", answer)
		p.empty(c)
		c.drop()
	}
	return answer
}

type connector func(context.Context, *server, time.Time, func(Step)) (*conn, *UnavailableError)

func (a *attempt) connectAny(first *server) (*conn, error) {
	var failures []*UnavailableError
	try := func(connect connector, s *server) *conn {
		a.server = s.address
		c, failure := connect(a.ctx, s, a.deadline, a.observe)
		if failure != nil {
			failures = append(failures, failure)
		}
		return c
	}
	if first != nil && first.up() {
		if c := try(a.u.connectTo, first); c != nil {
			return c, nil
		}
	}
	for _, s := range a.u.servers {
		if s != first && s.up() {
			if c := try(a.u.connectTo, s); c != nil {
				return c, nil
			}
		}
	}
	noneUp := a.u.noneUp(nil)
	for _, s := range a.u.servers {
		if s.claimProbe(noneUp) {
			if c := try(a.u.probe, s); c != nil {
				return c, nil
			}
		}
	}
	if len(failures) == 0 {
		return nil, a.u.quarantined()
	}
	return nil, together(failures)
}

// together makes one error of a failure at each server.
func together(failures []*UnavailableError) *UnavailableError {
	last := *failures[len(failures)-1]
	for _, earlier := range failures[:len(failures)-1] {
		last.Err = fmt.Errorf("%w; before that %w", last.Err, earlier)
	}
	return &last
}

// quarantined is the error while no server may be tried.
func (u *Upstream) quarantined() *UnavailableError {
	s := u.servers[0]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lastErr == nil { // it came back a moment ago
		return &UnavailableError{Server: s.address, Phase: PhaseConnect, Err: errNoAnswer}
	}
	e := *s.lastErr
	e.Err = fmt.Errorf("in quarantine until %s: %w", s.soonest.Format(time.TimeOnly), e.Err)
	return &e
}

// connectTo connects to a server that is up. A failure is the server's only if
// the caller had the patience to wait for it.
func (u *Upstream) connectTo(ctx context.Context, s *server, deadline time.Time, observe func(Step)) (*conn, *UnavailableError) {
	begun, heard := time.Now(), s.answers.Load()
	dialling, cancel := context.WithDeadline(ctx, earlier(deadline, begun.Add(u.opts.ConnectTimeout)))
	defer cancel()
	c, failure := u.network.dial(dialling, s, observe)
	if failure != nil {
		if ctx.Err() == nil && time.Now().Before(deadline) && !ownLack(failure) && !s.spare(failure, begun, heard, u.noneUp(s)) {
			s.failed(failure)
		}
		return nil, failure
	}
	s.connected()
	// Connections that were made together shall not all end together.
	c.expires = time.Now().Add(u.opts.Lifetime + time.Duration((rand.Float64()-.5)/5*float64(u.opts.Lifetime)))
	return c, nil
}

// ownLack tells whether a connection failed because this machine has no descriptor, port or memory for it. That
// says nothing about the server, and passes sooner than a quarantine.
func ownLack(failure *UnavailableError) bool {
	for _, lack := range [...]syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL} {
		if errors.Is(failure.Err, lack) {
			return true
		}
	}
	return false
}

// probe connects to a server whose quarantine is over, for the caller that
// claimed the probe. The server has to answer a search of the root DSE, with
// whatever: that a connection is accepted does not mean that somebody is there.
func (u *Upstream) probe(ctx context.Context, s *server, deadline time.Time, observe func(Step)) (*conn, *UnavailableError) {
	limit := earlier(deadline, time.Now().Add(u.opts.ConnectTimeout))
	dialling, cancel := context.WithDeadline(ctx, limit)
	defer cancel()
	c, failure := u.network.dial(dialling, s, observe)
	if failure == nil {
		if err := c.readRoot(limit); err != nil {
			failure = &UnavailableError{Server: s.address, Phase: PhaseConnect, Err: fmt.Errorf("read the root DSE: %w", err)}
			c.drop()
		}
	}
	s.probeDone(failure, ctx.Err() != nil || !time.Now().Before(deadline) || failure != nil && ownLack(failure))
	if failure != nil {
		return nil, failure
	}
	c.expires = time.Now().Add(u.opts.Lifetime)
	return c, nil
}

// readRoot has the server answer anything at all.
func (c *conn) readRoot(deadline time.Time) error {
	_ = c.rw.SetDeadline(deadline)
	c.out = ldapwire.AppendSearchRequest(c.out, c.nextID(), &ldapwire.SearchRequest{
		Scope:      ldapwire.ScopeBaseObject,
		SizeLimit:  1,
		Filter:     ldapwire.Filter{Kind: ldapwire.FilterPresent, Attribute: []byte("objectClass")},
		Attributes: [][]byte{[]byte("1.1")},
	})
	if err := c.send(); err != nil {
		return err
	}
	for {
		m, err := c.receive()
		if err != nil {
			return err
		}
		switch m.Op {
		case ldapwire.OpSearchResultDone:
			return nil
		case ldapwire.OpSearchResultEntry, ldapwire.OpSearchResultReference:
		default:
			return errWrongOp
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
