//go:build e2e

package e2e_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
)

// grace is the time that requests may take to end once the server is told to.
const grace = 5 * time.Second

// The server ends in time whoever is connected, and says goodbye to everybody.
func TestShutdownWithIdleClients(t *testing.T) {
	const idle = 1000
	s := slapd(t, fixture.User{UID: "alice", Password: "right"})
	o := options(t)
	o.LDAP = []string{"max_connections_per_address: 2000"}
	d := dialtree(t, o, upstream(t, plain, s.Address, "", template)+user("alice"))
	clients := make([]*fixture.Client, idle)
	for i := range clients {
		clients[i] = connect(t, d, plain)
		ask := clients[i].WhoAmI // anonymous, as a client may stay
		if i%2 == 0 {
			ask = func() (fixture.Result, error) { return clients[i].Bind("alice", "right") }
		}
		if r, err := ask(); err != nil || r.Code != 0 {
			t.Fatalf("client %d: result %d %q, %v", i, r.Code, r.Diagnostic, err)
		}
	}
	start := time.Now()
	check(t, d.Signal(syscall.SIGTERM))
	select {
	case <-d.Done():
	case <-time.After(2 * grace):
		t.Fatalf("the server has not ended %v after it was told to", 2*grace)
	}
	took := time.Since(start)
	t.Logf("ended after %v with %d idle clients", took, idle)
	if took > grace+time.Second {
		t.Errorf("it took %v, want at most the grace period %v and a second", took, grace)
	}
	if code := d.ExitCode(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	for i, c := range clients {
		if r, err := c.ReadNotice(); err != nil || r.Code != 52 {
			t.Fatalf("client %d got %+v, %v; want a notice of disconnection with result 52", i, r, err)
		}
	}
}

// A request under way when the server is told to end still gets its answer.
func TestShutdownDuringABind(t *testing.T) {
	s := slapd(t, fixture.User{UID: "alice", Password: "right"})
	wire := tap(t, s.Address)
	d := dialtree(t, options(t), upstream(t, plain, wire.Address, "", template+"\nbind_timeout: 2s")+user("alice"))
	if r := bind(t, d, plain, "alice", "right"); r.Code != 0 {
		t.Fatalf("before: result %d %q", r.Code, r.Diagnostic)
	}
	wire.Silence(true)
	c := connect(t, d, plain)
	answer := make(chan fixture.Result, 1)
	go func() {
		r, err := c.Bind("alice", "right")
		if err != nil {
			r.Diagnostic = err.Error()
		}
		answer <- r
	}()
	time.Sleep(200 * time.Millisecond)
	check(t, d.Signal(syscall.SIGTERM))
	if r := <-answer; r.Code != 52 {
		t.Errorf("the bind under way: result %d %q, want 52", r.Code, r.Diagnostic)
	}
	select {
	case <-d.Done():
	case <-time.After(grace + time.Second):
		t.Errorf("the server has not ended in time")
	}
}
