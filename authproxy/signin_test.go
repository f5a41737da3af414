package authproxy_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/authproxy"
	"github.com/dialtree/dialtree/store"
)

func TestLoginUser(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	client := netip.MustParseAddrPort("192.0.2.7:1234")
	for _, tt := range []struct {
		name, login, password string
		want                  authproxy.Outcome
		user                  string
	}{
		{"of an upstream", "alice", "right", authproxy.Accepted, "alice"},
		{"in capitals", "ALICE", "right", authproxy.Accepted, "alice"},
		{"internal", "inge", "inge's own", authproxy.Accepted, "inge"},
		{"wrong", "alice", "wrong", authproxy.Refused, ""},
		{"wrong again, from memory", "alice", "wrong", authproxy.Remembered, ""},
		{"nothing", "alice", "", authproxy.Refused, ""},
		{"nothing but NULs", "alice", "\x00\x00", authproxy.Refused, ""},
		{"unknown", "nobody", "right", authproxy.UnknownUser, ""},
		{"a device", "reception", "phone-secret", authproxy.UnknownUser, ""},
		{"a very long name", strings.Repeat("x", 5000), "right", authproxy.UnknownUser, ""},
	} {
		user, outcome := b.front.LoginUser(t.Context(), client, tt.login, []byte(tt.password))
		if outcome != tt.want || user != tt.user {
			t.Errorf("%s: %q, %v, want %q, %v", tt.name, user, outcome, tt.user, tt.want)
		}
	}
	if log := b.log.String(); strings.Contains(log, "inge's own") || strings.Contains(log, "phone-secret") {
		t.Errorf("the log is\n%s", log)
	}
}

func TestLoginAdministrator(t *testing.T) {
	b := newBench(t, func(o *authproxy.Options, _ *store.Upstream) {
		o.Throttle = authproxy.ThrottleOptions{UserFailures: 4, AddressFailures: 50, Window: time.Minute, Delay: time.Minute}
	})
	hash, err := authproxy.NewHasher().Hash(t.Context(), []byte("right horse"))
	if err != nil {
		t.Fatal(err)
	}
	client := netip.MustParseAddrPort("192.0.2.7:1234")
	other := netip.MustParseAddrPort("192.0.2.8:1234")
	for _, tt := range []struct {
		name     string
		client   netip.AddrPort
		password string
		want     authproxy.Outcome
	}{
		{"right", client, "right horse", authproxy.Accepted},
		{"wrong", other, "wrong 1", authproxy.Refused},
		{"wrong again, from memory", other, "wrong 1", authproxy.Remembered},
		{"another wrong one", other, "wrong 2", authproxy.Refused},
		{"and one more", other, "wrong 3", authproxy.Refused},
		{"throttled, though right", other, "right horse", authproxy.Throttled},
		{"from where it worked before", client, "right horse", authproxy.Accepted},
	} {
		if outcome := b.front.LoginAdministrator(t.Context(), tt.client, "alice", hash, []byte(tt.password)); outcome != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, outcome, tt.want)
		}
	}
	if outcome := b.front.LoginAdministrator(t.Context(), client, "bob", "no hash", []byte("x")); outcome != authproxy.Unavailable {
		t.Errorf("a hash that is none: %v", outcome)
	}
	// One who is disabled is refused, and counted, as any other.
	for i, want := range []authproxy.Outcome{authproxy.Disabled, authproxy.Disabled, authproxy.Disabled, authproxy.Throttled} {
		if outcome := b.front.LoginAdministrator(t.Context(), client, "carol", "", fmt.Append(nil, "guess ", i)); outcome != want {
			t.Errorf("disabled, guess %d: %v, want %v", i, outcome, want)
		}
	}
	// The user of the same name is another one.
	if _, outcome := b.front.LoginUser(t.Context(), other, "alice", []byte("right")); outcome != authproxy.Accepted {
		t.Errorf("the user alice: %v", outcome)
	}
	if n := b.directory.count(); n != 1 {
		t.Errorf("%d binds went upstream, want that of the user", n)
	}
}
