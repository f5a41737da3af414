package main

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/authproxy"
	"github.com/dialtree/dialtree/authproxy/directory"
	"github.com/dialtree/dialtree/store"
)

// finderDoor shows the directory's indexes to the admin side.
type finderDoor struct{ front *authproxy.Front }

func (d finderDoor) Find(ctx context.Context, q admin.FindQuery) (admin.FoundPage, error) {
	found, err := d.front.Find(ctx, directory.FindQuery(q))
	if errors.Is(err, directory.ErrBadPlace) {
		err = admin.ErrBadPlace
	}
	return admin.FoundPage(found), err
}

func (d finderDoor) Dialled(number string) string { return d.front.Dialled(number) }

func (d finderDoor) DN(e *store.Entry) string { return d.front.EntryDN(e) }

// loginWatchDoor shows the admin side what came of logins lately.
type loginWatchDoor struct{ front *authproxy.Front }

func (d loginWatchDoor) Latest(user string, limit int) []admin.Login {
	logins := d.front.Logins(user, limit)
	shown := make([]admin.Login, len(logins))
	for i, l := range logins {
		shown[i] = admin.Login{
			At: l.At, User: l.User, Address: shownAddress(l.Address), Method: l.Method, Upstream: l.Upstream, Outcome: l.Outcome.String(),
			Detail: l.Detail, Milliseconds: float64(l.Duration.Microseconds()) / 1000,
		}
	}
	return shown
}

// shownAddress is where a login came from: a test by somebody at the socket from this machine.
func shownAddress(a netip.Addr) string {
	if !a.IsValid() {
		return "local"
	}
	return a.String()
}

func (d loginWatchDoor) Throttled() admin.Throttled {
	t := d.front.Throttled()
	return admin.Throttled{Users: throttledNames(t.Users), Addresses: throttledNames(t.Addresses)}
}

func throttledNames(names []authproxy.ThrottledName) []admin.ThrottledName {
	shown := make([]admin.ThrottledName, len(names))
	for i, n := range names {
		shown[i] = admin.ThrottledName{Name: n.Name, Failures: n.Failures, Last: n.Last, Until: orNil(n.Until)}
	}
	return shown
}

func orNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (d loginWatchDoor) ResetUser(name string) bool { return d.front.ResetUser(name) }

func (d loginWatchDoor) ResetAddress(name string) bool { return d.front.ResetAddress(name) }
