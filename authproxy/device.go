package authproxy

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"

	"github.com/dialtree/dialtree/store"
)

// A device is what a bind needs to know of a phone's or PBX's account. Its secret
// is random, or one that the administrator must be able to read again to put it
// into a phone, so it is kept sealed rather than hashed, and compared in constant
// time.
type device struct {
	name      string
	disabled  bool
	secret    [sha256.Size]byte // a literal's digest: comparing tells nothing of its length
	elsewhere store.Secret      // a variable or file, which is read at each bind: it may change
}

// verify tells whether the password is the device's. An error means that this
// could not be found out.
func (d *device) verify(password []byte) (bool, error) {
	want := d.secret
	if !d.elsewhere.IsZero() {
		secret, err := d.elsewhere.Resolve()
		if err != nil {
			return false, err
		}
		want = secretDigest(secret)
	}
	digest := sha256.Sum256(password)
	return subtle.ConstantTimeCompare(digest[:], want[:]) == 1, nil
}

// readDevice returns a function that reads a device of that name from the store.
func readDevice(s *store.Store) func(name string) (device, bool, error) {
	return func(name string) (device, bool, error) {
		stored, err := s.Device(name)
		if errors.Is(err, store.ErrNotFound) {
			return device{}, false, nil
		}
		if err != nil {
			return device{}, false, err
		}
		d := device{name: stored.Name, disabled: stored.Disabled}
		if !stored.Password.IsLiteral() {
			d.elsewhere = stored.Password
			return d, true, nil
		}
		secret, err := stored.Password.Resolve()
		d.secret = secretDigest(secret)
		return d, true, err
	}
}

// deviceKey is a device's key in the ledger. No login name begins with a NUL.
func deviceKey(name string) string { return "\x00device\x00" + name }

func isDeviceKey(key string) bool { return len(key) > 0 && key[0] == 0 }

func secretDigest(secret string) [sha256.Size]byte { return sha256.Sum256([]byte(secret)) }
