package ldapwire_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"reflect"
	"sync"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// A peer is the least there can be of a server: it answers each request of one
// connection with the bytes that answer returns, and keeps the requests.
type peer struct {
	mu       sync.Mutex
	requests []ldapwire.Message // guarded by mu
}

func (p *peer) serve(conn net.Conn, answer func(*ldapwire.Message) []byte) error {
	r := bufio.NewReader(conn)
	for {
		size := 0
		for n := 2; size == 0; n++ {
			head, err := r.Peek(n)
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			if size, err = ldapwire.Size(head, 1<<16); err != nil {
				return err
			}
		}
		b := make([]byte, size)
		if _, err := io.ReadFull(r, b); err != nil {
			return err
		}
		var m ldapwire.Message
		if err := m.Decode(b, nil); err != nil {
			return err
		}
		p.mu.Lock()
		p.requests = append(p.requests, m.Exported())
		p.mu.Unlock()
		if _, err := conn.Write(answer(&m)); err != nil {
			return err
		}
	}
}

func (p *peer) last() ldapwire.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.requests[len(p.requests)-1]
	m.ID = 0
	return m
}

// start returns a go-ldap client whose server answers like this.
func start(t *testing.T, answer func(*ldapwire.Message) []byte) (*ldap.Conn, *peer) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{}
	done := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			done <- err
			return
		}
		defer conn.Close()
		done <- p.serve(conn, answer)
	}()
	client, err := ldap.DialURL("ldap://" + l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		client.Close()
		l.Close()
		if err := <-done; err != nil {
			t.Errorf("the server: %v", err)
		}
	})
	return client, p
}

// result answers whatever was asked with a code.
func result(code ldapwire.ResultCode) func(*ldapwire.Message) []byte {
	return func(m *ldapwire.Message) []byte {
		return ldapwire.AppendResult(nil, m.ID, m.Op+1, code, "dc=com", "a reason")
	}
}

// What go-ldap's client asks is understood, and what is answered it understands.
func TestGoLDAPAsksAndUnderstands(t *testing.T) {
	type message = ldapwire.Message
	for _, c := range []struct {
		name string
		call func(*ldap.Conn) error
		want message
	}{
		{"bind", func(c *ldap.Conn) error { return c.Bind("cn=a", "secret") },
			message{Op: ldapwire.OpBindRequest, Bind: ldapwire.BindRequest{Version: 3, Name: []byte("cn=a"), Password: []byte("secret")}}},
		{"compare", func(c *ldap.Conn) error { _, err := c.Compare("cn=a", "sn", "b"); return err },
			message{Op: ldapwire.OpCompareRequest, Compare: ldapwire.CompareRequest{Entry: []byte("cn=a"), Attribute: []byte("sn"), Value: []byte("b")}}},
		{"delete", func(c *ldap.Conn) error { return c.Del(ldap.NewDelRequest("cn=a", nil)) },
			message{Op: ldapwire.Op(0x4a), Del: []byte("cn=a")}},
		{"modify DN", func(c *ldap.Conn) error { return c.ModifyDN(ldap.NewModifyDNRequest("cn=a", "cn=b", true, "o=x")) },
			message{Op: ldapwire.OpModifyDNRequest, ModifyDN: ldapwire.ModifyDNRequest{Entry: []byte("cn=a"), NewRDN: []byte("cn=b"), DeleteOldRDN: true, NewSuperior: []byte("o=x")}}},
		{"add", func(c *ldap.Conn) error {
			r := ldap.NewAddRequest("cn=a", nil)
			r.Attribute("cn", []string{"a", "b"})
			return c.Add(r)
		}, message{Op: ldapwire.OpAddRequest, Add: ldapwire.AddRequest{Entry: []byte("cn=a"), Attributes: []ldapwire.Attribute{{Type: []byte("cn"), Values: bs("a", "b")}}}}},
		{"modify", func(c *ldap.Conn) error {
			r := ldap.NewModifyRequest("cn=a", nil)
			r.Delete("sn", nil)
			r.Increment("uidNumber", "1")
			return c.Modify(r)
		}, message{Op: ldapwire.OpModifyRequest, Modify: ldapwire.ModifyRequest{Object: []byte("cn=a"), Changes: []ldapwire.Change{
			{Operation: 1, Attribute: ldapwire.Attribute{Type: []byte("sn")}},
			{Operation: 3, Attribute: ldapwire.Attribute{Type: []byte("uidNumber"), Values: bs("1")}}}}}},
		{"who am I?", func(c *ldap.Conn) error { _, err := c.WhoAmI(nil); return err },
			message{Op: ldapwire.OpExtendedRequest, Extended: ldapwire.ExtendedRequest{Name: []byte("1.3.6.1.4.1.4203.1.11.3")}}},
		{"search", func(c *ldap.Conn) error {
			_, err := c.Search(ldap.NewSearchRequest("dc=com", ldap.ScopeSingleLevel, ldap.DerefAlways, 7, 8, true, "(&(cn=mü*)(!(sn:dn:caseExactMatch:=x)))",
				[]string{"cn"}, []ldap.Control{ldap.NewControlManageDsaIT(true)}))
			return err
		}, message{Op: ldapwire.OpSearchRequest, Search: ldapwire.SearchRequest{BaseObject: []byte("dc=com"), Scope: ldapwire.ScopeSingleLevel, DerefAliases: 3,
			SizeLimit: 7, TimeLimit: 8, TypesOnly: true, Filter: mustFilter("(&(cn=mü*)(!(sn:dn:caseExactMatch:=x)))"), Attributes: bs("cn")},
			Controls: []ldapwire.Control{{OID: []byte("2.16.840.1.113730.3.4.2"), Critical: true}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, p := start(t, func(m *ldapwire.Message) []byte {
				switch m.Op {
				case ldapwire.OpSearchRequest:
					return ldapwire.AppendResult(nil, m.ID, ldapwire.OpSearchResultDone, ldapwire.Busy, "dc=com", "a reason")
				case ldapwire.OpDelRequest:
					return ldapwire.AppendResult(nil, m.ID, ldapwire.OpDelResponse, ldapwire.Busy, "dc=com", "a reason")
				}
				return result(ldapwire.Busy)(m)
			})
			err := c.call(client)
			var le *ldap.Error
			if !errors.As(err, &le) || le.ResultCode != uint16(ldapwire.Busy) || le.Err.Error() != "a reason" || le.MatchedDN != "dc=com" {
				t.Errorf("the client has %v, want 51 and its reason", err)
			}
			if got := p.last(); !reflect.DeepEqual(got, c.want) {
				t.Errorf("the server has\n%+v, want\n%+v", got, c.want)
			}
		})
	}
}

func TestGoLDAPUnderstandsAnswers(t *testing.T) {
	client, _ := start(t, func(m *ldapwire.Message) []byte {
		switch m.Op {
		case ldapwire.OpBindRequest:
			return ldapwire.AppendBindResponse(nil, m.ID, ldapwire.Success, "", nil)
		case ldapwire.OpExtendedRequest:
			return ldapwire.AppendExtendedResponse(nil, m.ID, ldapwire.Success, "", "", []byte("dn:cn=a"))
		case ldapwire.OpCompareRequest:
			return ldapwire.AppendResult(nil, m.ID, ldapwire.OpCompareResponse, ldapwire.CompareTrue, "", "")
		}
		e := ldapwire.BeginEntry(nil, m.ID, "cn=a,dc=com")
		e.Attribute("cn")
		e.Value("a")
		e.Value("b")
		e.Attribute("jpegPhoto")
		e.Bytes(make([]byte, 70000))
		dst := ldapwire.AppendSearchResultReference(e.End(), m.ID, bs("ldap://other/"))
		cookie := ldapwire.Control{OID: []byte(ldap.ControlTypePaging), Value: []byte("\x30\x08\x02\x01\x00\x04\x03abc")}
		return ldapwire.AppendResult(dst, m.ID, ldapwire.OpSearchResultDone, ldapwire.Success, "", "", cookie)
	})
	if err := client.Bind("cn=a", "b"); err != nil {
		t.Errorf("bind: %v", err)
	}
	if who, err := client.WhoAmI(nil); err != nil || who.AuthzID != "dn:cn=a" {
		t.Errorf("who am I: %+v, %v", who, err)
	}
	if same, err := client.Compare("cn=a", "cn", "a"); err != nil || !same {
		t.Errorf("compare: %t, %v", same, err)
	}
	found, err := client.Search(ldap.NewSearchRequest("", 2, 0, 0, 0, false, "(cn=*)", nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	if len(found.Entries) != 1 || found.Entries[0].DN != "cn=a,dc=com" || !reflect.DeepEqual(found.Entries[0].GetAttributeValues("cn"), []string{"a", "b"}) ||
		len(found.Entries[0].GetRawAttributeValue("jpegPhoto")) != 70000 {
		t.Errorf("search: %+v", found.Entries)
	}
	if !reflect.DeepEqual(found.Referrals, []string{"ldap://other/"}) {
		t.Errorf("references: %q", found.Referrals)
	}
	if paging, ok := ldap.FindControl(found.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging); !ok || string(paging.Cookie) != "abc" {
		t.Errorf("controls: %+v", found.Controls)
	}
}
