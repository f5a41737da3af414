package authproxy

import (
	"bytes"
	"context"
	"net/netip"

	"github.com/dialtree/dialtree/refusals"
	"github.com/dialtree/dialtree/store"
)

// LoginUser checks the password of a user who comes by another way than LDAP. It is a bind in all but the protocol: throttled,
// remembered, logged and counted like one. A device's name is unknown here. Where the outcome is Accepted, user is the login name as it is stored.
func (f *Front) LoginUser(ctx context.Context, client netip.AddrPort, name string, password []byte) (user string, outcome Outcome) {
	a := f.newAttempt(client, name)
	a.userOnly, a.door = true, refusals.Page
	if len(bytes.Trim(password, "\x00")) == 0 {
		f.refusedEmpty(&a, client)
		return "", Refused // as for a bind, a name without a password is no attempt at one
	}
	f.login(ctx, &a, password)
	f.wait(ctx, &a)
	f.audit(client, &a)
	if a.outcome == Accepted {
		user = a.user.Username
	}
	return user, a.outcome
}

// LoginAdministrator checks a password against an administrator's hash, which the caller has read. Failures count like those of a
// user's binds, under a name that no user can have. Every password is computed: nothing but the hash in hand says that it is right.
// An administrator who has no password, or is disabled, has an empty hash: he is refused like any other. A refusal takes as long as that of a
// user, for whom a hash is computed at that door before he is asked about.
func (f *Front) LoginAdministrator(ctx context.Context, client netip.AddrPort, name, hash string, password []byte) Outcome {
	a := f.newAttempt(client, name)
	a.door, a.kind, a.method, a.phc = refusals.Page, identityAdministrator, "administrator", hash
	a.key = administratorKey(a.name)
	f.liken(&a)
	a.hash = f.ledger.hash(a.key, password)
	if hash == "" {
		a.hash = f.ledger.hash(a.key, password, "closed")
	}
	f.follow(ctx, &a, f.ledger.judge(a.key, a.hash, a.from, a.start), password)
	if a.outcome != Accepted {
		f.waitLikeAUser(ctx, &a, password)
	}
	f.audit(client, &a)
	return a.outcome
}

// waitLikeAUser makes the refusal of an administrator take as long as one of a user of that name.
func (f *Front) waitLikeAUser(ctx context.Context, a *attempt, password []byte) {
	if !a.asked && f.hasher.Spend(ctx, password) != nil {
		return
	}
	name, _ := store.NormalizeName(a.name)
	begin := f.now()
	pace, beat := f.populations.drawn(name).pace(begin)
	sleepUntil(ctx, begin.Add(onBeat(pace.draw(), beat)))
}

func (f *Front) newAttempt(client netip.AddrPort, name string) attempt {
	return attempt{name: name[:min(len(name), maxName+1)], from: refusals.NetworkOf(client.Addr()), start: f.now()}
}

// refusedEmpty takes note of a name that came without a password.
func (f *Front) refusedEmpty(a *attempt, client netip.AddrPort) {
	f.noteRefusal(refusals.Refusal{Door: a.door, Name: a.name[:min(len(a.name), maxShownName)], From: client.Addr(), Outcome: emptyPassword,
		Reason: "a name without a password is refused"})
}

// administratorKey is an administrator's key in the ledger. No login name holds a control character.
func administratorKey(name string) string { return "\x01administrator\x01" + name }
