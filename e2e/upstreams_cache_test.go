//go:build e2e

package e2e_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/chaos"
	"github.com/dialtree/dialtree/e2e/fixture"
	"github.com/dialtree/dialtree/e2e/torture"
)

// With caches on, a password that was changed upstream, and an account that was disabled there, end as soon as the directory says so,
// and stay ended through every fault and outage after that.
func TestTortureUpstreamsCaches(t *testing.T) {
	seed := chaosSeed(t)
	old, changed := chaosUsers(40), chaosUsers(40)
	for i := range changed {
		changed[i].Password = "new-" + changed[i].Password
	}
	before, after := slapd(t, old...), slapd(t, changed...)
	p := must[*chaos.Proxy](t)(chaos.NewProxy(chaos.Options{Target: before.Address, Seed: seed, Patience: chaosBindTimeout}))
	t.Cleanup(p.Close)
	objects := upstream(t, plain, p.Address, "", template+"\n"+chaosLimits+"cache: {offline: 1h, success: 2s, refused: 0s}\n")
	for _, u := range old {
		objects += user(u.UID)
	}
	o := options(t)
	o.Config = unthrottled
	d := dialtree(t, o, objects)
	login := func(uid, password string) int {
		t.Helper()
		c := must[*fixture.Client](t)(fixture.DialFrom(t.Context(), "127.0.4.1", d.Address, nil))
		defer c.Close()
		return must[fixture.Result](t)(c.Bind(uid, password)).Code
	}
	expect := func(when string, u fixture.User, want int) {
		t.Helper()
		if code := login(u.UID, u.Password); code != want {
			t.Errorf("%s: %s gets %d, want %d", when, u.UID, code, want)
		}
	}
	settle := func() { // until the directory is asked again
		t.Helper()
		awaitUp(t, d, p.Address)
	}
	for _, u := range old {
		expect("before", u, 0)
	}
	p.Down()
	time.Sleep(2 * time.Second) // the success cache ends
	for _, u := range old[:10] {
		expect("in an outage, the password that worked", u, 0)
		expect("in an outage, another password", fixture.User{UID: u.UID, Password: "wrong"}, 52)
	}
	check(t, p.Up())
	settle()

	// The first half change their passwords, in chaos. Until the directory could say so once, the old one may work.
	p.Retarget(after.Address)
	p.Cut()
	p.Set(chaos.Mix{Chance: .4, Faults: chaos.MessageFaults})
	tried, ended := 0, 0
	codes := map[int]int{}
	for _, u := range old[:torture.Pick(8, 20)] {
		over := false
		for range torture.Pick(3, 40) {
			tried++
			code := login(u.UID, u.Password)
			codes[code]++
			if over && code == 0 {
				t.Errorf("%s: the old password works again after the directory refused it", u.UID)
			}
			over = over || code == 49
		}
		if over {
			ended++
		}
	}
	t.Logf("old passwords in chaos, by result code: %v", codes)
	p.Set(chaos.Mix{})
	settle()
	time.Sleep(2 * time.Second)
	for _, u := range old[:20] {
		expect("reachable, the old password", u, 49)
	}
	for _, u := range changed[:20] {
		expect("reachable, the new password", u, 0)
	}

	// The second half are disabled, in Active Directory's words.
	p.Retarget(before.Address)
	p.Rewrite(disabledInActiveDirectory)
	p.Cut()
	for _, u := range old[20:] {
		expect("disabled", u, 49)
	}
	p.Down()
	for _, u := range old {
		if code := login(u.UID, u.Password); code == 0 {
			t.Errorf("in an outage after that %s gets in", u.UID)
		}
	}
	torture.Note(t, upstreamsPart, "caches on: a changed password, a disabled account", torture.Dialtree,
		"ended at the directory's first word for %d of %d in chaos (%d logins), for all when it is reachable; never back in an outage", ended, torture.Pick(8, 20), tried)
}

// awaitUp waits until the product uses a server again.
func awaitUp(t *testing.T, d *fixture.Dialtree, server string) {
	t.Helper()
	series := fmt.Sprintf("dialtree_upstream_up{server=%q,upstream=\"directory\"}", server)
	for begin := time.Now(); must[float64](t)(d.Metric(t.Context(), series)) != 1; time.Sleep(50 * time.Millisecond) {
		if time.Since(begin) > 20*time.Second {
			t.Fatalf("%s is not used again", server)
		}
	}
}

// disabledInActiveDirectory words a success as Active Directory does for an account that was disabled.
func disabledInActiveDirectory(answer []byte) []byte {
	success := []byte{0x61, 7, 0x0a, 1, 0, 4, 0, 4, 0}
	at := bytes.Index(answer, success)
	if at < 0 || at+len(success) != len(answer) {
		return answer
	}
	refusal := append(bytes.Clone(answer[:at]), 0x61, 7, 0x0a, 1, 49, 4, 0, 4, 0)
	return bytes.Replace(likeActiveDirectory(refusal), []byte("data 52e"), []byte("data 533"), 1)
}
