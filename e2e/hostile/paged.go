package hostile

import (
	"errors"
	"net"
	"time"
)

// A PagedClient asks for pages (RFC 2696) with any cookie. It is for one goroutine.
type PagedClient struct {
	net.Conn
	id int64
}

// NewPagedClient logs in on a connection, which belongs to it from here on.
func NewPagedClient(conn net.Conn, name, password string) (*PagedClient, error) {
	c := &PagedClient{Conn: conn}
	return c, c.Bind(name, password)
}

// Bind logs in, perhaps as somebody else.
func (c *PagedClient) Bind(name, password string) error {
	c.id++
	if _, err := c.Write(message(c.id, simpleBind(3, name, password))); err != nil {
		return err
	}
	s := &stream{Conn: c.Conn}
	_, err := s.expect(c.id, 0, 10*time.Second)
	return err
}

// Page asks for a page of all that has an attribute, and returns the result code, how many entries came and the next
// cookie.
func (c *PagedClient) Page(base string, size int64, cookie, attribute string) (code, entries int, next string, err error) {
	c.id++
	if _, err := c.Write(message(c.id, searchFor(base, 2, present(attribute), "1.1"), control(oidPaged, true, pageValue(size, cookie)))); err != nil {
		return 0, 0, "", err
	}
	s := &stream{Conn: c.Conn}
	for {
		r, err := s.next(time.Now().Add(10 * time.Second))
		switch {
		case err != nil:
			return 0, entries, "", err
		case r.Notice():
			return 0, entries, "", errors.New("the connection was ended: " + r.Diagnostic)
		case r.Tag == tagSearchEntry:
			entries++
		case r.Final():
			next, err = pageCookie(s.raw)
			return r.Code, entries, next, err
		}
	}
}

// pageCookie is the cookie of a result, empty where it has none.
func pageCookie(m []byte) (string, error) {
	root := parse(m)
	if len(root.kids) < 3 {
		return "", nil
	}
	for _, c := range root.kids[2].kids {
		if string(c.kids[0].value) != oidPaged {
			continue
		}
		value := parse(c.kids[len(c.kids)-1].value)
		if len(value.kids) != 2 {
			return "", errors.New("the value of the paged results control is none")
		}
		return string(value.kids[1].value), nil
	}
	return "", nil
}
