package authproxy

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"sync"

	"github.com/dialtree/dialtree/store"
)

// A device is what a bind needs to know of a phone's or PBX's account. Its secret
// is random, or one that the administrator must be able to read again to put it
// into a phone, so it is kept sealed rather than hashed, and compared in constant
// time.
type device struct {
	name     string
	disabled bool
	secret   [sha256.Size]byte // the secret's digest: comparing tells nothing of its length
	err      error             // why the secret cannot be read
}

func (d device) verify(password []byte) bool {
	digest := sha256.Sum256(password)
	return d.err == nil && subtle.ConstantTimeCompare(digest[:], d.secret[:]) == 1
}

// devices keeps the devices that were asked for, as of one number of the store.
type devices struct {
	store *store.Store

	mu     sync.Mutex // guards the fields below
	seq    uint64
	byName map[string]device
}

// get returns the device of that name. What it read before holds until the store
// changes.
func (d *devices) get(name string) (device, bool, error) {
	seq := d.store.Seq()
	d.mu.Lock()
	if d.seq != seq || d.byName == nil {
		d.seq, d.byName = seq, make(map[string]device)
	}
	found, ok := d.byName[name]
	d.mu.Unlock()
	if ok {
		return found, true, nil
	}
	object, err := d.store.Object(store.ObjectDevice, name)
	if errors.Is(err, store.ErrNotFound) {
		return device{}, false, nil
	}
	if err != nil {
		return device{}, false, err
	}
	stored := object.(*store.Device)
	found = device{name: stored.Name, disabled: stored.Disabled}
	secret, err := stored.Password.Resolve()
	if err == nil && secret == "" {
		err = errors.New("the device has no password")
	}
	found.err = err
	found.secret = secretDigest(secret)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.seq == seq {
		d.byName[name] = found
	}
	return found, true, nil
}

// deviceKey is a device's key in the ledger. No login name begins with a NUL.
func deviceKey(name string) string { return "\x00device\x00" + name }

func isDeviceKey(key string) bool { return len(key) > 0 && key[0] == 0 }

func secretDigest(secret string) [sha256.Size]byte { return sha256.Sum256([]byte(secret)) }
