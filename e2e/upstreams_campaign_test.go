//go:build e2e

package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/chaos"
	"github.com/dialtree/dialtree/e2e/fixture"
	"github.com/dialtree/dialtree/e2e/torture"
)

// upstreamsPart is the mark of these tests' figures in docs/reliability.md.
const upstreamsPart = "upstreams"

// The patience of the upstreams under attack.
const (
	chaosBindTimeout    = 800 * time.Millisecond
	chaosConnectTimeout = 400 * time.Millisecond
	chaosLimits         = "bind_timeout: 800ms\nconnect_timeout: 400ms\nmax_connections: 48\n"
)

// unthrottled is a configuration in which wrong passwords are not what ends a test.
var unthrottled = []string{"throttle: {user_failures: 1000, address_failures: 1000}"}

// chaosUsers are people with passwords.
func chaosUsers(n int) []fixture.User {
	users := make([]fixture.User, n)
	for i := range users {
		users[i] = fixture.User{UID: fmt.Sprintf("user%04d", i), Password: fmt.Sprintf("right-%04d", i)}
	}
	return users
}

// chaosSeed is where everything random of a test comes from: DIALTREE_SEED repeats a run.
func chaosSeed(t *testing.T) uint64 {
	t.Helper()
	seed := uint64(1)
	if text := os.Getenv("DIALTREE_SEED"); text != "" {
		seed = must[uint64](t)(strconv.ParseUint(text, 10, 64))
	} else if torture.Long() {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("DIALTREE_SEED=%d repeats this run", seed)
	return seed
}

// A fleet is directories with the same people, each behind a proxy.
type fleet struct {
	servers []*fixture.Slapd
	proxies []*chaos.Proxy
}

// startFleet starts n directories. What the proxies do about TLS follows from the transport.
func startFleet(t *testing.T, n int, transport string, seed uint64, users []fixture.User) *fleet {
	t.Helper()
	f := &fleet{}
	for i := range n {
		s := slapd(t, users...)
		o := chaos.Options{Target: s.Address, Seed: seed + uint64(i), Patience: chaosBindTimeout}
		switch transport {
		case startTLS:
			o.Layer = chaos.Upgrade
		case ldaps:
			o.Layer, o.Target = chaos.TLS, s.TLSAddress
		}
		p := must[*chaos.Proxy](t)(chaos.NewProxy(o))
		t.Cleanup(p.Close)
		f.servers, f.proxies = append(f.servers, s), append(f.proxies, p)
	}
	return f
}

// object is the upstream object for the fleet.
func (f *fleet) object(t *testing.T, transport, rest string) string {
	t.Helper()
	scheme := "ldap"
	if transport == ldaps {
		scheme = "ldaps"
	}
	var urls []string
	for _, p := range f.proxies {
		urls = append(urls, fmt.Sprintf("%q", scheme+"://"+p.Address))
	}
	a := must[*fixture.Authority](t)(authority())
	return fmt.Sprintf("kind: upstream\nname: directory\nurls: [%s]\ntls: {start_tls: %t, ca_file: %q}\n%s\n",
		strings.Join(urls, ", "), transport == startTLS, a.File, rest)
}

// set makes a mix that of all proxies.
func (f *fleet) set(m chaos.Mix) {
	for _, p := range f.proxies {
		p.Set(m)
	}
}

// cut ends all connections.
func (f *fleet) cut() {
	for _, p := range f.proxies {
		p.Cut()
	}
}

// injected is how often something went wrong so far.
func (f *fleet) injected() int {
	n := 0
	for _, p := range f.proxies {
		for _, times := range p.Injected() {
			n += times
		}
	}
	return n
}

// received is how many binds of each DN the directories saw, as their logs have them.
func (f *fleet) received() map[string]int {
	seen := map[string]int{}
	for _, s := range f.servers {
		for line := range strings.Lines(s.Output()) {
			_, rest, found := strings.Cut(line, ` BIND dn="`)
			if dn, after, _ := strings.Cut(rest, `"`); found && strings.HasPrefix(after, " method=128") {
				seen[dn]++
			}
		}
	}
	return seen
}

// A campaign is logins at something that stands before a fleet.
type campaign struct {
	users   []fixture.User
	name    func(uid string) string
	address string
	limit   time.Duration // how long an answer may take
	seed    uint64
	workers int

	serial atomic.Int64 // makes each wrong password one of its own

	mu    sync.Mutex         // guards what follows
	tries map[chaos.Bind]int // by the DN at the directory
}

// A tally is what came of logins.
type tally struct {
	tried, accepted, refused int
	unavailable, busy, other int // 52, 51, another result
	wronglyRefused           int // 49 for a right password
	wronglyAccepted          int // 0 for a wrong one
	hung, broken             int // no answer in time; a connection that ended
	longest                  time.Duration
	texts                    map[string]bool // diagnostic texts
}

func (a *tally) add(b tally) {
	a.tried += b.tried
	a.accepted += b.accepted
	a.refused += b.refused
	a.unavailable += b.unavailable
	a.busy += b.busy
	a.other += b.other
	a.wronglyRefused += b.wronglyRefused
	a.wronglyAccepted += b.wronglyAccepted
	a.hung += b.hung
	a.broken += b.broken
	a.longest = max(a.longest, b.longest)
	for text := range b.texts {
		if a.texts == nil {
			a.texts = map[string]bool{}
		}
		a.texts[text] = true
	}
}

func (a tally) judged() int { return a.accepted + a.refused }

// String is a cell of a table.
func (a tally) String() string {
	s := fmt.Sprintf("%d logins: %d decided", a.tried, a.judged())
	for _, part := range []struct {
		n    int
		what string
	}{{a.unavailable + a.busy, "not found out"}, {a.other, "another result"}, {a.broken, "connections ended"}, {a.hung, "**hung**"},
		{a.wronglyRefused, "**wrongly refused**"}, {a.wronglyAccepted, "**wrongly accepted**"}} {
		if part.n > 0 {
			s += fmt.Sprintf(", %d %s", part.n, part.what)
		}
	}
	return s + fmt.Sprintf("; longest %.1f s", a.longest.Seconds())
}

// run makes n logins, right and wrong in turn at random, by many clients from addresses of their own.
func (c *campaign) run(ctx context.Context, n int) tally {
	var (
		left  atomic.Int64
		all   tally
		mu    sync.Mutex
		group sync.WaitGroup
	)
	left.Store(int64(n))
	c.mu.Lock()
	c.seed++
	seed := c.seed
	if c.tries == nil {
		c.tries = map[chaos.Bind]int{}
	}
	c.mu.Unlock()
	for i := range c.workers {
		group.Go(func() {
			w := worker{c: c, rng: rand.New(rand.NewPCG(seed, uint64(i))), source: fmt.Sprintf("127.0.%d.%d", 10+seed%200, i+1)}
			defer w.leave()
			for left.Add(-1) >= 0 && ctx.Err() == nil {
				w.login(ctx)
			}
			mu.Lock()
			defer mu.Unlock()
			all.add(w.tally)
		})
	}
	group.Wait()
	return all
}

// A worker is one client.
type worker struct {
	c      *campaign
	rng    *rand.Rand
	source string
	client *fixture.Client
	tally  tally
}

func (w *worker) leave() {
	if w.client != nil {
		w.client.Close()
		w.client = nil
	}
}

func (w *worker) login(ctx context.Context) {
	u := w.c.users[w.rng.IntN(len(w.c.users))]
	password, right := u.Password, w.rng.IntN(2) == 0
	if !right {
		password = fmt.Sprintf("wrong-%d", w.c.serial.Add(1))
	}
	w.c.mu.Lock()
	w.c.tries[chaos.Bind{Name: fixture.SlapdDN(u.UID), Password: password}]++
	w.c.mu.Unlock()
	begin := time.Now()
	r, err := w.bind(ctx, w.c.name(u.UID), password)
	t := &w.tally
	t.tried++
	t.longest = max(t.longest, time.Since(begin))
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		t.hung++
	case err != nil:
		t.broken++
	case r.Code == 0:
		t.accepted++
		if !right {
			t.wronglyAccepted++
		}
	case r.Code == 49:
		t.refused++
		if right {
			t.wronglyRefused++
		}
	case r.Code == 51:
		t.busy++
	case r.Code == 52:
		t.unavailable++
	default:
		t.other++
	}
	if err != nil {
		w.leave()
		return
	}
	if t.texts == nil {
		t.texts = map[string]bool{}
	}
	t.texts[r.Diagnostic] = true
	if r.Code == 52 {
		time.Sleep(100 * time.Millisecond) // a phone does not come back at once either
	}
}

func (w *worker) bind(ctx context.Context, name, password string) (fixture.Result, error) {
	if w.client == nil {
		var err error
		if w.client, err = fixture.DialFrom(ctx, w.source, w.c.address, nil); err != nil {
			return fixture.Result{}, err
		}
	}
	w.client.SetDeadline(time.Now().Add(w.c.limit))
	return w.client.Bind(name, password)
}

// amplified counts the logins that reached a directory more often than they were made, by what the proxies read.
func (c *campaign) amplified(f *fleet) int {
	sum := map[chaos.Bind]int{}
	for _, p := range f.proxies {
		for bind, n := range p.Delivered() {
			sum[bind] += n
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	more := 0
	for bind, n := range sum {
		if tried, ours := c.tries[bind]; ours {
			more += max(0, n-tried)
		}
	}
	return more
}

// amplifiedAtServers is amplified by what the directories' logs say of each user, where the proxies cannot read.
func (c *campaign) amplifiedAtServers(f *fleet) int {
	tried := map[string]int{}
	c.mu.Lock()
	for bind, n := range c.tries {
		tried[bind.Name] += n
	}
	c.mu.Unlock()
	more := 0
	for dn, n := range f.received() {
		if limit, ours := tried[dn]; ours {
			more += max(0, n-limit)
		}
	}
	return more
}

// A stall watches how long this machine keeps a ready goroutine waiting: what a busy machine adds to every answer is not the product's.
type stall struct {
	worst atomic.Int64
	stop  chan struct{}
	done  sync.WaitGroup
}

func watchStalls(t *testing.T) *stall {
	s := &stall{stop: make(chan struct{})}
	s.done.Go(func() {
		const nap = 20 * time.Millisecond
		for {
			begin := time.Now()
			select {
			case <-s.stop:
				return
			case <-time.After(nap):
			}
			if late := time.Since(begin) - nap; int64(late) > s.worst.Load() {
				s.worst.Store(int64(late))
			}
		}
	})
	t.Cleanup(func() {
		close(s.stop)
		s.done.Wait()
	})
	return s
}

func (s *stall) allowance() time.Duration { return 3 * time.Duration(s.worst.Load()) }
