package ldapserver_test

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/dialtree/dialtree/authproxy/ldapserver"
	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// A writeCounter is a listener whose connections count their writes.
type writeCounter struct {
	net.Listener
	writes atomic.Int64
}

type countedConn struct {
	net.Conn
	writes *atomic.Int64
}

func (l *writeCounter) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	return &countedConn{nc, &l.writes}, err
}

func (c *countedConn) Write(b []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(b)
}

func TestPipelinedRequestsAreAnsweredInOrderWithOneWrite(t *testing.T) {
	l := &writeCounter{Listener: listen(t)}
	s := runOn(t, ldapserver.Options{}, ldapserver.Listener{Listener: l})
	p := s.dial(t)
	p.send(bind(1), search(2, ""), ldapwire.AppendDelRequest(nil, 3, "cn=x"), extended(4, "1.2.3", nil), bind(5),
		ldapwire.AppendCompareRequest(nil, 6, &ldapwire.CompareRequest{Entry: []byte("cn=x"), Attribute: []byte("a"), Value: []byte("b")}))
	p.expect(1, ldapwire.OpBindResponse, ldapwire.Success)
	p.expect(2, ldapwire.OpSearchResultDone, ldapwire.Success)
	p.expect(3, ldapwire.OpDelResponse, ldapwire.Success)
	p.expect(4, ldapwire.OpExtendedResponse, ldapwire.Success)
	p.expect(5, ldapwire.OpBindResponse, ldapwire.Success)
	p.expect(6, ldapwire.OpCompareResponse, ldapwire.Success)
	if n := l.writes.Load(); n != 1 {
		t.Errorf("6 answers took %d writes, want 1", n)
	}
}

func TestEveryRequestGetsItsKindOfResponse(t *testing.T) {
	s := run(t, ldapserver.Options{})
	for _, c := range []struct {
		name    string
		request []byte
		op      ldapwire.Op
	}{
		{"bind", bind(7), ldapwire.OpBindResponse},
		{"LDAPv2 bind", ldapwire.AppendBindRequest(nil, 7, 2, "", nil), ldapwire.OpBindResponse},
		{"SASL bind", ldapwire.AppendSASLBindRequest(nil, 7, "", "PLAIN", nil), ldapwire.OpBindResponse},
		{"search", search(7, ""), ldapwire.OpSearchResultDone},
		{"compare", ldapwire.AppendCompareRequest(nil, 7, &ldapwire.CompareRequest{}), ldapwire.OpCompareResponse},
		{"add", ldapwire.AppendAddRequest(nil, 7, &ldapwire.AddRequest{}), ldapwire.OpAddResponse},
		{"modify", ldapwire.AppendModifyRequest(nil, 7, &ldapwire.ModifyRequest{}), ldapwire.OpModifyResponse},
		{"delete", ldapwire.AppendDelRequest(nil, 7, "cn=x"), ldapwire.OpDelResponse},
		{"modify DN", ldapwire.AppendModifyDNRequest(nil, 7, &ldapwire.ModifyDNRequest{}), ldapwire.OpModifyDNResponse},
		{"extended", extended(7, "1.2.3", nil), ldapwire.OpExtendedResponse},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := s.dial(t)
			p.send(c.request)
			p.expect(7, c.op, ldapwire.Success)
		})
	}
}

func TestRequestSentByteByByte(t *testing.T) {
	s := run(t, ldapserver.Options{})
	p := s.dial(t)
	for _, b := range append(bind(1), search(2, "")...) {
		p.send([]byte{b})
	}
	p.expect(1, ldapwire.OpBindResponse, ldapwire.Success)
	p.expect(2, ldapwire.OpSearchResultDone, ldapwire.Success)
}

func TestRequestSplitAnywhere(t *testing.T) {
	s := run(t, ldapserver.Options{})
	p := s.dial(t)
	request := bind(1)
	for i := 1; i < len(request); i += 7 {
		p.send(request[:i])
		time.Sleep(time.Millisecond)
		p.send(request[i:])
		p.expect(1, ldapwire.OpBindResponse, ldapwire.Success)
	}
}

func TestWhatCannotBeUnderstoodEndsTheConnection(t *testing.T) {
	s := run(t, ldapserver.Options{})
	for _, c := range []struct {
		name  string
		bytes []byte
		text  string // of the notice
	}{
		{"HTTP", []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "0x47"},
		{"TLS hello", []byte{0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03}, "0x16"},
		{"SSH", []byte("SSH-2.0-OpenSSH_9.2\r\n"), "0x53"},
		{"SMB", []byte("\x00\x00\x00\x85\xffSMB"), "0x00"},
		{"RDP", []byte{0x03, 0x00, 0x00, 0x13, 0x0e}, "0x03"},
		{"the Redis-like 0x4d", []byte{0x4d}, "0x4d"},
		{"indefinite length", []byte{0x30, 0x80, 0x02, 0x01, 0x01}, "length"},
		{"length of 2 GiB", []byte{0x30, 0x84, 0x7f, 0xff, 0xff, 0xff, 0x02}, "larger than the limit of 65536"},
		{"length that overflows", []byte{0x30, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, ""},
		{"empty message", []byte{0x30, 0x00}, ""},
		{"no operation", []byte{0x30, 0x03, 0x02, 0x01, 0x01}, ""},
		{"unknown operation", []byte{0x30, 0x05, 0x02, 0x01, 0x01, 0x7e, 0x00}, "operation"},
		{"a bind cut short", []byte{0x30, 0x08, 0x02, 0x01, 0x01, 0x60, 0x03, 0x02, 0x01, 0x03}, ""},
		{"control with only a criticality", []byte{0x30, 0x0c, 0x02, 0x01, 0x01, 0x42, 0x00, 0xa0, 0x05, 0x30, 0x03, 0x01, 0x01, 0xff}, ""},
		{"message ID 0", bind(0), "message ID 0"},
		{"a response", ldapwire.AppendResult(nil, 1, ldapwire.OpSearchResultDone, 0, "", ""), "response"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := s.dial(t)
			p.send(c.bytes)
			m := p.expectNotice(ldapwire.ProtocolError)
			if !strings.Contains(string(m.Result.Message), c.text) {
				t.Errorf("the notice says %q, want something of %q", m.Result.Message, c.text)
			}
		})
	}
	t.Run("the server goes on", func(t *testing.T) {
		p := s.dial(t)
		p.send(bind(1))
		p.expect(1, ldapwire.OpBindResponse, ldapwire.Success)
	})
}

func TestAnswersBeforeAMalformedMessageAreSent(t *testing.T) {
	s := run(t, ldapserver.Options{})
	p := s.dial(t)
	p.send(bind(1), []byte{0x31, 0x00})
	p.expect(1, ldapwire.OpBindResponse, ldapwire.Success)
	p.expectNotice(ldapwire.ProtocolError)
}

func TestMessageSize(t *testing.T) {
	s := run(t, ldapserver.Options{
		Limits: ldapserver.Limits{MaxMessageBytes: ldapserver.MessageBytes{BeforeBind: 2000, AfterBind: 600_000}},
		Handler: handlerFunc(func(w *ldapserver.ResponseWriter, r *ldapserver.Request) {
			if r.Message.Op == ldapwire.OpBindRequest && len(r.Message.Bind.Name) > 0 {
				r.Conn.SetIdentity("somebody")
			}
			w.Result(ldapwire.Success, "", fmt.Sprint(len(r.Message.Search.BaseObject)))
		}),
	})
	large := func(size int) []byte {
		base := size - len(search(2, "")) - 4*6
		for len(search(2, strings.Repeat("x", base))) < size {
			base++
		}
		return search(2, strings.Repeat("x", base))
	}
	t.Run("before a bind", func(t *testing.T) {
		p := s.dial(t)
		p.send(large(2000))
		p.expect(2, ldapwire.OpSearchResultDone, ldapwire.Success)
		p.send(large(2001))
		m := p.expectNotice(ldapwire.ProtocolError)
		if want := "a message of 2001 bytes is larger than the limit of 2000 that holds before a bind"; string(m.Result.Message) != want {
			t.Errorf("the notice says %q, want %q", m.Result.Message, want)
		}
	})
	t.Run("after a bind", func(t *testing.T) {
		p := s.dial(t)
		p.send(bind(1))
		p.expect(1, ldapwire.OpBindResponse, ldapwire.Success)
		for _, size := range []int{2001, 16<<10 + 1, 64 << 10, 256<<10 + 1, 600_000} {
			p.send(large(size), search(3, ""))
			p.expect(2, ldapwire.OpSearchResultDone, ldapwire.Success)
			p.expect(3, ldapwire.OpSearchResultDone, ldapwire.Success)
		}
		p.send(large(600_001))
		p.expectNotice(ldapwire.ProtocolError)
	})
	t.Run("an anonymous bind goes back", func(t *testing.T) {
		p := s.dial(t)
		p.send(bind(1))
		p.expect(1, ldapwire.OpBindResponse, ldapwire.Success)
		p.send(ldapwire.AppendBindRequest(nil, 4, 3, "", nil))
		p.expect(4, ldapwire.OpBindResponse, ldapwire.Success)
		p.send(large(2001))
		p.expectNotice(ldapwire.ProtocolError)
	})
}

func TestIdentityIsGoneWhenABindStarts(t *testing.T) {
	s := run(t, ldapserver.Options{Handler: handlerFunc(func(w *ldapserver.ResponseWriter, r *ldapserver.Request) {
		before := fmt.Sprint(r.Conn.Identity())
		if r.Message.Op == ldapwire.OpBindRequest && string(r.Message.Bind.Password) == "secret" {
			r.Conn.SetIdentity("alice")
		}
		w.Result(ldapwire.Success, "", before)
	})})
	p := s.dial(t)
	for i, c := range []struct {
		request []byte
		op      ldapwire.Op
		seen    string
	}{
		{search(1, ""), ldapwire.OpSearchResultDone, "<nil>"},
		{bind(1), ldapwire.OpBindResponse, "<nil>"},
		{search(1, ""), ldapwire.OpSearchResultDone, "alice"},
		{ldapwire.AppendBindRequest(nil, 1, 3, "uid=alice", []byte("wrong")), ldapwire.OpBindResponse, "<nil>"},
		{search(1, ""), ldapwire.OpSearchResultDone, "<nil>"},
	} {
		p.send(c.request)
		if m := p.expect(1, c.op, ldapwire.Success); string(m.Result.Message) != c.seen {
			t.Errorf("step %d: the handler saw the identity %s, want %s", i+1, m.Result.Message, c.seen)
		}
	}
}

func TestManyEntriesArriveWhole(t *testing.T) {
	photo := bytes.Repeat([]byte{7}, 40_000)
	s := run(t, ldapserver.Options{Handler: handlerFunc(func(w *ldapserver.ResponseWriter, r *ldapserver.Request) {
		for i := range 300 {
			err := w.Entry(func(dst []byte, id int32) []byte {
				return ldapwire.AppendSearchResultEntry(dst, id, &ldapwire.Entry{
					DN:         fmt.Append(nil, "uid=", i),
					Attributes: []ldapwire.Attribute{{Type: []byte("jpegPhoto"), Values: [][]byte{photo}}},
				})
			})
			if err != nil {
				t.Errorf("entry %d: %v", i, err)
			}
		}
		w.Result(ldapwire.Success, "", "")
	})})
	p := s.dial(t)
	p.send(search(9, ""))
	for i := range 300 {
		m := p.receive()
		if want := fmt.Sprint("uid=", i); m.Op != ldapwire.OpSearchResultEntry || string(m.Entry.DN) != want || !bytes.Equal(m.Entry.Attributes[0].Values[0], photo) {
			t.Fatalf("received %v, want the entry %s", m.Op, want)
		}
	}
	p.expect(9, ldapwire.OpSearchResultDone, ldapwire.Success)
}

func TestHandlerThatPanics(t *testing.T) {
	s := run(t, ldapserver.Options{Handler: handlerFunc(func(w *ldapserver.ResponseWriter, r *ldapserver.Request) {
		switch base := string(r.Message.Search.BaseObject); base {
		case "late":
			time.Sleep(30 * time.Millisecond)
			panic(base)
		case "now":
			panic(base)
		case "entry":
			_ = w.Entry(func(dst []byte, _ int32) []byte { panic("while encoding") })
		}
		w.Result(ldapwire.Success, "", "")
	})})
	other := s.dial(t)
	for _, base := range []string{"now", "late", "entry"} {
		t.Run(base, func(t *testing.T) {
			p := s.dial(t)
			p.send(search(1, ""), search(2, base))
			p.expect(1, ldapwire.OpSearchResultDone, ldapwire.Success)
			p.expectNotice(ldapwire.Other)
		})
	}
	other.send(bind(1))
	other.expect(1, ldapwire.OpBindResponse, ldapwire.Success)
}

func TestHandlerThatAnswersWrongly(t *testing.T) {
	s := run(t, ldapserver.Options{Handler: handlerFunc(func(w *ldapserver.ResponseWriter, r *ldapserver.Request) {
		if string(r.Message.Search.BaseObject) == "twice" {
			w.Result(ldapwire.NoSuchObject, "", "")
			w.Result(ldapwire.Success, "", "")
		}
	})})
	p := s.dial(t)
	p.send(search(1, "never"), search(2, "twice"), search(3, "never"))
	p.expect(1, ldapwire.OpSearchResultDone, ldapwire.Other)
	p.expect(2, ldapwire.OpSearchResultDone, ldapwire.NoSuchObject)
	p.expect(3, ldapwire.OpSearchResultDone, ldapwire.Other)
}

// The library that most Go clients use agrees with the server.
func TestGoLDAPClient(t *testing.T) {
	s := run(t, ldapserver.Options{
		Certificate: certificate(t, "a"),
		Handler: handlerFunc(func(w *ldapserver.ResponseWriter, r *ldapserver.Request) {
			switch r.Message.Op {
			case ldapwire.OpBindRequest:
				if string(r.Message.Bind.Password) != "secret" {
					w.Bind(ldapwire.InvalidCredentials, "no")
					return
				}
			case ldapwire.OpSearchRequest:
				_ = w.Entry(func(dst []byte, id int32) []byte {
					return ldapwire.AppendSearchResultEntry(dst, id, &ldapwire.Entry{DN: []byte("uid=alice"),
						Attributes: []ldapwire.Attribute{{Type: []byte("cn"), Values: [][]byte{[]byte("Alice")}}}})
				})
			case ldapwire.OpExtendedRequest:
				w.Extended(ldapwire.Success, "", "", []byte("dn:uid=alice"))
				return
			}
			w.Result(ldapwire.Success, "", "")
		}),
	})
	c, err := ldap.DialURL("ldap://" + s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.StartTLS(insecure()); err != nil {
		t.Fatal("StartTLS:", err)
	}
	if err := c.Bind("uid=alice", "wrong"); !ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials) {
		t.Errorf("bind with a wrong password: %v", err)
	}
	if err := c.Bind("uid=alice", "secret"); err != nil {
		t.Error("bind:", err)
	}
	found, err := c.Search(&ldap.SearchRequest{Filter: "(uid=alice)"})
	if err != nil || len(found.Entries) != 1 || found.Entries[0].GetAttributeValue("cn") != "Alice" {
		t.Errorf("search: %+v, %v", found, err)
	}
	if me, err := c.WhoAmI(nil); err != nil || me.AuthzID != "dn:uid=alice" {
		t.Errorf("who am I: %+v, %v", me, err)
	}
	if err := c.Unbind(); err != nil {
		t.Error("unbind:", err)
	}
}
