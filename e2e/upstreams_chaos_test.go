//go:build e2e

package e2e_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/chaos"
	"github.com/dialtree/dialtree/e2e/fixture"
	"github.com/dialtree/dialtree/e2e/torture"
)

const searchMode = `search: {base: "` + fixture.SlapdPeople + `", filter: "(uid=%)", bind_dn: "` + fixture.SlapdAdmin + `", password: "` + fixture.SlapdAdminPassword + `"}`

// A battle is a way to reach a fleet, and what goes wrong there.
type battle struct {
	title     string
	transport string
	mode      string // how a bind name is found
	servers   int
	faults    []chaos.Fault
	short     int // logins for each fault
	long      int
	alike     bool // the refusals are worded as Active Directory's
}

var battles = []battle{
	{"in clear", plain, template, 3, slices.Concat(chaos.ConnectionFaults, chaos.MessageFaults), 50, 1650, false},
	{"in clear, by search", plain, searchMode, 2, chaos.MessageFaults, 40, 1000, true},
	{"StartTLS", startTLS, template, 2, chaos.UpgradeFaults, 50, 1400, false},
	{"LDAPS, by search", ldaps, searchMode, 2, chaos.TLSFaults, 50, 1400, false},
}

// Hundreds of users log in while everything between the product and the directory goes wrong, each thing alone and then all at
// once: whoever has the right password is never told that it is wrong, and nobody gets in without it.
func TestTortureUpstreamsChaos(t *testing.T) {
	for _, b := range battles {
		t.Run(b.title, func(t *testing.T) {
			t.Parallel() // most of it is waiting
			b.fight(t)
		})
	}
}

func (b battle) fight(t *testing.T) {
	seed := chaosSeed(t)
	users := chaosUsers(400)
	f := startFleet(t, b.servers, b.transport, seed, users)
	if b.alike {
		for _, p := range f.proxies {
			p.Rewrite(likeActiveDirectory)
		}
	}
	objects := f.object(t, b.transport, b.mode+"\n"+chaosLimits)
	for _, u := range users {
		objects += user(u.UID)
	}
	o := options(t)
	o.Config = unthrottled
	d := dialtree(t, o, objects)
	stalls := watchStalls(t)
	c := &campaign{users: users, name: fixture.DialtreeDN, address: d.Address, seed: seed, workers: 32, limit: chaosBindTimeout + 10*time.Second}

	c.expect(t, "calm, before", c.run(t.Context(), 200), stalls)
	before := must[torture.Footprint](t)(torture.FootprintOf(t.Context(), d))
	var total tally
	n := torture.Pick(b.short, b.long)
	for i := 0; i <= len(b.faults); i++ {
		what, mix := "all of these at once", chaos.Mix{Chance: .15, Faults: b.faults}
		if i < len(b.faults) {
			what, mix = string(b.faults[i]), chaos.Mix{Chance: .15, Faults: b.faults[i : i+1]}
		}
		harm := f.injected()
		f.set(mix)
		var got tally
		for got.tried < n {
			got.add(c.run(t.Context(), min(100, n-got.tried)))
			f.cut() // what goes wrong with connections needs new ones
		}
		f.set(chaos.Mix{})
		c.expect(t, what, got, stalls)
		t.Logf("%s: %v; %d times", what, got, f.injected()-harm)
		total.add(got)
		f.cut()
		again := c.recover(t, d, users[0])
		if torture.Long() || i == len(b.faults) {
			torture.Note(t, upstreamsPart, b.title+": "+what, torture.Dialtree, "%v, works again after %.1f s", got, again.Seconds())
		}
	}
	if total.judged() < total.tried/2 {
		t.Errorf("of %d logins only %d were decided: the test is not about logins any more", total.tried, total.judged())
	}
	more := c.amplifiedAtServers(f)
	if b.transport == plain {
		more = c.amplified(f)
	}
	if more > 0 {
		t.Errorf("%d logins reached the directories more than once: one attempt must never count twice towards a lockout", more)
	}
	torture.Note(t, upstreamsPart, b.title+": wrong answers, logins that counted twice", torture.Dialtree, "%d, %d of %d; %d faults", total.wronglyRefused+total.wronglyAccepted, more, total.tried, f.injected())
	torture.Returns(t, d, before, 30*time.Second)
}

// expect holds what must be true whatever goes wrong.
func (c *campaign) expect(t *testing.T, what string, got tally, stalls *stall) {
	t.Helper()
	if got.wronglyRefused > 0 || got.wronglyAccepted > 0 {
		t.Errorf("%s: %d right passwords were refused, %d wrong ones accepted", what, got.wronglyRefused, got.wronglyAccepted)
	}
	if got.hung > 0 || got.broken > 0 || got.other > 0 {
		t.Errorf("%s: %d logins hung, %d lost their connection, %d got another result", what, got.hung, got.broken, got.other)
	}
	if limit := chaosBindTimeout + time.Second + stalls.allowance(); got.longest > limit {
		t.Errorf("%s: an answer took %v, want at most %v", what, got.longest, limit)
	}
	for text := range got.texts {
		if strings.Contains(text, "data ") || strings.Contains(text, "LdapErr") {
			t.Errorf("%s: the client was told what only the administrator may know: %q", what, text)
		}
	}
}

// recover waits until a login is accepted again and every server is up.
func (c *campaign) recover(t *testing.T, d *fixture.Dialtree, u fixture.User) time.Duration {
	t.Helper()
	begin := time.Now()
	for {
		client := must[*fixture.Client](t)(fixture.DialFrom(t.Context(), "127.0.2.1", d.Address, nil))
		r, err := client.Bind(c.name(u.UID), u.Password)
		client.Close()
		c.mu.Lock()
		c.tries[chaos.Bind{Name: fixture.SlapdDN(u.UID), Password: u.Password}]++
		c.mu.Unlock()
		if err == nil && r.Code == 0 {
			return time.Since(begin)
		}
		if time.Since(begin) > 20*time.Second {
			t.Fatalf("20 seconds after the last fault a login gets %d %q, %v", r.Code, r.Diagnostic, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// likeActiveDirectory words a refusal as Active Directory does.
func likeActiveDirectory(answer []byte) []byte {
	refusal := []byte{0x61, 7, 0x0a, 1, 49, 4, 0, 4, 0}
	at := bytes.Index(answer, refusal)
	if at < 0 || at+len(refusal) != len(answer) {
		return answer
	}
	const text = "80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data 52e, v4563\x00"
	head := append([]byte(nil), answer[2:at]...)
	op := append([]byte{0x61, byte(7 + len(text)), 0x0a, 1, 49, 4, 0, 4, byte(len(text))}, text...)
	op[1] = byte(len(op) - 2)
	inner := append(head, op...)
	return append([]byte{0x30, 0x81, byte(len(inner))}, inner...)
}
