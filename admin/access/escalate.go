package access

import "github.com/dialtree/dialtree/store"

// MayChangeUser tells whether somebody may change a user from what he is to what he shall be; nil is one that is not there. Who may change users
// could else give himself more than he has: by the password of somebody with a role, or by a group that has one.
func MayChangeUser(s *store.Store, who *Identity, before, after *store.Entry) (bool, error) {
	if who.May(Admin) {
		return true, nil
	}
	for _, e := range []*store.Entry{before, after} {
		if e == nil || e.Kind != store.KindUser {
			continue
		}
		role, err := RoleOf(s, e.Values.First(store.Username), e.Values.All(store.Groups))
		if err != nil {
			return false, err
		}
		for _, scope := range role.Scopes() {
			if !who.May(scope) {
				return false, nil
			}
		}
	}
	return true, nil
}

// HasMembers tells whether users of the directory have roles.
func HasMembers(s *store.Store) (bool, error) {
	roles, err := s.Objects(store.ObjectRole)
	if err != nil {
		return false, err
	}
	for _, o := range roles {
		if r := o.(*store.Role); len(r.Groups)+len(r.Users) > 0 {
			return true, nil
		}
	}
	return false, nil
}
