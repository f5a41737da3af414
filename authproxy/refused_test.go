package authproxy_test

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dialtree/dialtree/authproxy"
	"github.com/dialtree/dialtree/authproxy/ldapserver"
	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/refusals"
	"github.com/dialtree/dialtree/store"
)

// refusedOnes takes note of refusals.
type refusedOnes struct {
	mu  sync.Mutex
	all []refusals.Refusal
}

func (r *refusedOnes) Add(x refusals.Refusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, x)
}

func (r *refusedOnes) take() []refusals.Refusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.all
	r.all = nil
	return all
}

// Whatever is refused over LDAP leaves one note with its reason and the name that was sent; what is accepted leaves none.
func TestEveryRefusalIsNoted(t *testing.T) {
	notes := &refusedOnes{}
	b := newBench(t, func(o *authproxy.Options, u *store.Upstream) { o.Refusals = notes })
	simple := func(name, password string) func(*client) {
		return func(c *client) { c.bind(name, password) }
	}
	raw := func(message func(id int32) []byte) func(*client) {
		return func(c *client) { c.send(message) }
	}
	for _, tt := range []struct {
		title               string
		do                  func(*client)
		name, outcome, says string
		code                ldapwire.ResultCode
	}{
		{"the right password", simple("alice", "right"), "", "", "", 0},
		{"anonymous", simple("", ""), "", "", "", 0},
		{"a search", func(c *client) { c.search("", "(objectClass=*)") }, "", "", "", 0},
		{"a wrong password", simple("alice", "wrong"), "alice", "refused", "invalidCredentials", 49},
		{"the same one again", simple("alice", "wrong"), "alice", "remembered", "a moment ago", 49},
		{"a wrong internal password", simple("inge", "wrong"), "inge", "refused", "wrong password", 49},
		{"nobody", simple("mallory", "x"), "mallory", "unknown_user", "no user or device", 49},
		{"a name with a line break", simple("mal\nlory", "x"), "mal\nlory", "unknown_user", "control characters", 49},
		{"disabled", simple("dora", "right"), "dora", "disabled", "disabled", 49},
		{"no method", simple("nina", "x"), "nina", "disabled", "no login method", 49},
		{"a device's wrong secret", simple("reception", "x"), "reception", "refused", "wrong password", 49},
		{"no password", simple("alice", ""), "alice", "empty_password", "without a password", 53},
		{"SASL in the clear", raw(func(id int32) []byte {
			return ldapwire.AppendSASLBindRequest(nil, id, "", "PLAIN", []byte("\x00alice\x00right"))
		}), "", "tls_required", "over TLS only", 13},
		{"another mechanism", raw(func(id int32) []byte { return ldapwire.AppendSASLBindRequest(nil, id, "alice", "DIGEST-MD5", nil) }), "alice", "not_offered", "PLAIN", 7},
		{"version 1", raw(func(id int32) []byte { return ldapwire.AppendBindRequest(nil, id, 1, "alice", []byte("right")) }), "alice", "protocol", "versions", 2},
		{"a critical control", raw(func(id int32) []byte {
			return ldapwire.AppendBindRequest(nil, id, 3, "alice", []byte("right"), ldapwire.Control{OID: []byte("1.2.3"), Critical: true})
		}), "alice", "not_offered", "1.2.3", 12},
		{"an entry to delete", raw(func(id int32) []byte { return ldapwire.AppendDelRequest(nil, id, "uid=alice") }), "", "not_offered", "not over LDAP", 53},
		{"an unknown operation", func(c *client) { c.extended("1.2.3", nil) }, "", "protocol", "not offered", 2},
		{"another's password", func(c *client) {
			c.bind("inge", "inge's own")
			c.extended("1.3.6.1.4.1.4203.1.11.1", ldapwire.AppendPasswordModify(nil, &ldapwire.PasswordModify{UserIdentity: []byte("alice"), OldPassword: []byte("x"), NewPassword: []byte("y")}))
		}, "inge", "forbidden", "their own password only", 50},
		{"an old password that is wrong", func(c *client) {
			c.bind("inge", "inge's own")
			c.extended("1.3.6.1.4.1.4203.1.11.1", ldapwire.AppendPasswordModify(nil, &ldapwire.PasswordModify{OldPassword: []byte("x"), NewPassword: []byte("yyyyyyyy")}))
		}, "inge", "refused", "wrong password", 49},
	} {
		t.Run(tt.title, func(t *testing.T) {
			notes.take()
			tt.do(b.dial())
			got := notes.take()
			if tt.outcome == "" {
				if len(got) > 0 {
					t.Errorf("%+v", got)
				}
				return
			}
			if len(got) != 1 {
				t.Fatalf("%d notes: %+v", len(got), got)
			}
			r := got[0]
			if r.Name != tt.name || r.Outcome != tt.outcome || r.Code != int(tt.code) || !strings.Contains(r.Reason, tt.says) || r.Door != "ldap" || !r.From.IsLoopback() {
				t.Errorf("%+v", r)
			}
		})
	}
	b.directory.stop()
	b.dial().bind("alice", "another")
	if got := notes.take(); len(got) != 1 || got[0].Outcome != "unavailable" || got[0].Code != 52 {
		t.Errorf("an outage: %+v", got)
	}
}

// What the LDAP server refuses before the front sees it is noted, too.
func TestRefusedConnectionsAreNoted(t *testing.T) {
	notes := &refusedOnes{}
	b := newBench(t, func(o *authproxy.Options, u *store.Upstream) { o.Refusals = notes })
	address, _ := serveLDAP(t, ldapserver.Options{Handler: b.front, Watcher: b.front, Limits: ldapserver.Limits{MaxConnections: 1}}, false)
	one := dial(t, address, nil)
	one.bind("", "")
	two := dial(t, address, nil)
	if m := two.read(); m.Result.Code != ldapwire.Busy {
		t.Fatalf("%v", m.Result.Code)
	}
	fmt.Fprint(one.conn, "GET / HTTP/1.1\r\n\r\n")
	one.read()
	got := notes.take()
	if len(got) != 2 || got[0].Outcome != "limit" || got[0].Code != 51 || got[1].Outcome != "malformed" || got[1].Code != 2 {
		t.Errorf("%+v", got)
	}
}

// Page and devices come by other doors.
func TestDoorsOfRefusals(t *testing.T) {
	notes := &refusedOnes{}
	b := newBench(t, func(o *authproxy.Options, u *store.Upstream) { o.Refusals = notes })
	from := (&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}).AddrPort()
	b.front.LoginUser(t.Context(), from, "alice", []byte("wrong"))
	b.front.LoginUser(t.Context(), from, "alice", nil)
	b.front.LoginDevice(t.Context(), from, "reception", []byte("wrong"))
	b.front.LoginDevice(t.Context(), from, "reception", nil)
	b.front.LoginAdministrator(t.Context(), from, "ada", "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$bWFya2VyLWhhc2gtbWFyaw", []byte("wrong"))
	var doors []string
	for _, r := range notes.take() {
		doors = append(doors, r.Door+" "+r.Outcome+" "+r.Name)
	}
	if got := strings.Join(doors, ", "); got != "page refused alice, page empty_password alice, api refused reception, api empty_password reception, page refused ada" {
		t.Error(got)
	}
}

// A bind that is accepted costs the same whether refusals are noted or not, and whether somebody follows another client or not.
func BenchmarkBindAccepted(b *testing.B) {
	for _, follow := range []string{"", "192.0.2.1", "bob", "alice"} {
		b.Run("followed="+follow, func(b *testing.B) {
			bench := newBench(b, func(o *authproxy.Options, u *store.Upstream) {
				o.Refusals = &refusedOnes{}
				u.Cache.Success = store.Duration(time.Hour) // the upstream's time is not ours
			})
			if follow != "" {
				f, err := bench.front.Follow(follow)
				if err != nil {
					b.Fatal(err)
				}
				defer f.Close()
				go func() {
					for {
						if _, _, err := f.Next(b.Context()); err != nil {
							return
						}
					}
				}()
			}
			benchmarkBinds(b, bench.dial())
		})
	}
}

// benchmarkBinds measures logins of alice over a connection.
func benchmarkBinds(b *testing.B, c *client) {
	request := ldapwire.AppendBindRequest(nil, 1, 3, "alice", []byte("right"))
	answer := make([]byte, 64)
	exchange := func() {
		if _, err := c.conn.Write(request); err != nil {
			b.Fatal(err)
		}
		if n, err := c.conn.Read(answer); err != nil || n != 14 {
			b.Fatal(n, err)
		}
	}
	exchange()
	b.ReportAllocs()
	for b.Loop() {
		exchange()
	}
}
