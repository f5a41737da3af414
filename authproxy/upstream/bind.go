package upstream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

var errNoName = &UnavailableError{
	Phase: PhaseBind,
	Err:   errors.New("the upstream has neither bind_dn nor search, and no DN was recorded for this user"),
	Hint:  "set bind_dn or search",
}

// A Result tells about a bind that was tried.
type Result struct {
	Server   string        // host:port that answered, or was asked last; empty: none
	Name     string        // the bind name that was sent; empty: none was
	Duration time.Duration // of everything, waiting included
}

// A Step is one thing that was done for a bind.
type Step struct {
	Phase    Phase
	Server   string // host:port
	Detail   string // addresses, the TLS version, the DN that was found, the name that was sent
	Duration time.Duration
	Err      error
}

// Bind tries the name of this login and the password once. The name is
// recordedDN where that is not empty, and otherwise made or found from login.
//
// It returns within BindTimeout. The end of ctx is heeded up to the moment when
// the request is sent: from then on the directory counts the bind, and its
// answer is worth more than the time.
//
// The error is nil only if a server answered this very bind with success.
func (u *Upstream) Bind(ctx context.Context, login, recordedDN string, password []byte) (Result, error) {
	return u.bindAs(ctx, login, recordedDN, password, nil, false)
}

// BindTraced is Bind that tells observe about each step as it ends. It makes a
// new connection, so that every step is there to be seen.
func (u *Upstream) BindTraced(ctx context.Context, login, recordedDN string, password []byte, observe func(Step)) (Result, error) {
	return u.bindAs(ctx, login, recordedDN, password, observe, true)
}

// BindObserved is Bind that tells observe, where it is not nil, about each step
// that it took. It changes nothing: an idle connection is used as it would be.
func (u *Upstream) BindObserved(ctx context.Context, login, recordedDN string, password []byte, observe func(Step)) (Result, error) {
	return u.bindAs(ctx, login, recordedDN, password, observe, false)
}

func (u *Upstream) bindAs(ctx context.Context, login, recordedDN string, password []byte, observe func(Step), fresh bool) (Result, error) {
	begin := time.Now()
	a := attempt{u: u, ctx: ctx, deadline: begin.Add(u.opts.BindTimeout), observe: observe, fresh: fresh}
	if d, ok := ctx.Deadline(); ok && d.Before(a.deadline) {
		a.deadline = d
	}
	var res Result
	if blank(password) {
		// RFC 4513, section 5.1.2: most directories answer a name with an empty
		// password with success. Some cut a password at its first NUL.
		return res, ErrEmptyPassword
	}
	name, err := a.bindName(login, recordedDN)
	if err == nil {
		res.Name = name
		err = a.bind(name, password)
	}
	res.Server = a.server
	res.Duration = time.Since(begin)
	if a.asked {
		u.metrics.duration.Observe(res.Duration.Seconds())
	}
	return res, err
}

// blank tells whether a password is empty or nothing but NUL.
func blank(password []byte) bool {
	for _, b := range password {
		if b != 0 {
			return false
		}
	}
	return true
}

// An attempt is one login on its way through.
type attempt struct {
	u        *Upstream
	ctx      context.Context
	deadline time.Time
	observe  func(Step)
	fresh    bool      // no idle connection is used
	server   string    // asked last
	sent     time.Time // when that was
	heard    uint32    // how many answers of that server had come until then
	asked    bool      // a connection was wanted
}

// bind binds. Only this makes an accepted login.
func (a *attempt) bind(name string, password []byte) error {
	sent := false
	err := a.do(a.u.binds, PhaseBind, func(c *conn) (answer, fault error) {
		sent = true
		c.out = ldapwire.AppendBindRequest(c.out, c.nextID(), 3, name, password, askPolicy)
		if err := c.send(); err != nil {
			return nil, err
		}
		m, err := c.receive()
		switch {
		case err != nil:
			return nil, err
		case m.Op != ldapwire.OpBindResponse:
			return nil, errWrongOp
		}
		return bindError(c.server.address, m), nil
	})
	if sent {
		a.report(PhaseBind, name, err)
	}
	return err
}

// report tells of a step that began when a request was sent.
func (a *attempt) report(phase Phase, detail string, err error) {
	if a.observe != nil {
		a.observe(Step{Phase: phase, Server: a.server, Detail: detail, Duration: time.Since(a.sent), Err: err})
	}
}

// An exchange sends a request and reads the answer. A fault means that there is
// no answer and that the connection is of no more use.
type exchange func(*conn) (answer, fault error)

// do runs an exchange on a connection of p.
//
// An answer is final, whatever it is, and so is a request that was sent: a directory that was asked a second time would
// count a wrong password a second time. That is why idle connections are looked at before they are used. A connection that
// had been idle is replaced, once, when the request could not even be sent, and for a search, which counts
// nowhere, also when it ended without a byte of an answer.
func (a *attempt) do(p *pool, phase Phase, run exchange) error {
	a.asked = true
	c, err := a.take(p)
	if err != nil {
		return a.outcome(phase, err)
	}
	answer, fault := a.run(c, run)
	if c.reused && (isUnsent(fault) || isSilence(fault) && p == a.u.searches) {
		old := c.server
		p.empty(c)
		c.drop()
		if c, err = a.connect(p, old); err != nil {
			return a.outcome(phase, err)
		}
		answer, fault = a.run(c, run)
	}
	if fault != nil {
		failure := &UnavailableError{Server: c.server.address, Phase: phase, Err: fault}
		a.blame(c.server, failure)
		p.empty(c)
		c.drop()
		p.vacate()
		return failure
	}
	if a.hear(c.server, answer) {
		a.giveBack(p, c)
	} else { // the next bind shall go to another server
		p.empty(c)
		c.drop()
		p.vacate()
	}
	return answer
}

// hear notes what an answer says of the server that gave it. It is false when the server has been left for another one.
func (a *attempt) hear(s *server, answer error) bool {
	s.answers.Add(1)
	if answer != nil { // the usual case allocates nothing
		var trouble *UnavailableError
		if errors.As(answer, &trouble) && trouble.Answer == InTrouble {
			a.distrust(s, trouble)
			return s.up()
		}
	}
	s.answered()
	return true
}

// distrust holds an answer of no use, or a connection that ended, against a server: it is there, and the next bind may fare better, but if
// it does nothing else, and another one is up, binds go there.
func (a *attempt) distrust(s *server, failure *UnavailableError) {
	if a.u.noneUp(s) {
		return
	}
	a.leave(s, failure)
}

// leave notes a request without an answer, or with one of no use, and leaves the server alone when that was one too many.
func (a *attempt) leave(s *server, failure *UnavailableError) {
	if s.unanswered(failure) {
		a.u.retire(func(c *conn) bool { return c.server == s })
	}
}

func (a *attempt) run(c *conn, run exchange) (answer, fault error) {
	a.server, a.sent, a.heard = c.server.address, time.Now(), c.server.answers.Load()
	_ = c.rw.SetDeadline(a.deadline)
	return run(c)
}

// blame holds a missing answer against a server. Only one that was waited for in vain costs the next login as much. It says little
// where there was no fair time for it, because a request waited long for its connection, or where the server has answered others in
// the meantime: requests that were lost on the way come to their end together.
func (a *attempt) blame(s *server, failure *UnavailableError) {
	switch {
	case !errors.Is(failure.Err, errNoAnswer): // the connection ended, or nonsense came
		a.distrust(s, failure)
	case time.Since(a.sent) >= a.u.opts.BindTimeout/2 && s.answers.Load() == a.heard:
		a.leave(s, failure)
	}
}

// giveBack returns a connection after an answer.
func (a *attempt) giveBack(p *pool, c *conn) {
	if !c.drained() { // whatever is behind the answer, nobody asked for it
		p.empty(c)
		c.drop()
		p.vacate()
		return
	}
	c.reused = true
	c.idleSince = time.Now()
	p.release(c)
}

// outcome makes an error of waiting and connecting one that Bind may return.
func (a *attempt) outcome(phase Phase, err error) error {
	if errors.Is(err, ErrBusy) || errors.Is(err, ErrUnavailable) {
		return err
	}
	return &UnavailableError{Phase: phase, Err: err}
}

// take gets a slot and a connection for it: an idle one that is still good, or
// a new one.
func (a *attempt) take(p *pool) (*conn, error) {
	if err := a.ctx.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBusy, err)
	}
	begin := time.Now()
	c, err := p.acquire(a.ctx, a.deadline)
	if a.observe != nil && !a.fresh {
		a.observe(Step{Phase: PhaseWait, Duration: time.Since(begin), Err: err})
	}
	if err != nil {
		return nil, err
	}
	for c != nil {
		if a.usable(c) {
			return c, nil
		}
		p.empty(c)
		c.part()
		c = p.another()
	}
	return a.connect(p, nil)
}

// usable tells whether an idle connection may be used for this attempt. It costs a system call, and without it a bind that
// meets the end of its connection would be lost.
func (a *attempt) usable(c *conn) bool {
	if a.fresh || a.u.isOld(c, time.Now()) {
		return false
	}
	_ = c.rw.SetDeadline(a.deadline)
	return c.alive() == nil
}
