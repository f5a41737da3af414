package authproxy

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/dialtree/dialtree/authproxy/ldapserver"
	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/authproxy/trace"
	"github.com/dialtree/dialtree/authproxy/upstream"
	"github.com/dialtree/dialtree/refusals"
	"github.com/dialtree/dialtree/store"
)

const (
	reasonThrottled  = "too many failed logins of this account or from this address"
	reasonRemembered = "this password was refused a moment ago, or the account is locked upstream"
)

// emptyPassword is the class of refusals of names without a password.
const emptyPassword = "empty_password"

// maxName is the longest bind name that is looked at, in bytes.
const maxName = 1024

// An attempt is one login on its way through the steps.
type attempt struct {
	name  string     // as the client sent it
	from  netip.Addr // refusals.NetworkOf the client's address
	start time.Time
	// deviceOnly: the name is a device's, in no other form, and never a user's.
	deviceOnly bool
	userOnly   bool // the name is never a device's
	door       string
	trace      *trace.Request // nil: nobody follows it

	kind     identityKind // what the name turned out to mean; nobody when unknown
	user     store.Account
	device   device
	phc      string // the hash of an administrator's password
	key      string // the account's key in the ledger
	hash     passwordHash
	method   string // label: upstream, internal, device or none
	upstream string
	server   string        // the upstream's server that answered
	asked    bool          // the place that knows the password was asked
	like     *population   // whose refusals its refusal is like
	pace     *pace         // of those
	beat     time.Duration // on which they are answered
	outcome  Outcome
	reason   string // for the log, the administrator; never for the client
}

// bind answers a BindRequest (RFC 4511, section 4.2). The connection is
// anonymous already: the server saw to that when the request came.
func (f *Front) bind(w *ldapserver.ResponseWriter, r *ldapserver.Request, t *trace.Request) {
	req := &r.Message.Bind
	if req.Version != 3 && req.Version != 2 {
		const text = "only LDAP versions 3 and 2 are spoken here"
		f.refuse(w, r, req.Name, ldapwire.ProtocolError, "protocol", text, text)
		return
	}
	name, password := req.Name, req.Password
	if req.SASL {
		if string(req.Mechanism) != mechanismPlain {
			const text = "the only SASL mechanism is PLAIN, over TLS"
			f.refuse(w, r, name, ldapwire.AuthMethodNotSupported, "not_offered", text, text)
			return
		}
		if !r.Conn.TLS() {
			const text = "SASL PLAIN is accepted over TLS only"
			f.refuse(w, r, name, ldapwire.ConfidentialityRequired, "tls_required", text, text)
			return
		}
		var ok bool
		if name, password, ok = parsePlain(req.Credentials); !ok {
			f.refuse(w, r, req.Name, ldapwire.InvalidCredentials, "protocol", "the credentials are not those of SASL PLAIN, or would act as somebody else", "")
			return
		}
	}
	switch {
	case len(name) == 0 && len(password) == 0 && !req.SASL:
		w.Result(ldapwire.Success, "", "")
		return
	case len(bytes.Trim(password, "\x00")) == 0:
		// RFC 4513, section 5.1.2: a name with an empty password is an unauthenticated
		// bind, which many directories answer with success. A password of NULs is
		// empty to a directory written in C.
		const text = "a name without a password is refused"
		f.refuse(w, r, name, ldapwire.UnwillingToPerform, emptyPassword, text, text)
		return
	case f.requireTLS && !r.Conn.TLS():
		const text = "passwords are accepted over TLS only: use StartTLS or LDAPS"
		f.refuse(w, r, name, ldapwire.ConfidentialityRequired, "tls_required", text, text)
		return
	}
	a := attempt{
		name:  string(name[:min(len(name), maxName+1)]),
		from:  refusals.NetworkOf(r.Conn.RemoteAddr().Addr()),
		start: f.now(),
		door:  doorOf(r.Conn),
		trace: t,
	}
	ctx := r.Context()
	f.login(ctx, &a, password)
	f.wait(ctx, &a)
	a.traceOutcome()
	if a.outcome == Accepted {
		r.Conn.SetIdentity(f.identity(&a))
	}
	code, text := a.outcome.result()
	f.audit(r.Conn.RemoteAddr(), &a)
	w.Result(code, "", text)
}

// login takes an attempt through the steps and leaves its outcome. A name that does not exist and one that is disabled take the same
// steps as any other, and only asking is pretended: what is counted, remembered and waited for must not tell them from it.
func (f *Front) login(ctx context.Context, a *attempt, password []byte) {
	err := f.find(a)
	a.traceFound(err)
	f.liken(a)
	switch {
	case err != nil:
		a.outcome, a.reason = Unavailable, err.Error()
		return
	case a.key == "": // nothing that could be anybody's name
		a.outcome, a.reason = UnknownUser, "the name is empty, too long or holds control characters"
		f.ledger.failed("", passwordHash{}, false, a.from, a.start)
		f.ledger.tell(eventRefused, "", event{from: a.from})
		return
	}
	a.hash = f.hash(a, password)
	verdict := f.ledger.judge(a.key, a.hash, a.from, a.start)
	a.traceVerdict(verdict)
	f.follow(ctx, a, verdict, password)
}

// hash returns what stands for the password in the ledger. It is another one as soon as somebody else decides about the password: what
// one upstream accepted or refused says nothing of another, or of the same one by another name, and what is refused while there is
// no such user, or he is disabled, may be right later.
func (f *Front) hash(a *attempt, password []byte) passwordHash {
	switch {
	case a.closed():
		return f.ledger.hash(a.key, password, "closed")
	case a.kind == identityUser && a.user.Auth.Method == store.AuthUpstream:
		return f.ledger.hash(a.key, password, f.upstreams.decides(a.user.Auth.Upstream), a.user.Auth.DN)
	}
	return f.ledger.hash(a.key, password)
}

// follow does what the ledger said.
func (f *Front) follow(ctx context.Context, a *attempt, v verdict, password []byte) {
	switch v {
	case verdictThrottled:
		a.outcome, a.reason = Throttled, reasonThrottled
	case verdictRemembered:
		if !a.closed() {
			a.outcome, a.reason = Remembered, reasonRemembered
		}
	case verdictProven:
		f.ask(ctx, a, password)
	default:
		f.askInTurn(ctx, a, password)
	}
}

// closed tells whether no password can be right, because there is nobody of that name or he is switched off. The outcome says which.
func (a *attempt) closed() bool {
	switch {
	case a.kind == nobody:
		a.outcome, a.reason = UnknownUser, "no user or device has this name"
	case a.disabled():
		a.outcome = Disabled
	default:
		return false
	}
	return true
}

// disabled tells whether the account is switched off, and why.
func (a *attempt) disabled() bool {
	switch {
	case a.kind == identityAdministrator: // his door has looked
	case a.kind == identityDevice:
		if a.device.disabled {
			a.reason = "the device is disabled"
		}
	case a.user.Auth.Disabled:
		a.reason = "the user is disabled"
	case a.user.Auth.Method == store.AuthNone:
		a.reason = "the user has no login method"
	case a.user.Auth.Method == store.AuthInternal && a.user.Auth.Hash.IsZero():
		a.reason = "the user has no password yet"
	}
	return a.reason != ""
}

// find looks the name up. It leaves the account's key in the ledger, which is
// the same for every form of the name, empty where there can be no such name.
func (f *Front) find(a *attempt) error {
	a.method = "none"
	if len(a.name) > maxName {
		return nil
	}
	b := bindName{device: a.name, deviceOnly: true}
	if !a.deviceOnly {
		b = f.names.parse(a.name)
	}
	if !b.deviceOnly {
		for _, login := range b.logins {
			if login == "" {
				continue
			}
			canonical, ok := store.NormalizeName(login)
			if !ok {
				return nil
			}
			a.key = canonical // the last form stands for a name that is not found
			user, found, err := f.accounts.get(canonical)
			if err != nil {
				return err
			}
			if found {
				a.kind, a.user = identityUser, user
				a.method, a.upstream = user.Auth.Method.String(), user.Auth.Upstream
				return nil
			}
		}
	}
	if b.userOnly || a.userOnly {
		return nil
	}
	canonical, ok := store.NormalizeName(b.device)
	if !ok {
		return nil
	}
	d, found, err := f.devices.get(canonical)
	if err != nil {
		return err
	}
	if found || b.deviceOnly {
		a.key = deviceKey(canonical)
	}
	if found {
		a.kind, a.device, a.method = identityDevice, d, "device"
	}
	return nil
}

var errGateFull = errors.New("too many logins of this account are pending")

// askInTurn asks about a password that has not worked before: one at a time for
// an account, so that one wrong password on a hundred phones is one attempt
// upstream. Whoever waited looks again at what was learnt meanwhile.
func (f *Front) askInTurn(ctx context.Context, a *attempt, password []byte) {
	if isDeviceKey(a.key) {
		f.ask(ctx, a, password) // verified in memory: there is nothing to protect
		return
	}
	gate, ok := f.ledger.enter(a.key, a.kind != nobody, a.start)
	if !ok {
		a.outcome, a.reason = Busy, errGateFull.Error()
		return
	}
	defer f.ledger.leave(a.key)
	patience := f.upstreams.patience(a.like.upstream)
	began := f.now()
	ok, waited := pass(ctx, gate, patience)
	if !ok {
		a.traceStep("turn", began)
		a.outcome, a.reason = Busy, "another login of this account is still pending"
		return
	}
	done, turned, ok := f.takeTurn(ctx, a, patience-waited)
	a.traceStep("turn", began)
	if !ok {
		<-gate
		a.outcome, a.reason = Busy, "another login of this account is still pending at another node"
		return
	}
	defer done()
	if waited += turned; waited > 0 { // that was part of its time
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience-waited)
		defer cancel()
	}
	// Also who did not wait looks again: another login may have been refused
	// between the first look and here.
	again := f.ledger.judge(a.key, a.hash, a.from, f.now())
	switch {
	case f.ledger.unavailableSince(a.key, a.start):
		// The one before has waited for a directory that does not answer: waiting for
		// it again, one after the other, would keep the last for minutes.
		<-gate
		a.outcome, a.reason = Unavailable, "the directory did not answer another login of this account"
	case again != verdictAsk:
		<-gate
		f.follow(ctx, a, again, password)
	default:
		defer func() { <-gate }()
		f.ask(ctx, a, password)
	}
}

// gateGrace is how much longer a login waits for its turn than the one before it may take: that one's outage is then known.
const gateGrace = 500 * time.Millisecond

// pass waits for its turn at a gate; a free one costs no timer.
func pass(ctx context.Context, gate chan struct{}, patience time.Duration) (ok bool, waited time.Duration) {
	select {
	case gate <- struct{}{}:
		return true, 0
	default:
	}
	begin := time.Now()
	ctx, cancel := context.WithTimeout(ctx, patience+gateGrace)
	defer cancel()
	select {
	case gate <- struct{}{}:
		return true, time.Since(begin)
	case <-ctx.Done():
		return false, time.Since(begin)
	}
}

// ask asks the place that knows the password, and notes what it said.
func (f *Front) ask(ctx context.Context, a *attempt, password []byte) {
	switch {
	case a.closed():
		f.pretend(ctx, a, password)
	case a.kind == identityDevice:
		f.askDevice(a, password)
	case a.kind == identityAdministrator:
		f.askAdministrator(ctx, a, password)
	case a.user.Auth.Method == store.AuthInternal:
		f.askInternal(ctx, a, password)
	default:
		f.askUpstream(ctx, a, password)
	}
}

// pretend does all that asking about a wrong password does, but for asking.
func (f *Front) pretend(ctx context.Context, a *attempt, password []byte) {
	switch {
	case isDeviceKey(a.key): // asking takes no time
	case a.like.hashed:
		begin := f.now()
		if err := f.hasher.Spend(ctx, password); err != nil {
			a.outcome, a.reason = outcomeOf(err), err.Error()
			return
		}
		a.like.refused.observe(f.now().Sub(begin), f.now())
		a.asked = true
	default:
		sleepUntil(ctx, f.now().Add(a.pace.draw()))
		a.asked = true
	}
	f.countRefused(a, a.kind != nobody, f.upstreams.refusedFor(a.like.upstream), f.now())
}

// note remembers how an attempt ended that was decided by who knows the password.
func (f *Front) note(a *attempt, remember time.Duration) {
	now := f.now()
	switch a.outcome {
	case Accepted:
		if f.ledger.accepted(a.key, a.hash, a.user.Seq, a.from, now) {
			f.ledger.tell(eventCleared, a.key, event{exists: true, from: a.from})
		}
	case Refused:
		f.countRefused(a, true, remember, now)
	case Unavailable:
		f.ledger.unavailable(a.key, now)
	}
}

func (f *Front) askDevice(a *attempt, password []byte) {
	right, err := a.device.verify(password)
	switch {
	case err != nil:
		a.outcome, a.reason = Unavailable, err.Error()
		return
	case right:
		a.outcome = Accepted
	default:
		a.outcome, a.reason = Refused, "wrong password"
	}
	f.note(a, defaultRefused)
}

func (f *Front) askInternal(ctx context.Context, a *attempt, password []byte) {
	// The hash in the store is what it was when this password last matched it.
	if f.ledger.provenWithin(a.key, a.hash, a.user.Seq, internalProven, a.start) {
		a.outcome = Accepted
		return
	}
	hash, err := a.user.Auth.Hash.Resolve()
	if err != nil {
		a.outcome, a.reason = Unavailable, err.Error()
		return
	}
	f.verifyHere(ctx, a, hash, password)
}

func (f *Front) askAdministrator(ctx context.Context, a *attempt, password []byte) {
	if a.phc != "" {
		f.verifyHere(ctx, a, a.phc, password)
		return
	}
	f.verifyHere(ctx, a, f.hasher.dummy, password)
	if a.outcome == Accepted || a.outcome == Refused {
		a.outcome, a.reason = Disabled, "the administrator is disabled, or has no password yet: `dialtree admin link` makes a link to set one"
	}
}

// verifyHere compares a password with the hash that is kept here.
func (f *Front) verifyHere(ctx context.Context, a *attempt, hash string, password []byte) {
	a.asked = true
	begin := f.now()
	ok, err := f.hasher.Verify(ctx, hash, password)
	switch {
	case err != nil:
		a.outcome, a.reason = outcomeOf(err), err.Error()
		return
	case ok:
		a.outcome = Accepted
	default:
		a.outcome, a.reason = Refused, "wrong password"
		a.like.refused.observe(f.now().Sub(begin), f.now())
	}
	f.note(a, defaultRefused)
}

func (f *Front) askUpstream(ctx context.Context, a *attempt, password []byte) {
	u, err := f.upstreams.get(a.upstream)
	if err != nil {
		a.outcome, a.reason = Unavailable, err.Error()
		return
	}
	if u.cache.Success > 0 && f.ledger.provenWithin(a.key, a.hash, a.user.Seq, time.Duration(u.cache.Success), a.start) {
		a.outcome, a.reason = Accepted, "from the success cache"
		return
	}
	asked := f.now()
	var observe func(upstream.Step)
	if t := a.trace; t != nil { // not a itself: it would no longer be on the stack
		observe = func(s upstream.Step) { traceUpstream(t, s) }
	}
	res, err := u.pool.BindObserved(ctx, a.user.Username, a.user.Auth.DN, password, observe)
	a.server = res.Server
	a.outcome = outcomeOf(err)
	var refused *upstream.RefusedError
	switch {
	case err == nil:
		a.asked = true
		a.like.accepted.observe(f.now().Sub(asked), f.now())
	case errors.As(err, &refused):
		a.asked = true
		a.server = refused.Server
		a.like.refused.observe(f.now().Sub(asked), f.now())
		a.reason = refused.Error()
		if refused.PasswordRight() {
			if f.ledger.ended(a.key, f.now()) {
				f.ledger.tell(eventEnded, a.key, event{exists: true})
			}
			return // 49 for the client, but no guess: it does not count
		}
		if refused.Locked() {
			f.ledger.ended(a.key, f.now())
			f.ledger.locked(a.key, u.refusedFor(), f.now())
			f.ledger.tell(eventLocked, a.key, event{exists: true, lasts: u.refusedFor()})
			return
		}
	default:
		a.reason = err.Error()
		if a.outcome == Unavailable && u.cache.Offline > 0 && isOutage(err) &&
			f.ledger.provenWithin(a.key, a.hash, a.user.Seq, time.Duration(u.cache.Offline), a.start) {
			a.outcome, a.reason = Accepted, "from the offline cache: "+a.reason
			return
		}
	}
	f.note(a, u.refusedFor())
}

// isOutage tells a directory that is away, or says that it is in trouble, from one that is there and does not serve this bind: that
// may be its word for an account that was disabled, and is no reason to let anybody in.
func isOutage(err error) bool {
	var unavailable *upstream.UnavailableError
	return errors.As(err, &unavailable) && unavailable.Answer != upstream.Unsuited
}

// liken notes whose refusals the refusal of an attempt is like: those of the users who log in as this one does, and for who
// cannot, or is nobody, those of others.
func (f *Front) liken(a *attempt) {
	switch {
	case a.kind == identityUser && a.user.Auth.Method != store.AuthNone:
		a.like = f.populations.of(a.user.Auth.Upstream)
	case a.kind == identityAdministrator:
		a.like = f.populations.of("")
	default:
		a.like = f.populations.drawn(a.key)
	}
	a.pace, a.beat = a.like.pace(a.start)
}

// wait answers a refusal on the beat, whoever was asked about it or not.
func (f *Front) wait(ctx context.Context, a *attempt) {
	switch a.outcome {
	case UnknownUser, Disabled, Remembered, Throttled, Refused:
	default:
		return
	}
	took := f.now().Sub(a.start)
	if !a.asked {
		took = max(took, a.pace.draw())
	}
	held := f.now()
	sleepUntil(ctx, a.start.Add(onBeat(took, a.beat)))
	a.traceStep("held back, as long as a directory's refusal takes", held)
}
