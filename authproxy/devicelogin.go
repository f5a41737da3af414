package authproxy

import (
	"bytes"
	"context"
	"net/netip"

	"github.com/dialtree/dialtree/authproxy/directory"
	"github.com/dialtree/dialtree/refusals"
)

// LoginDevice checks the secret of a device that comes by another way than LDAP. It is a bind in all but the protocol: throttled,
// remembered, logged and counted like one. A user's name is unknown here, so that no user's password is sent anywhere. Where the outcome is
// Accepted, device is the device's name as it is stored.
func (f *Front) LoginDevice(ctx context.Context, client netip.AddrPort, name string, secret []byte) (device string, outcome Outcome) {
	a := f.newAttempt(client, name)
	a.deviceOnly, a.door = true, refusals.API
	if len(bytes.Trim(secret, "\x00")) == 0 {
		f.refusedEmpty(&a, client)
		return "", Refused // as for a bind, a name without a secret is no attempt at one
	}
	f.login(ctx, &a, secret)
	f.wait(ctx, &a)
	f.audit(client, &a)
	if a.outcome == Accepted {
		device = a.device.name
	}
	return device, a.outcome
}

// Phonebook returns the phonebook of that name, by the rule that holds for searches; false where there is none that the device
// may read. It waits until the directory was read once.
func (f *Front) Phonebook(ctx context.Context, device, name string) (directory.Phonebook, bool, error) {
	return f.tree.Phonebook(ctx, &directory.Reader{Device: device, DN: f.tree.DeviceDN(device)}, name)
}
