package authproxy_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/dialtree/dialtree/authproxy"
	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/store"
)

func TestBind(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		bindName string
		password string
		want     ldapwire.ResultCode
		upstream string // the DN that reaches the directory; empty: none does
		whoAmI   string
	}{
		{"right password", "alice", "right", 0, "uid=alice" + people, "dn:uid=alice,ou=users,dc=dialtree"},
		{"by DN", "uid=alice,ou=users,dc=dialtree", "right", 0, "uid=alice" + people, "dn:uid=alice,ou=users,dc=dialtree"},
		{"by DN of other case", "UID=ALICE, ou=Users, dc=DialTree", "right", 0, "uid=alice" + people, "dn:uid=alice,ou=users,dc=dialtree"},
		{"by UPN", "alice@example.com", "right", 0, "uid=alice" + people, "dn:uid=alice,ou=users,dc=dialtree"},
		{"by NetBIOS name", `EXAMPLE\alice`, "right", 0, "uid=alice" + people, "dn:uid=alice,ou=users,dc=dialtree"},
		{"other case", "ALICE", "right", 0, "uid=alice" + people, "dn:uid=alice,ou=users,dc=dialtree"},
		{"wrong password", "alice", "wrong", 49, "uid=alice" + people, ""},
		{"not known upstream", "otto", "right", 49, "uid=otto" + people, ""},
		{"not known here", "mallory", "right", 49, "", ""},
		{"disabled", "dora", "right", 49, "", ""},
		{"no method", "nina", "right", 49, "", ""},
		{"internal, right", "inge", "inge's own", 0, "", "dn:uid=inge,ou=users,dc=dialtree"},
		{"internal, wrong", "inge", "right", 49, "", ""},
		{"device by name", "reception", "phone-secret", 0, "", "dn:cn=reception,ou=devices,dc=dialtree"},
		{"device by DN", "cn=reception,ou=devices,dc=dialtree", "phone-secret", 0, "", "dn:cn=reception,ou=devices,dc=dialtree"},
		{"device, wrong", "reception", "phone-secre", 49, "", ""},
		{"a user's DN does not name a device", "uid=reception,ou=users,dc=dialtree", "phone-secret", 49, "", ""},
		{"anonymous", "", "", 0, "", ""},
		{"password without a name", "", "right", 49, "", ""},
		{"empty password", "alice", "", 53, "", ""},
		{"empty password, DN", "uid=alice,ou=users,dc=dialtree", "", 53, "", ""},
		{"empty password, UPN", "alice@example.com", "", 53, "", ""},
		{"empty password, unknown", "mallory", "", 53, "", ""},
		{"NUL password", "alice", "\x00\x00", 53, "", ""},
		{"NUL in the name", "alice\x00", "right", 49, "", ""},
		{"newline in the name", "ali\nce", "right", 49, "", ""},
		{"invalid UTF-8", "ali\xffce", "right", 49, "", ""},
		{"endless name", strings.Repeat("a", 5000), "right", 49, "", ""},
		{"the upstream's DN is no name here", "uid=alice" + people, "right", 49, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, nil)
			c := b.dial()
			m := c.bindMessage(tt.bindName, tt.password)
			if m.Result.Code != tt.want {
				t.Errorf("result %v, want %v", m.Result.Code, tt.want)
			}
			if tt.want == 49 && (len(m.Result.Message) > 0 || len(m.Result.MatchedDN) > 0) {
				t.Errorf("a refusal says %q, matched %q: it must say nothing", m.Result.Message, m.Result.MatchedDN)
			}
			if got := b.directory.last(); got != tt.upstream {
				t.Errorf("the directory was asked about %q, want %q", got, tt.upstream)
			}
			if got := c.whoAmI(); got != tt.whoAmI {
				t.Errorf("the connection is %q, want %q", got, tt.whoAmI)
			}
			if strings.Contains(b.log.String(), tt.password) && len(tt.password) > 5 {
				t.Errorf("the log holds the password: %s", b.log)
			}
		})
	}
}

// A login is put into the DN so that the DN means that login and nothing else.
func TestLoginsWithSpecialCharacters(t *testing.T) {
	t.Parallel()
	for login, value := range map[string]string{
		"a,b": `a\,b`, "a+b": `a\+b`, `a"b`: `a\"b`, `a\b`: `a\\b`, "a<b": `a\<b`, "a>b": `a\>b`, "a;b": `a\;b`,
		"a=b": "a=b", "#a": `\#a`, "müller": "müller", "a*b": "a*b", "a(b)": "a(b)", "a b": "a b", "o'neill": "o'neill",
		"alice,ou=admins": `alice\,ou=admins`,
	} {
		t.Run(login, func(t *testing.T) {
			b := newBench(t, nil)
			b.apply(&store.Changes{Put: []store.Entry{user(login, store.Auth{Method: store.AuthUpstream, Upstream: "corp"})}})
			b.dial().bind(login, "whatever")
			got, err := ldapwire.ParseDN(b.directory.last())
			if err != nil {
				t.Fatalf("the directory got %q: %v", b.directory.last(), err)
			}
			want, err := ldapwire.ParseDN("uid=" + value + people)
			if err != nil {
				t.Fatal(err)
			}
			if !got.Equal(want) || len(got) != 4 {
				t.Errorf("the directory got %q, want the meaning of %q", got, want)
			}
		})
	}
}

func TestABindMakesTheConnectionAnonymousFirst(t *testing.T) {
	b := newBench(t, nil)
	c := b.dial()
	if code := c.bind("alice", "right"); code != 0 {
		t.Fatal(code)
	}
	if code := c.bind("alice", "wrong"); code != 49 {
		t.Fatal(code)
	}
	if got := c.whoAmI(); got != "" {
		t.Errorf("after a refused bind the connection is %q", got)
	}
}

func TestVersions(t *testing.T) {
	b := newBench(t, nil)
	for version, want := range map[int32]ldapwire.ResultCode{1: 2, 2: 0, 3: 0, 4: 2, 127: 2} {
		c := b.dial()
		m := c.send(func(id int32) []byte { return ldapwire.AppendBindRequest(nil, id, version, "alice", []byte("right")) })
		if m.Result.Code != want {
			t.Errorf("version %d: %v, want %v", version, m.Result.Code, want)
		}
	}
}

func TestAnOutageIsNotAWrongPassword(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		make func(*bench)
	}{
		{"down", func(b *bench) { b.directory.stop() }},
		{"hung", func(b *bench) { b.directory.set(func(d *directory) { d.delay = 5 * time.Second }) }},
		{"busy", func(b *bench) { b.directory.set(func(d *directory) { d.code = ldapwire.Busy }) }},
		{"unavailable", func(b *bench) { b.directory.set(func(d *directory) { d.code = ldapwire.Unavailable }) }},
		{"wants TLS", func(b *bench) { b.directory.set(func(d *directory) { d.code = ldapwire.StrongerAuthRequired }) }},
		{"referral", func(b *bench) { b.directory.set(func(d *directory) { d.code = ldapwire.Referral }) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, nil)
			tt.make(b)
			begin := time.Now()
			if code := b.dial().bind("alice", "right"); code != ldapwire.Unavailable {
				t.Errorf("%v, want unavailable", code)
			}
			if d := time.Since(begin); d > 4*time.Second {
				t.Errorf("it took %v with a bind_timeout of 2s", d)
			}
			// It was no failed login either: nobody is throttled for an outage.
			for range 10 {
				if code := b.dial().bind("alice", "right"); code == ldapwire.InvalidCredentials {
					t.Fatal("an outage reads as a wrong password")
				}
				if tt.name == "hung" {
					break
				}
			}
		})
	}
}

func TestAHungDirectoryKeepsNobodyLongerThanItsTimeout(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.directory.set(func(d *directory) { d.delay = 30 * time.Second })
	var all sync.WaitGroup
	for range 6 {
		c := b.dial()
		all.Go(func() {
			begin := time.Now()
			if code := c.bind("alice", "right"); code != ldapwire.Unavailable {
				t.Errorf("%v, want unavailable", code)
			}
			if d := time.Since(begin); d > 3500*time.Millisecond {
				t.Errorf("it took %v with a bind_timeout of 2s", d)
			}
		})
	}
	all.Wait()
}

func TestFiftyIdenticalWrongPasswordsReachTheUpstreamOnce(t *testing.T) {
	t.Parallel()
	for _, parallel := range []bool{false, true} {
		t.Run(fmt.Sprintf("parallel=%t", parallel), func(t *testing.T) {
			b := newBench(t, nil)
			b.directory.set(func(d *directory) { d.delay = 20 * time.Millisecond })
			var all sync.WaitGroup
			for range 50 {
				c := b.dial()
				attempt := func() {
					if code := c.bind("alice", "old password"); code != 49 {
						t.Errorf("%v, want invalidCredentials", code)
					}
				}
				if parallel {
					all.Go(attempt)
				} else {
					attempt()
				}
			}
			all.Wait()
			if n := b.directory.count(); n != 1 {
				t.Errorf("the directory was asked %d times, want once", n)
			}
			if code := b.dial().bind("alice", "right"); code != 0 {
				t.Errorf("the right password afterwards: %v", code)
			}
		})
	}
}

func TestGuessesInEveryFormOfTheNameAreOneAccount(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	forms := []string{"alice", "ALICE", "alice@example.com", `EXAMPLE\alice`, "uid=alice,ou=users,dc=dialtree", "UID=Alice,OU=users,dc=dialtree", "alice@other.example"}
	var last ldapwire.ResultCode
	for i := range 200 {
		last = b.dial().bind(forms[i%len(forms)], fmt.Sprint("guess ", i%50))
	}
	if n := b.directory.count(); n > 4 {
		t.Errorf("%d guesses reached the directory: an account that is locked by five would be", n)
	}
	if last != ldapwire.Busy && last != ldapwire.InvalidCredentials {
		t.Errorf("the last guess: %v", last)
	}
	if code := b.dial().bind("alice", "never tried"); code != ldapwire.Busy {
		t.Errorf("one more guess: %v, want busy", code)
	}
}

func TestAThousandRightPasswordsInParallelPass(t *testing.T) {
	b := newBench(t, nil)
	var all sync.WaitGroup
	for range 20 {
		c := b.dial()
		all.Go(func() {
			for range 50 {
				if code := c.bind("alice", "right"); code != 0 {
					t.Errorf("a right password: %v", code)
					return
				}
			}
		})
	}
	all.Wait()
}

// The answers of Active Directory that tell that the password was right.
func TestRefusalsThatAreNoGuess(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.directory.set(func(d *directory) {
		d.refusal = "80090308: LdapErr: DSID-0C09041C, comment: AcceptSecurityContext error, data 532, v4563"
		d.passwords["uid=alice"+people] = "expired"
	})
	c := b.dial()
	for i := range 20 {
		m := c.bindMessage("alice", fmt.Sprint("expired ", i))
		if m.Result.Code != 49 || len(m.Result.Message) > 0 {
			t.Fatalf("attempt %d: %v %q", i, m.Result.Code, m.Result.Message)
		}
	}
	if n := b.directory.count(); n != 20 {
		t.Errorf("the directory was asked %d times, want 20", n)
	}
	if !strings.Contains(b.log.String(), "password expired") {
		t.Errorf("the log does not explain data 532: %s", b.log)
	}
}

func TestALockedAccountIsLeftAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.directory.set(func(d *directory) {
		d.refusal = "80090308: LdapErr: DSID-0C09041C, comment: AcceptSecurityContext error, data 775, v4563"
	})
	for i := range 5 {
		if code := b.dial().bind("otto", fmt.Sprint("guess ", i)); code != 49 {
			t.Errorf("%v", code)
		}
	}
	if n := b.directory.count(); n != 1 {
		t.Errorf("the directory was asked %d times about a locked account, want once", n)
	}
}

func TestSuccessCache(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(_ *authproxy.Options, u *store.Upstream) { u.Cache.Success = store.Duration(time.Minute) })
	for range 5 {
		if code := b.dial().bind("alice", "right"); code != 0 {
			t.Fatal(code)
		}
	}
	if n := b.directory.count(); n != 1 {
		t.Errorf("the directory was asked %d times, want once", n)
	}
	if code := b.dial().bind("alice", "wrong"); code != 49 {
		t.Errorf("a wrong password: %v", code)
	}
	b.change("alice", func(e *store.Entry) { e.Auth.Disabled = true })
	if code := b.dial().bind("alice", "right"); code != 49 {
		t.Errorf("a disabled user: %v", code)
	}
	b.change("alice", func(e *store.Entry) { e.Auth.Disabled = false })
	if code := b.dial().bind("alice", "right"); code != 0 {
		t.Errorf("enabled again: %v", code)
	}
	if n := b.directory.count(); n != 3 {
		t.Errorf("the directory was asked %d times, want 3: a changed user is asked about again", n)
	}
}

func TestWithoutACacheEveryBindIsForwarded(t *testing.T) {
	b := newBench(t, nil)
	for range 5 {
		b.dial().bind("alice", "right")
	}
	if n := b.directory.count(); n != 5 {
		t.Errorf("the directory was asked %d times, want 5", n)
	}
	b.directory.set(func(d *directory) { d.passwords["uid=alice"+people] = "new" })
	if code := b.dial().bind("alice", "right"); code != 49 {
		t.Errorf("the old password after a change upstream: %v", code)
	}
}

func TestOfflineCache(t *testing.T) {
	b := newBench(t, func(_ *authproxy.Options, u *store.Upstream) { u.Cache.Offline = store.Duration(time.Hour) })
	if code := b.dial().bind("alice", "right"); code != 0 {
		t.Fatal(code)
	}
	b.directory.stop()
	if code := b.dial().bind("alice", "right"); code != 0 {
		t.Errorf("the password that worked: %v", code)
	}
	if code := b.dial().bind("alice", "wrong"); code != ldapwire.Unavailable {
		t.Errorf("another password: %v, want unavailable", code)
	}
	if code := b.dial().bind("otto", "right"); code != ldapwire.Unavailable {
		t.Errorf("a user who never logged in: %v, want unavailable", code)
	}
}

func TestARefusedPasswordIsForgottenByTheOfflineCache(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(_ *authproxy.Options, u *store.Upstream) { u.Cache.Offline = store.Duration(time.Hour) })
	b.dial().bind("alice", "right")
	b.directory.set(func(d *directory) { d.passwords["uid=alice"+people] = "new" })
	if code := b.dial().bind("alice", "right"); code != 49 {
		t.Fatal(code)
	}
	b.directory.stop()
	if code := b.dial().bind("alice", "right"); code == 0 {
		t.Error("a password that the directory refused is accepted while it is away")
	}
}

func TestUnknownUsersTakeAsLongAsRefusedOnes(t *testing.T) {
	b := newBench(t, nil)
	b.directory.set(func(d *directory) { d.delay = 60 * time.Millisecond })
	b.dial().bind("otto", "first")
	for _, name := range []string{"mallory", "dora", "nina", "otto"} {
		begin := time.Now()
		if code := b.dial().bind(name, "first"); code != 49 {
			t.Errorf("%s: %v", name, code)
		}
		if d := time.Since(begin); d < 50*time.Millisecond || d > 500*time.Millisecond {
			t.Errorf("%s was refused after %v; the directory takes 60ms", name, d)
		}
	}
	if n := b.directory.count(); n != 1 {
		t.Errorf("the directory was asked %d times", n)
	}
}

func TestAnUpstreamChangesForTheNextBind(t *testing.T) {
	b := newBench(t, nil)
	b.dial().bind("alice", "right")
	b.apply(&store.Changes{PutObjects: []store.Object{&store.Upstream{
		Name: "corp", URLs: []string{"ldap://" + b.directory.address}, BindDN: "cn=%,ou=elsewhere",
	}}})
	b.dial().bind("alice", "right")
	if got := b.directory.last(); got != "cn=alice,ou=elsewhere" {
		t.Errorf("the directory was asked about %q", got)
	}
}

func TestCheckUpstream(t *testing.T) {
	good := store.Upstream{Name: "corp", URLs: []string{"ldap://127.0.0.1"}, BindDN: "uid=%,o=x"}
	for _, tt := range []struct {
		name   string
		change func(*store.Upstream)
		path   string // of the error; empty: about no one key
	}{
		{"good", func(*store.Upstream) {}, ""},
		{"no CA file", func(u *store.Upstream) { u.TLS.CAFile = "/nowhere/ca.pem" }, "tls.ca_file"},
		{"bad search filter", func(u *store.Upstream) {
			u.BindDN, u.Search = "", &store.UpstreamSearch{Base: "o=x", Filter: "(uid=%"}
		}, ""},
	} {
		u := good
		tt.change(&u)
		err := authproxy.CheckUpstream(&u)
		var field *store.FieldError
		switch {
		case tt.name == "good" && err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case tt.name != "good" && err == nil:
			t.Errorf("%s: no error", tt.name)
		case tt.path != "" && (!errors.As(err, &field) || field.Path != tt.path):
			t.Errorf("%s: %v, want an error at %s", tt.name, err, tt.path)
		}
	}
}

func TestADeviceChangesForTheNextBind(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	c := b.dial()
	if code := c.bind("reception", "phone-secret"); code != 0 {
		t.Fatal(code)
	}
	b.apply(&store.Changes{PutObjects: []store.Object{&store.Device{Name: "reception", Password: store.Literal("another")}}})
	if code := c.bind("reception", "phone-secret"); code != 49 {
		t.Errorf("the old secret: %v", code)
	}
	if code := c.bind("reception", "another"); code != 0 {
		t.Errorf("the new secret: %v", code)
	}
	b.apply(&store.Changes{RemoveObjects: []store.ObjectRef{{Kind: store.ObjectDevice, Name: "reception"}}})
	if code := c.bind("reception", "another"); code != 49 {
		t.Errorf("a removed device: %v", code)
	}
}

func TestADeviceSecretInAVariable(t *testing.T) {
	b := newBench(t, nil)
	b.apply(&store.Changes{PutObjects: []store.Object{&store.Device{Name: "lobby", Password: store.FromEnv("DIALTREE_TEST_LOBBY")}}})
	if code := b.dial().bind("lobby", "first"); code != ldapwire.Unavailable {
		t.Errorf("the variable is not set: %v, want unavailable", code)
	}
	t.Setenv("DIALTREE_TEST_LOBBY", "first")
	if code := b.dial().bind("lobby", "first"); code != 0 {
		t.Errorf("its value: %v", code)
	}
	t.Setenv("DIALTREE_TEST_LOBBY", "second")
	if code := b.dial().bind("lobby", "second"); code != 0 {
		t.Errorf("its value once it has changed: %v", code)
	}
}

func TestRequireTLS(t *testing.T) {
	b := newBench(t, func(o *authproxy.Options, _ *store.Upstream) { o.RequireTLS = true })
	c := b.dial()
	if code := c.bind("alice", "right"); code != ldapwire.ConfidentialityRequired {
		t.Errorf("a password in clear: %v", code)
	}
	if code := c.bind("", ""); code != 0 {
		t.Errorf("anonymous: %v", code)
	}
	if n := b.directory.count(); n != 0 {
		t.Error("the password was forwarded")
	}
}

func TestSASL(t *testing.T) {
	b := newBench(t, nil)
	sasl := func(mechanism, credentials string) ldapwire.ResultCode {
		c := b.dial()
		return c.send(func(id int32) []byte {
			return ldapwire.AppendSASLBindRequest(nil, id, "", mechanism, []byte(credentials))
		}).Result.Code
	}
	for _, mechanism := range []string{"DIGEST-MD5", "EXTERNAL", "GSSAPI", "", "plain"} {
		if code := sasl(mechanism, ""); code != ldapwire.AuthMethodNotSupported {
			t.Errorf("%q: %v, want authMethodNotSupported", mechanism, code)
		}
	}
	if code := sasl("PLAIN", "\x00alice\x00right"); code != ldapwire.ConfidentialityRequired {
		t.Errorf("PLAIN in clear: %v", code)
	}
}

func TestTheAuditLine(t *testing.T) {
	b := newBench(t, nil)
	b.dial().bind("alice\r\n", "s3cr3t-one")
	b.dial().bind("alice", "s3cr3t-two")
	b.dial().bind("alice", "right")
	log := b.log.String()
	for _, want := range []string{`"outcome":"unknown_user"`, `"outcome":"refused"`, `"outcome":"accepted"`, `"method":"upstream"`, `"upstream":"corp"`, b.directory.address, `"duration_ms"`, `"address":"127.0.0.1:`} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %s:\n%s", want, log)
		}
	}
	if strings.Contains(log, "s3cr3t") {
		t.Errorf("the log holds a password:\n%s", log)
	}
	if n := strings.Count(log, `"msg":"bind"`); n != 3 {
		t.Errorf("%d lines for three logins:\n%s", n, log)
	}
	count := testutil.CollectAndCount(b.registry, "dialtree_bind_total")
	if count != 3 {
		t.Errorf("%d series of dialtree_bind_total, want 3", count)
	}
}

// A flood of refusals must not fill the disk. What is not logged is counted in the next line, and a right password
// leaves its line whatever the flood.
func TestAFloodOfRefusalsLeavesFewLines(t *testing.T) {
	var ahead atomic.Int64
	b := newBench(t, func(o *authproxy.Options, _ *store.Upstream) {
		o.Now = func() time.Time { return time.Unix(1e9+ahead.Load(), 0) } // a wait for a time that is past is none
	})
	c := b.dial()
	const refusals = 1200
	for range refusals {
		c.bind("alice", "an old one")
	}
	const shown = 501 // the one that the directory refused, and those of the budget
	if n := strings.Count(b.log.String(), `"msg":"bind"`); n != shown {
		t.Errorf("%d lines for %d refusals, want %d", n, refusals, shown)
	}
	b.dial().bind("reception", "phone-secret")
	if !strings.Contains(b.log.String(), `"outcome":"accepted"`) {
		t.Error("a right password left no line")
	}
	ahead.Store(1)
	c.bind("alice", "an old one")
	if want := fmt.Sprintf(`"refusals_left_out":%d`, refusals-shown); !strings.Contains(b.log.String(), want) {
		t.Errorf("the log has no %s", want)
	}
}

// Where every user is internal, a refusal that nobody was asked about takes the time of a hash, and not its work: a
// flood of them must not keep a right password waiting.
func TestRefusalsDoNotKeepTheHasherBusy(t *testing.T) {
	b := newBench(t, nil)
	gone := &store.Changes{RemoveObjects: []store.ObjectRef{{Kind: store.ObjectUpstream, Name: "corp"}}}
	for _, name := range []string{"alice", "otto", "dora"} {
		user, err := b.store.User(name)
		if err != nil {
			t.Fatal(err)
		}
		gone.Remove = append(gone.Remove, user.Ref())
	}
	b.apply(gone)
	first := time.Now()
	if code := b.dial().bind("nobody", "x"); code != ldapwire.InvalidCredentials {
		t.Fatalf("nobody: %v", code)
	}
	hash := time.Since(first)
	stop := make(chan struct{})
	var crowd sync.WaitGroup
	for range 100 {
		c := b.dial()
		crowd.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					c.bind("nobody", "x")
				}
			}
		})
	}
	start := time.Now()
	code := b.dial().bind("inge", "inge's own")
	took := time.Since(start)
	close(stop)
	crowd.Wait()
	// A hundred hashes before it would take fifty times as long as one on two processors.
	if code != ldapwire.Success && code != ldapwire.Busy || took > 15*hash+500*time.Millisecond {
		t.Errorf("a right password during a flood of refusals: %v after %v; a hash takes %v", code, took, hash)
	}
}

func TestLoginTest(t *testing.T) {
	b := newBench(t, nil)
	ctx := context.Background()
	for _, tt := range []struct {
		name, login, password string
		want                  authproxy.Outcome
		code                  int32
		steps                 string // what some step says
	}{
		{"right", "alice", "right", authproxy.Accepted, 0, "uid=alice" + people},
		{"wrong", "alice", "wrong", authproxy.Refused, 49, "refused"},
		{"unknown", "mallory", "x", authproxy.UnknownUser, 49, "mallory"},
		{"disabled", "dora", "right", authproxy.Disabled, 49, "disabled"},
		{"internal", "inge", "inge's own", authproxy.Accepted, 0, "internal"},
		{"empty", "alice", "", authproxy.Refused, 53, "empty"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := b.front.TestLogin(ctx, tt.login, []byte(tt.password), authproxy.Tester{Name: "ada"})
			if got.Outcome != tt.want || got.Code != tt.code {
				t.Errorf("%v %d, want %v %d", got.Outcome, got.Code, tt.want, tt.code)
			}
			if want := map[string]string{"empty": "empty_password"}[tt.name]; got.Reason != want {
				t.Errorf("reason %q, want %q", got.Reason, want)
			}
			var all strings.Builder
			for _, s := range got.Steps {
				fmt.Fprintln(&all, s.Name, s.OK, s.Detail)
			}
			if !strings.Contains(all.String(), tt.steps) {
				t.Errorf("no step says %q:\n%s", tt.steps, all.String())
			}
		})
	}
}

// TestLoginTestIsKept: a test counts for its user and is told with who made it, but its address is not the user's.
func TestLoginTestIsKept(t *testing.T) {
	for _, tt := range []struct {
		name string
		by   authproxy.Tester
	}{
		{"from a browser", authproxy.Tester{Name: "ada", Address: netip.MustParseAddr("192.0.2.9")}},
		{"at the socket", authproxy.Tester{Name: "root"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, nil)
			b.front.TestLogin(t.Context(), "alice", []byte("wrong"), tt.by)
			counted := b.front.Throttled()
			if len(counted.Addresses) != 0 || len(counted.Users) != 1 || counted.Users[0].Failures != 1 {
				t.Errorf("what counts is %+v", counted)
			}
			b.front.TestLogin(t.Context(), "alice", []byte("right"), tt.by)
			kept := b.front.Logins("alice", 10)
			if len(kept) != 2 || kept[0].Outcome != authproxy.Accepted || kept[0].Detail != "test by "+tt.by.Name || kept[0].Address != tt.by.Address ||
				kept[1].Outcome != authproxy.Refused || !strings.HasPrefix(kept[1].Detail, "test by "+tt.by.Name+": ") {
				t.Errorf("the latest logins are %+v", kept)
			}
		})
	}
}
