//go:build e2e

package e2e_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/e2e/fixture"
)

// A phone with an old password tries it again and again. The upstream hears of
// it once.
func TestOldPasswordReachesTheUpstreamOnce(t *testing.T) {
	s := slapd(t, fixture.User{UID: "alice", Password: "right"})
	wire := tap(t, s.Address)
	d := dialtree(t, options(t), upstream(t, plain, wire.Address, "", template)+user("alice"))
	for i := range 50 {
		name := []string{"alice", fixture.DialtreeDN("alice"), "ALICE", "alice@example.com", `EXAMPLE\alice`}[i%5]
		if r := bind(t, d, plain, name, "old"); r.Code != 49 && r.Code != 51 {
			t.Errorf("attempt %d: result %d %q, want a refusal", i+1, r.Code, r.Diagnostic)
		}
	}
	if sent := wire.Binds(); len(sent) != 1 {
		t.Errorf("%d binds reached the upstream, want 1", len(sent))
	}
	if r := bind(t, d, plain, "alice", "right"); r.Code != 0 && r.Code != 51 {
		t.Errorf("the right password after that: result %d %q", r.Code, r.Diagnostic)
	}
}

// Right passwords are never throttled, however many there are.
func TestRightPasswordsAreNeverThrottled(t *testing.T) {
	s := slapd(t, fixture.User{UID: "alice", Password: "right"})
	d := dialtree(t, options(t), upstream(t, plain, s.Address, "", template)+user("alice"))
	c := connect(t, d, plain)
	for i := range 1000 {
		if r, err := c.Bind("alice", "right"); err != nil || r.Code != 0 {
			t.Fatalf("bind %d: result %d %q, %v", i+1, r.Code, r.Diagnostic, err)
		}
	}
}

// A controller that locks an account after five wrong passwords never gets so
// far, however the attacker spells the name; the user, from where she always
// logs in, does not notice.
func TestActiveDirectoryAccountStaysUnlocked(t *testing.T) {
	s := samba(t)
	d := dialtree(t, options(t), upstream(t, ldaps, s.Address, s.TLSAddress, `bind_dn: "%@`+fixture.SambaRealm+`"`)+user("victim"))
	from := func(source, name, password string) fixture.Result {
		t.Helper()
		c := must[*fixture.Client](t)(fixture.DialFrom(t.Context(), source, d.Address, nil))
		defer c.Close()
		return must[fixture.Result](t)(c.Bind(name, password))
	}
	const desk, attacker = "127.0.0.77", "127.0.0.66"
	if r := from(desk, "victim", "right-victim"); r.Code != 0 {
		t.Fatalf("the user's own login: result %d %q", r.Code, r.Diagnostic)
	}
	forms := []string{"victim", fixture.DialtreeDN("victim"), "victim@" + fixture.SambaRealm, fixture.SambaDomain + `\victim`,
		"VICTIM", "Victim@" + strings.ToUpper(fixture.SambaRealm), strings.ToUpper(fixture.DialtreeDN("victim")), `example\Victim`,
		" victim", "victim  ", "ｖｉｃｔｉｍ", "Ｖictim@" + fixture.SambaRealm, "uid = victim , ou=users,dc=dialtree"}
	before := s.Binds()
	for i := range 200 {
		if r := from(attacker, forms[i%len(forms)], fmt.Sprintf("guess-%02d", i%50)); r.Code != 49 && r.Code != 51 {
			t.Fatalf("guess %d: result %d %q, want a refusal", i+1, r.Code, r.Diagnostic)
		}
	}
	t.Logf("%d of 200 attempts reached the controller", s.Binds()-before)
	if r := from(desk, "victim", "right-victim"); r.Code != 0 {
		t.Errorf("the user's own login during the attack: result %d %q, want 0", r.Code, r.Diagnostic)
	}
	locked := must[string](t)(s.Attribute(t.Context(), s.DN("victim"), "lockoutTime"))
	if locked != "" && locked != "0" {
		t.Errorf("the account is locked: lockoutTime %s", locked)
	}
	// A login with the right password sets the count back, so it is read of an
	// account that had none in between.
	for i := range 200 {
		from(attacker, "target", fmt.Sprintf("guess-%02d", i%50))
	}
	count := must[string](t)(s.Attribute(t.Context(), s.DN("target"), "badPwdCount"))
	if n, err := strconv.Atoi(count); err != nil || n >= fixture.SambaLockout {
		t.Errorf("badPwdCount is %q after the attack, want less than %d", count, fixture.SambaLockout)
	}
}
