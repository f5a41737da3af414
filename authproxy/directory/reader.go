package directory

import (
	"errors"
	"strings"

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

// mostViews bounds for how many readers a state of the directory remembers what
// they may read.
const mostViews = 10_000

// views returns what a reader may read. What is not in there does not exist for
// the reader: nothing of it is looked at, so that not even the time that a search
// takes tells of it. everyone tells whether the client's address may read what
// everyone may read without a bind.
func (s *snapshot) views(r *Reader, everyone bool) ([]view, error) {
	key := ""
	if r != nil {
		key = r.DN
	} else if !everyone {
		return nil, nil
	}
	s.mu.Lock()
	known, ok := s.readable[key]
	s.mu.Unlock()
	if ok {
		return known, nil
	}
	who, err := s.tree.standing(r)
	if err != nil {
		return nil, err
	}
	var views []view
	for _, c := range s.containers {
		switch {
		case who.mayRead(c.readers):
			views = append(views, view{home: c})
		case c.kind == store.KindUser && who.userID != "":
			views = append(views, view{home: c, only: who.userID})
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readable == nil || len(s.readable) >= mostViews {
		s.readable = make(map[string][]view)
	}
	s.readable[key] = views
	return views, nil
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
	if errors.Is(err, store.ErrNotFound) || err == nil && e.Auth.Disabled {
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
