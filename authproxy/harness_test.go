package authproxy_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/dialtree/dialtree/authproxy"
	"github.com/dialtree/dialtree/authproxy/ldapserver"
	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/store"
)

// A directory is an upstream that notes each bind it gets.
type directory struct {
	address string
	stop    func()

	mu        sync.Mutex
	passwords map[string]string
	binds     []string
	refusal   string        // the diagnostic message of a refusal
	delay     time.Duration // before each answer
	code      ldapwire.ResultCode
}

// Serve answers binds.
func (d *directory) Serve(w *ldapserver.ResponseWriter, r *ldapserver.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	dn := string(r.Message.Bind.Name)
	d.binds = append(d.binds, dn)
	password := string(r.Message.Bind.Password)
	if d.delay > 0 {
		delay := time.After(d.delay)
		d.mu.Unlock()
		select {
		case <-delay:
		case <-r.Context().Done():
		}
		d.mu.Lock()
	}
	switch want, ok := d.passwords[dn]; {
	case d.code != 0:
		w.Result(d.code, "", d.refusal)
	case ok && want == password:
		w.Result(ldapwire.Success, "", "")
	default:
		w.Result(ldapwire.InvalidCredentials, "", d.refusal)
	}
}

func (d *directory) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.binds)
}

func (d *directory) last() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.binds) == 0 {
		return ""
	}
	return d.binds[len(d.binds)-1]
}

func (d *directory) set(f func(*directory)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f(d)
}

// serveLDAP serves a handler on loopback until the test ends or stop is called.
func serveLDAP(t testing.TB, o ldapserver.Options, secure bool) (address string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o.Grace = 100 * time.Millisecond
	s, err := ldapserver.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.Run(ctx, ldapserver.Listener{Listener: l, TLS: secure}); err != nil {
			t.Errorf("serve: %v", err)
		}
	}()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(stop)
	return l.Addr().String(), stop
}

// A bench is a front before a directory.
type bench struct {
	t         testing.TB
	store     *store.Store
	front     *authproxy.Front
	directory *directory
	address   string
	log       *syncBuffer
	registry  *prometheus.Registry
}

type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

const people = ",ou=people,dc=example,dc=com"

// newBench starts a directory that knows alice, and a front that knows alice
// (upstream), inge (internal), dora (disabled), nina (no method), otto, whom the
// directory does not know, and the device reception.
func newBench(t testing.TB, change func(*authproxy.Options, *store.Upstream)) *bench {
	t.Helper()
	ctx := context.Background()
	b := &bench{t: t, log: &syncBuffer{}, registry: prometheus.NewRegistry()}
	b.directory = &directory{passwords: map[string]string{"uid=alice" + people: "right", "uid=dora" + people: "right"}}
	b.directory.address, b.directory.stop = serveLDAP(t, ldapserver.Options{Handler: b.directory}, false)

	var err error
	if b.store, err = store.Open(ctx, store.Options{Dir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	hasher := authproxy.NewHasher()
	hash, err := hasher.Hash(ctx, []byte("inge's own"))
	if err != nil {
		t.Fatal(err)
	}
	o := authproxy.Options{
		Store: b.store, BaseDN: "dc=dialtree", Hasher: hasher, Registerer: b.registry,
		Logger: slog.New(slog.NewJSONHandler(b.log, nil)),
	}
	up := &store.Upstream{Name: "corp", URLs: []string{"ldap://" + b.directory.address}, BindDN: "uid=%" + people, BindTimeout: store.Duration(2 * time.Second)}
	if change != nil {
		change(&o, up)
	}
	forwarded := store.Auth{Method: store.AuthUpstream, Upstream: "corp"}
	b.apply(&store.Changes{
		PutObjects: []store.Object{up, &store.Device{Name: "reception", Password: store.Literal("phone-secret")}},
		Put: []store.Entry{
			user("alice", forwarded),
			user("otto", forwarded),
			user("inge", store.Auth{Method: store.AuthInternal, Hash: store.Literal(hash)}),
			user("dora", store.Auth{Method: store.AuthUpstream, Upstream: "corp", Disabled: true}),
			user("nina", store.Auth{}),
		},
	})
	if b.front, err = authproxy.New(o); err != nil {
		t.Fatal(err)
	}
	running, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := b.front.Run(running); err != nil {
			t.Errorf("run: %v", err)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		if problems, err := b.store.Check(ctx); err != nil || len(problems) > 0 {
			t.Errorf("check: %v, %v", problems, err)
		}
		b.store.Close()
	})
	b.address, _ = serveLDAP(t, ldapserver.Options{Handler: b.front}, false)
	return b
}

func user(name string, auth store.Auth) store.Entry {
	return store.Entry{Kind: store.KindUser, Auth: auth, Values: store.Values{
		{Field: store.Username, Text: name},
		{Field: store.DisplayName, Text: strings.ToUpper(name[:1]) + name[1:]},
	}}
}

func (b *bench) apply(c *store.Changes) {
	b.t.Helper()
	if _, err := b.store.Apply(context.Background(), c); err != nil {
		b.t.Fatal(err)
	}
}

// change edits a stored user.
func (b *bench) change(name string, f func(*store.Entry)) {
	b.t.Helper()
	e, err := b.store.User(name)
	if err != nil {
		b.t.Fatal(err)
	}
	f(&e)
	b.apply(&store.Changes{Put: []store.Entry{e}})
}

// A client is one connection.
type client struct {
	t    testing.TB
	conn net.Conn
	id   int32
	in   []byte
}

func (b *bench) dial() *client {
	b.t.Helper()
	return dial(b.t, b.address, nil)
}

func dial(t testing.TB, address string, secure *tls.Config) *client {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	if secure != nil {
		conn = tls.Client(conn, secure)
	}
	t.Cleanup(func() { conn.Close() })
	return &client{t: t, conn: conn}
}

// read returns the next message.
func (c *client) read() *ldapwire.Message {
	c.t.Helper()
	_ = c.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	for {
		n, err := ldapwire.Size(c.in, 1<<20)
		if err != nil {
			c.t.Fatal(err)
		}
		if n > 0 && len(c.in) >= n {
			m := new(ldapwire.Message)
			if err := m.Decode(bytes.Clone(c.in[:n]), nil); err != nil {
				c.t.Fatal(err)
			}
			c.in = c.in[n:]
			return m
		}
		chunk := make([]byte, 4096)
		k, err := c.conn.Read(chunk)
		if err != nil {
			c.t.Fatalf("read: %v", err)
		}
		c.in = append(c.in, chunk[:k]...)
	}
}

func (c *client) send(message func(id int32) []byte) *ldapwire.Message {
	c.t.Helper()
	c.id++
	if _, err := c.conn.Write(message(c.id)); err != nil {
		c.t.Fatal(err)
	}
	m := c.read()
	if m.ID != c.id {
		c.t.Fatalf("the answer has message ID %d, want %d", m.ID, c.id)
	}
	return m
}

func (c *client) bind(name, password string) ldapwire.ResultCode {
	c.t.Helper()
	return c.bindMessage(name, password).Result.Code
}

func (c *client) bindMessage(name, password string) *ldapwire.Message {
	c.t.Helper()
	return c.send(func(id int32) []byte { return ldapwire.AppendBindRequest(nil, id, 3, name, []byte(password)) })
}

func (c *client) extended(oid string, value []byte) *ldapwire.Message {
	c.t.Helper()
	return c.send(func(id int32) []byte { return ldapwire.AppendExtendedRequest(nil, id, oid, value) })
}

// whoAmI returns the authorization identity of the connection.
func (c *client) whoAmI() string {
	c.t.Helper()
	m := c.extended("1.3.6.1.4.1.4203.1.11.3", nil)
	if m.Result.Code != ldapwire.Success {
		c.t.Fatalf("who am I: %v", m.Result.Code)
	}
	return string(m.ResponseValue)
}

// search returns the entry that was found by a base search, if any, and the result.
func (c *client) search(base, filter string, attributes ...string) (*ldapwire.Message, ldapwire.ResultCode) {
	c.t.Helper()
	f, err := ldapwire.ParseFilter(filter)
	if err != nil {
		c.t.Fatal(err)
	}
	s := ldapwire.SearchRequest{BaseObject: []byte(base), Filter: f}
	for _, a := range attributes {
		s.Attributes = append(s.Attributes, []byte(a))
	}
	m := c.send(func(id int32) []byte { return ldapwire.AppendSearchRequest(nil, id, &s) })
	if m.Op != ldapwire.OpSearchResultEntry {
		return nil, m.Result.Code
	}
	return m, c.read().Result.Code
}

// attribute returns the values of an attribute of an entry.
func attribute(m *ldapwire.Message, name string) []string {
	var values []string
	for _, a := range m.Entry.Attributes {
		if string(a.Type) == name {
			for _, v := range a.Values {
				values = append(values, string(v))
			}
		}
	}
	return values
}
