package authproxy

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/dialtree/dialtree/refusals"
	"github.com/dialtree/dialtree/store"
)

// maxThrottled is how many accounts, and how many addresses, are told of.
const maxThrottled = 1000

// ThrottledNames are the accounts and addresses whose failed logins count at a time, those that are
// shut out first.
type ThrottledNames struct{ Users, Addresses []ThrottledName }

// A ThrottledName is an account, or an address: a network where that is IPv6.
type ThrottledName struct {
	Name     string
	Failures int // within the window; no more than the limit are counted
	Last     time.Time
	Until    time.Time // until when logins are refused; zero: they are not
}

// Throttled tells whose failed logins count now.
func (f *Front) Throttled() ThrottledNames {
	now := f.now()
	if f.ledger.byID != nil {
		f.nameHeard(now)
	}
	return f.ledger.throttled(now)
}

// ResetUser forgets the failures of a user, and of a device of that name, so that the next login is
// let through. It forgets the passwords that were refused as well: whoever is asked to reset has
// often been told that the password was changed, perhaps back to one that was wrong a moment ago.
// It is false where there was nothing to forget at this node; the others forget in any case.
func (f *Front) ResetUser(name string) bool {
	normal, ok := store.NormalizeName(name)
	if !ok {
		return false
	}
	device := deviceKey(normal)
	any := f.ledger.forget(f.now(), normal, device)
	f.ledger.tell(eventForgotten, normal, event{exists: true})
	f.ledger.tell(eventForgotten, device, event{exists: true})
	return any
}

// ResetAddress forgets the failures from an address, or from the network that it counts as. It is
// false where there was nothing to forget at this node.
func (f *Front) ResetAddress(name string) bool {
	text, _, _ := strings.Cut(name, "/")
	address, err := netip.ParseAddr(text)
	if err != nil {
		return false
	}
	network := refusals.NetworkOf(address)
	f.ledger.tell(eventForgotten, "", event{exists: true, from: network})
	return f.ledger.forgetAddress(network)
}

// throttled lists what counts now.
func (l *ledger) throttled(now time.Time) ThrottledNames {
	l.mu.Lock()
	defer l.mu.Unlock()
	var t ThrottledNames
	for key, a := range l.accounts {
		if n := l.throttledAccount(a, l.limit(key), now); key != "" && n.counts() {
			n.Name = key[strings.LastIndexByte(key, 0)+1:]
			t.Users = append(t.Users, n)
		}
	}
	for _, a := range l.byID {
		if n := l.throttledAccount(a, l.limitOf(a.elsewhere.device), now); !a.elsewhere.named && n.counts() {
			n.Name = nameElsewhere
			t.Users = append(t.Users, n)
		}
	}
	for address, f := range l.addresses {
		if n := l.throttledName(*f, l.addressLimit(address), now); n.counts() {
			n.Name = networkName(address)
			t.Addresses = append(t.Addresses, n)
		}
	}
	t.Users, t.Addresses = worstFirst(t.Users), worstFirst(t.Addresses)
	return t
}

// nameElsewhere stands for what was tried at another node and is nobody's name here: the nodes tell each other hashes.
const nameElsewhere = "a name tried at another node"

func (n ThrottledName) counts() bool { return n.Failures > 0 || !n.Until.IsZero() }

func (l *ledger) throttledAccount(a *account, limit int, now time.Time) ThrottledName {
	n := l.throttledName(a.failures, limit, now)
	if now.Before(a.lockedUntil) && n.Until.Before(a.lockedUntil) {
		n.Until = a.lockedUntil
	}
	return n
}

func (l *ledger) throttledName(f failures, limit int, now time.Time) ThrottledName {
	n := ThrottledName{Failures: f.within(now, l.limits.Window), Last: f.last()}
	if f.throttled(now, limit, l.limits) {
		// The pause ends when enough failures have left the window, and the delay is over.
		n.Until = f[len(f)-limit].Add(l.limits.Window)
		if end := f.last().Add(l.limits.Delay); end.After(n.Until) {
			n.Until = end
		}
	}
	return n
}

func worstFirst(names []ThrottledName) []ThrottledName {
	slices.SortFunc(names, func(a, b ThrottledName) int {
		return cmp.Or(b.Until.Compare(a.Until), cmp.Compare(b.Failures, a.Failures), strings.Compare(a.Name, b.Name))
	})
	return names[:min(len(names), maxThrottled)]
}

// networkName writes what refusals.NetworkOf returned: an IPv6 address stands for its network.
func networkName(a netip.Addr) string {
	if a.Is6() {
		return netip.PrefixFrom(a, 64).String()
	}
	return a.String()
}

// forget forgets what would keep logins of accounts out.
func (l *ledger) forget(now time.Time, keys ...string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	any := false
	for _, key := range keys {
		if a := l.known(key); a != nil {
			any = a.forgive(now) || any
		}
	}
	return any
}

func (l *ledger) forgetAddress(a netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, known := l.addresses[a]
	delete(l.addresses, a)
	return known
}
