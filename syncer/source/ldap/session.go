package ldap

import (
	"context"
	"fmt"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/dialtree/dialtree/authproxy/upstream"
)

// partingTime bounds the farewell to a server.
const partingTime = time.Second

// A session is a bound connection. One goroutine uses it.
type session struct {
	ctx     context.Context
	conn    *ldap.Conn
	wire    *wire
	server  string // host:port
	timeout time.Duration
	stop    func() bool // of what ends the session with ctx
}

// open connects and binds. The error is a sentence.
func (s *Source) open(ctx context.Context) (*session, error) {
	nc, server, err := s.dialer.Dial(ctx)
	if err != nil {
		return nil, dialError(err)
	}
	x := &session{ctx: ctx, wire: &wire{Conn: nc}, server: server, timeout: s.options.Timeout}
	x.conn = ldap.NewConn(x.wire, true)
	x.conn.Start()
	x.stop = context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })
	if err := x.bind(s.options.BindDN, s.options.Password); err != nil {
		x.close()
		return nil, err
	}
	return x, nil
}

func (x *session) close() {
	x.stop()
	_ = x.wire.SetDeadline(time.Now().Add(partingTime))
	_ = x.conn.Unbind() // the session is over whether the server hears of it or not
}

// do sends one request. A server that brings go-ldap to panic has sent something that is no answer.
func (x *session) do(request func() error) (err error) {
	if err := context.Cause(x.ctx); err != nil {
		return err
	}
	x.wire.begin(time.Now().Add(x.timeout))
	defer x.wire.end()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it cannot be read: %v", p)
		}
	}()
	return request()
}

func (x *session) bind(name string, password func() (string, error)) error {
	if name == "" {
		return nil
	}
	secret, err := password()
	switch {
	case err != nil:
		return fmt.Errorf("the password of %q is not to be had: %w", name, err)
	case secret == "":
		return fmt.Errorf("the password of %q is empty: a directory takes that for an anonymous bind", name)
	}
	err = x.do(func() error {
		_, err := x.conn.SimpleBind(ldap.NewSimpleBindRequest(name, secret, nil))
		return err
	})
	if err == nil {
		return nil
	}
	if code, diagnostic, ok := result(err); ok {
		return passing(code, bindError(name, upstream.BindError(x.server, code, diagnostic)))
	}
	return x.broken("the bind", err)
}

// search sends one search and returns its result, which is complete.
func (x *session) search(r *ldap.SearchRequest) (*ldap.SearchResult, error) {
	var found *ldap.SearchResult
	err := x.do(func() error {
		var err error
		found, err = x.conn.Search(r)
		return err
	})
	if err == nil {
		return found, nil
	}
	// What came before the error is no result.
	if code, diagnostic, ok := result(err); ok {
		return nil, passing(code, &searchError{server: x.server, base: r.BaseDN, code: code, answered: upstream.Answered(code, diagnostic)})
	}
	return nil, x.broken(fmt.Sprintf("the search below %q", r.BaseDN), err)
}

// request is a search without limits of ours: what the server has is what is wanted.
func request(base string, scope int, filter string, attributes []string, controls ...ldap.Control) *ldap.SearchRequest {
	return ldap.NewSearchRequest(base, scope, ldap.NeverDerefAliases, 0, 0, false, filter, attributes, controls)
}
