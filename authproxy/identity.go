package authproxy

import (
	"github.com/dialtree/dialtree/authproxy/directory"
	"github.com/dialtree/dialtree/authproxy/ldapserver"
)

type identityKind uint8

const (
	nobody identityKind = iota
	identityUser
	identityDevice
	identityAdministrator // of the administrator's doors; never of a connection
)

// identity is who a connection is bound as, from what an accepted attempt found.
func (f *Front) identity(a *attempt) *directory.Reader {
	if a.kind == identityDevice {
		return &directory.Reader{Device: a.device.name, DN: f.tree.DeviceDN(a.device.name)}
	}
	return &directory.Reader{UserID: a.user.ID, User: a.user.Username, DN: f.tree.UserDN(a.user.Username)}
}

// reader returns who a connection is bound as; nil is anonymous.
func reader(c *ldapserver.Conn) *directory.Reader {
	r, _ := c.Identity().(*directory.Reader)
	return r
}
