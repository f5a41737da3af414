//go:build e2e

package e2e_test

import (
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
	"github.com/dialtree/dialtree/e2e/hostile"
	"github.com/dialtree/dialtree/e2e/torture"
)

// Phones that keep the processors busy: as many searches as can be, each with the most that a filter may hold, and
// sorted. Others are served meanwhile.
func TestTortureHostileHeavySearches(t *testing.T) {
	clients := torture.Pick(50, 100)
	p := preyProduct(t, hostileOptions(t, "size_limit: 100000"), torture.Pick(10_000, 50_000))
	before := p.footprint(t)
	// No index helps with a single letter, and nothing has all of them.
	var letters []fixture.Filter
	for i := range 90 {
		a, b := string(rune('a'+i%26)), string(rune('a'+i*7%26))
		letters = append(letters, fixture.And(fixture.Contains("cn", a), fixture.Not(fixture.Or(fixture.Contains("o", b), fixture.Suffix("sn", a), fixture.Equal("mail", a+b)))))
	}
	heavy := fixture.Search{Base: fixture.DialtreeBase, Scope: fixture.WholeSubtree, Filter: fixture.Or(letters...), Controls: []fixture.Control{fixture.Sort("mail")}}
	nothing := heavy
	nothing.Filter = fixture.And(fixture.Not(fixture.Or(letters...)), fixture.Present("nonsense"))
	var crowd sync.WaitGroup
	var asked atomic.Int64
	stop := make(chan struct{})
	for i := range clients {
		crowd.Go(func() {
			conn, err := p.target.Dial(t.Context(), hostile.Plain, hostile.Source(i))
			if err != nil {
				t.Errorf("connect: %v", err)
				return
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(time.Minute))
			go func() {
				<-stop
				conn.Close()
			}()
			_, _ = conn.Write(fixture.BindRequest(1, "attacker", attackerPassword))
			for id := 2; ; id += 2 {
				if _, err := conn.Write(slices.Concat(heavy.Request(id), nothing.Request(id+1))); err != nil {
					return
				}
				if _, over, err := hostile.Listen(conn, time.Now().Add(time.Minute), func(r *hostile.Reply) bool { return r.ID == int64(id+1) && r.Final() }); over || err != nil {
					return
				}
				asked.Add(2)
			}
		})
	}
	var took []time.Duration
	late := 0
	for end := time.Now().Add(torture.Pick(4*time.Second, 40*time.Second)); time.Now().Before(end) || len(took) < 10; {
		one, err := p.login(t.Context())
		if err != nil {
			t.Errorf("a login meanwhile: %v", err)
		}
		if took = append(took, one); one > time.Second {
			late++
		}
	}
	slices.Sort(took)
	middle, worst := took[len(took)/2], took[len(took)-1]
	if middle > time.Second || late > len(took)/4 { // on a machine of its own none is
		t.Errorf("%d of %d logins took more than a second, half of them more than %v", late, len(took), middle)
	}
	close(stop)
	crowd.Wait()
	if asked.Load() == 0 {
		t.Error("no heavy search was answered: they are no attack")
	}
	// What searches have used is collected when the collector runs next, which is every two minutes where nothing is
	// asked, and what they keep for the next one at the time after that.
	p.settled(t, before, torture.Pick(15*time.Second, 5*time.Minute))
	torture.Note(t, clientsPart, fmt.Sprintf("%d clients that search with the heaviest filters", clients), p.server,
		"of %d logins with a search meanwhile half took up to %.0f ms, the longest %.0f ms; %d searches answered", len(took), middle.Seconds()*1000, worst.Seconds()*1000, asked.Load())
}

// Where passwords are kept here, each costs a processor for a while. A flood of wrong ones, and of names that do not
// exist, must not keep others from logging in.
func TestTortureHostilePasswordFlood(t *testing.T) {
	o := options(t)
	d := dialtree(t, o, "kind: user\nusername: alice\ndisplayname: Alice\nauth: {method: internal}\npassword: "+alicePassword+"\n"+
		"---\nkind: user\nusername: victim\ndisplayname: Victim\nauth: {method: internal}\npassword: "+classified+"\n")
	before := must[torture.Footprint](t)(torture.FootprintOf(t.Context(), d))
	target := &hostile.Target{Address: d.Address, Patience: 20 * time.Second}
	var crowd sync.WaitGroup
	stop := make(chan struct{})
	var refused atomic.Int64
	for i := range 300 {
		crowd.Go(func() {
			conn, err := target.Dial(t.Context(), hostile.Plain, net.IPv4(127, 77, 0, byte(1+i%3)))
			if err != nil {
				t.Errorf("connect: %v", err)
				return
			}
			defer conn.Close()
			go func() {
				<-stop
				conn.Close()
			}()
			_ = conn.SetDeadline(time.Now().Add(time.Minute))
			for n := 1; ; n++ {
				name := []string{"victim", "nobody", "alice"}[i%3]
				if i%3 == 1 {
					name = fmt.Sprintf("nobody-%d-%d", i, n)
				}
				_, _ = conn.Write(fixture.BindRequest(n, name, fmt.Sprintf("wrong-%d-%d", i, n)))
				replies, over, err := hostile.Listen(conn, time.Now().Add(time.Minute), (*hostile.Reply).Final)
				if over || err != nil || len(replies) != 1 {
					return
				}
				if code := replies[0].Code; code != 49 && code != 51 {
					t.Errorf("a wrong password was answered with %d", code)
				}
				refused.Add(1)
			}
		})
	}
	// Each login is of somebody who has not logged in before: the hash has to be computed. Until the addresses of the
	// attackers are shut out, theirs are computed, too; the first login waits for these.
	var first, worst time.Duration
	logins, failed := 0, 0
	for end := time.Now().Add(torture.Pick(4*time.Second, 30*time.Second)); time.Now().Before(end) || logins < 4; logins++ {
		name := fmt.Sprintf("user-%d", logins)
		check(t, d.Apply(t.Context(), "kind: user\nusername: "+name+"\ndisplayname: Somebody\nauth: {method: internal}\npassword: "+alicePassword+"\n"))
		start := time.Now()
		if r := bind(t, d, plain, name, alicePassword); r.Code != 0 {
			failed++
			t.Logf("%s: result %d %s", name, r.Code, r.Diagnostic)
		}
		if took := time.Since(start); logins == 0 {
			first = took
		} else {
			worst = max(worst, took)
		}
	}
	close(stop)
	crowd.Wait()
	if failed > 1 || first > 15*time.Second || worst > 2*time.Second {
		t.Errorf("during a flood of wrong passwords, %d of %d right ones were turned away; the first took %v, the others up to %v", failed, logins, first, worst)
	}
	torture.Returns(t, d, before, 15*time.Second)
	torture.Note(t, clientsPart, "300 clients with wrong passwords where passwords are kept here (argon2id)", torture.Dialtree,
		"%d refused; of %d first logins of others meanwhile the first took %.0f ms, the others up to %.0f ms", refused.Load(), logins, first.Seconds()*1000, worst.Seconds()*1000)
}
