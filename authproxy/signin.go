package authproxy

import (
	"bytes"
	"context"
	"net/netip"

	"github.com/dialtree/dialtree/refusals"
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
func (f *Front) LoginAdministrator(ctx context.Context, client netip.AddrPort, name, hash string, password []byte) Outcome {
	a := f.newAttempt(client, name)
	a.door, a.kind, a.method, a.phc = refusals.Page, identityAdministrator, "administrator", hash
	a.key = administratorKey(a.name)
	f.liken(&a)
	a.hash = f.ledger.hash(a.key, password)
	f.follow(ctx, &a, f.ledger.judge(a.key, a.hash, a.from, a.start), password)
	f.audit(client, &a)
	return a.outcome
}

func (f *Front) newAttempt(client netip.AddrPort, name string) attempt {
	return attempt{name: name[:min(len(name), maxName+1)], from: networkOf(client.Addr()), start: f.now()}
}

// refusedEmpty takes note of a name that came without a password.
func (f *Front) refusedEmpty(a *attempt, client netip.AddrPort) {
	f.noteRefusal(refusals.Refusal{Door: a.door, Name: a.name[:min(len(a.name), maxShownName)], From: client.Addr(), Outcome: emptyPassword,
		Reason: "a name without a password is refused"})
}

// administratorKey is an administrator's key in the ledger. No login name holds a control character.
func administratorKey(name string) string { return "\x01administrator\x01" + name }
