package authproxy_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/authproxy"
	"github.com/dialtree/dialtree/authproxy/ldapserver"
	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/authproxy/trace"
	"github.com/dialtree/dialtree/store"
)

// secret is in everything that a followed client sends, and must be in nothing that is told.
const secret = "Planted-Secret-7f3a"

// told collects what a follower is told until an event comes that is the last.
func told(t *testing.T, f *trace.Follower, last func(trace.Event) bool) []trace.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var all []trace.Event
	for {
		events, lost, err := f.Next(ctx)
		if err != nil {
			t.Fatalf("the last event did not come (%v): %v", err, lines(all))
		}
		if lost > 0 {
			t.Errorf("%d events were lost", lost)
		}
		all = append(all, events...)
		if slices.ContainsFunc(events, last) {
			return all
		}
	}
}

func lines(events []trace.Event) []string {
	var out []string
	for _, e := range events {
		line := e.Kind + " " + e.What
		for _, a := range e.Attrs {
			if a.Key != "ms" && a.Key != "listener" {
				line += " " + a.Key + "=" + a.Value
			}
		}
		out = append(out, line)
	}
	return out
}

func ended(e trace.Event) bool { return e.Kind == "ended" }

func watched(b *bench) string {
	b.t.Helper()
	address, _ := serveLDAP(b.t, ldapserver.Options{Handler: b.front, Watcher: b.front}, false)
	return address
}

// A user is followed under every form of his name, on connections that were there before, and nobody else is.
func TestFollowUser(t *testing.T) {
	b := newBench(t, nil)
	address := watched(b)
	other, before := dial(t, address, nil), dial(t, address, nil)
	before.bind("alice", "right")
	f, err := b.front.Follow(`EXAMPLE\Alice`)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	other.bind("inge", "inge's own")
	other.search("", "(objectClass=*)")
	before.search("", "(objectClass=*)", "namingContexts")
	c := dial(t, address, nil)
	c.bind("uid=alice,ou=users,dc=dialtree", "right")
	c.bind("alice@example.com", "wrong")
	c.conn.Close()
	got := lines(told(t, f, ended))
	want := []string{
		"connection open", "request search base= scope=base filter=(objectClass=*) attributes=namingContexts", "result search code=0 success entries=1",
		"connection open", "request bind name=uid=alice,ou=users,dc=dialtree form=DN method=simple password=[hidden]",
		"step account user=alice checked_by=upstream upstream=corp", "step ledger verdict=ask: this password worked last", "step upstream wait",
	}
	if len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
	text := strings.Join(got, "\n")
	for _, says := range []string{"step upstream bind server=" + b.directory.address + " detail=uid=alice", "result bind code=0 success outcome=accepted",
		"name=alice@example.com form=name@domain", "step turn", "result bind code=49 invalidCredentials outcome=refused reason=", "ended connection reason=the client closed it"} {
		if !strings.Contains(text, says) {
			t.Errorf("nothing says %q:\n%s", says, text)
		}
	}
	if strings.Contains(text, "inge") {
		t.Errorf("another user is told of:\n%s", text)
	}
}

// What cannot be somebody's login is told to who follows the name, too: require_tls is why alice cannot log in.
func TestFollowRefusedForTLS(t *testing.T) {
	b := newBench(t, func(o *authproxy.Options, _ *store.Upstream) { o.RequireTLS = true })
	f, err := b.front.Follow("alice")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b.dial().bind("alice", "right")
	got := strings.Join(lines(told(t, f, func(e trace.Event) bool { return e.Kind == "result" })), "\n")
	if !strings.Contains(got, "code=13 confidentialityRequired") {
		t.Error(got)
	}
}

func TestFollowDeviceAndNetwork(t *testing.T) {
	b := newBench(t, nil)
	address := watched(b)
	for _, what := range []string{"reception", "127.0.0.0/8", "127.0.0.1", "all", "::/0"} {
		f, err := b.front.Follow(what)
		if err != nil {
			t.Fatal(err)
		}
		c := dial(t, address, nil)
		c.bind("reception", "phone-secret")
		c.conn.Close()
		if what == "::/0" { // nobody comes from there
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			if events, _, err := f.Next(ctx); err == nil {
				t.Errorf("%s: %v", what, lines(events))
			}
			cancel()
		} else if got := strings.Join(lines(told(t, f, ended)), "\n"); !strings.Contains(got, "step account device=reception") {
			t.Errorf("%s: %s", what, got)
		}
		f.Close()
	}
}

// No form of a password is told: not in binds, SASL, password modifications, filters, comparisons, values, nor in what is no message.
func TestFollowTellsNoSecret(t *testing.T) {
	b := newBench(t, nil)
	address := watched(b)
	f, err := b.front.Follow("all")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := []byte(secret)
	filterOf := func(text string) ldapwire.Filter {
		x, err := ldapwire.ParseFilter(text)
		if err != nil {
			t.Fatal(text, err)
		}
		return x
	}
	searchFor := func(text string) []byte {
		return ldapwire.AppendSearchRequest(nil, 1, &ldapwire.SearchRequest{BaseObject: []byte("dc=dialtree"), Scope: 2, Filter: filterOf(text)})
	}
	bind := ldapwire.AppendBindRequest(nil, 1, 3, "alice", s)
	messages := map[string][]byte{
		"bind":                 bind,
		"bind, version 2":      ldapwire.AppendBindRequest(nil, 1, 2, "alice", s),
		"bind, version 9":      ldapwire.AppendBindRequest(nil, 1, 9, "alice", s),
		"bind as device":       ldapwire.AppendBindRequest(nil, 1, 3, "reception", s),
		"bind as nobody":       ldapwire.AppendBindRequest(nil, 1, 3, "mallory", s),
		"bind, odd DN":         ldapwire.AppendBindRequest(nil, 1, 3, "userPassword="+secret+",ou=x", s),
		"PLAIN":                ldapwire.AppendSASLBindRequest(nil, 1, "", "PLAIN", []byte("\x00alice\x00"+secret)),
		"PLAIN, two parts":     ldapwire.AppendSASLBindRequest(nil, 1, "", "PLAIN", []byte("alice\x00"+secret)),
		"PLAIN, one part":      ldapwire.AppendSASLBindRequest(nil, 1, "", "PLAIN", s),
		"another mechanism":    ldapwire.AppendSASLBindRequest(nil, 1, "alice", "LOGIN", s),
		"password modify":      ldapwire.AppendExtendedRequest(nil, 1, "1.3.6.1.4.1.4203.1.11.1", ldapwire.AppendPasswordModify(nil, &ldapwire.PasswordModify{UserIdentity: []byte("alice"), OldPassword: s, NewPassword: s})),
		"password modify, bad": ldapwire.AppendExtendedRequest(nil, 1, "1.3.6.1.4.1.4203.1.11.1", s),
		"another extension":    ldapwire.AppendExtendedRequest(nil, 1, "1.2.3", s),
		"equal":                searchFor("(&(cn=x)(|(userPassword=" + secret + ")(!(UnicodePwd;x=" + secret + "))))"),
		"begins":               searchFor("(userPassword=" + secret + "*)"),
		"has":                  searchFor("(userPassword=a*" + secret + "*b)"),
		"by OID":               searchFor("(2.5.4.35=" + secret + ")"),
		"greater":              searchFor("(sambaNTPassword>=" + secret + ")"),
		"extensible":           searchFor("(userPassword:caseExactMatch:=" + secret + ")"),
		"of any attribute":     searchFor("(:caseExactMatch:=" + secret + ")"),
		"compare":              ldapwire.AppendCompareRequest(nil, 1, &ldapwire.CompareRequest{Entry: []byte("uid=alice"), Attribute: []byte("userPassword"), Value: s}),
		"modify":               ldapwire.AppendModifyRequest(nil, 1, &ldapwire.ModifyRequest{Object: []byte("uid=alice"), Changes: []ldapwire.Change{{Operation: 2, Attribute: ldapwire.Attribute{Type: []byte("userPassword"), Values: [][]byte{s}}}}}),
		"add":                  ldapwire.AppendAddRequest(nil, 1, &ldapwire.AddRequest{Entry: []byte("uid=alice"), Attributes: []ldapwire.Attribute{{Type: []byte("userPassword"), Values: [][]byte{s}}}}),
		"control":              ldapwire.AppendDelRequest(nil, 1, "uid=alice", ldapwire.Control{OID: []byte("1.2.3"), Value: s}),
		"text":                 []byte("USER alice\r\nPASS " + secret + "\r\n"),
		"HTTP":                 []byte("GET /" + secret + " HTTP/1.1\r\nAuthorization: Basic " + secret + "\r\n\r\n"),
		"the password alone":   s,
		"a sequence of it":     append([]byte{0x30, byte(len(s))}, s...),
		"with an ID of it":     append([]byte{0x30, byte(len(s) + 2), 0x02, byte(len(s))}, s...),
		"as an operation":      append([]byte{0x30, byte(len(s) + 5), 0x02, 0x01, 0x01, 0x63, byte(len(s))}, s...),
		"as a short bind":      append([]byte{0x30, byte(len(s) + 5), 0x02, 0x01, 0x01, 0x60, byte(len(s) - 3)}, s...),
	}
	for at := 0; at < len(bind)-len(s); at++ { // a byte of a bind's frame is flipped
		broken := slices.Clone(bind)
		broken[at] ^= 0x21
		messages[fmt.Sprint("a bind broken at byte ", at)] = broken
	}
	for title, message := range messages {
		c := dial(t, address, nil)
		if _, err := c.conn.Write(message); err != nil {
			t.Fatal(title, err)
		}
		if closer, ok := c.conn.(interface{ CloseWrite() error }); ok {
			_ = closer.CloseWrite()
		}
		text := strings.Join(lines(told(t, f, ended)), "\n")
		for _, form := range []string{secret, hex.EncodeToString(s), fmt.Sprintf("% x", s), secret[:8], secret[8:], fmt.Sprintf("% x", s[:6]), fmt.Sprintf("% x", s[6:12])} {
			if strings.Contains(strings.ToLower(text), strings.ToLower(form)) {
				t.Errorf("%s: %q is told:\n%s", title, form, text)
			}
		}
		if n := strings.Count(text, "\n"); n < 2 {
			t.Errorf("%s: only %s", title, text)
		}
	}
	for line := range strings.Lines(b.log.String()) {
		if strings.Contains(line, secret[:8]) && !strings.Contains(line, "userPassword=") { // the name that was sent is logged as it is
			t.Errorf("the secret is in the log: %s", line)
		}
	}
}

// Whoever follows and does not read keeps nobody waiting, and is told how much he missed. As many may follow as may.
func TestFollowersAreBounded(t *testing.T) {
	b := newBench(t, nil)
	var all []*trace.Follower
	for {
		f, err := b.front.Follow("all")
		if err != nil {
			break
		}
		if all = append(all, f); len(all) > 100 {
			t.Fatal("there is no bound")
		}
	}
	c := b.dial()
	for range 3000 {
		c.bind("inge", "inge's own")
	}
	events, lost, err := all[0].Next(t.Context())
	if err != nil || len(events) > 5000 || lost == 0 {
		t.Errorf("%d events, %d lost, %v", len(events), lost, err)
	}
	for _, f := range all {
		f.Close()
	}
	if f, err := b.front.Follow("all"); err != nil {
		t.Error("their places are not free again", err)
	} else {
		f.Close()
	}
}

// Following costs a bind of somebody else's no memory; not following costs nothing.
func TestFollowingCostsOthersNothing(t *testing.T) {
	b := newBench(t, func(_ *authproxy.Options, u *store.Upstream) { u.Cache.Success = store.Duration(time.Hour) })
	c := b.dial()
	request, answer := ldapwire.AppendBindRequest(nil, 1, 3, "alice", []byte("right")), make([]byte, 64)
	exchange := func() {
		_, werr := c.conn.Write(request)
		_, rerr := c.conn.Read(answer)
		if werr != nil || rerr != nil {
			t.Fatal(werr, rerr)
		}
	}
	for range 100 {
		exchange()
	}
	off := testing.AllocsPerRun(500, exchange)
	f, err := b.front.Follow("192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if on := testing.AllocsPerRun(500, exchange); on > off {
		t.Errorf("a bind allocates %v times, while somebody else is followed %v", off, on)
	}
}
