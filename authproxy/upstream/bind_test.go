package upstream_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/authproxy/upstream"
)

// What a bind means, for each way in which a server can answer it or fail to.
func TestBindOutcome(t *testing.T) {
	result := func(code ldapwire.ResultCode, text string) func(*peer) {
		return reply(func(id int32) []byte { return ldapwire.AppendBindResponse(nil, id, code, text, nil) })
	}
	bytes := func(make func(id int32) []byte) func(*peer) { return reply(make) }
	success := func(id int32) []byte { return ldapwire.AppendBindResponse(nil, id, ldapwire.Success, "", nil) }
	then := func(n int, after func(*peer)) func(*peer) {
		return func(p *peer) {
			if m, err := p.next(); err == nil {
				p.Write(success(m.ID)[:n])
				after(p)
			}
		}
	}
	closing := func(*peer) {}

	for _, test := range []struct {
		name   string
		server func(*peer)
		want   string
		says   string // part of the error
	}{
		{"right", result(ldapwire.Success, ""), "accepted", ""},
		{"wrong password", result(ldapwire.InvalidCredentials, ""), "refused", "invalidCredentials"},
		{"389-ds, locked", result(ldapwire.ConstraintViolation, "Exceed password retry limit. Please try later."), "refused", "locked"},
		{"unknown DN", result(ldapwire.NoSuchObject, ""), "refused", "no such entry"},
		{"no password there", result(ldapwire.InappropriateAuthentication, ""), "refused", "no password"},
		{"389-ds, inactive", result(ldapwire.UnwillingToPerform, "Account inactivated. Contact system administrator."), "refused", "may not log in"},
		{"eDirectory, expired", result(ldapwire.UnwillingToPerform, "NDS error: log account expired (-220)"), "refused", "may not log in"},
		{"slapd, restricted", result(ldapwire.UnwillingToPerform, "operation restricted"), "unavailable", "operation restricted"},
		{"signing required", result(ldapwire.StrongerAuthRequired, "00002028: LdapErr"), "unavailable", "start_tls: true"},
		{"TLS required", result(ldapwire.ConfidentialityRequired, ""), "unavailable", "start_tls: true"},
		{"not a DN", result(ldapwire.InvalidDNSyntax, "invalid DN"), "unavailable", "check bind_dn"},
		{"simple bind forbidden", result(ldapwire.AuthMethodNotSupported, ""), "unavailable", "simple binds"},
		{"operations error", result(ldapwire.OperationsError, ""), "unavailable", "operationsError"},
		{"protocol error", result(ldapwire.ProtocolError, ""), "unavailable", "LDAPv3"},
		{"time limit", result(ldapwire.TimeLimitExceeded, ""), "unavailable", ""},
		{"compare true", result(ldapwire.CompareTrue, ""), "unavailable", "check what is listening"},
		{"no access", result(ldapwire.InsufficientAccessRights, ""), "unavailable", "access"},
		{"busy", result(ldapwire.Busy, ""), "unavailable", "busy"},
		{"unavailable", result(ldapwire.Unavailable, ""), "unavailable", ""},
		{"other", result(ldapwire.Other, ""), "unavailable", "its log"},
		{"SASL in progress", result(ldapwire.SASLBindInProgress, ""), "unavailable", ""},
		{"a code nobody knows", result(4711, ""), "unavailable", "4711"},
		{"referral", bytes(func(id int32) []byte {
			m := ldapwire.Message{ID: id, Op: ldapwire.OpBindResponse, Result: ldapwire.Result{Code: ldapwire.Referral, Referral: [][]byte{[]byte("ldap://elsewhere/")}}}
			return m.Append(nil)
		}), "unavailable", "referrals are not followed"},
		{"success with a referral", bytes(func(id int32) []byte {
			m := ldapwire.Message{ID: id, Op: ldapwire.OpBindResponse, Result: ldapwire.Result{Referral: [][]byte{[]byte("ldap://elsewhere/")}}}
			return m.Append(nil)
		}), "unavailable", ""},
		{"success with SASL credentials", bytes(func(id int32) []byte {
			return ldapwire.AppendBindResponse(nil, id, ldapwire.Success, "", []byte("x"))
		}), "unavailable", ""},
		{"wrong message ID", bytes(func(id int32) []byte { return success(id + 1) }), "unavailable", "message ID"},
		{"wrong operation", bytes(func(id int32) []byte {
			return ldapwire.AppendResult(nil, id, ldapwire.OpSearchResultDone, ldapwire.Success, "", "")
		}), "unavailable", "wrong kind"},
		{"ID and nothing else", bytes(func(id int32) []byte { return []byte{0x30, 3, 2, 1, byte(id)} }), "unavailable", "malformed"},
		{"success without its parts", bytes(func(id int32) []byte { return []byte{0x30, 8, 2, 1, byte(id), 0x61, 3, 0x0a, 1, 0} }), "unavailable", "malformed"},
		{"indefinite length", bytes(func(int32) []byte { return []byte{0x30, 0x80, 0, 0} }), "unavailable", "malformed"},
		{"a gigabyte announced", bytes(func(int32) []byte { return []byte{0x30, 0x84, 0x40, 0, 0, 0} }), "unavailable", "larger than"},
		{"HTTP", bytes(func(int32) []byte { return []byte("HTTP/1.1 400 Bad Request\r\n\r\n") }), "unavailable", "malformed"},
		{"notice of disconnection", bytes(func(int32) []byte {
			return ldapwire.AppendNoticeOfDisconnection(nil, ldapwire.Unavailable, "going down")
		}), "unavailable", "going down"},
		{"ID 0 that is no notice", bytes(func(int32) []byte { return success(0) }), "unavailable", "ID 0"},
		{"closed before the answer", then(0, closing), "unavailable", "closed the connection"},
		{"closed after a byte", then(1, closing), "unavailable", "in the middle"},
		{"closed before the last byte", then(13, closing), "unavailable", "in the middle"},
		{"hangs", hang, "unavailable", "no answer in time"},
		{"hangs before the last byte", then(13, hang), "unavailable", "no answer in time"},
		{"a byte now and then", func(p *peer) {
			m, err := p.next()
			if err != nil {
				return
			}
			for _, b := range success(m.ID) {
				time.Sleep(100 * time.Millisecond)
				p.Write([]byte{b})
			}
			hang(p)
		}, "unavailable", "no answer in time"},
		{"bytes behind the answer", bytes(func(id int32) []byte { return append(success(id), success(id+1)...) }), "accepted", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := start(t, test.server)
			u := open(t, options("ldap://"+f.address))
			for range 2 { // the second bind meets what the first has left behind
				begin := time.Now()
				err := bind(u, rightPassword)
				if got := class(err); got != test.want {
					t.Fatalf("%s, want %s: %v", got, test.want, err)
				}
				if err != nil && !strings.Contains(err.Error(), test.says) {
					t.Errorf("error %q does not say %q", err, test.says)
				}
				if took := time.Since(begin); took > 3*time.Second {
					t.Errorf("took %v", took)
				}
			}
			if accepted, binds := f.seen(); len(binds) != 2 && !strings.Contains(test.name, "hangs") {
				t.Errorf("the server saw %d binds on %d connections, want 2 binds", len(binds), accepted)
			}
		})
	}
}

func TestBindSendsExactlyThis(t *testing.T) {
	f := start(t, directory)
	for _, test := range []struct {
		name, template, login, recorded, want string
	}{
		{"DN", "uid=%,ou=people,dc=example,dc=com", `a,b+c"d\e<f>g;h=i`, "", `uid=a\,b\+c\"d\\e\<f\>g\;h\=i,ou=people,dc=example,dc=com`},
		{"DN, blanks and hash", "uid=%,dc=x", " #alice ", "", `uid=\ #alice\ ,dc=x`},
		{"DN, hash first", "uid=%,dc=x", "#1", "", `uid=\#1,dc=x`},
		{"DN, umlaut and filter characters", "uid=%,dc=x", "jörg*()", "", "uid=jörg*(),dc=x"},
		{"DN with @ in the value", "mail=%@example.com,dc=x", "alice", "", "mail=alice@example.com,dc=x"},
		{"UPN", "%@example.com", "alice", "", "alice@example.com"},
		{"UPN, not escaped", "%@example.com", "a,b", "", "a,b@example.com"},
		{"Windows domain", `EXAMPLE\%`, "alice", "", `EXAMPLE\alice`},
		{"recorded DN", "uid=%,dc=x", "alice", `cn=Alice\, A.,dc=y`, `cn=Alice\, A.,dc=y`},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := options("ldap://" + f.address)
			o.BindDN = test.template
			u := open(t, o)
			res, err := u.Bind(context.Background(), test.login, test.recorded, []byte(rightPassword))
			if err != nil {
				t.Fatal(err)
			}
			_, binds := f.seen()
			if got := binds[len(binds)-1]; got != test.want || res.Name != test.want {
				t.Errorf("sent %q, reported %q, want %q", got, res.Name, test.want)
			}
			if res.Server != f.address || res.Duration <= 0 {
				t.Errorf("result %+v", res)
			}
			if name, err := u.BindName(test.login); test.recorded == "" && (name != test.want || err != nil) {
				t.Errorf("BindName is %q, %v", name, err)
			}
		})
	}
}

func TestBindSendsNothing(t *testing.T) {
	f := start(t, directory)
	const dn, upn, windows = "uid=%,dc=x", "%@example.com", `EXAMPLE\%`
	for _, test := range []struct {
		name, template, login, recorded, password, want string
	}{
		{"empty password", dn, "alice", "", "", "empty password"},
		{"empty password, UPN", upn, "alice", "", "", "empty password"},
		{"empty password, Windows domain", windows, "alice", "", "", "empty password"},
		{"empty password, recorded DN", dn, "alice", aliceDN, "", "empty password"},
		{"NUL as password", dn, "alice", "", "\x00", "empty password"},
		{"NULs as password", upn, "alice", "", "\x00\x00\x00", "empty password"},
		{"empty login", dn, "", "", "x", "bad login"},
		{"empty login, UPN", upn, "", "", "x", "bad login"},
		{"NUL", dn, "ali\x00ce", "", "x", "bad login"},
		{"line feed", dn, "alice\n", "", "x", "bad login"},
		{"escape", upn, "\x1b[2J", "", "x", "bad login"},
		{"delete", dn, "alice\x7f", "", "x", "bad login"},
		{"C1 control", dn, "alice\u0085", "", "x", "bad login"},
		{"not UTF-8", dn, "ali\xffce", "", "x", "bad login"},
		{"at sign in a UPN", upn, "alice@other.example", "", "x", "bad login"},
		{"backslash in a UPN", upn, `OTHER\alice`, "", "x", "bad login"},
		{"at sign in a Windows name", windows, "alice@other.example", "", "x", "bad login"},
		{"backslash in a Windows name", windows, `OTHER\alice`, "", "x", "bad login"},
		{"NUL in the recorded DN", dn, "alice", "uid=ali\x00ce,dc=x", "x", "bad login"},
		{"neither template nor recorded DN", "", "alice", "", "x", "unavailable"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := options("ldap://" + f.address)
			o.BindDN = test.template
			u := open(t, o)
			res, err := u.Bind(context.Background(), test.login, test.recorded, []byte(test.password))
			if got := class(err); got != test.want {
				t.Errorf("%s, want %s: %v", got, test.want, err)
			}
			if res.Server != "" {
				t.Errorf("server %q was asked", res.Server)
			}
		})
	}
	if accepted, binds := f.seen(); accepted != 0 {
		t.Errorf("%d connections, binds %q; want none", accepted, binds)
	}
}

// The request itself may be what the server does not take.
func TestBindToServerThatNeverReads(t *testing.T) {
	f := start(t, deaf)
	u := open(t, options("ldap://"+f.address))
	begin := time.Now()
	_, err := u.Bind(context.Background(), "alice", "", make16MiB())
	if class(err) != "unavailable" || time.Since(begin) > 3*time.Second {
		t.Errorf("after %v: %v", time.Since(begin), err)
	}
}

func make16MiB() []byte {
	b := make([]byte, 16<<20)
	b[0] = 'x'
	return b
}

func TestRefusalSaysWhatADSays(t *testing.T) {
	f := start(t, reply(func(id int32) []byte {
		return ldapwire.AppendBindResponse(nil, id, ldapwire.InvalidCredentials,
			"80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data 532, v4563\x00", nil)
	}))
	err := bind(open(t, options("ldap://"+f.address)), "x")
	var refused *upstream.RefusedError
	if !errors.As(err, &refused) {
		t.Fatal(err)
	}
	if refused.AD != upstream.ADPasswordExpired || !refused.PasswordRight() || refused.Locked() || refused.Server != f.address {
		t.Errorf("%+v", refused)
	}
	if strings.ContainsRune(refused.Diagnostic, 0) || !strings.Contains(refused.Explain(), "password expired") {
		t.Errorf("explained as %q", refused.Explain())
	}
}

func TestRefusalSaysWhatThePolicySays(t *testing.T) {
	control := func(value ...byte) ldapwire.Control {
		return ldapwire.Control{OID: []byte("1.3.6.1.4.1.42.2.27.8.5.1"), Value: value}
	}
	for _, test := range []struct {
		name    string
		control ldapwire.Control
		want    upstream.PolicyError
		right   bool
		locked  bool
	}{
		{"locked", control(0x30, 3, 0x81, 1, 1), upstream.PolicyAccountLocked, false, true},
		{"expired", control(0x30, 3, 0x81, 1, 0), upstream.PolicyPasswordExpired, true, false},
		{"expired, with a warning before it", control(0x30, 8, 0xa0, 3, 0x81, 1, 0, 0x81, 1, 0), upstream.PolicyPasswordExpired, true, false},
		{"a warning only", control(0x30, 5, 0xa0, 3, 0x80, 1, 9), 0, false, false},
		{"empty", control(0x30, 0), 0, false, false},
		{"an error about changing a password", control(0x30, 3, 0x81, 1, 5), 0, false, false},
		{"nonsense", control(0x30, 0x7f, 0x81), 0, false, false},
		{"no value", control(), 0, false, false},
		{"another control", ldapwire.Control{OID: []byte("2.16.840.1.113730.3.4.4"), Value: []byte("0")}, 0, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := start(t, reply(func(id int32) []byte {
				return ldapwire.AppendBindResponse(nil, id, ldapwire.InvalidCredentials, "", nil, test.control)
			}))
			var refused *upstream.RefusedError
			if err := bind(open(t, options("ldap://"+f.address)), "x"); !errors.As(err, &refused) {
				t.Fatal(err)
			}
			if refused.Policy != test.want || refused.PasswordRight() != test.right || refused.Locked() != test.locked {
				t.Errorf("%+v, right %v, locked %v", refused, refused.PasswordRight(), refused.Locked())
			}
		})
	}
}

func TestBindIsSafeForManyAtOnce(t *testing.T) {
	f := start(t, directory)
	o := options("ldap://" + f.address)
	o.BindTimeout = 10 * time.Second
	u := open(t, o)
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			for j := range 50 {
				password, want := rightPassword, "accepted"
				if (i+j)%3 == 0 {
					password, want = "wrong", "refused"
				}
				if err := bind(u, password); class(err) != want {
					t.Errorf("%s, want %s: %v", class(err), want, err)
				}
			}
		})
	}
	wg.Wait()
	if accepted, binds := f.seen(); accepted > upstream.DefaultMaxConnections || len(binds) != 64*50 {
		t.Errorf("%d binds on %d connections", len(binds), accepted)
	}
}
