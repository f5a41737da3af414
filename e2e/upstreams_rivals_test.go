//go:build e2e

package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/chaos"
	"github.com/dialtree/dialtree/e2e/fixture"
	"github.com/dialtree/dialtree/e2e/torture"
)

// The same faults between slapd's proxy, or lloadd, and a directory. Nothing is expected of them: what they do is noted beside what the
// product does.
func TestTortureUpstreamsRivals(t *testing.T) {
	b := battles[0]
	rivals := map[string]func(t *testing.T, target string) (string, func()){
		torture.Slapd: func(t *testing.T, target string) (string, func()) {
			p := must[*fixture.Slapd](t)(fixture.StartBackLDAP(t.Context(), filepath.Join(t.TempDir(), "back-ldap"), target, "timeout 1", "network-timeout 1"))
			return p.Address, p.Kill
		},
	}
	if program := os.Getenv("LLOADD"); program != "" {
		rivals[torture.Lloadd] = func(t *testing.T, target string) (string, func()) {
			p, address, err := fixture.StartLloadd(t.Context(), program, filepath.Join(t.TempDir(), "lloadd"), target, "timeout=1", "network-timeout=1")
			check(t, err)
			return address, p.Kill
		}
	}
	seed := chaosSeed(t)
	users := chaosUsers(400)
	for rival, start := range rivals {
		t.Run(rival, func(t *testing.T) {
			t.Parallel()
			for i := 0; i <= len(b.faults); i++ {
				what, mix := "all of these at once", chaos.Mix{Chance: .15, Faults: b.faults}
				if i < len(b.faults) {
					if !torture.Long() {
						continue
					}
					what, mix = string(b.faults[i]), chaos.Mix{Chance: .15, Faults: b.faults[i : i+1]}
				}
				f := startFleet(t, 1, plain, seed, users)
				address, kill := start(t, f.proxies[0].Address)
				c := &campaign{users: users, name: fixture.SlapdDN, address: address, seed: seed, workers: 16, limit: chaosBindTimeout + 2*time.Second}
				got, again := c.suffer(t, f, mix)
				torture.Note(t, upstreamsPart, b.title+": "+what, rival, "%v, %s", got, again)
				kill()
				f.proxies[0].Close()
				f.servers[0].Kill()
			}
		})
	}
}

// suffer is what becomes of logins in a mix, and of logins after that.
func (c *campaign) suffer(t *testing.T, f *fleet, mix chaos.Mix) (got tally, again string) {
	c.run(t.Context(), 50)
	f.set(mix)
	for range torture.Pick(1, 2) {
		got.add(c.run(t.Context(), 100))
		f.cut()
	}
	f.set(chaos.Mix{})
	again = "does not work again within 10 s"
	for begin := time.Now(); time.Since(begin) < 10*time.Second; time.Sleep(50 * time.Millisecond) {
		if calm := c.run(t.Context(), 16); calm.judged() == calm.tried && calm.wronglyAccepted+calm.wronglyRefused == 0 {
			again = fmt.Sprintf("works again after %.1f s", time.Since(begin).Seconds())
			break
		}
	}
	if more := c.amplified(f); more > 0 {
		again += fmt.Sprintf(", %d **counted twice**", more)
	}
	return got, again
}
