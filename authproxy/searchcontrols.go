package authproxy

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"math"

	"github.com/dialtree/dialtree/authproxy/directory"
	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// searchControls are the controls of a search, read.
type searchControls struct {
	subentries bool

	paged    bool
	pageSize int32
	digest   [sha256.Size]byte // of the search that the cookie belongs to

	sorted        bool // the sort control was there
	sort          []directory.SortKey
	sortCode      ldapwire.ResultCode
	sortAttribute []byte

	viewed       bool // the virtual list view control was there
	viewCritical bool
	viewCode     ldapwire.ResultCode
	view         ldapwire.VirtualListView
}

// readControls reads the controls that a search knows. A critical one that makes
// no sense is an error, any other is as if it were not there: a phone that sends
// one must not stand without an answer.
func (s *search) readControls(m *ldapwire.Message) (code ldapwire.ResultCode, text string) {
	c := &s.controls
	for i := range m.Controls {
		var err error
		switch control := &m.Controls[i]; string(control.OID) {
		case directory.ControlSubentries:
			c.subentries, err = ldapwire.DecodeSubentries(control.Value)
		case directory.ControlPagedResults:
			if code, text := s.readPaged(m, control); code != ldapwire.Success {
				return code, text
			}
		case directory.ControlSortRequest:
			if code, text := c.readSort(s.front.tree, control); code != ldapwire.Success {
				return code, text
			}
		case directory.ControlVirtualListView:
			err = c.view.Decode(control.Value)
			c.viewed, c.viewCritical = err == nil, control.Critical
		}
		if err != nil && m.Controls[i].Critical {
			return ldapwire.ProtocolError, "the value of the control " + printable(m.Controls[i].OID) + " makes no sense"
		}
	}
	if c.viewed && (!c.sorted || c.sortCode != ldapwire.Success) {
		c.viewCode = ldapwire.SortControlMissing
	}
	if c.viewed && c.viewCode != ldapwire.Success && c.viewCritical {
		return ldapwire.VirtualListViewError, "a virtual list view needs a server-side sort"
	}
	if c.viewed && c.paged {
		return ldapwire.UnwillingToPerform, "ask for pages or for a virtual list view, not for both"
	}
	return ldapwire.Success, ""
}

func (c *searchControls) readSort(t *directory.Tree, control *ldapwire.Control) (code ldapwire.ResultCode, text string) {
	keys, err := ldapwire.DecodeSortKeys(control.Value)
	switch {
	case err != nil && control.Critical:
		return ldapwire.ProtocolError, "the value of the server-side sort control makes no sense"
	case err != nil:
		return ldapwire.Success, ""
	}
	c.sorted = true
	c.sort, c.sortCode, c.sortAttribute = t.SortKeys(keys)
	if c.sortCode != ldapwire.Success && control.Critical {
		// RFC 2891, section 2: critical means sorted or nothing.
		return ldapwire.UnavailableCriticalExtension, "entries cannot be sorted by " + printable(c.sortAttribute)
	}
	return ldapwire.Success, ""
}

// apply puts what the controls say into the query.
func (c *searchControls) apply(s *search) {
	q := &s.query
	if c.sorted && c.sortCode == ldapwire.Success {
		q.Sort = c.sort
	}
	if c.viewed && c.viewCode == ldapwire.Success {
		s.view = directory.View{
			Before: int(c.view.Before), After: int(c.view.After),
			Offset: int(c.view.Offset), Count: int(c.view.ContentCount), AtLeast: c.view.AtLeast,
		}
		q.View = &s.view
	}
	if !c.paged {
		return
	}
	if s.cursor.Seen > 0 {
		q.After = &s.cursor
	}
	q.Limit = min(q.Limit, int(c.pageSize))
	if total := int(s.request.Message.Search.SizeLimit); total > 0 {
		q.Limit = min(q.Limit, max(0, total-s.cursor.Seen))
	}
}

// answers appends the controls of the result.
func (c *searchControls) answers(dst []ldapwire.Control, s *search, result *directory.Result) []ldapwire.Control {
	if c.sorted {
		r := ldapwire.SortResult{Code: c.sortCode, Attribute: c.sortAttribute}
		dst = append(dst, ldapwire.Control{OID: []byte(directory.ControlSortResponse), Value: r.Append(nil)})
	}
	if c.viewed {
		r := ldapwire.VirtualListViewResult{Target: int32(min(result.Target, math.MaxInt32)), ContentCount: int32(min(result.Count, math.MaxInt32)), Code: c.viewCode}
		if result.Code == ldapwire.OffsetRangeError {
			r.Code, result.Code = ldapwire.OffsetRangeError, ldapwire.VirtualListViewError
		}
		dst = append(dst, ldapwire.Control{OID: []byte(directory.ControlListViewResult), Value: r.Append(nil)})
	}
	if c.paged {
		p := ldapwire.PagedResults{Cookie: s.nextCookie(result)}
		dst = append(dst, ldapwire.Control{OID: []byte(directory.ControlPagedResults), Value: p.Append(nil)})
	}
	return dst
}

// Pages (RFC 2696). A cookie says where the page ended and is signed together with
// the connection, who is bound on it and what is searched, under a key that is made
// anew at every start. Nothing is kept here between pages: however many searches a
// client leaves half-way, none is open.

const (
	cookieVersion = 1
	macLen        = 16
)

// readPaged reads the paged results control.
func (s *search) readPaged(m *ldapwire.Message, control *ldapwire.Control) (code ldapwire.ResultCode, text string) {
	var p ldapwire.PagedResults
	switch err := p.Decode(control.Value); {
	case err != nil && control.Critical:
		return ldapwire.ProtocolError, "the value of the paged results control makes no sense"
	case err != nil:
		return ldapwire.Success, ""
	}
	c := &s.controls
	c.paged, c.pageSize = true, p.Size
	s.cursor = directory.Cursor{}
	same := m.Search
	same.SizeLimit, same.TimeLimit = 0, 0
	c.digest = sha256.Sum256(ldapwire.AppendSearchRequest(nil, 0, &same))
	if len(p.Cookie) > 0 && !s.openCookie(p.Cookie) {
		return ldapwire.UnwillingToPerform, "the cookie is none of this search on this connection: start again without one"
	}
	return ldapwire.Success, ""
}

// openCookie takes a cookie back.
func (s *search) openCookie(cookie []byte) bool {
	if len(cookie) < macLen+2 || cookie[0] != cookieVersion {
		return false
	}
	body, mac := cookie[:len(cookie)-macLen], cookie[len(cookie)-macLen:]
	if !hmac.Equal(mac, s.sign(body)) {
		return false
	}
	seen, n := binary.Uvarint(body[1:])
	s.cursor = directory.Cursor{ID: string(body[1+n:]), Seen: int(seen)}
	return true
}

// nextCookie is the cookie for the next page; empty where there is none. A page that
// is full is no failure.
func (s *search) nextCookie(result *directory.Result) []byte {
	total := int(s.request.Message.Search.SizeLimit)
	switch {
	case result.More == nil || s.controls.pageSize == 0:
		if s.controls.pageSize == 0 {
			result.Code = ldapwire.Success
		}
		return nil
	case total > 0 && result.More.Seen >= total:
		return nil // the client's own limit: its search ends here
	}
	result.Code = ldapwire.Success
	body := binary.AppendUvarint([]byte{cookieVersion}, uint64(result.More.Seen))
	body = append(body, result.More.ID...)
	return append(body, s.sign(body)...)
}

// sign binds a cookie to its search.
func (s *search) sign(body []byte) []byte {
	h := hmac.New(sha256.New, s.front.cookieKey[:])
	var connection [8]byte
	binary.BigEndian.PutUint64(connection[:], s.request.Conn.ID())
	h.Write(connection[:])
	if who := reader(s.request.Conn); who != nil {
		h.Write([]byte(who.DN))
	}
	h.Write([]byte{0})
	h.Write(s.controls.digest[:])
	h.Write(body)
	return h.Sum(nil)[:macLen]
}

// unknownCritical returns the first critical control that is not served with the
// operation, and whether there is one: its name may be empty.
func unknownCritical(m *ldapwire.Message) (oid string, found bool) {
	for i := range m.Controls {
		if c := &m.Controls[i]; c.Critical && !served(m.Op, c.OID) {
			return printable(c.OID), true
		}
	}
	return "", false
}

// served tells whether a control works with an operation. ManageDsaIT does with
// all: there are no referral objects, so that every answer obeys it. The answer to
// a password policy request may be silence.
func served(op ldapwire.Op, oid []byte) bool {
	switch string(oid) {
	case directory.ControlManageDsaIT:
		return true
	case directory.ControlPasswordPolicy:
		return op == ldapwire.OpBindRequest
	case directory.ControlPagedResults, directory.ControlSortRequest, directory.ControlVirtualListView, directory.ControlSubentries:
		return op == ldapwire.OpSearchRequest
	}
	return false
}
