package authproxy

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/authproxy/upstream"
	"github.com/dialtree/dialtree/store"
)

// A LoginTest is what an administrator sees of a login that was tried for him.
type LoginTest struct {
	Outcome Outcome
	Code    int32  // the LDAP result code that a client would have got
	Result  string // its name
	Reason  string // for programs: as upstream.RefusedError's, or bad_name or empty_password; empty: the outcome says all
	Steps   []LoginStep
}

// A LoginStep is one step of a login.
type LoginStep struct {
	Name     string // store, method, throttle, name, resolve, connect, tls, search, bind, password, result
	Detail   string
	OK       bool
	Duration time.Duration
}

func (t *LoginTest) step(start time.Time, ok bool, name, format string, args ...any) {
	t.Steps = append(t.Steps, LoginStep{Name: name, Detail: fmt.Sprintf(format, args...), OK: ok, Duration: time.Since(start)})
}

// A Tester is the administrator for whom a login is tried.
type Tester struct {
	Name    string
	Address netip.Addr // invalid for one at this machine's own socket
}

// TestLogin tries a login and tells each step. It asks even while the account is
// throttled or the password was refused a moment ago, and says so; what it learns
// counts like that of any login, so that it cannot be used to lock an account by
// accident twice. A right password clears what kept the account out. The tester's address
// is told with the latest logins and no more: it is not the user's, so that it is neither
// trusted for him nor shut out for his wrong passwords.
func (f *Front) TestLogin(ctx context.Context, name string, password []byte, by Tester) LoginTest {
	var t LoginTest
	a := attempt{name: name, start: f.now(), method: "none"}
	f.testSteps(ctx, &t, &a, password)
	f.keepTest(&a, by)
	code, _ := a.outcome.result()
	if len(password) == 0 {
		code = ldapwire.UnwillingToPerform
	}
	t.Outcome, t.Code, t.Result = a.outcome, int32(code), code.String()
	t.step(a.start, a.outcome == Accepted, "result", "%s: a client gets %d %s", a.outcome, t.Code, t.Result)
	if a.outcome == Accepted {
		f.ledger.forget(f.now(), a.key)
		f.ledger.tell(eventForgotten, a.key, event{exists: true})
	}
	return t
}

func (f *Front) testSteps(ctx context.Context, t *LoginTest, a *attempt, password []byte) {
	start := time.Now()
	if len(password) == 0 {
		a.outcome, t.Reason = Refused, "empty_password"
		t.step(start, false, "password", "it is empty, and nothing is forwarded: many directories answer an empty password with success")
		return
	}
	if err := f.find(a); err != nil {
		a.outcome = Unavailable
		t.step(start, false, "store", "%v", err)
		return
	}
	f.liken(a)
	switch {
	case a.key == "":
		a.outcome = UnknownUser
		t.step(start, false, "store", "%q cannot be a login name: it is empty, too long or holds control characters", a.name)
		return
	case a.kind == nobody:
		a.outcome = UnknownUser
		t.step(start, false, "store", "no user or device is called %q; nothing is forwarded", a.key)
		return
	case a.kind == identityDevice:
		t.step(start, true, "store", "device %q", a.device.name)
	default:
		t.step(start, true, "store", "user %q, entry %s", a.user.Username, a.user.ID)
	}
	start = time.Now()
	if a.disabled() {
		a.outcome = Disabled
		t.step(start, false, "method", "%s", a.reason)
		return
	}
	if a.upstream != "" {
		t.step(start, true, "method", "upstream %q", a.upstream)
	} else {
		t.step(start, true, "method", "%s", a.method)
	}
	a.hash = f.hash(a, password)
	switch f.ledger.judge(a.key, a.hash, a.from, f.now()) {
	case verdictThrottled:
		t.step(start, false, "throttle", "too many failed logins: a client gets 51 busy; asking all the same")
	case verdictRemembered:
		t.step(start, false, "throttle", "this password was refused a moment ago, or the account is locked upstream: a client is refused from memory; asking all the same")
	}
	if a.kind == identityUser && a.user.Auth.Method == store.AuthUpstream {
		f.testUpstream(ctx, t, a, password)
		return
	}
	start = time.Now()
	f.ask(ctx, a, password)
	detail := a.reason
	if detail == "" {
		detail = "verified here"
	}
	t.step(start, a.outcome == Accepted, "password", "%s", detail)
}

// testUpstream asks the upstream itself, past every cache.
func (f *Front) testUpstream(ctx context.Context, t *LoginTest, a *attempt, password []byte) {
	start := time.Now()
	u, err := f.upstreams.get(a.upstream)
	if err != nil {
		a.outcome = Unavailable
		t.step(start, false, "upstream", "%v", err)
		return
	}
	res, err := u.pool.BindTraced(ctx, a.user.Username, a.user.Auth.DN, password, func(s upstream.Step) {
		t.Steps = append(t.Steps, loginStep(s))
	})
	a.server, a.outcome = res.Server, outcomeOf(err)
	if err != nil {
		a.reason = err.Error()
	}
	if errors.Is(err, upstream.ErrBadLogin) {
		t.Reason = "bad_name"
		t.step(start, false, "name", "%v", err)
	}
	var refused *upstream.RefusedError
	if errors.As(err, &refused) {
		t.Reason = refused.Word()
	}
	if refused != nil && (refused.PasswordRight() || refused.Locked()) {
		return // no guess: nothing is counted
	}
	f.note(a, u.refusedFor())
}

// keepTest keeps a login that was tried among the latest ones, marked as what it is.
func (f *Front) keepTest(a *attempt, by Tester) {
	reason := a.reason
	a.reason = "test by " + by.Name
	if reason != "" {
		a.reason += ": " + reason
	}
	f.keep(netip.AddrPortFrom(by.Address, 0), a, f.now().Sub(a.start))
}

// Health tells the state of each server of each upstream.
func (f *Front) Health() map[string][]upstream.ServerHealth { return f.upstreams.health() }
