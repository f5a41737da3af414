package authproxy

import (
	"errors"
	"net/netip"

	"github.com/dialtree/dialtree/authproxy/directory"
	"github.com/dialtree/dialtree/authproxy/ldapserver"
	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// search answers reads of one entry: the root DSE, and any entry that the client
// may see, by its DN.
func (f *Front) search(w *ldapserver.ResponseWriter, r *ldapserver.Request) {
	s := &r.Message.Search
	if len(s.BaseObject) == 0 && s.Scope == ldapwire.ScopeBaseObject {
		secure := r.Conn.TLS()
		f.send(w, r, f.tree.RootDSE(f.startTLS && !secure, secure))
		return
	}
	if s.Scope != ldapwire.ScopeBaseObject {
		w.Result(ldapwire.UnwillingToPerform, "", "only single entries can be read here, with the scope base")
		return
	}
	node, matched, err := f.tree.Find(string(s.BaseObject), reader(r.Conn), f.anonymousMayRead(r.Conn.RemoteAddr().Addr()))
	switch {
	case errors.Is(err, directory.ErrBadDN):
		w.Result(ldapwire.InvalidDNSyntax, "", err.Error())
	case err != nil:
		f.logger.Error("search failed", "error", err)
		w.Result(ldapwire.Other, "", "the entry could not be read")
	case node == nil:
		w.Result(ldapwire.NoSuchObject, matched, "")
	default:
		f.send(w, r, node)
	}
}

// send answers a search with the one node, where the filter holds.
func (f *Front) send(w *ldapserver.ResponseWriter, r *ldapserver.Request, node *directory.Node) {
	s := &r.Message.Search
	if node.Match(&s.Filter) == directory.True {
		err := w.Entry(func(dst []byte, id int32) []byte {
			return node.Append(dst, id, s.Attributes, s.TypesOnly)
		})
		if err != nil {
			return // the client is gone
		}
	}
	w.Result(ldapwire.Success, "", "")
}

// compare answers a CompareRequest (RFC 4511, section 4.10).
func (f *Front) compare(w *ldapserver.ResponseWriter, r *ldapserver.Request) {
	c := &r.Message.Compare
	node, matched, err := f.tree.Find(string(c.Entry), reader(r.Conn), f.anonymousMayRead(r.Conn.RemoteAddr().Addr()))
	switch {
	case errors.Is(err, directory.ErrBadDN):
		w.Result(ldapwire.InvalidDNSyntax, "", err.Error())
		return
	case err != nil:
		f.logger.Error("compare failed", "error", err)
		w.Result(ldapwire.Other, "", "the entry could not be read")
		return
	case node == nil:
		w.Result(ldapwire.NoSuchObject, matched, "")
		return
	}
	found, truth := node.Compare(string(c.Attribute), c.Value)
	switch {
	case !found:
		w.Result(ldapwire.NoSuchAttribute, "", "")
	case truth == directory.True:
		w.Result(ldapwire.CompareTrue, "", "")
	case truth == directory.Undefined:
		w.Result(ldapwire.InappropriateMatching, "", "")
	default:
		w.Result(ldapwire.CompareFalse, "", "")
	}
}

// anonymousMayRead tells whether a client may read what everyone may read
// without a bind.
func (f *Front) anonymousMayRead(a netip.Addr) bool {
	a = a.Unmap()
	for _, p := range f.anonymousFrom {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
