package upstream_test

import (
	"bytes"
	"crypto/tls"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// idle is longer than a connection may go without being looked at.
const idle = 30 * time.Millisecond

// What becomes of a connection on which a bind was answered.
func TestReuse(t *testing.T) {
	// once answers one bind and then does something.
	once := func(then func(p *peer)) func(*peer) {
		return func(p *peer) {
			if p.number > 0 {
				directory(p)
				return
			}
			m, err := p.next()
			if err != nil {
				return
			}
			p.answer(m.ID, ldapwire.Success, "")
			then(p)
		}
	}
	await := func(p *peer) { p.next() }
	for _, test := range []struct {
		name      string
		server    func(*peer)
		pause     time.Duration
		want      string // what the second of two binds comes to
		wantBinds int    // that reached the server
		wantConns int
	}{
		{"healthy", directory, idle, "accepted", 2, 1},
		{"healthy, at once", directory, 0, "accepted", 2, 1},
		{"closed while idle", once(func(*peer) {}), idle, "accepted", 2, 2},
		{"reset while idle", once(func(p *peer) { reset(p) }), idle, "accepted", 2, 2},
		{"half-closed while idle", once(func(p *peer) { halfClose(p); await(p) }), idle, "accepted", 2, 2},
		{"notice of disconnection while idle", once(func(p *peer) {
			p.Write(ldapwire.AppendNoticeOfDisconnection(nil, ldapwire.Unavailable, ""))
			await(p)
		}), idle, "accepted", 2, 2},
		{"an answer to nothing while idle", once(func(p *peer) {
			p.answer(2, ldapwire.Success, "") // a right ID for what may come next
			await(p)
		}), idle, "accepted", 2, 2},
		// The directory has the request, and may have counted it: it is not sent again.
		{"closed when the next bind comes", once(await), 0, "unavailable", 2, 1},
		{"notice when the next bind comes", once(func(p *peer) {
			await(p)
			p.Write(ldapwire.AppendNoticeOfDisconnection(nil, ldapwire.Unavailable, ""))
		}), 0, "unavailable", 2, 1},
	} {
		for _, layer := range []struct {
			name   string
			scheme string
			wrap   func(func(*peer)) func(*peer)
		}{
			{"plain", "ldap://", func(h func(*peer)) func(*peer) { return h }},
			{"TLS 1.3", "ldaps://", func(h func(*peer)) func(*peer) { return secured(serverTLS(t, tls.VersionTLS13), h) }},
			{"TLS 1.2", "ldaps://", func(h func(*peer)) func(*peer) { return secured(serverTLS(t, tls.VersionTLS12), h) }},
		} {
			t.Run(test.name+"/"+layer.name, func(t *testing.T) {
				t.Parallel()
				f := start(t, layer.wrap(test.server))
				o := options(layer.scheme + f.address)
				o.TLS.InsecureSkipVerify = true
				o.ConnectTimeout, o.BindTimeout = 5*time.Second, 5*time.Second
				u := open(t, o)
				if err := bind(u, rightPassword); err != nil {
					t.Fatal(err)
				}
				time.Sleep(test.pause)
				if err := bind(u, rightPassword); class(err) != test.want {
					t.Fatalf("the second bind: %v, want %s", err, test.want)
				}
				conns, binds := f.seen()
				if conns != test.wantConns || len(binds) != test.wantBinds {
					t.Errorf("%d connections, %d binds; want %d and %d", conns, len(binds), test.wantConns, test.wantBinds)
				}
			})
		}
	}
}

func reset(p *peer) {
	if tcp, ok := raw(p).(interface{ SetLinger(int) error }); ok {
		tcp.SetLinger(0)
	}
}

func halfClose(p *peer) {
	if half, ok := p.Conn.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
}

func raw(p *peer) any {
	if tc, ok := p.Conn.(*tls.Conn); ok {
		return tc.NetConn()
	}
	return p.Conn
}

// What could not be sent is sent on a fresh connection, once, and what that brings is final. The connection is one that cannot
// be looked at beforehand.
func TestWhatWasNotSentIsSentOnceMore(t *testing.T) {
	for name, second := range map[string]struct {
		server func(*peer)
		want   string
	}{
		"to a server that answers":  {directory, "accepted"},
		"to a server that does not": {func(p *peer) { p.next() }, "unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNetwork(t)
			n.set("a:389", func(p *peer) {
				m, err := p.next()
				if err == nil {
					p.answer(m.ID, ldapwire.Success, "")
				}
			})
			o := options("ldap://a")
			o.Dial = n.dial
			u := open(t, o)
			if err := bind(u, rightPassword); err != nil {
				t.Fatal(err)
			}
			n.running.Wait() // the connection has ended
			n.set("a:389", second.server)
			if err := bind(u, rightPassword); class(err) != second.want {
				t.Errorf("%v, want %s", err, second.want)
			}
			if got := n.dialled(); got != "a a" || len(n.f.binds) != 2 {
				t.Errorf("dialled %q, %d binds", got, len(n.f.binds))
			}
			u.Close()
			n.running.Wait()
		})
	}
}

func TestNoRetryAfterAByteOfAnAnswer(t *testing.T) {
	f := start(t, func(p *peer) {
		m, err := p.next()
		if err != nil {
			return
		}
		p.answer(m.ID, ldapwire.Success, "")
		if _, err := p.next(); err == nil {
			p.Write([]byte{0x30})
		}
	})
	u := open(t, options("ldap://"+f.address))
	if err := bind(u, rightPassword); err != nil {
		t.Fatal(err)
	}
	if err := bind(u, rightPassword); class(err) != "unavailable" {
		t.Error(err)
	}
	if conns, binds := f.seen(); conns != 1 || len(binds) != 2 {
		t.Errorf("%d connections, %d binds; want 1 and 2", conns, len(binds))
	}
}

// A late answer must not become the answer to the next bind.
func TestLateAnswerIsNotTheNextOne(t *testing.T) {
	f := start(t, func(p *peer) {
		m, err := p.next()
		if err != nil {
			return
		}
		if p.number == 0 {
			time.Sleep(300 * time.Millisecond)
			p.answer(m.ID, ldapwire.Success, "")
			p.answer(m.ID+1, ldapwire.Success, "")
			p.next()
			return
		}
		p.answer(m.ID, ldapwire.InvalidCredentials, "")
	})
	o := options("ldap://" + f.address)
	o.BindTimeout = 150 * time.Millisecond
	u := open(t, o)
	if err := bind(u, rightPassword); class(err) != "unavailable" {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond)
	if err := bind(u, "wrong"); class(err) != "refused" {
		t.Error(err)
	}
}

func TestIdleAndOldConnectionsAreLeft(t *testing.T) {
	for _, test := range []struct {
		name           string
		idle, lifetime time.Duration
		want           int
	}{
		{"neither", time.Minute, time.Minute, 1},
		{"idle for too long", 20 * time.Millisecond, time.Minute, 3},
		{"open for too long", time.Minute, 20 * time.Millisecond, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			unbinds := make(chan struct{}, 10)
			f := start(t, func(p *peer) {
				for {
					m, err := p.next()
					if err != nil {
						return
					}
					if m.Op == ldapwire.OpUnbindRequest {
						unbinds <- struct{}{}
						return
					}
					p.answer(m.ID, ldapwire.Success, "")
				}
			})
			o := options("ldap://" + f.address)
			o.IdleTimeout, o.Lifetime = test.idle, test.lifetime
			u := open(t, o)
			for range 3 {
				if err := bind(u, rightPassword); err != nil {
					t.Fatal(err)
				}
				time.Sleep(40 * time.Millisecond)
			}
			if conns, _ := f.seen(); conns != test.want {
				t.Errorf("%d connections, want %d", conns, test.want)
			}
			for range test.want - 1 {
				<-unbinds // what is left is left politely
			}
		})
	}
}

func TestPasswordsDoNotStayInMessages(t *testing.T) {
	// The error of a bind that failed half-way names what was going on, and
	// nothing of what was sent.
	f := start(t, func(p *peer) {
		b := make([]byte, 512)
		n, _ := p.Read(b)
		p.Write(bytes.Replace(b[:n], []byte{0x60}, []byte{0x61}, 1)) // an echo
	})
	err := bind(open(t, options("ldap://"+f.address)), "topsecret")
	if class(err) != "unavailable" || strings.Contains(err.Error(), "topsecret") {
		t.Error(err)
	}
}
