package authproxy

import (
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"time"
)

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// What strangers make the ledger remember has a bound in names, in addresses and in bytes.
func TestTheLedgerIsBoundedInBytes(t *testing.T) {
	l := newLedger(ThrottleOptions{})
	before := heap()
	for i := range maxAddresses + 5000 {
		from := netip.AddrFrom16([16]byte{0x20, 1, byte(i >> 16), byte(i >> 8), byte(i)})
		for range 3 {
			l.failed(fmt.Sprintf("a name that is as long as those of people are %d", i), passwordHash{}, false, from, noon)
		}
	}
	grown := heap() - before
	if len(l.addresses) != maxAddresses || len(l.accounts) != maxAccounts {
		t.Errorf("%d addresses and %d names are remembered, want %d and %d", len(l.addresses), len(l.accounts), maxAddresses, maxAccounts)
	}
	t.Logf("%d names and %d addresses take %d MiB", len(l.accounts), len(l.addresses), grown>>20)
	if grown > 160<<20 {
		t.Errorf("they take %d MiB", grown>>20)
	}
	// A flood of today makes room for one of tomorrow.
	l.failed("tomorrow", passwordHash{}, false, netip.MustParseAddr("192.0.2.1"), noon.Add(24*time.Hour))
	if len(l.addresses) != 1 || len(l.accounts) != 1 {
		t.Errorf("a day later %d addresses and %d names are remembered", len(l.addresses), len(l.accounts))
	}
	runtime.KeepAlive(l)
}

// An account that is attacked from everywhere, with every password, remembers no more than its lists hold.
func TestAnAccountIsBounded(t *testing.T) {
	l := newLedger(ThrottleOptions{})
	for i := range 2000 {
		from := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
		l.accepted("alice", passwordHash{1, byte(i >> 8), byte(i)}, 1, from, noon)
		for j := range 10 {
			l.failed("alice", passwordHash{3, byte(j)}, true, from, noon)
			l.refused("alice", passwordHash{2, byte(j), byte(i >> 8), byte(i)}, true, time.Minute, noon)
		}
	}
	a := l.accounts["alice"]
	if len(a.trusted) != maxTrusted || len(a.refused) != maxRefused || len(a.failures) > 5 || len(a.failedFrom) > 5 {
		t.Errorf("%d trusted addresses, %d refused passwords, %d and %d failures", len(a.trusted), len(a.refused), len(a.failures), len(a.failedFrom))
	}
	for i := range a.trusted {
		if n := len(a.trusted[i].failures); n > 5 {
			t.Errorf("%d failures of a trusted address", n)
		}
	}
}

// What was read from the store is kept for so many keys, and then from the beginning.
func TestRecentIsBounded(t *testing.T) {
	r := &recent[int]{seq: func() uint64 { return 1 }, read: func(string) (int, bool, error) { return 1, true, nil }}
	for i := range maxRecent + 10 {
		if _, ok, err := r.get(fmt.Sprint(i)); !ok || err != nil {
			t.Fatal(ok, err)
		}
		if len(r.found) > maxRecent {
			t.Fatalf("%d are kept", len(r.found))
		}
	}
}
