package ldapserver_test

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dialtree/dialtree/authproxy/ldapserver"
	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// A notebook writes down what a Watcher is told.
type notebook struct {
	mu    sync.Mutex
	lines []string
}

var kinds = map[ldapserver.EventKind]string{ldapserver.Refused: "refused", ldapserver.Opened: "opened", ldapserver.Secured: "secured",
	ldapserver.Failed: "failed", ldapserver.Malformed: "malformed", ldapserver.Served: "served", ldapserver.Ended: "ended"}

func (n *notebook) Watch(c *ldapserver.Conn, e ldapserver.Event) {
	line := kinds[e.Kind]
	if e.Message != nil {
		line += fmt.Sprintf(" %#x %d", byte(e.Message.Op), e.Code)
	}
	if len(e.Raw) > 0 {
		line += fmt.Sprintf(" %d bytes", len(e.Raw))
	}
	if e.Err != nil {
		line += ": " + e.Err.Error()
	}
	if _, ok := c.TLSState(); ok != c.TLS() {
		line += " with another TLS state"
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, line)
}

// wait waits until the last line begins as wanted, and returns all.
func (n *notebook) wait(t *testing.T, last string) []string {
	t.Helper()
	for range 500 {
		n.mu.Lock()
		lines := slices.Clone(n.lines)
		n.mu.Unlock()
		if k := len(lines); k > 0 && strings.HasPrefix(lines[k-1], last) {
			return lines
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("no %q came last: %q", last, n.lines)
	return nil
}

func TestWatcher(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(*testing.T, *running)
		want []string
	}{
		{"unbind", func(t *testing.T, s *running) {
			p := s.dial(t)
			p.send(bind(1))
			p.expect(1, ldapwire.OpBindResponse, ldapwire.Success)
			p.send(ldapwire.AppendAbandonRequest(nil, 2, 1), ldapwire.AppendUnbindRequest(nil, 3))
		}, []string{"opened", "served 0x50 0", "served 0x42 0", "ended: the client unbound"}},
		{"closed", func(t *testing.T, s *running) { s.dial(t).Close() }, []string{"opened", "ended: EOF"}},
		{"not LDAP", func(t *testing.T, s *running) { s.dial(t).send([]byte("GET / HTTP/1.1\r\n")) },
			[]string{"opened", "malformed 16 bytes: malformed LDAP message: byte 0: message: identifier 0x47 where 0x30 belongs", "ended: malformed LDAP message"}},
		{"no certificate", func(t *testing.T, s *running) {
			p := s.dial(t)
			p.send(extended(1, "1.3.6.1.4.1.1466.20037", nil))
			p.expect(1, ldapwire.OpExtendedResponse, ldapwire.ProtocolError)
			p.Close()
		}, []string{"opened", "served 0x77 2", "ended: EOF"}},
		{"one too many", func(t *testing.T, s *running) {
			p := s.dial(t)
			p.send(bind(1))
			p.expect(1, ldapwire.OpBindResponse, ldapwire.Success)
			q := s.dial(t)
			q.expectNotice(ldapwire.Busy)
			p.Close()
		}, []string{"opened", "refused: too many connections", "ended: EOF"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := &notebook{}
			s := run(t, ldapserver.Options{Watcher: n, Handler: handlerFunc(succeed), Limits: ldapserver.Limits{MaxConnections: 1}})
			tt.do(t, s)
			lines := n.wait(t, tt.want[len(tt.want)-1])
			if len(lines) != len(tt.want) {
				t.Fatalf("%q, want %q", lines, tt.want)
			}
			for i := range lines {
				if !strings.HasPrefix(lines[i], tt.want[i]) {
					t.Errorf("%q, want %q", lines, tt.want)
				}
			}
		})
	}
}

// A handshake that fails is told with its reason, and the connection is ended like every one.
func TestWatcherOfTLS(t *testing.T) {
	n := &notebook{}
	s := run(t, ldapserver.Options{Watcher: n, Handler: handlerFunc(succeed), Certificate: certificate(t, "a")})
	p := s.dial(t)
	p.send(extended(1, "1.3.6.1.4.1.1466.20037", nil))
	p.expect(1, ldapwire.OpExtendedResponse, ldapwire.Success)
	if err := tls.Client(p.Conn, &tls.Config{ServerName: "another.example"}).Handshake(); err == nil {
		t.Fatal("the client trusts everybody")
	}
	p.Close()
	lines := n.wait(t, "ended: ")
	if len(lines) != 4 || lines[1] != "served 0x77 0" || !strings.HasPrefix(lines[2], "failed: remote error: tls: ") {
		t.Errorf("%q", lines)
	}
}

// A load balancer that nobody named is told as such, and not as bytes that are no LDAP or no TLS.
func TestWatcherOfAnUnnamedBalancer(t *testing.T) {
	for _, header := range []string{v2 + "\x21\x11\x00\x0c\xc0\x00\x02\x01\x7f\x00\x00\x02\x04\xd2\x01\x85", "PROXY TCP4 192.0.2.1 192.0.2.2 1234 389\r\n"} {
		for _, overTLS := range []bool{false, true} {
			n := &notebook{}
			s := runOn(t, ldapserver.Options{Watcher: n, Handler: handlerFunc(succeed), Certificate: certificate(t, "a")}, ldapserver.Listener{Listener: listen(t), TLS: overTLS})
			s.dial(t).send([]byte(header))
			lines := n.wait(t, "ended: ")
			if len(lines) != 3 || !strings.HasSuffix(lines[1], ": a PROXY protocol header came where none is taken from this address (ldap.proxy_protocol_from)") {
				t.Errorf("over TLS %t, %q: %q", overTLS, header, lines)
			}
		}
	}
}
