package ldap_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/syncer/source"
	"github.com/dialtree/dialtree/syncer/source/ldap"
	"github.com/dialtree/dialtree/syncer/source/ldap/ldaptest"
)

// Each of these directories gives entries, or could, and none of them gives all. Not
// one may look like a company that became smaller.
func TestFailures(t *testing.T) {
	after := func(entries int, then func(c *ldaptest.Client, m *ldapwire.Message)) func(*ldaptest.Client, *ldapwire.Message) bool {
		return func(c *ldaptest.Client, m *ldapwire.Message) bool {
			for _, e := range people(entries) {
				c.Send(m.ID, e)
			}
			then(c, m)
			return true
		}
	}
	code := func(code ldapwire.ResultCode, text string) func(*ldaptest.Client, *ldapwire.Message) {
		return func(c *ldaptest.Client, m *ldapwire.Message) { c.Done(m.ID, code, text) }
	}
	passing := []string{"a time limit", "overloaded", "a connection that is cut", "a message that is cut", "a notice of disconnection", "silence",
		"an answer that never ends", "what is not LDAP", "an answer of the wrong kind that looks like success", "an entry that answers another request",
		"an entry that is none any more", "an indefinite length", "a length beyond all bounds"}
	cut := func(c *ldaptest.Client, _ *ldapwire.Message) { c.Close() }
	stall := func(c *ldaptest.Client, _ *ldapwire.Message) { c.Hang() }
	for _, test := range []struct {
		name   string
		before func(*ldaptest.Client, *ldapwire.Message) bool
		change func(*ldap.Options)
		want   string
	}{
		{"a size limit", after(3, code(ldapwire.SizeLimitExceeded, "")), nil, "gives this account only a part"},
		{"an administrative limit", after(3, code(ldapwire.AdminLimitExceeded, "")), nil, "gives this account only a part"},
		{"a time limit", after(3, code(ldapwire.TimeLimitExceeded, "")), nil, "took the directory too long"},
		{"a referral in place of an answer", after(0, code(ldapwire.Referral, "")), nil, "referrals are not followed"},
		{"nothing but referrals", after(0, func(c *ldaptest.Client, m *ldapwire.Message) {
			c.Refer(m.ID, "ldap://other.example.com/ou=people,dc=example,dc=com")
			c.Done(m.ID, ldapwire.Success, "")
		}), nil, "refers to \"ldap://other.example.com"},
		{"nothing at all", after(0, code(ldapwire.Success, "")), nil, "check base and filter"},
		{"no such base", after(0, code(ldapwire.NoSuchObject, "")), nil, "there is no such base"},
		{"no right to search", after(0, code(ldapwire.InsufficientAccessRights, "")), nil, "may not search there"},
		{"Active Directory without a bind", after(0, code(ldapwire.OperationsError, "000004DC: In order to perform this operation a successful bind must be completed")), nil, "a successful bind must be completed"},
		{"overloaded", after(3, code(ldapwire.Busy, "")), nil, "overloaded"},
		{"TLS is wanted", after(0, code(ldapwire.StrongerAuthRequired, "")), nil, "use ldaps:// or tls: {start_tls: true}"},
		{"a connection that is cut", after(3, cut), nil, "closed the connection during the search"},
		{"a message that is cut", after(3, func(c *ldaptest.Client, m *ldapwire.Message) {
			b := ldapwire.AppendResult(nil, m.ID, ldapwire.OpSearchResultDone, ldapwire.Success, "", "")
			c.Write(b[:len(b)-1])
			c.Close()
		}), nil, "closed the connection during the search"},
		{"a notice of disconnection", after(3, func(c *ldaptest.Client, m *ldapwire.Message) {
			c.Write(ldapwire.AppendNoticeOfDisconnection(nil, ldapwire.Unavailable, "bye"))
			c.Close()
		}), nil, "closed the connection during the search"},
		{"silence", after(3, stall), nil, "did not answer within 300ms during the search"},
		{"an answer that never ends", func(c *ldaptest.Client, m *ldapwire.Message) bool {
			for {
				if _, err := c.Write(ldapwire.AppendIntermediateResponse(nil, m.ID, "1.2.3", nil)); err != nil {
					return true
				}
			}
		}, nil, "did not answer within 300ms"},
		{"what is not LDAP", after(3, func(c *ldaptest.Client, _ *ldapwire.Message) { c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) }), nil, "during the search"},
		{"a length beyond all bounds", after(3, func(c *ldaptest.Client, _ *ldapwire.Message) { c.Write([]byte("\x30\x84\xff\xff\xff\xff")) }), nil, "no answer to the request: its length is"},
		{"an answer of the wrong kind that looks like success", after(3, func(c *ldaptest.Client, m *ldapwire.Message) {
			c.Write(ldapwire.AppendBindResponse(nil, m.ID, ldapwire.Success, "", nil))
		}), nil, "no answer to the request: message"},
		{"an entry that answers another request", after(3, func(c *ldaptest.Client, m *ldapwire.Message) {
			c.Send(m.ID+1, people(4)[3])
			c.Done(m.ID, ldapwire.Success, "")
		}), nil, "no answer to the request: message"},
		{"an entry that is none any more", after(3, func(c *ldaptest.Client, m *ldapwire.Message) {
			b := ldapwire.AppendSearchResultEntry(nil, m.ID, &ldapwire.Entry{DN: []byte("uid=x," + ldaptest.PeopleDN)})
			b[bytes.IndexByte(b, 0x64)] = 0x6c
			c.Write(b)
			c.Done(m.ID, ldapwire.Success, "")
		}), nil, "no answer to the request: message"},
		{"an indefinite length", after(3, func(c *ldaptest.Client, m *ldapwire.Message) {
			c.Write([]byte{0x30, 0x80, 2, 1, byte(m.ID), 0x65, 7, 10, 1, 0, 4, 0, 4, 0, 0, 0})
		}), nil, "its length has 0 octets"},
		{"pages without an end", func(c *ldaptest.Client, m *ldapwire.Message) bool {
			return c.Done(m.ID, ldapwire.Success, "", ldaptest.PagingControl("again"))
		}, func(o *ldap.Options) { o.Timeout = 10 * time.Second }, "does not come to an end"},
		{"a wrong password", nil, func(o *ldap.Options) { o.Password = func() (string, error) { return "wrong", nil } }, "refused the account \"cn=reader,dc=example,dc=com\""},
		{"a password that is not to be had", nil, func(o *ldap.Options) { o.Password = func() (string, error) { return "", errSecret } }, "PW is not set"},
		{"an empty password", nil, func(o *ldap.Options) { o.Password = func() (string, error) { return "", nil } }, "takes that for an anonymous bind"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := start(t, &ldaptest.Peer{Entries: people(10), Before: test.before})
			o := optionsOf(p, "uid")
			o.Timeout = 300 * time.Millisecond
			if test.change != nil {
				test.change(&o)
			}
			s := open(t, o)
			_, err := read(t, s)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want %q", err, test.want)
			}
			if passes := source.IsTemporary(err); passes != slices.Contains(passing, test.name) {
				t.Errorf("that it may pass by itself is %t", passes)
			}
			// The next fetch owes nothing to this one.
			p.Before = nil
			o.Password = func() (string, error) { return ldaptest.ReaderPassword, nil }
			if rows, err := read(t, open(t, o)); err != nil || len(rows) != 10 {
				t.Errorf("then %d rows, %v", len(rows), err)
			}
		})
	}
}

// Pages that do not follow one another are no result.
func TestPagesThatDoNotFit(t *testing.T) {
	for name, test := range map[string]struct {
		second func(c *ldaptest.Client, m *ldapwire.Message)
		want   string
	}{
		"one that does not say whether it is the last": {func(c *ldaptest.Client, m *ldapwire.Message) {
			c.Done(m.ID, ldapwire.Success, "")
		}, "does not say whether it is the last"},
		"the first one again": {func(c *ldaptest.Client, m *ldapwire.Message) {
			for _, e := range people(5) {
				c.Send(m.ID, e)
			}
			c.Done(m.ID, ldapwire.Success, "", ldaptest.PagingControl(""))
		}, "the same page"},
	} {
		t.Run(name, func(t *testing.T) {
			pages := 0
			p := start(t, &ldaptest.Peer{Entries: people(10), Before: func(c *ldaptest.Client, m *ldapwire.Message) bool {
				if pages++; pages < 2 {
					return false
				}
				test.second(c, m)
				return true
			}})
			o := optionsOf(p, "uid")
			o.PageSize = 5
			if rows, err := read(t, open(t, o)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%d rows, %v", len(rows), err)
			}
		})
	}
}

// A failure on the second page is one although the first was whole.
func TestFailureOnALaterPage(t *testing.T) {
	pages := 0
	p := start(t, &ldaptest.Peer{Entries: people(10), Before: func(c *ldaptest.Client, m *ldapwire.Message) bool {
		if pages++; pages < 2 {
			return false
		}
		c.Done(m.ID, ldapwire.SizeLimitExceeded, "")
		return true
	}})
	o := optionsOf(p, "uid")
	o.PageSize = 5
	if rows, err := read(t, open(t, o)); err == nil || len(rows) != 5 {
		t.Errorf("%d rows, %v, want five and an error", len(rows), err)
	}
}

func TestServersThatCannotBeUsed(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close() // nobody listens there now
	web := httptest.NewTLSServer(nil)
	defer web.Close()
	p := start(t, &ldaptest.Peer{Entries: people(1)})
	for _, test := range []struct {
		name, url string
		tls       ldap.TLS
		want      string
	}{
		{"nobody listens", "ldap://" + ln.Addr().String(), ldap.TLS{}, "cannot connect to the directory"},
		{"no such host", "ldap://nowhere.invalid", ldap.TLS{}, "check the host name"},
		{"a certificate that is not trusted", "ldaps://" + strings.TrimPrefix(web.URL, "https://"), ldap.TLS{}, "set tls.ca_file"},
		{"no TLS there", "ldaps://" + p.Address, ldap.TLS{}, "cannot connect to the directory"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := optionsOf(p, "uid")
			o.URLs, o.TLS = []string{test.url}, test.tls
			_, err := read(t, open(t, o))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if passes, want := source.IsTemporary(err), strings.HasPrefix(test.url, "ldap://"); passes != want {
				t.Errorf("that it may pass by itself is %t", passes)
			}
		})
	}
}

// A bind refused because of missing TLS says what to do.
func TestStrongerAuthRequired(t *testing.T) {
	p := start(t, &ldaptest.Peer{})
	p.Bind = func(string) (ldapwire.ResultCode, string) {
		return ldapwire.StrongerAuthRequired, "00002028: LdapErr: DSID-0C090259, comment: The server requires binds to turn on integrity checking"
	}
	if _, err := read(t, open(t, optionsOf(p, "uid"))); err == nil || !strings.Contains(err.Error(), "use ldaps:// or start_tls: true") {
		t.Errorf("got %v", err)
	}
}

func TestCancel(t *testing.T) {
	p := start(t, &ldaptest.Peer{Before: func(c *ldaptest.Client, _ *ldapwire.Message) bool { c.Hang(); return true }})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	begin := time.Now()
	for _, err := range open(t, optionsOf(p, "uid")).Records(ctx) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want that it was cancelled", err)
		}
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
}

// A caller that has seen enough ends the fetch.
func TestStopping(t *testing.T) {
	p := start(t, &ldaptest.Peer{Entries: people(10)})
	for _, err := range open(t, optionsOf(p, "uid")).Records(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		break
	}
}

func TestOptionsAreChecked(t *testing.T) {
	good := ldap.Options{URLs: []string{"ldaps://dc1"}, Bases: []string{"dc=example"}}
	for _, test := range []struct {
		option string
		change func(*ldap.Options)
	}{
		{"urls", func(o *ldap.Options) { o.URLs = []string{"http://a"} }},
		{"base", func(o *ldap.Options) { o.Bases = []string{"people"} }},
		{"base", func(o *ldap.Options) { o.Bases = nil }},
		{"filter", func(o *ldap.Options) { o.Filter = "(uid=*" }},
		{"bind_dn", func(o *ldap.Options) { o.BindDN = "cn=a" }},
		{"tls.ca_file", func(o *ldap.Options) { o.TLS.CAFile = "/nowhere/ca.pem" }},
	} {
		o := good
		test.change(&o)
		_, err := ldap.New(o)
		var wrong *ldap.OptionError
		if !errors.As(err, &wrong) || wrong.Option != test.option || wrong.Message == "" {
			t.Errorf("got %v, want that %s is wrong", err, test.option)
		}
	}
	if _, err := ldap.New(good); err != nil {
		t.Error(err)
	}
}
