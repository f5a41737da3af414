//go:build e2e

package e2e_test

import (
	"context"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/e2e/fixture"
)

// Every outcome of a bind, against each kind of directory, reached in each way;
// the client reaches the product in the same way.
func TestOutcomes(t *testing.T) {
	directories := []struct {
		name  string
		users []string // who exists here
		start func(t *testing.T, transport string) (upstreamYAML string, binds func() int)
		state map[string]string // what the directory thinks of a user beside alice and bob
	}{
		{"slapd", []string{"alice", "bob"}, func(t *testing.T, transport string) (string, func() int) {
			s := slapd(t, fixture.User{UID: "alice", Password: "right-alice"}, fixture.User{UID: "bob", Password: "right-bob"},
				fixture.User{UID: "stranger", Password: "right-stranger"})
			return upstream(t, transport, s.Address, s.TLSAddress, `bind_dn: "uid=%,`+fixture.SlapdPeople+`"`), s.Binds
		}, nil},
		{"Samba", []string{"alice", "bob", "gone", "new", "past"}, func(t *testing.T, transport string) (string, func() int) {
			s := samba(t)
			return upstream(t, transport, s.Address, s.TLSAddress, `bind_dn: "%@`+fixture.SambaRealm+`"`), s.Binds
		}, map[string]string{"gone": "disabled", "new": "must change the password", "past": "expired"}},
	}
	for _, directory := range directories {
		for _, transport := range transports {
			t.Run(directory.name+"/"+transport, func(t *testing.T) {
				objects, binds := directory.start(t, transport)
				for _, login := range directory.users {
					objects += user(login)
				}
				d := dialtree(t, options(t), objects)
				command(t, d, 0, "", "user", "disable", "bob")

				type attempt struct {
					title, name, password string
					code, sent            int
				}
				attempts := []attempt{
					{"right password", fixture.DialtreeDN("alice"), "right-alice", 0, 1},
					{"right password, bare login", "alice", "right-alice", 0, 1},
					{"right password, login in capitals", "ALICE", "right-alice", 0, 1},
					{"right password, login@domain", "alice@example.com", "right-alice", 0, 1},
					{"right password, DOMAIN and login", `EXAMPLE\alice`, "right-alice", 0, 1},
					{"wrong password", fixture.DialtreeDN("alice"), "wrong", 49, 1},
					{"unknown user", fixture.DialtreeDN("nobody"), "right-alice", 49, 0},
					{"a user of the directory who is not stored here", fixture.DialtreeDN("stranger"), "right-stranger", 49, 0},
					{"disabled here", fixture.DialtreeDN("bob"), "right-bob", 49, 0},
					{"empty password", fixture.DialtreeDN("alice"), "", 53, 0},
					{"empty password, unknown user", fixture.DialtreeDN("nobody"), "", 53, 0},
					{"empty password, bare login", "alice", "", 53, 0},
				}
				for login, state := range directory.state {
					attempts = append(attempts, attempt{"in the directory: " + state, fixture.DialtreeDN(login), "right-" + login, 49, 1})
				}
				for _, a := range attempts {
					before := binds()
					r := bind(t, d, transport, a.name, a.password)
					if r.Code != a.code {
						t.Errorf("%s: result %d %q, want %d", a.title, r.Code, r.Diagnostic, a.code)
					}
					if sent := binds() - before; sent != a.sent {
						t.Errorf("%s: %d binds reached the directory, want %d", a.title, sent, a.sent)
					}
					if strings.Contains(r.Diagnostic, "data ") || strings.Contains(r.Diagnostic, "Ldap") {
						t.Errorf("%s: the client is told what the directory said: %q", a.title, r.Diagnostic)
					}
				}
				d.Stop() // writes what is left of the log
				for _, secret := range []string{"right-alice", "right-bob", "right-gone"} {
					if strings.Contains(d.Output(), secret) {
						t.Errorf("the log holds the password %q", secret)
					}
				}
			})
		}
	}
}

// Refusals look alike, whatever their reason.
func TestRefusalsLookAlike(t *testing.T) {
	s := slapd(t, fixture.User{UID: "alice", Password: "right"}, fixture.User{UID: "bob", Password: "right"})
	d := dialtree(t, options(t), upstream(t, plain, s.Address, "", `bind_dn: "uid=%,`+fixture.SlapdPeople+`"`)+user("alice")+user("bob")+
		"---\nkind: user\nusername: carol\ndisplayname: No login\nauth: {method: none}\n")
	command(t, d, 0, "", "user", "disable", "bob")
	want := bind(t, d, plain, "alice", "wrong")
	for _, login := range []string{"bob", "carol", "nobody"} {
		if got := bind(t, d, plain, login, "wrong"); got != want {
			t.Errorf("%s: %+v, want %+v as for a wrong password", login, got, want)
		}
	}
}

// A server that wants TLS says so with result 8: the client learns that it could
// not be found out, and the administrator what to change.
func TestStrongerAuthRequired(t *testing.T) {
	s := samba(t)
	s.Stop()
	check(t, s.Start(t.Context(), true))
	t.Cleanup(func() {
		s.Stop()
		if err := s.Start(context.WithoutCancel(t.Context()), false); err != nil {
			t.Error(err)
		}
	})
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			d := dialtree(t, options(t), upstream(t, transport, s.Address, s.TLSAddress, `bind_dn: "%@`+fixture.SambaRealm+`"`)+user("alice"))
			want := 0
			if transport == plain {
				want = 52
			}
			if r := bind(t, d, transport, "alice", "right-alice"); r.Code != want {
				t.Errorf("result %d %q, want %d", r.Code, r.Diagnostic, want)
			}
			if transport == plain {
				out := command(t, d, 1, "right-alice\n", "auth", "test", "alice", "--password-stdin")
				if said := out.Stdout + out.Stderr; !strings.Contains(said, "start_tls") && !strings.Contains(said, "ldaps://") {
					t.Errorf("auth test does not say what to do:\n%s", said)
				}
			}
		})
	}
}

// The name forms that Active Directory knows, as templates.
func TestActiveDirectoryTemplates(t *testing.T) {
	s := samba(t)
	for _, template := range []string{`%@` + fixture.SambaRealm, fixture.SambaDomain + `\\%`, "CN=%," + fixture.SambaPeople} {
		t.Run(template, func(t *testing.T) {
			d := dialtree(t, options(t), upstream(t, ldaps, s.Address, s.TLSAddress, `bind_dn: "`+template+`"`)+user("alice"))
			if r := bind(t, d, plain, "alice", "right-alice"); r.Code != 0 {
				t.Errorf("right password: result %d %q, want 0", r.Code, r.Diagnostic)
			}
		})
	}
}
