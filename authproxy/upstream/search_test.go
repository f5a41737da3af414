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

const proxyDN = "cn=proxy,dc=example,dc=com"

// A catalogue is a directory that also searches. It keeps the filters it got.
type catalogue struct {
	answer func(id int32) []byte // to a search
	proxy  func(id int32) []byte // to a bind of the search account

	mu      sync.Mutex
	filters []string
	limits  []int32
}

func (c *catalogue) handle(p *peer) {
	for {
		m, err := p.next()
		if err != nil {
			return
		}
		switch {
		case m.Op == ldapwire.OpSearchRequest:
			text := m.Search.Filter.String()
			c.mu.Lock()
			c.filters = append(c.filters, text)
			c.limits = append(c.limits, m.Search.SizeLimit)
			c.mu.Unlock()
			p.Write(c.answer(m.ID))
		case m.Op != ldapwire.OpBindRequest:
			return
		case string(m.Bind.Name) == proxyDN && c.proxy != nil:
			p.Write(c.proxy(m.ID))
		case string(m.Bind.Password) == rightPassword:
			p.answer(m.ID, ldapwire.Success, "")
		default:
			p.answer(m.ID, ldapwire.InvalidCredentials, "")
		}
	}
}

func entries(dns ...string) func(id int32) []byte {
	return func(id int32) []byte {
		b := ldapwire.AppendSearchResultReference(nil, id, [][]byte{[]byte("ldap://elsewhere/dc=x")})
		for _, dn := range dns {
			b = ldapwire.AppendSearchResultEntry(b, id, &ldapwire.Entry{DN: []byte(dn)})
		}
		return ldapwire.AppendResult(b, id, ldapwire.OpSearchResultDone, ldapwire.Success, "", "")
	}
}

func searching(f *fake) upstream.Options {
	o := options("ldap://" + f.address)
	o.BindDN = ""
	o.Search = &upstream.Search{
		Base: "dc=example,dc=com", Filter: "(&(objectClass=person)(sAMAccountName=%))",
		BindDN: proxyDN, Password: func() (string, error) { return rightPassword, nil },
	}
	return o
}

func TestSearchOutcome(t *testing.T) {
	done := func(code ldapwire.ResultCode) func(int32) []byte {
		return func(id int32) []byte {
			return ldapwire.AppendResult(nil, id, ldapwire.OpSearchResultDone, code, "", "")
		}
	}
	bindAnswer := func(code ldapwire.ResultCode) func(int32) []byte {
		return func(id int32) []byte { return ldapwire.AppendBindResponse(nil, id, code, "", nil) }
	}
	for _, test := range []struct {
		name     string
		answer   func(id int32) []byte
		proxy    func(id int32) []byte
		password string
		want     string
		says     string
		binds    string // other than the search account's
	}{
		{"one, right", entries(aliceDN), nil, rightPassword, "accepted", "", aliceDN},
		{"one, wrong", entries(aliceDN), nil, "wrong", "refused", "invalidCredentials", aliceDN},
		{"none", entries(), nil, rightPassword, "refused", "no entry matches", ""},
		{"two", entries(aliceDN, "uid=alice,ou=old,dc=example,dc=com"), nil, rightPassword, "unavailable", "narrower", ""},
		{"size limit met", func(id int32) []byte {
			b := ldapwire.AppendSearchResultEntry(nil, id, &ldapwire.Entry{DN: []byte(aliceDN)})
			b = ldapwire.AppendSearchResultEntry(b, id, &ldapwire.Entry{DN: []byte("uid=bob")})
			return ldapwire.AppendResult(b, id, ldapwire.OpSearchResultDone, ldapwire.SizeLimitExceeded, "", "")
		}, nil, rightPassword, "unavailable", "more than one", ""},
		{"one, and an error", func(id int32) []byte {
			b := ldapwire.AppendSearchResultEntry(nil, id, &ldapwire.Entry{DN: []byte(aliceDN)})
			return ldapwire.AppendResult(b, id, ldapwire.OpSearchResultDone, ldapwire.TimeLimitExceeded, "", "")
		}, nil, rightPassword, "unavailable", "timeLimitExceeded", ""},
		{"one without a name", entries(""), nil, rightPassword, "unavailable", "cannot be a bind name", ""},
		{"one with a NUL in its name", entries("uid=a\x00,dc=x"), nil, rightPassword, "unavailable", "cannot be a bind name", ""},
		{"no such base", done(ldapwire.NoSuchObject), nil, rightPassword, "unavailable", "search.base", ""},
		{"bind first", done(ldapwire.OperationsError), nil, rightPassword, "unavailable", "search.bind_dn", ""},
		{"referral", done(ldapwire.Referral), nil, rightPassword, "unavailable", "referral", ""},
		{"success that refers elsewhere", func(id int32) []byte {
			m := ldapwire.Message{ID: id, Op: ldapwire.OpSearchResultDone, Result: ldapwire.Result{Referral: [][]byte{[]byte("ldap://elsewhere/dc=x")}}}
			return m.Append(nil)
		}, nil, rightPassword, "unavailable", "success", ""},
		{"an answer of another kind", bindAnswer(ldapwire.Success), nil, rightPassword, "unavailable", "wrong kind", ""},
		{"nothing", func(int32) []byte { return nil }, nil, rightPassword, "unavailable", "in time", ""},
		{"search account refused", entries(aliceDN), bindAnswer(ldapwire.InvalidCredentials), rightPassword, "unavailable", "search.password", ""},
		{"search account wants TLS", entries(aliceDN), bindAnswer(ldapwire.StrongerAuthRequired), rightPassword, "unavailable", "start_tls", ""},
		{"search account gets no answer", entries(aliceDN), func(int32) []byte { return nil }, rightPassword, "unavailable", "in time", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := &catalogue{answer: test.answer, proxy: test.proxy}
			f := start(t, c.handle)
			u := open(t, searching(f))
			res, err := u.Bind(context.Background(), "alice", "", []byte(test.password))
			if class(err) != test.want {
				t.Fatalf("%s, want %s: %v", class(err), test.want, err)
			}
			if err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %q does not say %q", err, test.says)
			}
			if res.Name != test.binds {
				t.Errorf("name %q, want %q", res.Name, test.binds)
			}
			_, binds := f.seen()
			if binds[0] != proxyDN || strings.Join(binds[1:], " ") != test.binds {
				t.Errorf("binds %q, want %q after the search account's", binds, test.binds)
			}
		})
	}
}

// A login is a value in the filter's tree, whatever is in it.
func TestSearchSendsExactlyThis(t *testing.T) {
	for _, test := range []struct{ filter, login, want string }{
		{"(uid=%)", "alice", "(uid=alice)"},
		{"(uid=%)", "*", `(uid=\2a)`},
		{"(uid=%)", "a)(uid=*", `(uid=a\29\28uid=\2a)`},
		{"(uid=%)", `\2a`, `(uid=\5c2a)`},
		{"(|(uid=%)(mail=%@example.com))", "%", "(|(uid=%)(mail=%@example.com))"},
		{"(&(objectClass=person)(!(uid=x-%)))", "jörg", `(&(objectClass=person)(!(uid=x-jörg)))`},
		{"(cn=%*)", "al*", `(cn=al\2a*)`},
		{"(cn=a*%*c)", "b", "(cn=a*b*c)"},
	} {
		t.Run(test.filter+" "+test.login, func(t *testing.T) {
			c := &catalogue{answer: entries(aliceDN)}
			f := start(t, c.handle)
			o := searching(f)
			o.Search.Filter = test.filter
			o.Search.BindDN = "" // anonymous
			u := open(t, o)
			for range 2 { // the second sees what the first has left in the tree
				if _, err := u.Bind(context.Background(), test.login, "", []byte(rightPassword)); err != nil {
					t.Fatal(err)
				}
			}
			want, err := ldapwire.ParseFilter(test.want)
			if err != nil {
				t.Fatal(err)
			}
			for i, got := range c.filters {
				if got != want.String() || c.limits[i] != 2 {
					t.Errorf("filter %s with size limit %d, want %s and 2", got, c.limits[i], want.String())
				}
			}
			if conns, binds := f.seen(); conns != 2 || len(binds) != 2 {
				t.Errorf("%d connections and binds %q; want one connection to search and one to bind", conns, binds)
			}
		})
	}
}

func TestSearchSendsNothing(t *testing.T) {
	c := &catalogue{answer: entries(aliceDN)}
	f := start(t, c.handle)
	for name, login := range map[string]string{"empty": "", "NUL": "a\x00", "line feed": "a\n"} {
		t.Run(name, func(t *testing.T) {
			if _, err := open(t, searching(f)).Bind(context.Background(), login, "", []byte("x")); class(err) != "bad login" {
				t.Error(err)
			}
		})
	}
	t.Run("no password of the search account", func(t *testing.T) {
		for _, password := range []func() (string, error){
			func() (string, error) { return "", nil },
			func() (string, error) { return "", errors.New("PW is not set") },
		} {
			o := searching(f)
			o.Search.Password = password
			if _, err := open(t, o).Bind(context.Background(), "alice", "", []byte("x")); class(err) != "unavailable" {
				t.Error(err)
			}
		}
	})
	if _, binds := f.seen(); len(binds) != 0 || len(c.filters) != 0 {
		t.Errorf("binds %q, filters %q; want none", binds, c.filters)
	}
}

// A recorded DN needs no search.
func TestRecordedDNIsNotSearched(t *testing.T) {
	c := &catalogue{answer: entries()}
	f := start(t, c.handle)
	res, err := open(t, searching(f)).Bind(context.Background(), "alice", aliceDN, []byte(rightPassword))
	if err != nil || res.Name != aliceDN || len(c.filters) != 0 {
		t.Errorf("%+v, %v, searches %q", res, err, c.filters)
	}
}

// A search account with a wrong password must not be locked by logins.
func TestSearchAccountIsNotHammered(t *testing.T) {
	c := &catalogue{answer: entries(aliceDN)}
	f := start(t, c.handle)
	password := "old"
	o := searching(f)
	o.Search.Password = func() (string, error) { return password, nil }
	o.BindTimeout = 5 * time.Second
	u := open(t, o)
	for range 20 {
		if err := bind(u, rightPassword); class(err) != "unavailable" {
			t.Fatal(err)
		}
	}
	if _, binds := f.seen(); len(binds) != 1 {
		t.Errorf("the search account was tried %d times, want once", len(binds))
	}
	password = rightPassword // what {file: PATH} holds has changed
	if err := bind(u, rightPassword); err != nil {
		t.Error(err)
	}
}
