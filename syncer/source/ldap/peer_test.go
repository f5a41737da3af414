package ldap_test

import (
	"errors"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/syncer/source"
	"github.com/dialtree/dialtree/syncer/source/ldap"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	readerDN       = "cn=reader,dc=example,dc=com"
	readerPassword = "let-me-read"
	peopleDN       = "ou=people,dc=example,dc=com"
)

// An entry is one of a peer's: a DN and attributes with values.
type entry struct {
	dn         string
	attributes map[string][]string
}

func person(uid string, more ...string) entry {
	e := entry{"uid=" + uid + "," + peopleDN, map[string][]string{"uid": {uid}, "cn": {"The " + uid}, "objectClass": {"inetOrgPerson"}}}
	for i := 0; i < len(more); i += 2 {
		e.attributes[more[i]] = append(e.attributes[more[i]], more[i+1])
	}
	return e
}

// A peer is a directory on loopback that does what a test wants. It looks at the base
// and the scope of a search only; matches says which entries a filter finds.
type peer struct {
	t       *testing.T
	address string
	entries []entry
	schema  []string // attributeTypes; none: there is no subschema subentry
	matches func(filter string, e entry) bool
	bind    func(password string) (ldapwire.ResultCode, string) // nil: there is one right password
	// before is asked before each search; true: it has answered, or ended the connection.
	before func(c *client, m *ldapwire.Message) bool

	mu       sync.Mutex // guards what follows
	bound    []string
	searches []string // base and filter
}

// A client is a connection as the peer sees it.
type client struct {
	net.Conn
	p   *peer
	buf []byte
}

func serve(t *testing.T, p *peer) *peer {
	t.Helper()
	p.t = t
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.address = ln.Addr().String()
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
				(&client{Conn: nc, p: p}).serve()
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

func (c *client) serve() {
	for {
		m, err := c.next()
		if err != nil {
			return
		}
		switch m.Op {
		case ldapwire.OpBindRequest:
			code, text := ldapwire.InvalidCredentials, ""
			if string(m.Bind.Password) == readerPassword {
				code = ldapwire.Success
			}
			if c.p.bind != nil {
				code, text = c.p.bind(string(m.Bind.Password))
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
func (c *client) next() (*ldapwire.Message, error) {
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
func (c *client) search(m *ldapwire.Message) bool {
	s := m.Search
	base, filter := string(s.BaseObject), s.Filter.String()
	c.p.mu.Lock()
	c.p.searches = append(c.p.searches, base+" "+filter)
	c.p.mu.Unlock()
	switch {
	case base == "" && s.Scope == ldapwire.ScopeBaseObject:
		root := entry{"", map[string][]string{"namingContexts": {"dc=example,dc=com"}}}
		if c.p.schema != nil {
			root.attributes["subschemaSubentry"] = []string{"cn=subschema"}
		}
		c.send(m.ID, root)
		return c.done(m.ID, ldapwire.Success, "")
	case base == "cn=subschema":
		c.send(m.ID, entry{base, map[string][]string{"attributeTypes": c.p.schema}})
		return c.done(m.ID, ldapwire.Success, "")
	case c.p.before != nil && c.p.before(c, m):
		return true
	}
	var found []entry
	for _, e := range c.p.entries {
		if (e.dn == base || s.Scope != ldapwire.ScopeBaseObject && strings.HasSuffix(e.dn, ","+base)) && (c.p.matches == nil || c.p.matches(filter, e)) {
			found = append(found, e)
		}
	}
	return c.page(m, found)
}

// page sends the entries, a page of them where the client asks for pages. The cookie
// is the number of those that were sent before.
func (c *client) page(m *ldapwire.Message, found []entry) bool {
	size, cookie, paged := pagingOf(m)
	from, _ := strconv.Atoi(cookie)
	to := len(found)
	if paged {
		to = min(from+size, to)
	}
	for _, e := range found[from:to] {
		c.send(m.ID, e)
	}
	if !paged {
		return c.done(m.ID, ldapwire.Success, "")
	}
	next := ""
	if to < len(found) {
		next = strconv.Itoa(to)
	}
	return c.done(m.ID, ldapwire.Success, "", pagingControl(next))
}

func (c *client) send(id int32, e entry) {
	out := ldapwire.Entry{DN: []byte(e.dn)}
	for name, values := range e.attributes {
		a := ldapwire.Attribute{Type: []byte(name)}
		for _, v := range values {
			a.Values = append(a.Values, []byte(v))
		}
		out.Attributes = append(out.Attributes, a)
	}
	c.Write(ldapwire.AppendSearchResultEntry(nil, id, &out))
}

func (c *client) refer(id int32, url string) {
	c.Write(ldapwire.AppendSearchResultReference(nil, id, [][]byte{[]byte(url)}))
}

func (c *client) done(id int32, code ldapwire.ResultCode, text string, controls ...ldapwire.Control) bool {
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

func pagingControl(cookie string) ldapwire.Control {
	value := append([]byte{0x30, byte(5 + len(cookie)), 2, 1, 0, 4, byte(len(cookie))}, cookie...)
	return ldapwire.Control{OID: []byte(oidPaging), Value: value}
}

func (p *peer) options(columns ...string) ldap.Options {
	return ldap.Options{
		URLs: []string{"ldap://" + p.address}, Bases: []string{peopleDN}, Columns: columns,
		BindDN: readerDN, Password: func() (string, error) { return readerPassword, nil },
	}
}

func open(t *testing.T, o ldap.Options) *ldap.Source {
	t.Helper()
	s, err := ldap.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// read returns the records as text, values joined by "+", columns by "|" and problems
// in braces, and the error.
func read(t *testing.T, s *ldap.Source) (rows []string, err error) {
	t.Helper()
	for r, err := range s.Records(t.Context()) {
		if err != nil {
			return rows, err
		}
		rows = append(rows, row(r))
	}
	return rows, nil
}

func row(r source.Record) string {
	var cells []string
	for _, v := range r.Values {
		cells = append(cells, strings.Join(v, "+"))
	}
	text := strings.Join(cells, "|")
	if r.Problem != nil {
		text += " {" + r.Problem.Column + ": " + r.Problem.Reason + "}"
	}
	return text
}

// hang takes what comes and says nothing.
func hang(c *client) { io.Copy(io.Discard, c) }

var errSecret = errors.New("environment variable PW is not set")
