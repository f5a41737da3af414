package admin

import (
	"context"
	"net/netip"
)

// SignIns checks passwords as those of binds are checked: throttled, remembered and logged. An error is ErrLoginRefused,
// ErrLoginThrottled, or says why this could not be found out. Its methods may be called concurrently.
type SignIns interface {
	// LoginAdministrator compares a password with an administrator's argon2id hash; an empty one refuses any, as slowly.
	LoginAdministrator(ctx context.Context, client netip.AddrPort, name, hash string, password []byte) error
	// LoginUser checks the password of a user of the directory. It returns the login name as it is stored. It takes no less time
	// than LoginAdministrator.
	LoginUser(ctx context.Context, client netip.AddrPort, name string, password []byte) (user string, err error)
}
