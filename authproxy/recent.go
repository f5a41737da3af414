package authproxy

import "sync"

// maxRecent bounds what a recent keeps.
const maxRecent = 1 << 16

// A recent keeps what was read from the store for as long as the store does not
// change, which an atomic read tells. Reading an account from bbolt takes a
// microsecond and fifteen allocations; the phones that log in every minute are
// the same ones all day. What does not exist is not kept.
type recent[T any] struct {
	seq  func() uint64
	read func(key string) (value T, found bool, err error)

	mu    sync.RWMutex // guards the fields below; never held while reading
	at    uint64
	found map[string]T
}

// get returns what the store has under the key.
func (r *recent[T]) get(key string) (T, bool, error) {
	seq := r.seq()
	r.mu.RLock()
	value, ok := r.found[key]
	ok = ok && r.at == seq
	r.mu.RUnlock()
	if ok {
		return value, true, nil
	}
	value, ok, err := r.read(key)
	if !ok || err != nil {
		return value, false, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.at > seq && r.at <= r.seq(): // another login read a later state: ours may be older
	case r.at != seq || r.found == nil || len(r.found) >= maxRecent:
		r.at, r.found = seq, map[string]T{key: value}
	default:
		r.found[key] = value
	}
	return value, true, nil
}
