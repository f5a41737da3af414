package authproxy

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/dialtree/dialtree/refusals"
)

var (
	desk     = netip.MustParseAddr("192.0.2.10")
	stranger = netip.MustParseAddr("198.51.100.1")
	noon     = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
)

// wrong is what happens to a wrong password that reaches the upstream.
func (l *ledger) wrong(key string, password string, from netip.Addr, now time.Time) verdict {
	hash := l.hash(key, []byte(password))
	v := l.judge(key, hash, from, now)
	if v == verdictAsk || v == verdictProven {
		l.failed(key, hash, true, from, now)
		l.refused(key, hash, true, time.Minute, now)
	}
	return v
}

// right is what happens to a right one.
func (l *ledger) right(key string, password string, from netip.Addr, now time.Time) verdict {
	hash := l.hash(key, []byte(password))
	v := l.judge(key, hash, from, now)
	if v == verdictAsk || v == verdictProven {
		l.accepted(key, hash, 1, from, now)
	}
	return v
}

func TestAnAccountIsNeverForwardedAsManyFailuresAsItsLimit(t *testing.T) {
	for _, limit := range []int{2, 3, 5, 10} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			l := newLedger(ThrottleOptions{UserFailures: limit})
			forwarded := 0
			for i := range 200 {
				from := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
				if l.wrong("alice", fmt.Sprint("guess ", i%50), from, noon.Add(time.Duration(i)*time.Second)) == verdictAsk {
					forwarded++
				}
			}
			if forwarded != limit-1 {
				t.Errorf("%d wrong passwords were forwarded within the window, want %d", forwarded, limit-1)
			}
		})
	}
}

func TestRightPasswordsAreNeverThrottled(t *testing.T) {
	l := newLedger(ThrottleOptions{})
	for i := range 1000 {
		if v := l.right("alice", "right", desk, noon); v != verdictAsk && v != verdictProven {
			t.Fatalf("login %d: %v", i, v)
		}
	}
}

func TestAThrottledUserLogsInFromAnAddressThatWorkedBefore(t *testing.T) {
	l := newLedger(ThrottleOptions{})
	l.right("alice", "right", desk, noon)
	for i := range 20 {
		l.wrong("alice", fmt.Sprint("guess ", i), stranger, noon)
	}
	if v := l.right("alice", "right", stranger, noon); v != verdictThrottled {
		t.Errorf("from the stranger's address: %v, want throttled", v)
	}
	if v := l.right("alice", "right", desk, noon); v != verdictProven {
		t.Errorf("from the desk: %v, want proven", v)
	}
}

func TestTheTrustedAddressIsNoWayToGuess(t *testing.T) {
	l := newLedger(ThrottleOptions{})
	l.right("alice", "right", desk, noon)
	for i := range 20 {
		l.wrong("alice", fmt.Sprint("guess ", i), stranger, noon)
	}
	for i := range 5 {
		if v := l.wrong("alice", fmt.Sprint("other ", i), desk, noon); v != verdictThrottled {
			t.Fatalf("guess %d from the desk: %v, want throttled", i, v)
		}
	}
	if v := l.right("alice", "right", desk, noon); v != verdictThrottled {
		t.Errorf("after five guesses from the desk even the right password waits: got %v", v)
	}
}

func TestAPauseEnds(t *testing.T) {
	l := newLedger(ThrottleOptions{})
	for i := range 4 {
		l.wrong("alice", fmt.Sprint(i), stranger, noon.Add(time.Duration(i)*time.Minute))
	}
	for _, tt := range []struct {
		after time.Duration
		want  verdict
	}{{4 * time.Minute, verdictThrottled}, {5*time.Minute - time.Second, verdictThrottled}, {5*time.Minute + time.Second, verdictAsk}} {
		hash := l.hash("alice", []byte("right"))
		if v := l.judge("alice", hash, stranger, noon.Add(tt.after)); v != tt.want {
			t.Errorf("after %v: %v, want %v", tt.after, v, tt.want)
		}
	}
}

func TestADelayOutlastsAShortWindow(t *testing.T) {
	l := newLedger(ThrottleOptions{Window: time.Second, Delay: 30 * time.Second})
	for i := range 4 {
		l.wrong("alice", fmt.Sprint(i), stranger, noon)
	}
	hash := l.hash("alice", []byte("right"))
	if v := l.judge("alice", hash, stranger, noon.Add(29*time.Second)); v != verdictThrottled {
		t.Errorf("29 s after the last failure: %v, want throttled", v)
	}
	if v := l.judge("alice", hash, stranger, noon.Add(31*time.Second)); v != verdictAsk {
		t.Errorf("31 s after the last failure: %v, want ask", v)
	}
}

func TestSprayingFromOneAddressIsThrottled(t *testing.T) {
	l := newLedger(ThrottleOptions{})
	l.right("carol", "right", stranger, noon)
	asked := 0
	for i := range 500 {
		if l.wrong(fmt.Sprint("user", i), "Summer2026", stranger, noon) == verdictAsk {
			asked++
		}
	}
	if asked != 50 {
		t.Errorf("%d names were tried, want 50", asked)
	}
	if v := l.right("bob", "right", desk, noon); v != verdictAsk {
		t.Errorf("another address: %v, want ask", v)
	}
	if v := l.right("carol", "right", stranger, noon); v != verdictProven {
		t.Errorf("a user known at that address: %v, want proven", v)
	}
}

func TestOneNetworkOfIPv6IsOneAddress(t *testing.T) {
	a := refusals.NetworkOf(netip.MustParseAddr("2001:db8::1"))
	if b := refusals.NetworkOf(netip.MustParseAddr("2001:db8::ffff:2")); a != b {
		t.Errorf("%v and %v differ", a, b)
	}
	if b := refusals.NetworkOf(netip.MustParseAddr("2001:db8:0:1::1")); a == b {
		t.Errorf("two networks are one")
	}
	if a := refusals.NetworkOf(netip.MustParseAddr("::ffff:192.0.2.10")); a != desk {
		t.Errorf("a mapped address is %v, want %v", a, desk)
	}
}

func TestARefusedPasswordIsRemembered(t *testing.T) {
	l := newLedger(ThrottleOptions{})
	if v := l.wrong("alice", "old", desk, noon); v != verdictAsk {
		t.Fatal(v)
	}
	for i := range 50 {
		if v := l.wrong("alice", "old", desk, noon.Add(time.Duration(i)*time.Second)); v != verdictRemembered {
			t.Fatalf("repeat %d: %v, want remembered", i, v)
		}
	}
	if v := l.right("alice", "new", desk, noon.Add(50*time.Second)); v != verdictAsk {
		t.Errorf("the right password: %v, want ask", v)
	}
	if v := l.wrong("bob", "old", desk, noon); v != verdictAsk {
		t.Errorf("the same password of another user: %v, want ask", v)
	}
	if v := l.wrong("alice", "old", desk, noon.Add(61*time.Second)); v != verdictAsk {
		t.Errorf("after a minute: %v, want ask", v)
	}
}

// A directory that locks after five failures within half an hour must not lock
// the user of a phone that tries the same wrong password every ten seconds.
func TestAStalePhoneCostsFewAttempts(t *testing.T) {
	l := newLedger(ThrottleOptions{})
	var asked []time.Time
	for now := noon; now.Before(noon.Add(48 * time.Hour)); now = now.Add(10 * time.Second) {
		if l.wrong("alice", "old", desk, now) == verdictAsk {
			asked = append(asked, now)
		}
	}
	for i := range asked {
		n := 0
		for _, t := range asked[i:] {
			if t.Sub(asked[i]) < 30*time.Minute {
				n++
			}
		}
		if n >= 5 {
			t.Fatalf("%d attempts within half an hour of %v", n, asked[i])
		}
	}
	if len(asked) > 55 {
		t.Errorf("%d attempts in two days", len(asked))
	}
}

func TestALockedAccountIsNotAskedAbout(t *testing.T) {
	l := newLedger(ThrottleOptions{})
	l.locked("alice", time.Minute, noon)
	hash := l.hash("alice", []byte("any"))
	if v := l.judge("alice", hash, desk, noon.Add(59*time.Second)); v != verdictRemembered {
		t.Errorf("while locked: %v", v)
	}
	if v := l.judge("alice", hash, desk, noon.Add(61*time.Second)); v != verdictAsk {
		t.Errorf("after: %v", v)
	}
}

func TestSuccessForgetsOnlyTheFailuresOfItsAddress(t *testing.T) {
	l := newLedger(ThrottleOptions{})
	l.wrong("alice", "typo", desk, noon)
	l.wrong("alice", "1", stranger, noon)
	l.wrong("alice", "2", stranger, noon)
	l.right("alice", "right", desk, noon)
	if n := l.accounts["alice"].failures.within(noon, time.Minute); n != 2 {
		t.Errorf("%d failures are left, want the stranger's 2", n)
	}
	if len(l.accounts["alice"].failedFrom) != 2 {
		t.Errorf("who failed: %v", l.accounts["alice"].failedFrom)
	}
}

func TestAPasswordThatNoLongerWorksIsNotProven(t *testing.T) {
	l := newLedger(ThrottleOptions{})
	l.right("alice", "old", desk, noon)
	l.wrong("alice", "old", desk, noon)
	hash := l.hash("alice", []byte("old"))
	if l.provenWithin("alice", hash, 1, time.Hour, noon) {
		t.Error("the refused password still counts as proven")
	}
}

func TestProvenEndsWithTheUsersState(t *testing.T) {
	l := newLedger(ThrottleOptions{})
	l.right("alice", "right", desk, noon)
	hash := l.hash("alice", []byte("right"))
	for _, tt := range []struct {
		name string
		hash passwordHash
		seq  uint64
		now  time.Time
		want bool
	}{
		{"as it was", hash, 1, noon, true},
		{"the user was changed", hash, 2, noon, false},
		{"too long ago", hash, 1, noon.Add(time.Minute), false},
		{"another password", l.hash("alice", []byte("other")), 1, noon, false},
	} {
		if got := l.provenWithin("alice", tt.hash, tt.seq, time.Minute, tt.now); got != tt.want {
			t.Errorf("%s: %t", tt.name, got)
		}
	}
}

func TestTheLedgerIsBounded(t *testing.T) {
	l := newLedger(ThrottleOptions{})
	for i := range maxAccounts + 1000 {
		l.failed(fmt.Sprint("nobody", i), passwordHash{}, false, netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), noon)
	}
	if len(l.accounts) > maxAccounts {
		t.Errorf("%d names are remembered, want at most %d", len(l.accounts), maxAccounts)
	}
	l.right("alice", "right", desk, noon) // a user who exists always has a place
	l.wrong("bob", "wrong", desk, noon)
	if l.accounts["alice"] == nil || l.accounts["bob"] == nil {
		t.Error("users that exist were not remembered")
	}
	l.failed("one more", passwordHash{}, false, desk, noon.Add(time.Hour))
	if len(l.accounts) > 10 {
		t.Errorf("%d names are remembered an hour later", len(l.accounts))
	}
}

func TestADeviceIsSharedByManyPhones(t *testing.T) {
	l := newLedger(ThrottleOptions{})
	key := deviceKey("reception")
	for i := range 10 {
		l.wrong(key, fmt.Sprint("typo ", i), stranger, noon)
	}
	if v := l.right(key, "right", desk, noon); v != verdictAsk {
		t.Errorf("another phone: %v, want ask", v)
	}
}

func BenchmarkJudgeAndAccept(b *testing.B) {
	l := newLedger(ThrottleOptions{})
	password := []byte("correct horse battery staple")
	b.ReportAllocs()
	for b.Loop() {
		hash := l.hash("alice", password)
		if l.judge("alice", hash, desk, noon) == verdictThrottled {
			b.Fatal("throttled")
		}
		l.accepted("alice", hash, 1, desk, noon)
	}
}
