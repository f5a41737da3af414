package store

import (
	"fmt"
	"slices"
	"strings"
)

// RoleAdmin is the role that may do everything.
const RoleAdmin = "admin"

// roleNames are what people can be, the mightiest first.
var roleNames = [...]string{RoleAdmin, "editor", "viewer"}

// An Administrator is somebody who signs in to the administrator's doors with a password of their own.
type Administrator struct {
	Name  string `yaml:"name" json:"name"`
	Title string `yaml:"title,omitempty" json:"title,omitempty"`
	Role  string `yaml:"role" json:"role" example:"admin"` // admin, editor or viewer
	// Password is an argon2id hash in PHC string form. Who has none comes in by a one-time link alone.
	Password Secret `yaml:"password,omitempty" json:"password,omitzero"`
	Disabled bool   `yaml:"disabled,omitempty" json:"disabled,omitempty"`
}

// ObjectKind implements Object.
func (*Administrator) ObjectKind() ObjectKind { return ObjectAdministrator }

// ObjectName implements Object.
func (a *Administrator) ObjectName() string { return a.Name }

// Validate implements Object.
func (a *Administrator) Validate() error {
	if err := firstError(validateName(a.Name), validateTitle(a.Title), validateRole("role", a.Role)); err != nil {
		return err
	}
	switch {
	case a.Password.IsZero(), a.Password.IsMasked():
		return nil
	case !a.Password.IsLiteral():
		return fieldErrorf("password", "must be the password itself: a variable or a file would hold it in the clear, and what is kept is its hash")
	case !strings.HasPrefix(a.Password.text, "$argon2id$") || len(a.Password.text) > 1024:
		return fieldErrorf("password", "is not an argon2id hash")
	}
	return nil
}

// A Role says which users of the directory have a role when they sign in with the password that they have there.
type Role struct {
	Name   string   `yaml:"name" json:"name"` // admin, editor or viewer
	Groups []string `yaml:"groups,omitempty" json:"groups,omitempty" example:"[phone-admins]"`
	Users  []string `yaml:"users,omitempty" json:"users,omitempty" example:"[alice]"` // login names
}

// ObjectKind implements Object.
func (*Role) ObjectKind() ObjectKind { return ObjectRole }

// ObjectName implements Object.
func (r *Role) ObjectName() string { return r.Name }

// Validate implements Object.
func (r *Role) Validate() error {
	if err := validateRole("name", r.Name); err != nil {
		return err
	}
	for path, names := range map[string][]string{"groups": r.Groups, "users": r.Users} {
		if len(names) > 1000 {
			return fieldErrorf(path, "holds more than 1000 names: use a group")
		}
		for i, name := range names {
			if _, ok := NormalizeName(name); !ok {
				return fieldErrorf(fmt.Sprintf("%s[%d]", path, i), "%q cannot be a name: it is empty, too long or holds control characters", name)
			}
		}
	}
	return nil
}

// Has tells whether a user has the role by login name or by a group. Names are compared as those of logins are.
func (r *Role) Has(login string, groups []string) bool {
	return slices.ContainsFunc(r.Users, func(u string) bool { return sameName(u, login) }) ||
		slices.ContainsFunc(groups, func(g string) bool {
			return slices.ContainsFunc(r.Groups, func(mine string) bool { return sameName(mine, g) })
		})
}

func sameName(a, b string) bool {
	x, okX := NormalizeName(a)
	y, okY := NormalizeName(b)
	return okX && okY && x == y
}

func validateRole(path, role string) error {
	if !slices.Contains(roleNames[:], role) {
		return fieldErrorf(path, "%q is not a role: write %s", role, strings.Join(roleNames[:], ", "))
	}
	return nil
}
