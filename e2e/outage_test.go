//go:build e2e

package e2e_test

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
)

const template = `bind_dn: "uid=%,` + fixture.SlapdPeople + `"`

// An outage is not a wrong password: result 52, whatever is broken.
func TestUpstreamDown(t *testing.T) {
	nowhere := must[string](t)(fixture.FreeAddress())
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			d := dialtree(t, options(t), upstream(t, transport, nowhere, nowhere, template)+user("alice"))
			for range 3 { // the first finds out, the others meet the quarantine
				if r := bind(t, d, transport, "alice", "right"); r.Code != 52 {
					t.Errorf("result %d %q, want 52", r.Code, r.Diagnostic)
				}
			}
		})
	}
}

// A server that accepts connections and never says a word costs a client no more
// than bind_timeout, in whichever phase it falls silent.
func TestUpstreamHung(t *testing.T) {
	const timeout = 2 * time.Second
	limits := template + fmt.Sprintf("\nbind_timeout: %v\nconnect_timeout: 1s", timeout)
	for _, transport := range transports {
		t.Run("from the start, "+transport, func(t *testing.T) {
			hung := silentListener(t)
			d := dialtree(t, options(t), upstream(t, transport, hung, hung, limits)+user("alice"))
			within(t, timeout, d, transport)
		})
		t.Run("after a good bind, "+transport, func(t *testing.T) {
			s := slapd(t, fixture.User{UID: "alice", Password: "right"})
			address := s.Address
			if transport == ldaps {
				address = s.TLSAddress
			}
			wire := tap(t, address)
			d := dialtree(t, options(t), upstream(t, transport, wire.Address, wire.Address, limits)+user("alice"))
			if r := bind(t, d, transport, "alice", "right"); r.Code != 0 {
				t.Fatalf("before: result %d %q, want 0", r.Code, r.Diagnostic)
			}
			wire.Silence(true)
			within(t, timeout, d, transport)
		})
	}
}

// within binds and expects 52 within the time and a second.
func within(t *testing.T, limit time.Duration, d *fixture.Dialtree, transport string) {
	t.Helper()
	start := time.Now()
	r := bind(t, d, transport, "alice", "right")
	if took := time.Since(start); r.Code != 52 || took > limit+time.Second {
		t.Errorf("result %d %q after %v, want 52 within %v", r.Code, r.Diagnostic, took, limit)
	}
}

// silentListener accepts connections and reads nothing.
func silentListener(t *testing.T) string {
	t.Helper()
	l := must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
	var mu sync.Mutex
	var conns []net.Conn
	var done sync.WaitGroup
	done.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
		}
	})
	t.Cleanup(func() {
		l.Close()
		done.Wait()
		for _, c := range conns {
			c.Close()
		}
	})
	return l.Addr().String()
}

// A certificate that nobody vouches for is an outage, and no password is sent to
// who shows it.
func TestUntrustedUpstream(t *testing.T) {
	s := slapd(t, fixture.User{UID: "alice", Password: "right"})
	stranger := must[*fixture.Authority](t)(fixture.NewAuthority(t.TempDir()))
	for _, transport := range []string{startTLS, ldaps} {
		t.Run(transport, func(t *testing.T) {
			url, secure := "ldaps://"+s.TLSAddress, false
			if transport == startTLS {
				url, secure = "ldap://"+s.Address, true
			}
			d := dialtree(t, options(t), fmt.Sprintf("kind: upstream\nname: directory\nurls: [%q]\ntls: {start_tls: %t, ca_file: %q}\n%s\n",
				url, secure, stranger.File, template)+user("alice"))
			before := s.Binds()
			if r := bind(t, d, plain, "alice", "right"); r.Code != 52 {
				t.Errorf("result %d %q, want 52", r.Code, r.Diagnostic)
			}
			if sent := s.Binds() - before; sent != 0 {
				t.Errorf("%d binds reached a server that cannot be trusted", sent)
			}
		})
	}
}

// One of two servers is killed under load: no right password is called wrong, no
// wrong one right, and a moment later everything works as before.
func TestOneOfTwoServersKilled(t *testing.T) {
	const people, workers = 50, 16
	var users []fixture.User
	for i := range people {
		users = append(users, fixture.User{UID: fmt.Sprintf("user%02d", i), Password: fmt.Sprintf("right-%02d", i)})
	}
	first, second := slapd(t, users...), slapd(t, users...)
	objects := fmt.Sprintf("kind: upstream\nname: directory\nurls: [%q, %q]\n%s\n", "ldap://"+first.Address, "ldap://"+second.Address, template)
	for _, u := range users {
		objects += user(u.UID)
	}
	d := dialtree(t, options(t), objects)

	var counts [3]sync.Map // result code to *atomic.Int64: before, around and after the kill
	var phase atomic.Int32
	stop := make(chan struct{})
	var running sync.WaitGroup
	for worker := range workers {
		running.Go(func() {
			c, err := fixture.Dial(t.Context(), d.Address, nil)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			for i := worker; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				u := users[i%people]
				r, err := c.Bind(fixture.DialtreeDN(u.UID), u.Password)
				if err != nil {
					t.Errorf("bind: %v", err)
					return
				}
				// What was under way at the kill counts as around it.
				n, _ := counts[phase.Load()].LoadOrStore(r.Code, new(atomic.Int64))
				n.(*atomic.Int64).Add(1)
			}
		})
	}
	time.Sleep(time.Second)
	phase.Store(1)
	first.Kill()
	time.Sleep(2 * time.Second)
	phase.Store(2)
	time.Sleep(2 * time.Second)
	close(stop)
	running.Wait()

	for i, title := range []string{"before the kill", "around the kill", "after the kill"} {
		seen := map[int]int64{}
		counts[i].Range(func(code, n any) bool {
			seen[code.(int)] = n.(*atomic.Int64).Load()
			return true
		})
		t.Logf("%s: binds by result code: %v", title, seen)
		if seen[0] == 0 {
			t.Errorf("%s: no bind was accepted", title)
		}
		for code := range seen {
			// What was under way when the server died may be unknown, and only that.
			if code != 0 && (code != 52 || i != 1) {
				t.Errorf("%s: %d binds got result %d", title, seen[code], code)
			}
		}
		if unknown := seen[52]; unknown > workers {
			t.Errorf("%s: %d binds got 52, more than can have been under way", title, unknown)
		}
	}
	if r := bind(t, d, plain, "user00", "wrong"); r.Code != 49 {
		t.Errorf("wrong password at the second server: result %d, want 49", r.Code)
	}
}
