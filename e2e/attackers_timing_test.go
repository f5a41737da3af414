//go:build e2e

package e2e_test

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
	"github.com/dialtree/dialtree/e2e/statistics"
	"github.com/dialtree/dialtree/e2e/torture"
)

const (
	attackers = "attackers"

	// aucBound is how far from 0.5 the AUC of two kinds of refusal may be, and distanceBound by how much the best threshold may
	// be better than chance, where chance itself does no more.
	aucBound      = 0.05
	distanceBound = 0.1
	// falseAlarm is how likely a comparison of a whole test is beyond its bound by chance.
	falseAlarm = 0.001
)

// A probe is one login of an attacker, of a class that is to look like the others.
type probe struct {
	class, name, password string
	sasl                  bool
	code                  int // that is expected
}

// nextSource counts the addresses that attackers come from.
var nextSource atomic.Uint32

// strangersAddress is a loopback address that nobody has used.
func strangersAddress() string {
	n := nextSource.Add(1)
	return fmt.Sprintf("127.%d.%d.%d", 16+n>>16&0x7f, n>>8&0xff, n&0xff)
}

// measureTimes does the probes in random order, some at once, each from an address of its own, and returns how many
// milliseconds the answers took, by class.
func measureTimes(t *testing.T, d *fixture.Dialtree, seed uint64, atOnce int, probes []probe) map[string][]float64 {
	t.Helper()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	random.Shuffle(len(probes), func(i, j int) { probes[i], probes[j] = probes[j], probes[i] })
	a := must[*fixture.Authority](t)(authority())
	var mu sync.Mutex
	times := make(map[string][]float64)
	one := func(p probe) error {
		c, err := fixture.DialFrom(t.Context(), strangersAddress(), d.Address, nil)
		if err != nil {
			return err
		}
		defer c.Close()
		login := c.Bind
		if p.sasl {
			if err := c.StartTLS(a.ClientConfig("127.0.0.1")); err != nil {
				return err
			}
			login = c.BindPlain
		}
		begin := time.Now()
		r, err := login(p.name, p.password)
		took := time.Since(begin)
		if err != nil || r.Code != p.code {
			return fmt.Errorf("%s, %s: result %d %q, %v; want %d", p.class, p.name, r.Code, r.Diagnostic, err, p.code)
		}
		mu.Lock()
		defer mu.Unlock()
		times[p.class] = append(times[p.class], float64(took)/float64(time.Millisecond))
		return nil
	}
	inParallel(t, atOnce, probes, one)
	return times
}

// inParallel does something with each item, some at once; what fails fails the test.
func inParallel[T any](t *testing.T, atOnce int, items []T, do func(T) error) {
	t.Helper()
	next := make(chan T)
	var workers sync.WaitGroup
	for range atOnce {
		workers.Go(func() {
			for item := range next {
				if err := do(item); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for _, item := range items {
		next <- item
	}
	close(next)
	workers.Wait()
}

// alike compares each class with the one that it must not be told from. It returns those that can be told.
func alike(t *testing.T, times map[string][]float64, pairs map[string]string) map[string]statistics.Comparison {
	t.Helper()
	found := make(map[string]statistics.Comparison)
	for _, class := range slices.Sorted(maps.Keys(pairs)) {
		against := pairs[class]
		if len(times[class]) == 0 || len(times[against]) == 0 {
			t.Fatalf("no samples of %q or %q", class, against)
		}
		c := statistics.Compare(times[against], times[class])
		t.Logf("%-22s against %-18s AUC %.3f, best threshold better by %.3f, p %.3g; medians %.2f and %.2f ms",
			class, against, c.AUC, c.Distance, c.P, median(times[class]), median(times[against]))
		found[class] = c
	}
	return found
}

func median(values []float64) float64 {
	return slices.Sorted(slices.Values(values))[len(values)/2]
}

// told are the classes that are out of bounds.
func told(found map[string]statistics.Comparison) []string {
	var names []string
	for class, c := range found {
		bound := max(aucBound, statistics.Margin(c.N, c.M, len(found), falseAlarm))
		if math.Abs(c.AUC-0.5) > bound {
			names = append(names, fmt.Sprintf("%s (AUC %.3f, bound 0.5 ± %.3f)", class, c.AUC, bound))
		}
		bound = max(distanceBound, statistics.DistanceMargin(c.N, c.M, len(found), falseAlarm))
		if c.Distance > bound {
			names = append(names, fmt.Sprintf("%s (the best threshold is better by %.3f, bound %.3f)", class, c.Distance, bound))
		}
	}
	slices.Sort(names)
	return names
}

// cannotBeTold measures up to three times: a machine that does other things meanwhile can make any two samples differ once,
// and does so no second time in the same way.
func cannotBeTold(t *testing.T, pairs map[string]string, measured func(attempt int) map[string][]float64) map[string]statistics.Comparison {
	t.Helper()
	var found map[string]statistics.Comparison
	var names []string
	for attempt := range 3 {
		found = alike(t, measured(attempt), pairs)
		if names = told(found); len(names) == 0 || t.Failed() {
			return found
		}
		t.Logf("told by time, in attempt %d: %s", attempt+1, strings.Join(names, ", "))
	}
	t.Errorf("told by time: %s", strings.Join(names, ", "))
	return found
}

// extreme is the AUC that is furthest from 0.5.
func extreme(found map[string]statistics.Comparison) statistics.Comparison {
	return slices.MaxFunc(slices.Collect(maps.Values(found)), func(a, b statistics.Comparison) int {
		return cmp.Compare(math.Abs(a.AUC-0.5), math.Abs(b.AUC-0.5))
	})
}

// lockingPolicy makes a slapd count wrong passwords, lock accounts and say so.
const lockingPolicy = `
overlay ppolicy
ppolicy_default "cn=policy,` + fixture.SlapdBase + `"
ppolicy_use_lockout
`

func lockedPeople(names []string) string {
	var b strings.Builder
	b.WriteString("dn: cn=policy," + fixture.SlapdBase + "\nobjectClass: device\nobjectClass: pwdPolicy\ncn: policy\npwdAttribute: userPassword\npwdLockout: TRUE\npwdMaxFailure: 100\n\n")
	for _, name := range names {
		fmt.Fprintf(&b, "dn: %s\nobjectClass: inetOrgPerson\nuid: %s\ncn: x\nsn: x\nuserPassword: right\npwdAccountLockedTime: 000001010000Z\n\n", fixture.SlapdDN(name), name)
	}
	return b.String()
}

// No way of being refused can be told from another by how long it takes: not whether there is such a user, nor what is the matter
// with him.
func TestTortureUserEnumeration(t *testing.T) {
	perClass := torture.Pick(300, 2000)
	const each = 3 // probes of one name, fewer than throttle it
	names := func(class string, attempt int) []string {
		all := make([]string, (perClass+each-1)/each)
		for i := range all {
			all[i] = fmt.Sprintf("%s-%d-%d", class, attempt, i)
		}
		return all
	}
	const attempts = 3
	var people []fixture.User
	var locked []string
	var objects strings.Builder
	for attempt := range attempts {
		for _, class := range []string{"wrong", "sasl", "disabled", "none", "locked", "remembered"} {
			for _, name := range names(class, attempt) {
				auth := "method: upstream, upstream: directory"
				switch class {
				case "locked":
					locked = append(locked, name)
				case "disabled":
					auth += ", disabled: true"
				case "none":
					auth = "method: none"
				}
				if class != "locked" {
					people = append(people, fixture.User{UID: name, Password: "right"})
				}
				fmt.Fprintf(&objects, "---\nkind: user\nusername: %s\ndisplayname: x\nauth: {%s}\n", name, auth)
			}
		}
		fmt.Fprintf(&objects, "---\nkind: user\nusername: throttled-%d\ndisplayname: x\nauth: {method: upstream, upstream: directory}\n", attempt)
		fmt.Fprintf(&objects, "---\nkind: device\nname: phone-%d\npassword: right\n", attempt)
	}
	s := must[*fixture.Slapd](t)(fixture.StartSlapd(t.Context(), fixture.SlapdOptions{Dir: t.TempDir(), Users: people,
		Schema: "moduleload ppolicy\n", Database: lockingPolicy, LDIF: lockedPeople(locked)}))
	t.Cleanup(s.Stop)
	o := options(t)
	o.Config = append(o.Config, "throttle: {window: 1h}")
	d := dialtree(t, o, upstream(t, plain, s.Address, "", template+"\ncache: {refused: 1h}")+objects.String())

	pairs := map[string]string{"no such user": "wrong password", "disabled": "wrong password", "no method": "wrong password", "locked": "wrong password",
		"remembered": "wrong password", "remembered, no user": "wrong password", "throttled": "wrong password", "throttled, no user": "throttled",
		"SASL PLAIN, no user": "SASL PLAIN, wrong", "wrong device secret": "no such device"}
	found := cannotBeTold(t, pairs, func(attempt int) map[string][]float64 {
		var probes []probe
		add := func(class, kind string, code int) {
			for i, name := range names(kind, attempt) {
				for k := range each {
					if i*each+k < perClass {
						probes = append(probes, probe{class, name, fmt.Sprint("guess ", k), strings.HasPrefix(class, "SASL"), code})
					}
				}
			}
		}
		add("wrong password", "wrong", 49)
		add("no such user", "nobody", 49)
		add("disabled", "disabled", 49)
		add("no method", "none", 49)
		add("locked", "locked", 49)
		add("SASL PLAIN, wrong", "sasl", 49)
		add("SASL PLAIN, no user", "no-sasl", 49)
		var before []probe
		for _, kind := range []string{"remembered", "unremembered"} {
			for _, name := range names(kind, attempt) {
				before = append(before, probe{"", name, "old", false, 49})
			}
		}
		for _, kind := range []string{"throttled", "unthrottled"} {
			for i := range 4 {
				before = append(before, probe{"", fmt.Sprintf("%s-%d", kind, attempt), fmt.Sprint("wrong ", i), false, 49})
			}
		}
		measureTimes(t, d, uint64(attempt), 16, before)
		for i := range perClass {
			guess := fmt.Sprint("guess ", i)
			probes = append(probes,
				probe{"remembered", names("remembered", attempt)[i/each], "old", false, 49},
				probe{"remembered, no user", names("unremembered", attempt)[i/each], "old", false, 49},
				probe{"throttled", fmt.Sprintf("throttled-%d", attempt), guess, false, 51},
				probe{"throttled, no user", fmt.Sprintf("unthrottled-%d", attempt), guess, false, 51})
			if i < 49 { // a device has fifty
				probes = append(probes, probe{"wrong device secret", fmt.Sprintf("cn=phone-%d,ou=devices,dc=dialtree", attempt), guess, false, 49})
			}
			probes = append(probes, probe{"no such device", fmt.Sprintf("cn=nobody-%d-%d,ou=devices,dc=dialtree", attempt, i), guess, false, 49})
		}
		return measureTimes(t, d, uint64(100+attempt), 8, probes)
	})
	for _, class := range slices.Sorted(maps.Keys(found)) {
		c := found[class]
		torture.Note(t, attackers, fmt.Sprintf("told by time (0.5: not at all): %s from %s", class, pairs[class]), torture.Dialtree, "%.3f of %d", c.AUC, min(c.N, c.M))
	}
	c := slapdEnumeration(t, s, people, perClass)
	torture.Note(t, attackers, "told by time (0.5: not at all): no such user from wrong password", torture.Slapd, "%.3f of %d", c.AUC, c.N)
}

// slapdEnumeration asks slapd itself.
func slapdEnumeration(t *testing.T, s *fixture.Slapd, people []fixture.User, samples int) statistics.Comparison {
	t.Helper()
	var probes []probe
	for i := range samples {
		probes = append(probes,
			probe{class: "wrong password", name: fixture.SlapdDN(people[i%len(people)].UID)},
			probe{class: "no such user", name: fixture.SlapdDN(fmt.Sprint("nobody-", i))})
	}
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(probes), func(i, j int) { probes[i], probes[j] = probes[j], probes[i] })
	times := make(map[string][]float64)
	for _, p := range probes {
		c := must[*fixture.Client](t)(fixture.Dial(t.Context(), s.Address, nil))
		begin := time.Now()
		r, err := c.Bind(p.name, "wrong")
		times[p.class] = append(times[p.class], float64(time.Since(begin))/float64(time.Millisecond))
		c.Close()
		if err != nil || r.Code != 49 {
			t.Fatalf("%s: %d %v", p.name, r.Code, err)
		}
	}
	return alike(t, times, map[string]string{"no such user": "wrong password"})["no such user"]
}

// mixedSite is a site with users of a fast upstream, of one that takes 200 ms, and of its own.
func mixedSite(t *testing.T, fast, slow, own int) (objects string, wrong func(attempt int) []probe) {
	t.Helper()
	const attempts, each = 3, 3
	kinds := []struct {
		kind string
		n    int
	}{{"fast", fast}, {"slow", slow}, {"own", own}}
	var people []fixture.User
	var b strings.Builder
	for _, k := range kinds {
		auth := "method: upstream, upstream: " + k.kind
		if k.kind == "own" {
			auth = "method: internal"
		}
		for attempt := range attempts {
			for i := range k.n {
				name := fmt.Sprintf("%s-%d-%d", k.kind, attempt, i)
				people = append(people, fixture.User{UID: name, Password: "right"})
				fmt.Fprintf(&b, "---\nkind: user\nusername: %s\ndisplayname: x\nauth: {%s}\n", name, auth)
				if k.kind == "own" {
					b.WriteString("password: right-password\n")
				}
			}
		}
	}
	s := must[*fixture.Slapd](t)(fixture.StartSlapd(t.Context(), fixture.SlapdOptions{Dir: t.TempDir(), Users: people}))
	t.Cleanup(s.Stop)
	valve := must[*fixture.Valve](t)(fixture.NewValve(s.Address))
	t.Cleanup(valve.Close)
	valve.Delay(200 * time.Millisecond)
	for name, address := range map[string]string{"fast": s.Address, "slow": valve.Address} {
		objects += "---\nkind: upstream\nname: " + name + "\nurls: ['ldap://" + address + "']\nmax_connections: 32\n" + template + "\n"
	}
	return objects + b.String(), func(attempt int) []probe {
		var probes []probe
		for _, k := range kinds {
			for i := range k.n {
				for guess := range each {
					probes = append(probes, probe{"wrong password", fmt.Sprintf("%s-%d-%d", k.kind, attempt, i), fmt.Sprint("guess ", guess), false, 49})
				}
			}
		}
		return probes
	}
}

// Where users are of several upstreams of different speed, and some of none, names that do not exist are like all of them.
func TestTortureEnumerationOfAMixedSite(t *testing.T) {
	scale := torture.Pick(1, 6)
	objects, wrong := mixedSite(t, 40*scale, 40*scale, 20*scale)
	d := dialtree(t, options(t), objects)
	found := cannotBeTold(t, map[string]string{"no such user": "wrong password"}, func(attempt int) map[string][]float64 {
		probes := wrong(attempt)
		for i := range len(probes) {
			probes = append(probes, probe{"no such user", fmt.Sprintf("nobody-%d-%d", attempt, i), "guess", false, 49})
		}
		if attempt == 0 {
			measureTimes(t, d, 9, 8, slices.Clone(probes[:30])) // what is known of a second ago at most is the next test
			time.Sleep(time.Second)
			probes = probes[30:]
		}
		return measureTimes(t, d, uint64(attempt), 12, probes)
	})
	c := extreme(found)
	torture.Note(t, attackers, "told by time: no such user from wrong password, two upstreams (one of 200 ms) and users of its own", torture.Dialtree, "%.3f of %d", c.AUC, c.N)
}

// Right after a start nothing is known of how long a directory takes.
func TestTortureEnumerationRightAfterAStart(t *testing.T) {
	objects, wrong := mixedSite(t, 20, 20, 0)
	d := dialtree(t, options(t), objects)
	const atOnce = 12
	rounds := torture.Pick(5, 25)
	found := cannotBeTold(t, map[string]string{"no such user": "wrong password"}, func(attempt int) map[string][]float64 {
		all := make(map[string][]float64)
		for round := range rounds {
			d.Stop()
			check(t, d.Start(t.Context()))
			var probes []probe
			known := wrong(attempt) // three passwords of each, one user after the other
			for i := range atOnce {
				user := known[(i*len(known)/atOnce/3*3+round*3)%len(known)]
				probes = append(probes, user, probe{"no such user", fmt.Sprintf("nobody-%d-%d-%d", attempt, round, i), "guess", false, 49})
			}
			for class, times := range measureTimes(t, d, uint64(round), 2*atOnce, probes) {
				all[class] = append(all[class], times...)
			}
		}
		return all
	})
	c := extreme(found)
	torture.Note(t, attackers, "told by time: no such user from wrong password, right after a start", torture.Dialtree, "%.3f of %d", c.AUC, c.N)
}

// The page's sign-in tells no more than a bind: neither administrators nor users from nobody.
func TestTortureEnumerationOfSignIns(t *testing.T) {
	people := torture.Pick(10, 30)
	const attempts, each = 3, 3
	var objects strings.Builder
	var users []fixture.User
	for i := range people * attempts {
		fmt.Fprintf(&objects, "---\nkind: administrator\nname: admin-%d\nrole: viewer\npassword: right-password\n", i)
		fmt.Fprintf(&objects, "---\nkind: administrator\nname: gone-%d\nrole: viewer\npassword: right-password\ndisabled: true\n", i)
		objects.WriteString(user(fmt.Sprint("user-", i)))
		users = append(users, fixture.User{UID: fmt.Sprint("user-", i), Password: "right"})
	}
	s := slapd(t, users...)
	d := dialtree(t, options(t), upstream(t, plain, s.Address, "", template)+objects.String())
	found := cannotBeTold(t, map[string]string{"an administrator": "no such user", "a disabled administrator": "no such user", "a user": "no such user"}, func(attempt int) map[string][]float64 {
		var probes []probe
		for i := range people * each {
			n := attempt*people + i/each
			guess := fmt.Sprint("guess ", i)
			probes = append(probes, probe{class: "an administrator", name: fmt.Sprint("admin-", n), password: guess},
				probe{class: "a disabled administrator", name: fmt.Sprint("gone-", n), password: guess},
				probe{class: "a user", name: fmt.Sprint("user-", n), password: guess},
				probe{class: "no such user", name: fmt.Sprint("nobody-", n), password: guess})
		}
		rand.New(rand.NewPCG(uint64(attempt), 3)).Shuffle(len(probes), func(i, j int) { probes[i], probes[j] = probes[j], probes[i] })
		var mu sync.Mutex
		times := make(map[string][]float64)
		inParallel(t, 12, probes, func(p probe) error {
			dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(strangersAddress())}}
			transport := &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}
			body := fmt.Sprintf(`{"login": %q, "password": %q}`, p.name, p.password)
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.AdminURL()+"/api/v1/session", strings.NewReader(body))
			if err != nil {
				return err
			}
			request.Header.Set("Content-Type", "application/json")
			begin := time.Now()
			response, err := transport.RoundTrip(request)
			if err != nil {
				return err
			}
			text, err := io.ReadAll(response.Body)
			response.Body.Close()
			took := time.Since(begin)
			if err != nil || response.StatusCode != http.StatusUnauthorized {
				return fmt.Errorf("%s: %s %s, %v", p.name, response.Status, text, err)
			}
			mu.Lock()
			defer mu.Unlock()
			times[p.class] = append(times[p.class], float64(took)/float64(time.Millisecond))
			return nil
		})
		return times
	})
	c := extreme(found)
	torture.Note(t, attackers, "told by time: an administrator and a user from nobody, at the page's sign-in", torture.Dialtree, "%.3f of %d", c.AUC, min(c.N, c.M))
}
