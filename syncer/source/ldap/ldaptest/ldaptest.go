// Package ldaptest is a directory for tests: a server on loopback that knows some
// entries, and that a test can make misbehave at every point.
package ldaptest

import (
	"io"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// The account that may read, and where people are.
const (
	ReaderDN       = "cn=reader,dc=example,dc=com"
	ReaderPassword = "let-me-read"
	PeopleDN       = "ou=people,dc=example,dc=com"
)

// An Entry is one of a Peer's: a DN and attributes with values.
type Entry struct {
	DN         string
	Attributes map[string][]string
}

// Person is an entry below PeopleDN, with names and values of further attributes in turn.
func Person(uid string, more ...string) Entry {
	e := Entry{"uid=" + uid + "," + PeopleDN, map[string][]string{"uid": {uid}, "cn": {"The " + uid}, "objectClass": {"inetOrgPerson"}}}
	for i := 0; i < len(more); i += 2 {
		e.Attributes[more[i]] = append(e.Attributes[more[i]], more[i+1])
	}
	return e
}

// A Peer is a directory on loopback that does what a test wants. It looks at the base
// and the scope of a search only; Matches says which entries a filter finds.
type Peer struct {
	Address string // set by Start
	Entries []Entry
	Schema  []string            // attributeTypes; none: there is no subschema subentry
	Root    map[string][]string // further attributes of the root DSE
	Matches func(filter string, e Entry) bool
	Bind    func(password string) (ldapwire.ResultCode, string) // nil: there is one right password
	// Before is asked before each search; true: it has answered, or ended the connection.
	Before func(c *Client, m *ldapwire.Message) bool

	mu       sync.Mutex // guards what follows
	bound    []string
	searches []string // base and filter
}

// A Client is a connection as the Peer sees it.
type Client struct {
	net.Conn
	p   *Peer
	buf []byte
}

// Start serves until the test ends.
func (p *Peer) Start(t *testing.T) *Peer {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.Address = ln.Addr().String()
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		conns []net.Conn
	)
	wg.Go(func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, nc)
			mu.Unlock()
			wg.Go(func() {
				defer nc.Close()
				(&Client{Conn: nc, p: p}).serve()
			})
		}
	})
	t.Cleanup(func() {
		ln.Close()
		mu.Lock()
		for _, c := range conns {
			c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return p
}

func (c *Client) serve() {
	for {
		m, err := c.next()
		if err != nil {
			return
		}
		switch m.Op {
		case ldapwire.OpBindRequest:
			code, text := ldapwire.InvalidCredentials, ""
			if string(m.Bind.Password) == ReaderPassword {
				code = ldapwire.Success
			}
			if c.p.Bind != nil {
				code, text = c.p.Bind(string(m.Bind.Password))
			}
			c.p.mu.Lock()
			c.p.bound = append(c.p.bound, string(m.Bind.Name))
			c.p.mu.Unlock()
			c.Write(ldapwire.AppendBindResponse(nil, m.ID, code, text, nil))
		case ldapwire.OpSearchRequest:
			if !c.search(m) {
				return
			}
		default:
			return
		}
	}
}

// next reads a message; what it points to is its own.
func (c *Client) next() (*ldapwire.Message, error) {
	b := make([]byte, 4096)
	for {
		size, err := ldapwire.Size(c.buf, 1<<20)
		if err != nil {
			return nil, err
		}
		if size > 0 && len(c.buf) >= size {
			m := new(ldapwire.Message)
			err := m.Decode(slices.Clone(c.buf[:size]), nil)
			c.buf = c.buf[size:]
			return m, err
		}
		n, err := c.Read(b)
		if err != nil {
			return nil, err
		}
		c.buf = append(c.buf, b[:n]...)
	}
}

// search answers a search; false ends the connection.
func (c *Client) search(m *ldapwire.Message) bool {
	s := m.Search
	base, filter := string(s.BaseObject), s.Filter.String()
	c.p.mu.Lock()
	c.p.searches = append(c.p.searches, base+" "+filter)
	c.p.mu.Unlock()
	switch {
	case base == "" && s.Scope == ldapwire.ScopeBaseObject:
		root := Entry{"", map[string][]string{"namingContexts": {"dc=example,dc=com"}}}
		maps.Copy(root.Attributes, c.p.Root)
		if c.p.Schema != nil {
			root.Attributes["subschemaSubentry"] = []string{"cn=subschema"}
		}
		c.Send(m.ID, root)
		return c.Done(m.ID, ldapwire.Success, "")
	case base == "cn=subschema":
		c.Send(m.ID, Entry{base, map[string][]string{"attributeTypes": c.p.Schema}})
		return c.Done(m.ID, ldapwire.Success, "")
	case c.p.Before != nil && c.p.Before(c, m):
		return true
	}
	var found []Entry
	for _, e := range c.p.Entries {
		if (e.DN == base || s.Scope != ldapwire.ScopeBaseObject && strings.HasSuffix(e.DN, ","+base)) && (c.p.Matches == nil || c.p.Matches(filter, e)) {
			found = append(found, e)
		}
	}
	return c.page(m, found)
}

// page sends the entries, a page of them where the client asks for pages. The cookie
// is the number of those that were sent before.
func (c *Client) page(m *ldapwire.Message, found []Entry) bool {
	size, cookie, paged := pagingOf(m)
	from, _ := strconv.Atoi(cookie)
	to := len(found)
	if paged {
		to = min(from+size, to)
	}
	for _, e := range found[from:to] {
		c.Send(m.ID, e)
	}
	if !paged {
		return c.Done(m.ID, ldapwire.Success, "")
	}
	next := ""
	if to < len(found) {
		next = strconv.Itoa(to)
	}
	return c.Done(m.ID, ldapwire.Success, "", PagingControl(next))
}

// Send sends an entry.
func (c *Client) Send(id int32, e Entry) {
	out := ldapwire.Entry{DN: []byte(e.DN)}
	for name, values := range e.Attributes {
		a := ldapwire.Attribute{Type: []byte(name)}
		for _, v := range values {
			a.Values = append(a.Values, []byte(v))
		}
		out.Attributes = append(out.Attributes, a)
	}
	c.Write(ldapwire.AppendSearchResultEntry(nil, id, &out))
}

// Refer sends a referral beside entries.
func (c *Client) Refer(id int32, url string) {
	c.Write(ldapwire.AppendSearchResultReference(nil, id, [][]byte{[]byte(url)}))
}

// Done ends a search; false: the connection has ended.
func (c *Client) Done(id int32, code ldapwire.ResultCode, text string, controls ...ldapwire.Control) bool {
	_, err := c.Write(ldapwire.AppendResult(nil, id, ldapwire.OpSearchResultDone, code, "", text, controls...))
	return err == nil
}

const oidPaging = "1.2.840.113556.1.4.319"

// pagingOf reads SEQUENCE { size INTEGER, cookie OCTET STRING }, of short elements.
func pagingOf(m *ldapwire.Message) (size int, cookie string, ok bool) {
	for _, c := range m.Controls {
		if string(c.OID) == oidPaging {
			n := int(c.Value[3])
			for _, b := range c.Value[4 : 4+n] {
				size = size<<8 | int(b)
			}
			return size, string(c.Value[6+n:]), true
		}
	}
	return 0, "", false
}

// PagingControl is a server's answer to the control for pages, with short elements.
func PagingControl(cookie string) ldapwire.Control {
	value := append([]byte{0x30, byte(5 + len(cookie)), 2, 1, 0, 4, byte(len(cookie))}, cookie...)
	return ldapwire.Control{OID: []byte(oidPaging), Value: value}
}

// Seen returns the names that were bound and the searches, as base and filter.
func (p *Peer) Seen() (bound, searches []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.bound), slices.Clone(p.searches)
}

// Hang takes what comes and says nothing.
func (c *Client) Hang() { io.Copy(io.Discard, c) }
