package directory

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/store"
)

// ErrBadDN is a name that is no DN.
var ErrBadDN = errors.New("the name is no DN after RFC 4514")

// Output is the form in which telephone numbers are sent.
type Output uint8

// The forms.
const (
	AsStored      Output = iota // as the source or the administrator wrote them
	E164                        // +49301234567
	International               // +49 30 1234567
)

// Options are what a Tree needs.
type Options struct {
	Store     *store.Store // required
	BaseDN    string       // required
	Version   string       // for the root DSE
	Numbering Numbering    // zero: Germany's
	Output    Output
	// Loaded is told how the directory was brought up to a change of the store. May
	// be nil; called from Run.
	Loaded func(Loaded)
}

// A Tree is the directory under a base DN. Searches go on while Run keeps it
// current.
type Tree struct {
	store   *store.Store
	schema  *schema
	numbers Numbering
	output  Output
	version string
	loaded  func(Loaded)

	base   string // normalised by ldapwire.DN.String
	baseDN ldapwire.DN

	current   atomic.Pointer[snapshot]
	ready     chan struct{} // closed when current is set for the first time
	searchers sync.Pool
	turns     turns

	long atomic.Bool // the change that is being read takes long: nobody waits for it

	mu   sync.Mutex    // guards news
	news chan struct{} // closed when current or long has changed, then replaced
}

// New returns the tree. It reads nothing before Run.
func New(o Options) (*Tree, error) {
	dn, err := ldapwire.ParseDN(o.BaseDN)
	if err != nil {
		return nil, err
	}
	if len(dn) == 0 {
		return nil, errors.New("the base must name an entry, such as dc=dialtree")
	}
	if o.Numbering == (Numbering{}) {
		o.Numbering = Numbering{Country: "49", Trunk: "0", International: "00"}
	}
	if o.Loaded == nil {
		o.Loaded = func(Loaded) {}
	}
	return &Tree{
		store: o.Store, schema: newSchema(), numbers: o.Numbering, output: o.Output, version: o.Version, loaded: o.Loaded,
		base: dn.String(), baseDN: dn, turns: newTurns(), ready: make(chan struct{}), news: make(chan struct{}),
	}, nil
}

// Base is the base DN.
func (t *Tree) Base() string { return t.base }

// UserDN is the DN of a user.
func (t *Tree) UserDN(username string) string {
	return "uid=" + ldapwire.EscapeDNValue(username) + ",ou=users," + t.base
}

// DeviceDN is the DN of a device.
func (t *Tree) DeviceDN(name string) string {
	return "cn=" + ldapwire.EscapeDNValue(name) + ",ou=devices," + t.base
}

// PhonebookDN is the DN of a phonebook; of the container of all without a name.
func (t *Tree) PhonebookDN(name string) string {
	dn := "ou=phonebook," + t.base
	if name != "" {
		dn = "ou=" + ldapwire.EscapeDNValue(name) + "," + dn
	}
	return dn
}

// A spot is what a DN names, as far as a reader may know of it.
type spot struct {
	kind    spotKind
	node    *node // of everything but an entry
	entry   hit   // of an entry
	view    view  // of a container of entries
	matched string
}

type spotKind uint8

const (
	spotNone spotKind = iota
	spotRoot
	spotSchema
	spotBase
	spotUsers
	spotSpeedDials
	spotPhonebooks
	spotPhonebook
	spotDevices
	spotDevice
	spotEntry
)

// containers of the tree, by the name of their ou.
var branches = map[string]spotKind{
	"users": spotUsers, "speeddials": spotSpeedDials, "phonebook": spotPhonebooks, "devices": spotDevices,
}

// spot finds what a DN names. The root and the schema are everybody's.
func (s *snapshot) spot(name string, r *Reader, views []view) (spot, error) {
	t := s.tree
	if name == "" {
		return spot{kind: spotRoot}, nil
	}
	dn, err := ldapwire.ParseDN(name)
	if err != nil {
		return spot{}, fmt.Errorf("%w: %w", ErrBadDN, err)
	}
	if len(dn) == 1 && len(dn[0]) == 1 && t.isType(dn[0][0].Type, "cn") && strings.EqualFold(dn[0][0].Value, "subschema") {
		return spot{kind: spotSchema, node: t.subschema(s)}, nil
	}
	above := len(dn) - len(t.baseDN)
	if above < 0 || !dn[above:].Equal(t.baseDN) {
		return spot{}, nil
	}
	if above == 0 {
		return spot{kind: spotBase, node: t.baseNode()}, nil
	}
	for _, rdn := range dn[:above] {
		if len(rdn) != 1 {
			return spot{matched: t.base}, nil
		}
	}
	branch := dn[above-1][0]
	kind := branches[strings.ToLower(branch.Value)]
	if kind == spotNone || !t.isType(branch.Type, "ou") {
		return spot{matched: t.base}, nil
	}
	if above == 1 {
		return s.branch(kind, r, views), nil
	}
	found := s.below(kind, dn[:above-1], r, views)
	if found.kind == spotNone && found.matched == "" {
		found.matched = t.branchDN(kind)
	}
	return found, nil
}

// isType tells whether an attribute type in a DN is the one of that name.
func (t *Tree) isType(written, name string) bool {
	a := t.schema.find([]byte(written))
	return a != nil && a == t.schema.byName[name]
}

func (t *Tree) branchDN(kind spotKind) string { return "ou=" + kind.ou() + "," + t.base }

func (k spotKind) ou() string {
	for ou, kind := range branches {
		if kind == k {
			return ou
		}
	}
	return ""
}

// branch is one of the containers right below the base.
func (s *snapshot) branch(kind spotKind, r *Reader, views []view) spot {
	m := s.tree.node(s.tree.branchDN(kind), "organizationalUnit", "top").add("ou", kind.ou())
	below := kind == spotDevices && r != nil && r.Device != ""
	for _, v := range views {
		below = below || v.home.branch() == kind && (kind == spotPhonebooks || v.entries() > 0)
	}
	return spot{kind: kind, view: viewOf(views, kind), node: m.structure("organizationalUnit", below).node}
}

// entries is how many entries there are to be seen.
func (v view) entries() int {
	if v.only != "" {
		return 1
	}
	return v.home.entries()
}

// viewOf returns the view of users or speed dials, if there is one.
func viewOf(views []view, kind spotKind) view {
	for _, v := range views {
		if v.home.branch() == kind && kind != spotPhonebooks {
			return v
		}
	}
	return view{}
}

func (c *container) branch() spotKind {
	switch c.kind {
	case store.KindUser:
		return spotUsers
	case store.KindSpeedDial:
		return spotSpeedDials
	}
	return spotPhonebooks
}

// below finds what a name below a branch names; rdns are those below it, the
// entry's own first.
func (s *snapshot) below(kind spotKind, rdns ldapwire.DN, r *Reader, views []view) spot {
	t := s.tree
	leaf := rdns[0][0]
	switch {
	case kind == spotDevices && len(rdns) == 1 && t.isType(leaf.Type, "cn"):
		return t.device(leaf.Value, r)
	case kind == spotPhonebooks:
		return s.inPhonebooks(rdns, views)
	case len(rdns) == 1 && t.isType(leaf.Type, "uid"):
		if v := viewOf(views, kind); v.home != nil {
			return v.entry(leaf.Value)
		}
	}
	return spot{}
}

func (s *snapshot) inPhonebooks(rdns ldapwire.DN, views []view) spot {
	book := rdns[len(rdns)-1][0]
	if !s.tree.isType(book.Type, "ou") {
		return spot{}
	}
	name, _ := store.NormalizeName(book.Value)
	for _, v := range views {
		switch {
		case v.home.kind != store.KindContact || v.home.book != name:
		case len(rdns) == 1:
			return spot{kind: spotPhonebook, view: v, node: v.home.node()}
		case len(rdns) == 2 && s.tree.isType(rdns[0][0].Type, "uid"):
			found := v.entry(rdns[0][0].Value)
			found.matched = v.home.dn
			return found
		}
	}
	return spot{}
}

// entry finds the entry of a view whose RDN has this value.
func (v view) entry(rdn string) spot {
	id := strings.ToLower(rdn)
	if v.home.kind == store.KindUser {
		e, ok, err := v.home.tree.store.Account(rdn)
		if !ok || err != nil {
			return spot{}
		}
		id = e.ID
	}
	if v.only != "" && v.only != id {
		return spot{}
	}
	if h, ok := v.home.find(id); ok {
		return spot{kind: spotEntry, entry: h}
	}
	return spot{}
}

// node is a phonebook as an entry of the tree.
func (c *container) node() *node {
	m := c.tree.node(c.dn, "organizationalUnit", "top").add("ou", c.book).text("description", c.title)
	return m.structure("organizationalUnit", c.entries() > 0).node
}

// device shows a device to itself alone.
func (t *Tree) device(name string, r *Reader) spot {
	want, ok := store.NormalizeName(name)
	if !ok || r == nil || r.Device != want {
		return spot{}
	}
	d, err := t.store.Device(want)
	if err != nil {
		return spot{}
	}
	m := t.node(t.DeviceDN(d.Name), "device", "top").add("cn", d.Name).text("description", d.Title)
	return spot{kind: spotDevice, node: m.structure("device", false).node}
}

// baseNode is the base entry; its object class fits its RDN.
func (t *Tree) baseNode() *node {
	first := t.baseDN[0][0]
	class := map[string]string{"dc": "domain", "o": "organization", "ou": "organizationalUnit", "c": "country"}[strings.ToLower(first.Type)]
	if class == "" {
		class = "extensibleObject"
	}
	return t.node(t.base, class, "top").add(first.Type, first.Value).structure(class, true).node
}
