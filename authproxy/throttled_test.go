package authproxy

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/dialtree/dialtree/refusals"
)

func TestThrottledNames(t *testing.T) {
	l := newLedger(ThrottleOptions{})
	host := netip.MustParseAddr("2001:db8:1:2:3::4")
	for i := range 4 {
		l.wrong("alice", fmt.Sprint("guess ", i), refusals.NetworkOf(host), noon.Add(time.Duration(i)*time.Second))
	}
	l.wrong("bob", "guess", desk, noon)
	l.wrong(deviceKey("lobby"), "guess", desk, noon)
	l.failed("", passwordHash{}, false, stranger, noon)
	got := l.throttled(noon.Add(5 * time.Second))
	want := []ThrottledName{
		{"alice", 4, noon.Add(3 * time.Second), noon.Add(5 * time.Minute)},
		{"bob", 1, noon, time.Time{}},
		{"lobby", 1, noon, time.Time{}},
	}
	if fmt.Sprint(got.Users) != fmt.Sprint(want) {
		t.Errorf("%v\nwant %v", got.Users, want)
	}
	if len(got.Addresses) != 3 || got.Addresses[0].Name != "2001:db8:1:2::/64" || got.Addresses[0].Failures != 4 {
		t.Errorf("%v", got.Addresses)
	}
	if v := l.right("alice", "right", desk, got.Users[0].Until.Add(-time.Second)); v != verdictThrottled {
		t.Errorf("a second before the end: %v", v)
	}
	if v := l.right("alice", "right", desk, got.Users[0].Until); v != verdictAsk {
		t.Errorf("at the end: %v", v)
	}
	if later := l.throttled(noon.Add(time.Hour)); len(later.Users)+len(later.Addresses) != 0 {
		t.Errorf("an hour later: %v", later)
	}
}

func TestResets(t *testing.T) {
	f := &Front{ledger: newLedger(ThrottleOptions{}), now: func() time.Time { return noon }}
	for i := range 9 {
		f.ledger.wrong("alice", fmt.Sprint("guess ", i), stranger, noon)
	}
	f.ledger.locked("carl", time.Hour, noon)
	for _, tc := range []struct {
		name  string
		reset func(string) bool
		what  string
		want  bool
	}{
		{"a user, in another spelling", f.ResetUser, "ALICE", true},
		{"the same again", f.ResetUser, "alice", false},
		{"one who is locked upstream", f.ResetUser, "carl", true},
		{"nobody", f.ResetUser, "nobody", false},
		{"no name", f.ResetUser, "\x00", false},
		{"no address", f.ResetAddress, "alice", false},
		{"an address that did nothing", f.ResetAddress, desk.String(), false},
		{"an address", f.ResetAddress, stranger.String(), true},
	} {
		if got := tc.reset(tc.what); got != tc.want {
			t.Errorf("%s: %t", tc.name, got)
		}
	}
	if v := f.ledger.right("alice", "guess 1", stranger, noon); v != verdictAsk {
		t.Errorf("a password that was refused before the reset: %v, want ask", v)
	}
	if got := f.Throttled(); len(got.Users)+len(got.Addresses) != 0 {
		t.Errorf("%v", got)
	}
}

func TestLoginsAreKept(t *testing.T) {
	f := &Front{}
	client := netip.MustParseAddrPort("[::ffff:192.0.2.1]:389")
	for i := range keptLogins + 60 {
		key, name := "alice", "ALICE@example.com"
		if i%2 == 1 {
			key, name = deviceKey("lobby"), "lobby"
		}
		f.keep(client, &attempt{key: key, name: name, start: noon.Add(time.Duration(i) * time.Second), outcome: Refused, reason: "wrong"}, time.Millisecond)
	}
	all := f.Logins("", keptLogins*2)
	if len(all) != keptLogins || !all[0].At.Equal(noon.Add((keptLogins+59)*time.Second)) || !all[keptLogins-1].At.Equal(noon.Add(60*time.Second)) {
		t.Errorf("%d logins from %v to %v", len(all), all[0].At, all[len(all)-1].At)
	}
	of := f.Logins("Alice", 50)
	if len(of) != 50 || of[0].User != "ALICE@example.com" || of[0].Address.String() != "192.0.2.1" || of[0].Detail != "wrong" {
		t.Errorf("%d logins, the last %+v", len(of), of[0])
	}
	if got := f.Logins("lobby", 3); len(got) != 3 || got[0].User != "lobby" {
		t.Errorf("%v", got)
	}
	if got := f.Logins("nobody", 3); len(got) != 0 {
		t.Errorf("%v", got)
	}
	a := &attempt{key: "alice", name: "alice", start: noon}
	if n := testing.AllocsPerRun(100, func() { f.keep(client, a, time.Millisecond) }); n != 0 {
		t.Errorf("keeping a login allocates %v times", n)
	}
}
