//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/chaos"
	"github.com/dialtree/dialtree/e2e/fixture"
	"github.com/dialtree/dialtree/e2e/torture"
)

// The patience of the upstreams of these outages.
const (
	outageBindTimeout = 2 * time.Second
	outageLimits      = "bind_timeout: 2s\nconnect_timeout: 1s\nmax_connections: 16\n"
)

// An outage is a way in which the first server of a directory fails and comes back.
type outage struct {
	title string
	// place returns where the server is reached, how it is broken and how it is mended.
	place func(t *testing.T, s *fixture.Slapd) (address string, breakIt, mendIt func())
}

var outages = []outage{
	{"killed and started again", func(t *testing.T, s *fixture.Slapd) (string, func(), func()) {
		return s.Address, s.Kill, func() { check(t, s.Restart(t.Context())) }
	}},
	{"frozen and thawed", func(t *testing.T, s *fixture.Slapd) (string, func(), func()) {
		return s.Address, func() { check(t, s.Signal(syscall.SIGSTOP)) }, func() { check(t, s.Signal(syscall.SIGCONT)) }
	}},
	{"unreachable, and reachable", func(t *testing.T, s *fixture.Slapd) (string, func(), func()) {
		full := must[*chaos.FullServer](t)(chaos.NewFullServer())
		t.Cleanup(full.Close)
		return full.Address, func() {}, func() { full.Serve(s.Address) }
	}},
	{"busy to everybody, and no more", func(t *testing.T, s *fixture.Slapd) (string, func(), func()) {
		p := must[*chaos.Proxy](t)(chaos.NewProxy(chaos.Options{Target: s.Address, Patience: outageBindTimeout}))
		t.Cleanup(p.Close)
		return p.Address, func() { p.Set(chaos.Mix{Chance: 1, Faults: []chaos.Fault{chaos.OtherResult}}) }, func() { p.Set(chaos.Mix{}) }
	}},
}

// A scene is an outage as a server that forwards binds sees it.
type scene struct {
	title   string
	server  string // whose figure it is
	breakIt func()
	mendIt  func()
	load    *load
	dial    *fixture.Dialtree // nil: another server
}

// Servers die, hang, are out of reach and are overloaded, one or the first of two, and come back. It is measured how soon
// that is noticed, what logins cost meanwhile and how soon they work again.
func TestTortureUpstreamsRecovery(t *testing.T) {
	users := chaosUsers(40)
	var scenes []*scene
	for _, o := range outages {
		for _, servers := range []int{1, 2} {
			scenes = append(scenes, dialtreeScene(t, o, servers, users))
			if o.title == outages[3].title {
				continue // the others pass such answers on
			}
			scenes = append(scenes, rivalScenes(t, o, servers, users)...)
		}
	}
	stalls := watchStalls(t)
	for _, s := range scenes {
		s.load.start(t.Context())
	}
	time.Sleep(time.Second)
	broken := time.Now()
	for _, s := range scenes {
		s.breakIt()
	}
	time.Sleep(torture.Pick(4*time.Second, 30*time.Second))
	mended := time.Now()
	for _, s := range scenes {
		s.mendIt()
	}
	for deadline := time.Now().Add(torture.Pick(15*time.Second, 90*time.Second)); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		waiting := false
		for _, s := range scenes {
			_, back := s.load.backAfter(mended)
			waiting = waiting || !back
		}
		if !waiting {
			break
		}
	}
	for _, s := range scenes {
		s.load.end()
		s.judge(t, broken, mended, stalls)
	}
}

// judge notes what an outage cost and, for the product, holds it to what is promised.
func (s *scene) judge(t *testing.T, broken, mended time.Time, stalls *stall) {
	t.Helper()
	noticed, found := s.load.noticedAfter(broken)
	back, recovered := s.load.backAfter(mended)
	lost, hung, refused, longest := s.load.cost(broken)
	text := fmt.Sprintf("noticed after %.1f s", noticed.Seconds())
	if !found {
		text = "not noticed"
	}
	if recovered {
		text += fmt.Sprintf(", login works %.1f s after the repair", back.Seconds())
	} else {
		text += ", **no login works after the repair**"
	}
	text += fmt.Sprintf("; %d logins not found out, longest %.1f s", lost, longest.Seconds())
	if hung > 0 {
		text += fmt.Sprintf(", %d **hung**", hung)
	}
	if refused > 0 {
		text += fmt.Sprintf(", %d **wrongly refused**", refused)
	}
	torture.Note(t, upstreamsPart, s.title, s.server, "%s", text)
	if s.dial == nil {
		return
	}
	limit := outageBindTimeout + time.Second + stalls.allowance()
	if !found || noticed > limit || !recovered || back > limit+2*time.Second || longest > limit || hung > 0 || refused > 0 {
		t.Errorf("%s: %s; want no answer after more than %v", s.title, text, limit)
	}
}

func dialtreeScene(t *testing.T, o outage, servers int, users []fixture.User) *scene {
	t.Helper()
	first := slapd(t, users...)
	address, breakIt, mendIt := o.place(t, first)
	urls := fmt.Sprintf("%q", "ldap://"+address)
	title := "one server is " + o.title
	if servers == 2 {
		urls += fmt.Sprintf(", %q", "ldap://"+slapd(t, users...).Address)
		title = "the first of two servers is " + o.title
	}
	objects := fmt.Sprintf("kind: upstream\nname: directory\nurls: [%s]\n%s\n%s", urls, template, outageLimits)
	for _, u := range users {
		objects += user(u.UID)
	}
	d := dialtree(t, options(t), objects)
	return &scene{title: title, server: torture.Dialtree, breakIt: breakIt, mendIt: mendIt, dial: d,
		load: &load{address: d.Address, name: fixture.DialtreeDN, users: users, limit: 3 * outageBindTimeout}}
}

// rivalScenes are the same for slapd's proxy and, where LLOADD names it, lloadd.
func rivalScenes(t *testing.T, o outage, servers int, users []fixture.User) []*scene {
	t.Helper()
	if !torture.Long() {
		return nil
	}
	title := "one server is " + o.title
	if servers == 2 {
		title = "the first of two servers is " + o.title
	}
	var scenes []*scene
	add := func(server string, start func(target string) string) {
		first := slapd(t, users...)
		target, breakIt, mendIt := o.place(t, first)
		if servers == 2 {
			target += " ldap://" + slapd(t, users...).Address
		}
		scenes = append(scenes, &scene{title: title, server: server, breakIt: breakIt, mendIt: mendIt,
			load: &load{address: start(target), name: fixture.SlapdDN, users: users, limit: 3 * outageBindTimeout}})
	}
	add(torture.Slapd, func(target string) string { return backLDAP(t, target, outageBindTimeout) })
	if program := os.Getenv("LLOADD"); program != "" && servers == 1 && o.title != outages[2].title { // it does not start without its backend
		add(torture.Lloadd, func(target string) string {
			p, address, err := fixture.StartLloadd(t.Context(), program, filepath.Join(t.TempDir(), "lloadd"), target, "timeout=2", "network-timeout=1")
			check(t, err)
			t.Cleanup(p.Stop)
			return address
		})
	}
	return scenes
}

// backLDAP is slapd's proxy with the timeouts that it has.
func backLDAP(t *testing.T, target string, patience time.Duration) string {
	t.Helper()
	seconds := int(max(time.Second, patience).Seconds())
	p := must[*fixture.Slapd](t)(fixture.StartBackLDAP(t.Context(), filepath.Join(t.TempDir(), "back-ldap"), target,
		fmt.Sprintf("timeout %d", seconds), "network-timeout 1"))
	t.Cleanup(p.Stop)
	return p.Address
}

// A load is a few clients who log in with their right passwords again and again.
type load struct {
	address string
	name    func(uid string) string
	users   []fixture.User
	limit   time.Duration

	stop context.CancelFunc
	done sync.WaitGroup

	mu      sync.Mutex // guards samples
	samples []sample
}

// A sample is one login; code -1 is a connection that ended, -2 no answer in time.
type sample struct {
	begin time.Time
	took  time.Duration
	code  int
}

func (l *load) start(ctx context.Context) {
	ctx, l.stop = context.WithCancel(ctx)
	for i := range 4 {
		l.done.Go(func() {
			w := worker{c: &campaign{address: l.address, limit: l.limit}, source: fmt.Sprintf("127.0.3.%d", i+1)}
			defer w.leave()
			for n := i; ctx.Err() == nil; n += 4 {
				u := l.users[n%len(l.users)]
				begin := time.Now()
				r, err := w.bind(ctx, l.name(u.UID), u.Password)
				if err != nil {
					w.leave()
					if r.Code = -1; strings.Contains(err.Error(), "timeout") {
						r.Code = -2
					}
				}
				l.mu.Lock()
				l.samples = append(l.samples, sample{begin, time.Since(begin), r.Code})
				l.mu.Unlock()
				time.Sleep(time.Duration(30+rand.IntN(20)) * time.Millisecond)
			}
		})
	}
}

func (l *load) end() {
	l.stop()
	l.done.Wait()
}

// noticedAfter is how long after the failure a login was first answered without a wait, behind the first that was hurt by it.
func (l *load) noticedAfter(failure time.Time) (time.Duration, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	const quick = 300 * time.Millisecond
	slices.SortFunc(l.samples, func(a, b sample) int { return a.begin.Compare(b.begin) })
	hurt := false
	for _, s := range l.samples {
		switch {
		case !s.begin.After(failure):
		case !hurt:
			hurt = s.code != 0 || s.took >= quick
		case s.code >= 0 && s.took < quick:
			return s.begin.Sub(failure), true
		}
	}
	return 0, !hurt
}

// backAfter is how long after the repair a login was first accepted.
func (l *load) backAfter(repair time.Time) (time.Duration, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := time.Duration(-1)
	for _, s := range l.samples {
		if end := s.begin.Add(s.took).Sub(repair); s.begin.After(repair) && s.code == 0 && (first < 0 || end < first) {
			first = end
		}
	}
	return max(first, 0), first >= 0
}

// cost counts the logins after the failure that were not decided, those without an answer and those that were refused.
func (l *load) cost(failure time.Time) (lost, hung, refused int, longest time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.samples {
		if s.begin.Before(failure) {
			continue
		}
		longest = max(longest, s.took)
		switch s.code {
		case 0:
		case -2:
			hung++
		case 49:
			refused++
		default:
			lost++
		}
	}
	return lost, hung, refused, longest
}
