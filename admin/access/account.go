package access

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/dialtree/dialtree/store"
)

// An Account is somebody who may sign in with a password, as the store has it now.
type Account struct {
	Name      string
	Directory bool // a user of the directory, who has a role by group or by name
	Role      Role
	Hash      string // of an administrator's password; empty: none was set yet
	Stamp     []byte // of all that a session depends on
}

// ErrNoAccount says that nobody of that name may sign in, ErrDisabled that an administrator of that name may not.
var (
	ErrNoAccount = errors.New("nobody of that name may sign in")
	ErrDisabled  = errors.New("the administrator is disabled")
)

// Administrator returns the account of an administrator, ErrNoAccount or ErrDisabled.
func Administrator(s *store.Store, name string) (*Account, error) {
	normal, ok := store.NormalizeName(name)
	if !ok {
		return nil, ErrNoAccount
	}
	o, err := s.Object(store.ObjectAdministrator, normal)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, ErrNoAccount
	case err != nil:
		return nil, err
	}
	a := o.(*store.Administrator)
	if a.Disabled {
		return nil, ErrDisabled
	}
	return AccountOf(a)
}

// AccountOf returns the account of an administrator as it is in hand.
func AccountOf(a *store.Administrator) (*Account, error) {
	hash := ""
	if !a.Password.IsMasked() { // else it was lost with the key of the store, and a link sets another one
		var err error
		if hash, err = a.Password.Resolve(); err != nil {
			return nil, fmt.Errorf("administrator %s: %w", a.Name, err)
		}
	}
	return &Account{Name: a.Name, Role: Role(a.Role), Hash: hash, Stamp: stampOf("administrator", a.Role, hash)}, nil
}

// DirectoryUser returns the account of a user of the directory who has a role, or ErrNoAccount. Of several roles the mightiest counts.
func DirectoryUser(s *store.Store, login string) (*Account, error) {
	u, err := s.User(login)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, ErrNoAccount
	case err != nil:
		return nil, err
	}
	if u.Auth.Disabled || u.Hidden() || u.Auth.Method == store.AuthNone {
		return nil, ErrNoAccount
	}
	hash, err := u.Auth.Hash.Resolve()
	if err != nil {
		return nil, fmt.Errorf("user %s: %w", login, err)
	}
	name := u.Values.First(store.Username)
	role, err := RoleOf(s, name, u.Values.All(store.Groups))
	switch {
	case err != nil:
		return nil, err
	case role == "":
		return nil, ErrNoAccount
	}
	return &Account{Name: name, Directory: true, Role: role,
		Stamp: stampOf("user", string(role), u.ID, u.Auth.Method.String(), u.Auth.Upstream, hash)}, nil
}

// RoleOf returns the role that a user of the directory has or would have; empty for none. Of several the mightiest counts.
func RoleOf(s *store.Store, login string, groups []string) (Role, error) {
	for _, role := range Roles() {
		o, err := s.Object(store.ObjectRole, string(role))
		if errors.Is(err, store.ErrNotFound) {
			continue // nobody has it
		}
		if err != nil {
			return "", err
		}
		if o.(*store.Role).Has(login, groups) {
			return role, nil
		}
	}
	return "", nil
}

// stampOf is a digest of texts, none of which can pass for a part of another.
func stampOf(texts ...string) []byte {
	h := sha256.New()
	for _, t := range texts {
		fmt.Fprintf(h, "%d:%s", len(t), t)
	}
	return h.Sum(nil)
}

// HasAdmin tells whether anybody but the owner of the socket can come in as an administrator, once objects are
// put and removed: somebody with a password and that role, or members of the directory that have it.
func HasAdmin(s *store.Store, put []store.Object, remove []store.ObjectRef) (bool, error) {
	after := map[store.ObjectRef]store.Object{}
	for _, kind := range []store.ObjectKind{store.ObjectAdministrator, store.ObjectRole} {
		objects, err := s.Objects(kind)
		if err != nil {
			return false, err
		}
		for _, o := range objects {
			after[store.RefOf(o)] = o
		}
	}
	for _, o := range put {
		ref := store.RefOf(o)
		if a, ok := o.(*store.Administrator); ok && a.Password.IsMasked() { // keeps what it has
			if old, ok := after[ref].(*store.Administrator); ok {
				kept := *a
				kept.Password, o = old.Password, &kept
			}
		}
		after[ref] = o
	}
	for _, ref := range remove {
		delete(after, ref)
	}
	for _, o := range after {
		switch o := o.(type) {
		case *store.Administrator:
			if o.Role == store.RoleAdmin && !o.Disabled && o.Password.IsLiteral() {
				return true, nil
			}
		case *store.Role:
			if o.Name == store.RoleAdmin && len(o.Groups)+len(o.Users) > 0 {
				return true, nil
			}
		}
	}
	return false, nil
}
