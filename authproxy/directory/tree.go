package directory

import (
	"errors"
	"strings"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/store"
)

// ErrBadDN is a name that is no DN.
var ErrBadDN = errors.New("the name is no DN after RFC 4514")

// A Tree names and finds entries under a base DN.
type Tree struct {
	store   *store.Store
	base    string // normalised by ldapwire.DN.String
	baseDN  ldapwire.DN
	version string
}

// New returns the tree under base.
func New(s *store.Store, base, version string) (*Tree, error) {
	dn, err := ldapwire.ParseDN(base)
	if err != nil {
		return nil, err
	}
	if len(dn) == 0 {
		return nil, errors.New("the base must name an entry, such as dc=dialtree")
	}
	return &Tree{store: s, base: dn.String(), baseDN: dn, version: version}, nil
}

// UserDN is the DN of a user.
func (t *Tree) UserDN(username string) string {
	return "uid=" + ldapwire.EscapeDNValue(username) + ",ou=users," + t.base
}

// DeviceDN is the DN of a device.
func (t *Tree) DeviceDN(name string) string {
	return "cn=" + ldapwire.EscapeDNValue(name) + ",ou=devices," + t.base
}

// Find returns the entry of that name as far as the reader may see it, or nil and
// the nearest entry above that exists. everyone tells whether the client's
// address may read what everyone may read without a bind.
func (t *Tree) Find(name string, r *Reader, everyone bool) (node *Node, matched string, err error) {
	dn, err := ldapwire.ParseDN(name)
	if err != nil {
		return nil, "", ErrBadDN
	}
	above := len(dn) - len(t.baseDN)
	if above < 0 || !dn[above:].Equal(t.baseDN) || r == nil && !everyone {
		return nil, "", nil
	}
	if above == 0 {
		return t.baseNode(), "", nil
	}
	for _, rdn := range dn[:above] {
		if len(rdn) != 1 {
			return nil, t.base, nil
		}
	}
	branch := dn[above-1][0]
	if !isAttribute(branch.Type, "ou") {
		return nil, t.base, nil
	}
	ou := strings.ToLower(branch.Value)
	switch ou {
	case "users", "phonebook", "speeddials", "devices":
	default:
		return nil, t.base, nil
	}
	branchDN := "ou=" + ou + "," + t.base
	if above == 1 {
		return t.container(branchDN, "ou", ou, "organizationalUnit"), "", nil
	}
	leaf := dn[0][0]
	switch {
	case ou == "users" && above == 2 && isAttribute(leaf.Type, "uid"):
		node, err = t.user(leaf.Value, r)
	case ou == "devices" && above == 2 && isAttribute(leaf.Type, "cn"):
		node, err = t.device(leaf.Value, r)
	case ou == "speeddials" && above == 2 && isAttribute(leaf.Type, "uid"):
		node, err = t.entry(store.KindSpeedDial, leaf.Value, branchDN, "", r, everyone)
	case ou == "phonebook" && above == 2 && isAttribute(leaf.Type, "ou"):
		node, err = t.phonebook(leaf.Value, branchDN, r, everyone)
	case ou == "phonebook" && above == 3 && isAttribute(leaf.Type, "uid") && isAttribute(dn[1][0].Type, "ou"):
		book := dn[1][0].Value
		node, err = t.entry(store.KindContact, leaf.Value, "ou="+ldapwire.EscapeDNValue(book)+","+branchDN, book, r, everyone)
	}
	if errors.Is(err, store.ErrNotFound) {
		node, err = nil, nil
	}
	return node, branchDN, err
}

func isAttribute(name, want string) bool {
	return strings.EqualFold(name, want) || name == oids[want]
}

// baseNode is the base entry; its object class fits its RDN.
func (t *Tree) baseNode() *Node {
	first := t.baseDN[0][0]
	class := map[string]string{"dc": "domain", "o": "organization", "ou": "organizationalUnit", "c": "country"}[strings.ToLower(first.Type)]
	if class == "" {
		class = "extensibleObject"
	}
	return t.container(t.base, first.Type, first.Value, class)
}

func (t *Tree) user(username string, r *Reader) (*Node, error) {
	e, err := t.store.User(username)
	if err != nil {
		return nil, err
	}
	if ok, err := t.mayReadEntry(r, &e, false); !ok {
		return nil, err
	}
	return t.entryNode(t.UserDN(e.Values.First(store.Username)), &e), nil
}

// device shows a device to itself alone.
func (t *Tree) device(name string, r *Reader) (*Node, error) {
	if r == nil || r.Device == "" || !sameName(r.Device, name) {
		return nil, nil
	}
	object, err := t.store.Object(store.ObjectDevice, r.Device)
	if err != nil {
		return nil, err
	}
	return t.deviceNode(object.(*store.Device)), nil
}

func (t *Tree) phonebook(name, parent string, r *Reader, everyone bool) (*Node, error) {
	object, err := t.store.Object(store.ObjectPhonebook, name)
	if err != nil {
		return nil, err
	}
	book := object.(*store.Phonebook)
	if ok, err := t.mayReadPhonebook(r, book, everyone); !ok {
		return nil, err
	}
	n := t.container("ou="+ldapwire.EscapeDNValue(book.Name)+","+parent, "ou", book.Name, "organizationalUnit")
	if book.Title != "" {
		n.add("description", book.Title)
	}
	return n, nil
}

func (t *Tree) entry(kind store.Kind, id, parent, book string, r *Reader, everyone bool) (*Node, error) {
	e, err := t.store.Entry(store.Ref{Kind: kind, ID: strings.ToLower(id)})
	if err != nil {
		return nil, err
	}
	if kind == store.KindContact && !sameName(e.Phonebook, book) {
		return nil, nil
	}
	if ok, err := t.mayReadEntry(r, &e, everyone); !ok {
		return nil, err
	}
	return t.entryNode("uid="+e.ID+","+parent, &e), nil
}
