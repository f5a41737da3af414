package authproxy_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/authproxy"
	"github.com/dialtree/dialtree/store"
)

func TestLoginDevice(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.apply(&store.Changes{PutObjects: []store.Object{
		&store.Device{Name: "off", Password: store.Literal("phone-secret"), Disabled: true},
		&store.Device{Name: "lost", Password: store.FromFile("/nonexistent/secret")},
	}})
	client := netip.MustParseAddrPort("192.0.2.7:1234")
	for _, tt := range []struct {
		name, device, secret string
		want                 authproxy.Outcome
	}{
		{"right", "reception", "phone-secret", authproxy.Accepted},
		{"in capitals", "Reception", "phone-secret", authproxy.Accepted},
		{"wrong", "reception", "phone-secre", authproxy.Refused},
		{"wrong again, from memory", "reception", "phone-secre", authproxy.Remembered},
		{"nothing", "reception", "", authproxy.Refused},
		{"nothing but NULs", "reception", "\x00\x00", authproxy.Refused},
		{"unknown", "nobody", "phone-secret", authproxy.UnknownUser},
		{"a user of an upstream", "alice", "right", authproxy.UnknownUser},
		{"an internal user", "inge", "inge's own", authproxy.UnknownUser},
		{"a user's DN", "uid=alice,ou=users,dc=dialtree", "right", authproxy.UnknownUser},
		{"disabled", "off", "phone-secret", authproxy.Disabled},
		{"a secret that cannot be read", "lost", "phone-secret", authproxy.Unavailable},
		{"a very long name", strings.Repeat("x", 5000), "phone-secret", authproxy.UnknownUser},
	} {
		device, outcome := b.front.LoginDevice(t.Context(), client, tt.device, []byte(tt.secret))
		if outcome != tt.want || (outcome == authproxy.Accepted) != (device == "reception") {
			t.Errorf("%s: %q, %v, want %v", tt.name, device, outcome, tt.want)
		}
	}
	if n := b.directory.count(); n != 0 {
		t.Errorf("%d binds went upstream", n)
	}
	log := b.log.String()
	if !strings.Contains(log, `"address":"192.0.2.7:1234","name":"Reception","method":"device"`) || strings.Contains(log, "phone-secre") {
		t.Errorf("the log is\n%s", log)
	}
}

// Failures count together, whichever way the device comes.
func TestLoginDeviceIsThrottled(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(o *authproxy.Options, _ *store.Upstream) {
		o.Throttle = authproxy.ThrottleOptions{AddressFailures: 2, Window: time.Minute, Delay: time.Minute}
	})
	client := netip.MustParseAddrPort("192.0.2.7:1234")
	b.front.LoginDevice(t.Context(), client, "reception", []byte("wrong 1"))
	b.dial().bind("reception", "wrong 2")
	if _, outcome := b.front.LoginDevice(t.Context(), client, "reception", []byte("phone-secret")); outcome != authproxy.Throttled {
		t.Errorf("%v", outcome)
	}
	if code := b.dial().bind("reception", "phone-secret"); code != 51 {
		t.Errorf("over LDAP: %v", code)
	}
}
