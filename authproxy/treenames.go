package authproxy

// BaseDN is the base of the tree, as clients are sent it.
func (f *Front) BaseDN() string { return f.names.base.String() }

// UsersDN is the branch of users.
func (f *Front) UsersDN() string { return f.names.usersDN.String() }

// DeviceDN is the name that a device binds with.
func (f *Front) DeviceDN(name string) string { return f.tree.DeviceDN(name) }

// PhonebookDN is the name of a phonebook; without a name that of the branch of all
// phonebooks.
func (f *Front) PhonebookDN(name string) string { return f.tree.PhonebookDN(name) }
