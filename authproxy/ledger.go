package authproxy

import (
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// What the front remembers of logins, in memory only.
//
// Failures. A failure is a wrong password that reached the place that knows the
// right one, or a name that does not exist. Right passwords never count, and
// neither does a wrong one that is refused again from memory.
//
//   - An account is throttled once user_failures-1 failures lie within the
//     window: one fewer than the setting, so that an upstream that locks at the
//     same number never does so because of what was forwarded from here.
//   - An address is throttled once address_failures lie within the window, and one more for every ten accounts that have logged in
//     from there: a PBX, or everybody behind one router, is one address, and a few old passwords among many must not shut out
//     the rest. A password that comes back after it was refused is one guess, not two, and counts for the address once.
//   - A pause lasts until enough failures have left the window, and at least
//     the delay after the last one.
//   - An address from which the user logged in before is trusted for that user:
//     the address's own limit does not hold for the pair, and while the account
//     is throttled the password that last worked is still let through. Any other
//     password on that pair is counted against the pair, so that this is no way
//     to guess: after user_failures of them the pair is an address like any other.
//
// Refused passwords. A password that was refused is refused again without asking
// for the time the upstream sets. Each time the same password comes back after
// that and is refused again, the time is four times as long, up to an hour: a
// phone that keeps an old password for days costs fewer than five attempts in
// any half hour.
//
// The password that last worked is remembered as a hash, to tell a phone that
// logs in as ever from somebody who tries: passwords that have not worked before
// are tried one at a time for an account (the gate), so that a hundred wrong ones
// at once are not all on their way before the first is refused.

const (
	// maxAccounts bounds the names remembered; those of existing users come on top.
	maxAccounts = 100_000
	// maxAddresses bounds the addresses whose failures are counted.
	maxAddresses = 200_000
	// maxRefused is how many refused passwords are remembered for a user.
	maxRefused = 16
	// maxTrusted is how many addresses a user is known to have logged in from.
	maxTrusted = 8
	// accountsPerFailure is how many accounts that logged in from an address allow one more failure there.
	accountsPerFailure = 10
	// maxGate is how many logins of one account may wait for each other.
	maxGate = 64
	// endedToldEvery is how often other nodes are told of an account that lets nobody in.
	endedToldEvery = time.Minute
	// maxRefusedFor is the longest that one refusal is remembered.
	maxRefusedFor = time.Hour
)

// A passwordHash stands for a password of one account in memory.
type passwordHash [16]byte

// A ledger remembers failures, refused passwords and passwords that worked.
type ledger struct {
	key           [32]byte     // of the hashes; the same at all nodes where there are others
	others        Caution      // who is told what is noted; nil: this node is alone
	addressCipher cipher.Block // for them

	mu        sync.Mutex // guards everything below; held for map work only
	limits    ThrottleOptions
	accounts  map[string]*account    // by account key
	byID      map[accountID]*account // those, and the ones that only others have told of; nil while alone
	addresses map[netip.Addr]*failures
	knownAt   map[netip.Addr]int // how many accounts trust an address
	swept     time.Time
}

// An account is what is remembered of one login name.
type account struct {
	failures    failures
	failedFrom  []netip.Addr // beside failures: who
	refused     []refusedPassword
	trusted     []trustedAddress
	proven      passwordHash
	provenSeq   uint64 // the store's number of the user when the password worked
	provenAt    time.Time
	hasProven   bool
	lockedUntil time.Time     // the upstream said that the account is locked
	outage      time.Time     // when nobody could be asked about it last
	gate        chan struct{} // one password that has not worked before at a time
	waiting     int           // how many are in or before the gate
	elsewhere   *elsewhere    // for the other nodes; nil while alone
}

type trustedAddress struct {
	addr     netip.Addr
	failures failures
}

func newLedger(limits ThrottleOptions) *ledger {
	l := &ledger{
		limits:    limits.withDefaults(),
		accounts:  make(map[string]*account),
		addresses: make(map[netip.Addr]*failures),
		knownAt:   make(map[netip.Addr]int),
	}
	rand.Read(l.key[:]) // never fails: crypto/rand ends the process rather than return less
	return l
}

// hash returns the keyed hash of a password for an account in some state. The same password
// of two users has two hashes, and so it has where somebody else decides about it from now on.
func (l *ledger) hash(key string, password []byte, state ...string) passwordHash {
	var stack [512]byte
	b := append(stack[:0], l.key[:]...)
	b = append(b, byte(len(key)>>8), byte(len(key)))
	b = append(b, key...)
	for _, s := range state {
		b = append(b, byte(len(s)>>8), byte(len(s)))
		b = append(b, s...)
	}
	b = append(b, byte(len(state)))
	b = append(b, password...)
	sum := sha256.Sum256(b)
	clear(b) // the password does not stay behind on the stack
	return passwordHash(sum[:16])
}

// A verdict is what the ledger says of a login before anybody is asked.
type verdict uint8

const (
	verdictAsk        verdict = iota // ask, one at a time: this password has not worked before
	verdictProven                    // ask: this is the password that worked last
	verdictThrottled                 // answer busy
	verdictRemembered                // refuse: this password was refused a moment ago
)

// limit is how many failures throttle an account. A device's account is shared
// by many phones, and one of them with a typing error must not shut out the
// others; nothing upstream can be locked by it.
func (l *ledger) limit(key string) int { return l.limitOf(isDeviceKey(key)) }

func (l *ledger) limitOf(device bool) int {
	if device {
		return l.limits.AddressFailures
	}
	return max(1, l.limits.UserFailures-1)
}

// userLimit is how many failures throttle a user.
func (l *ledger) userLimit() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.limitOf(false)
}

// addressLimit is how many failures throttle an address. The caller holds mu.
func (l *ledger) addressLimit(from netip.Addr) int {
	return l.limits.AddressFailures + l.knownAt[from]/accountsPerFailure
}

// judge says what to do with a login of the account from an address. known is
// false for a name that does not exist.
func (l *ledger) judge(key string, hash passwordHash, from netip.Addr, now time.Time) verdict {
	v, guessed := l.weigh(key, hash, from, now, true)
	if guessed {
		l.tell(eventGuessed, key, event{exists: true, from: from})
	}
	return v
}

// weigh is judge; guessed tells that somebody guesses at a pair that is trusted, which counts where count is set.
func (l *ledger) weigh(key string, hash passwordHash, from netip.Addr, now time.Time, count bool) (v verdict, guessed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.known(key)
	addressShut := false
	if f := l.addresses[from]; f != nil {
		addressShut = f.throttled(now, l.addressLimit(from), l.limits)
	}
	if a == nil {
		if addressShut {
			return verdictThrottled, false
		}
		return verdictAsk, false
	}
	proven := a.hasProven && a.proven == hash
	trusted := a.trust(from)
	if trusted != nil && trusted.failures.throttled(now, l.limits.UserFailures, l.limits) {
		trusted = nil
	}
	if addressShut && trusted == nil {
		return verdictThrottled, false
	}
	for i := range a.refused {
		if r := &a.refused[i]; r.hash == hash && now.Before(r.until) {
			return verdictRemembered, false
		}
	}
	if now.Before(a.lockedUntil) {
		return verdictRemembered, false
	}
	if a.failures.throttled(now, l.limit(key), l.limits) {
		switch {
		case trusted == nil:
			return verdictThrottled, false
		case !proven && count:
			trusted.failures = trusted.failures.add(now, l.limits.UserFailures)
			return verdictThrottled, true
		case !proven:
			return verdictThrottled, false
		}
	}
	if proven {
		return verdictProven, false
	}
	return verdictAsk, false
}

// accepted notes that a password worked. The failures that came from the same
// address are forgotten, those of others stay. cleared tells that something was.
func (l *ledger) accepted(key string, hash passwordHash, seq uint64, from netip.Addr, now time.Time) (cleared bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.account(key, true, now)
	cleared = !a.lockedUntil.IsZero()
	a.proven, a.provenSeq, a.provenAt, a.hasProven = hash, seq, now, true
	a.lockedUntil = time.Time{}
	if len(a.refused) > 0 {
		a.refused = slices.DeleteFunc(a.refused, func(r refusedPassword) bool { return r.hash == hash })
	}
	if len(a.failures) > 0 {
		cleared = a.clear(from, now) || cleared
	}
	if !from.IsValid() {
		return cleared // a test: from nowhere that could be trusted
	}
	if t := a.trust(from); t != nil {
		cleared = cleared || len(t.failures) > 0
		t.failures = t.failures[:0]
		return cleared
	}
	if len(a.trusted) == maxTrusted {
		if l.knownAt[a.trusted[0].addr]--; l.knownAt[a.trusted[0].addr] == 0 {
			delete(l.knownAt, a.trusted[0].addr)
		}
		copy(a.trusted, a.trusted[1:])
		a.trusted = a.trusted[:maxTrusted-1]
	}
	a.trusted = append(a.trusted, trustedAddress{addr: from})
	l.knownAt[from]++
	return cleared
}

// locked notes that the upstream said that the account is locked: whatever is
// tried in the meantime only prolongs that.
func (l *ledger) locked(key string, lasts time.Duration, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.account(key, true, now).lockedUntil = now.Add(lasts)
}

// ended notes that the upstream lets nobody into the account, whatever the password: no cache does either. The password that
// worked stays known as such, so that its user is told from others when the account is open again. The others are told once in a while: a phone asks all day.
func (l *ledger) ended(key string, now time.Time) (worthTelling bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.known(key)
	if a == nil && l.byID != nil {
		a = l.account(key, true, now)
	}
	if a == nil {
		return false
	}
	a.provenAt = time.Time{}
	if a.elsewhere == nil || now.Sub(a.elsewhere.ended) < endedToldEvery {
		return false
	}
	a.elsewhere.ended = now
	return true
}

// unavailable notes that nobody could be asked about the account.
func (l *ledger) unavailable(key string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.account(key, true, now).outage = now
}

// unavailableSince tells whether nobody could be asked about the account at some
// time since then.
func (l *ledger) unavailableSince(key string, then time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.known(key)
	return a != nil && a.outage.After(then)
}

// provenWithin tells whether the password worked for this very state of the user
// no longer ago than age. A user who was changed since has another seq.
func (l *ledger) provenWithin(key string, hash passwordHash, seq uint64, age time.Duration, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.known(key)
	return a != nil && a.hasProven && a.proven == hash && a.provenSeq == seq && elapsed(a.provenAt, now) < age
}

// elapsed is how long ago something was by what has passed or by the time of day, whichever is more. What passes is not
// counted while the machine sleeps, so that a password would be good for as long as a laptop or a virtual machine rests; the
// time of day may be set back.
func elapsed(then, now time.Time) time.Duration {
	return max(now.Sub(then), now.Round(0).Sub(then.Round(0)))
}

// setLimits replaces the limits from now on.
func (l *ledger) setLimits(o ThrottleOptions) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limits = o.withDefaults()
}

// enter returns the account's gate, or false when too many wait before it. Each
// enter that returned true needs a leave. exists is as for failed.
func (l *ledger) enter(key string, exists bool, now time.Time) (chan struct{}, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.account(key, exists, now)
	if a == nil {
		return make(chan struct{}, 1), true // one name too many to remember: a gate of its own
	}
	if a.waiting >= maxGate {
		return nil, false
	}
	if a.gate == nil {
		a.gate = make(chan struct{}, 1)
	}
	a.waiting++
	return a.gate, true
}

func (l *ledger) leave(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a := l.known(key); a != nil && a.waiting > 0 { // 0: it was one too many to remember when it entered
		if a.waiting--; a.waiting == 0 {
			a.gate = nil
		}
	}
}

// account returns what is remembered of a name, made when there is nothing. For
// a name that does not exist it returns nil once too many names are remembered.
// The caller holds mu.
func (l *ledger) account(key string, exists bool, now time.Time) *account {
	a := l.known(key)
	if a != nil {
		return a
	}
	if !l.room(exists, now) {
		return nil
	}
	a = new(account)
	l.accounts[key] = a
	if l.byID != nil {
		id := l.id(key)
		a.elsewhere = &elsewhere{id: id}
		l.byID[id] = a
		l.name(a, key)
	}
	return a
}

// room tells whether one more name may be remembered. The caller holds mu.
func (l *ledger) room(exists bool, now time.Time) bool {
	if l.remembered() < maxAccounts {
		return true
	}
	l.sweep(now)
	return exists || l.remembered() < maxAccounts
}

// sweep drops what no longer matters, at most once a second. The caller holds mu.
func (l *ledger) sweep(now time.Time) {
	if now.Sub(l.swept) < time.Second {
		return
	}
	l.swept = now
	old := max(l.limits.Window, l.limits.Delay)
	for from, f := range l.addresses {
		if now.Sub(f.last()) >= old {
			delete(l.addresses, from)
		}
	}
	for key, a := range l.accounts {
		if a.sweep(now, old) {
			delete(l.accounts, key)
			if a.elsewhere != nil {
				delete(l.byID, a.elsewhere.id)
			}
		}
	}
	for id, a := range l.byID { // those that only others have told of
		if !a.elsewhere.named && a.sweep(now, old) {
			delete(l.byID, id)
		}
	}
}

// sweep drops what no longer matters of an account, and tells whether nothing is left.
func (a *account) sweep(now time.Time, old time.Duration) bool {
	a.refused = slices.DeleteFunc(a.refused, func(r refusedPassword) bool { return !now.Before(r.forget) })
	return a.waiting == 0 && !a.hasProven && len(a.trusted) == 0 && len(a.refused) == 0 &&
		now.Sub(a.failures.last()) >= old && !now.Before(a.lockedUntil)
}

func (a *account) trust(from netip.Addr) *trustedAddress {
	for i := range a.trusted {
		if a.trusted[i].addr == from {
			return &a.trusted[i]
		}
	}
	return nil
}
