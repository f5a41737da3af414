package directory

import (
	"errors"
	"strings"
	"sync"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/store"
)

// A Reader is who a connection is bound as. A nil Reader is anonymous.
type Reader struct {
	User   string // the username as stored; empty for a device
	UserID string
	Device string
	DN     string
}

// A view is a container as a reader sees it: all of it, or the reader's own entry
// alone.
type view struct {
	home *container
	only string // an ID
}

// An access is what a reader may read, and where the DNs lead that the reader has
// searched under: phones send the same one all day.
type access struct {
	views []view

	mu    sync.RWMutex
	spots map[string]spot // guarded by mu; containers only
}

const (
	// mostReaders bounds for how many readers a state of the directory remembers
	// what they may read.
	mostReaders = 10_000
	// mostSpots bounds the DNs that are remembered for one of them.
	mostSpots = 32
)

// access returns what a reader may read. What is not in there does not exist for
// the reader: nothing of it is looked at, so that not even the time that a search
// takes tells of it. everyone tells whether the client's address may read what
// everyone may read without a bind.
func (s *snapshot) access(r *Reader, everyone bool) (*access, error) {
	key := ""
	if r != nil {
		key = r.DN
	} else if !everyone {
		return &s.nobody, nil
	}
	s.mu.RLock()
	known := s.readers[key]
	s.mu.RUnlock()
	if known != nil {
		return known, nil
	}
	who, err := s.tree.standing(r)
	if err != nil {
		return nil, err
	}
	a := &access{}
	for _, c := range s.containers {
		switch {
		case who.mayRead(c.readers):
			a.views = append(a.views, view{home: c})
		case c.kind == store.KindUser && who.userID != "":
			a.views = append(a.views, view{home: c, only: who.userID})
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readers == nil || len(s.readers) >= mostReaders {
		s.readers = make(map[string]*access)
	}
	s.readers[key] = a
	return a, nil
}

// spot is snapshot.spot, remembered where it is a container.
func (a *access) spot(s *snapshot, base []byte, r *Reader) (spot, error) {
	a.mu.RLock()
	at, ok := a.spots[string(base)]
	a.mu.RUnlock()
	if ok {
		return at, nil
	}
	at, err := s.spot(string(base), r, a.views)
	switch at.kind {
	case spotBase, spotUsers, spotSpeedDials, spotPhonebooks, spotPhonebook:
		a.remember(base, at)
	}
	return at, err
}

func (a *access) remember(base []byte, at spot) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.spots == nil || len(a.spots) >= mostSpots {
		a.spots = make(map[string]spot)
	}
	a.spots[string(base)] = at
}

// A standing is what a reader is to the readers of a container. Names are
// normalised.
type standing struct {
	known  bool // bound, and still there
	user   string
	userID string
	device string
	groups []string
}

// standing looks a reader up in the store: whoever was removed or disabled after
// the bind is nobody.
func (t *Tree) standing(r *Reader) (standing, error) {
	switch {
	case r == nil:
		return standing{}, nil
	case r.Device != "":
		d, err := t.store.Device(r.Device)
		if errors.Is(err, store.ErrNotFound) || err == nil && d.Disabled {
			return standing{}, nil
		}
		name, _ := store.NormalizeName(r.Device)
		return standing{known: true, device: name}, err
	}
	e, err := t.store.Entry(store.Ref{Kind: store.KindUser, ID: r.UserID})
	if errors.Is(err, store.ErrNotFound) || err == nil && (e.Auth.Disabled || e.Hidden()) {
		return standing{}, nil
	}
	if err != nil {
		return standing{}, err
	}
	who := standing{known: true, userID: e.ID}
	who.user, _ = store.NormalizeName(e.Values.First(store.Username))
	for _, g := range e.Values.All(store.Groups) {
		who.groups = append(who.groups, groupNames(g)...)
	}
	return who, nil
}

// groupNames are the names by which a group is meant: as it is, and where that is
// a DN, as Active Directory has it, the value of its RDN.
func groupNames(group string) []string {
	var names []string
	if name, ok := store.NormalizeName(group); ok {
		names = append(names, name)
	}
	if !strings.Contains(group, "=") {
		return names
	}
	if dn, err := ldapwire.ParseDN(group); err == nil && len(dn) > 0 {
		if name, ok := store.NormalizeName(dn[0][0].Value); ok {
			names = append(names, name)
		}
	}
	return names
}

func (w *standing) mayRead(readers []store.Reader) bool {
	for _, r := range readers {
		switch r.Kind {
		case store.ReaderEveryone:
			return true
		case store.ReaderAuthenticated:
			if w.known {
				return true
			}
		case store.ReaderUser:
			if w.user != "" && w.user == r.Name {
				return true
			}
		case store.ReaderDevice:
			if w.device != "" && w.device == r.Name {
				return true
			}
		case store.ReaderGroup:
			for _, g := range w.groups {
				if g == r.Name {
					return true
				}
			}
		}
	}
	return false
}
