package authproxy

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// A PBX logs five thousand users in from its one address, right after a start, when nothing is known of anybody. Sixty of them
// have an old password, which their phones try again and again: nobody else notices.
func TestAPBXIsNotShutOutByOldPasswords(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	l := newLedger(ThrottleOptions{})
	order := random.Perm(5000)
	refused := 0
	for round := range 30 { // a phone logs in again each minute
		for i, user := range order {
			now := noon.Add(time.Duration(round)*time.Minute + time.Duration(i)*10*time.Millisecond)
			name := fmt.Sprint("user", user)
			if user < 60 {
				l.wrong(name, "old", desk, now)
			} else if v := l.right(name, "right", desk, now); v != verdictAsk && v != verdictProven {
				refused++
			}
		}
	}
	if refused > 0 {
		t.Errorf("%d logins with the right password were not let through", refused)
	}
}

// One password that comes back is one guess of its address, however often the directory is asked about it; of its account it counts
// each time, because it does so in the directory.
func TestARepeatedPasswordCountsOnceForItsAddress(t *testing.T) {
	l := newLedger(ThrottleOptions{})
	for i := range 4 {
		l.wrong("alice", "old", desk, noon.Add(time.Duration(i)*61*time.Second))
	}
	names := l.throttled(noon.Add(4 * 61 * time.Second))
	if len(names.Addresses) != 1 || names.Addresses[0].Failures != 1 {
		t.Errorf("of the address: %+v", names.Addresses)
	}
	if len(names.Users) != 1 || names.Users[0].Failures < 2 {
		t.Errorf("of the account: %+v", names.Users)
	}
}

// A login that is known at an address allows no more guesses there than its share.
func TestAnAddressIsAllowedLittleForItsUsers(t *testing.T) {
	l := newLedger(ThrottleOptions{})
	for i := range 100 {
		l.right(fmt.Sprint("user", i), "right", desk, noon)
		l.right(fmt.Sprint("user", i), "right", desk, noon)
	}
	asked := 0
	for i := range 1000 {
		if l.wrong(fmt.Sprint("other", i), "Summer2026", desk, noon) == verdictAsk {
			asked++
		}
	}
	if asked != 60 {
		t.Errorf("%d names were tried, want 50 and one for each ten of a hundred users", asked)
	}
}
