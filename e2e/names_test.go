//go:build e2e

package e2e_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/e2e/fixture"
)

// specialLogins are logins that a DN, a filter or a log could take for something
// else.
var specialLogins = []struct{ title, login string }{
	{"comma", "smith, john"},
	{"plus", "a+uid=alice"},
	{"quote", `o"neil`},
	{"backslash", `back\slash`},
	{"backslash before a comma", `back\,slash`},
	{"less and greater", "a<b>c"},
	{"semicolon", "a;b"},
	{"equals", "uid=admin"},
	{"hash in front", "#31"},
	{"hash inside", "a#1"},
	{"umlaut", "jürgen.müller"},
	{"capital sharp s", "STRAẞE"},
	{"star", "a*"},
	{"star alone", "*"},
	{"parentheses", "a)(uid=*"},
	{"blank inside", "anna maria"},
	{"at sign", "anna@home"},
	{"percent", "100%"},
	{"a DN of another place", "x,ou=admins"},
}

// With a template in DN form, the exact login reaches the upstream: the
// directory knows these users and accepts the password.
func TestSpecialLoginsReachTheUpstreamExactly(t *testing.T) {
	var users []fixture.User
	for _, s := range specialLogins {
		users = append(users, fixture.User{UID: s.login, Password: "right"})
	}
	directory := slapd(t, users...)
	wire := tap(t, directory.Address)
	objects := upstream(t, plain, wire.Address, "", `bind_dn: "uid=%,`+fixture.SlapdPeople+`"`)
	for _, s := range specialLogins {
		objects += user(s.login)
	}
	d := dialtree(t, options(t), objects)
	for _, s := range specialLogins {
		for form, name := range map[string]string{"DN": fixture.DialtreeDN(s.login), "bare": s.login} {
			if form == "bare" && strings.ContainsAny(s.login, `@\=`) {
				continue // another form of name: a domain, or a DN
			}
			t.Run(s.title+"/"+form, func(t *testing.T) {
				wire.Reset()
				r := bind(t, d, plain, name, "right")
				sent := wire.Binds()
				if r.Code != 0 || len(sent) != 1 {
					t.Fatalf("result %d %q with %d binds upstream %q, want 0 with one", r.Code, r.Diagnostic, len(sent), sent)
				}
				rdn, ok := strings.CutSuffix(sent[0].Name, ","+fixture.SlapdPeople)
				if got, sound := unescape(strings.TrimPrefix(rdn, "uid=")); !ok || !sound || !strings.EqualFold(got, s.login) {
					t.Errorf("the name upstream is %q, which is not exactly %q in the template", sent[0].Name, s.login)
				}
			})
		}
	}
}

// What cannot be a login, or not in a template of another form, goes nowhere.
func TestImpossibleLoginsGoNowhere(t *testing.T) {
	directory := slapd(t, fixture.User{UID: "alice", Password: "right"})
	for _, c := range []struct{ title, template, login, name string }{
		{"NUL", "uid=%," + fixture.SlapdPeople, "", "uid=alice\\00,ou=users," + fixture.DialtreeBase},
		{"raw NUL", "uid=%," + fixture.SlapdPeople, "", "alice\x00"},
		{"newline", "uid=%," + fixture.SlapdPeople, "", "alice\nbob"},
		{"escaped newline", "uid=%," + fixture.SlapdPeople, "", "uid=alice\\0a,ou=users," + fixture.DialtreeBase},
		{"escape", "uid=%," + fixture.SlapdPeople, "", "\x1b[2Jalice"},
		{"invalid UTF-8", "uid=%," + fixture.SlapdPeople, "", "alice\xff"},
		{"star matches nobody", "uid=%," + fixture.SlapdPeople, "", "*"},
		{"parentheses match nobody", "uid=%," + fixture.SlapdPeople, "", "alice)(uid=*"},
		{"at sign in a UPN", "%@" + fixture.SambaRealm, "a@b", fixture.DialtreeDN("a@b")},
		{"backslash in a UPN", "%@" + fixture.SambaRealm, `a\b`, fixture.DialtreeDN(`a\b`)},
		{"backslash in a NetBIOS name", `EXAMPLE\\%`, `a\b`, fixture.DialtreeDN(`a\b`)},
		{"at sign in a NetBIOS name", `EXAMPLE\\%`, "a@b", fixture.DialtreeDN("a@b")},
	} {
		t.Run(c.title, func(t *testing.T) {
			wire := tap(t, directory.Address)
			objects := upstream(t, plain, wire.Address, "", `bind_dn: "`+c.template+`"`) + user("alice")
			if c.login != "" {
				objects += user(c.login)
			}
			d := dialtree(t, options(t), objects)
			r := bind(t, d, plain, c.name, "right")
			if r.Code == 0 || len(wire.Binds()) != 0 {
				t.Errorf("result %d, %d binds upstream %q; want a refusal and none", r.Code, len(wire.Binds()), wire.Binds())
			}
		})
	}
}

// A blank in front or behind is no part of a login: what reaches the upstream is
// the login that is stored, or nothing.
func TestBlanksAroundALogin(t *testing.T) {
	directory := slapd(t, fixture.User{UID: "alice", Password: "right"})
	wire := tap(t, directory.Address)
	d := dialtree(t, options(t), upstream(t, plain, wire.Address, "", `bind_dn: "uid=%,`+fixture.SlapdPeople+`"`)+user("alice"))
	for _, name := range []string{" alice", "alice ", "  alice  ", fixture.DialtreeDN(" alice"), fixture.DialtreeDN("alice ")} {
		wire.Reset()
		r := bind(t, d, plain, name, "right")
		for _, b := range wire.Binds() {
			if b.Name != "uid=alice,"+fixture.SlapdPeople {
				t.Errorf("%q reached the upstream as %q", name, b.Name)
			}
		}
		if sent := len(wire.Binds()); (r.Code == 0) != (sent == 1) {
			t.Errorf("%q: result %d with %d binds upstream", name, r.Code, sent)
		}
	}
}

// In search mode a login is part of a filter, and still nothing but a value.
func TestSearchThenBind(t *testing.T) {
	logins := []string{"alice", "a*", "a)(uid=*", `back\slash`, "smith, john", "jürgen"}
	var users []fixture.User
	for _, login := range logins {
		users = append(users, fixture.User{UID: login, Password: "right"})
	}
	directory := slapd(t, users...)
	objects := upstream(t, plain, directory.Address, "", `search: {base: "`+fixture.SlapdBase+`", filter: "(uid=%)", bind_dn: "`+
		fixture.SlapdAdmin+`", password: "`+fixture.SlapdAdminPassword+`"}`)
	for _, login := range append(logins, "*", "nobody") {
		objects += user(login)
	}
	d := dialtree(t, options(t), objects)
	for _, login := range logins {
		if r := bind(t, d, plain, fixture.DialtreeDN(login), "right"); r.Code != 0 {
			t.Errorf("%q, right password: result %d %q", login, r.Code, r.Diagnostic)
		}
		if r := bind(t, d, plain, fixture.DialtreeDN(login), "wrong"); r.Code != 49 {
			t.Errorf("%q, wrong password: result %d %q", login, r.Code, r.Diagnostic)
		}
	}
	for _, login := range []string{"*", "nobody"} {
		if r := bind(t, d, plain, fixture.DialtreeDN(login), "right"); r.Code != 49 {
			t.Errorf("%q, whom the directory does not have: result %d %q, want 49", login, r.Code, r.Diagnostic)
		}
	}
}

// unescape takes the escapes of RFC 4514 out of an attribute value; it is not
// sound when a character stands there bare that has to be escaped.
func unescape(value string) (text string, sound bool) {
	var b strings.Builder
	for i := 0; i < len(value); i++ {
		c := value[i]
		if c != '\\' {
			if strings.IndexByte("\"+,;<>\x00", c) >= 0 || i == 0 && (c == '#' || c == ' ') || i == len(value)-1 && c == ' ' {
				return "", false
			}
			b.WriteByte(c)
			continue
		}
		if i+2 < len(value) {
			if octet, err := hex.DecodeString(value[i+1 : i+3]); err == nil {
				b.Write(octet)
				i += 2
				continue
			}
		}
		if i+1 == len(value) {
			return "", false
		}
		i++
		b.WriteByte(value[i])
	}
	return b.String(), true
}
