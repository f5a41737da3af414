//go:build e2e

package e2e_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
	"github.com/dialtree/dialtree/e2e/torture"
	"github.com/dialtree/dialtree/e2e/traffic"
)

// servicePart is the mark of these tests in docs/reliability.md.
const servicePart = "service"

// asManager are the words before a command line that give it descriptors as a service manager does.
func asManager(names ...string) []string {
	return []string{"sh", "-c", fmt.Sprintf(`export LISTEN_PID=$$ WATCHDOG_PID=$$ LISTEN_FDS=%d LISTEN_FDNAMES=%s; exec "$@"`, len(names), strings.Join(names, ":")), "sh"}
}

// managedSocket listens as a service manager would, for a server that is started with the file.
func managedSocket(t *testing.T, address string) *os.File {
	t.Helper()
	l := must[net.Listener](t)(net.Listen("tcp", address))
	f := must[*os.File](t)(l.(*net.TCPListener).File())
	t.Cleanup(func() { f.Close() })
	l.Close()
	return f
}

// A busy server: users upstream, contacts to search, and phones that ask all the time.
func busyServer(t *testing.T, contacts int, managed bool) (*fixture.Dialtree, traffic.Crowd) {
	t.Helper()
	s := slapd(t, fixture.User{UID: "alice", Password: "right"})
	o := options(t)
	o.StartTime = time.Minute
	o.LDAP = []string{"max_connections_per_address: 20000", "anonymous_from: [127.0.0.0/8]"}
	o.Config = []string{"throttle: {user_failures: 1000, address_failures: 1000000}"}
	o.Binary = filepath.Join(o.Dir, "dialtree") // restarts execute what lies there
	copyFile(t, must[string](t)(binary()), o.Binary)
	d := must[*fixture.Dialtree](t)(fixture.NewDialtree(o))
	if managed {
		d.Passed(asManager("ldap", "ldaps", "admin"),
			[]*os.File{managedSocket(t, d.Address), managedSocket(t, d.TLSAddress), managedSocket(t, d.AdminAddress)})
	}
	check(t, d.Start(t.Context()))
	t.Cleanup(func() {
		d.Stop()
		if t.Failed() {
			lines := slices.DeleteFunc(strings.Split(d.Output(), "\n"), func(line string) bool { return strings.Contains(line, `"msg":"bind"`) })
			t.Logf("the log of dialtree, without binds:\n%s", strings.Join(lines[max(0, len(lines)-60):], "\n"))
		}
	})
	file := filepath.Join(o.Dir, "contacts.csv")
	var b strings.Builder
	b.WriteString("displayname,phone\n")
	for i := range contacts {
		fmt.Fprintf(&b, "Contact Number %06d,+49305%07d\n", i, i)
	}
	check(t, os.WriteFile(file, []byte(b.String()), 0o600))
	check(t, d.Apply(t.Context(), upstream(t, plain, s.Address, "", template+"\nmax_connections: 32")+user("alice")+`---
kind: phonebook
name: customers
title: Customers
readers: [everyone]
---
kind: device
name: reception
password: secret-of-reception
---
kind: connector
name: crm
template: csv-phonebook
target: phonebook/customers
source: {csv: {path: "`+file+`"}}
`, "crm"))
	probe := connect(t, d, plain)
	eventually(t, "searches see what was imported", func() bool {
		found, err := probe.Search(fixture.Search{Base: fixture.DialtreeBase, Scope: 2, Filter: fixture.Equal("cn", fmt.Sprintf("Contact Number %06d", contacts-1))})
		return err == nil && len(found.Entries) == 1
	})
	a := must[*fixture.Authority](t)(authority())
	return d, traffic.Crowd{
		Lines:  []traffic.Line{{Address: d.Address}, {Address: d.Address}, {Address: d.TLSAddress, TLS: a.ClientConfig("127.0.0.1")}},
		Phones: torture.Pick(100, 300), Rest: 60 * time.Millisecond, Seed: 6, Questions: questions(contacts),
		Pages: []string{d.AdminURL() + "/healthz", d.AdminURL() + "/signin", d.AdminURL() + "/healthz"}, Client: &http.Client{},
	}
}

// questions have one right answer each, whoever the phone has bound as last.
func questions(contacts int) []traffic.Question {
	code := func(want int) func(fixture.Answer) error {
		return func(a fixture.Answer) error {
			if a.Result.Code != want {
				return fmt.Errorf("result %d %q, want %d", a.Result.Code, a.Result.Diagnostic, want)
			}
			return nil
		}
	}
	all := []traffic.Question{
		{Name: "a right bind", Request: func(id int) []byte { return fixture.BindRequest(id, "alice", "right") }, Right: code(0)},
		{Name: "a wrong bind", Request: func(id int) []byte { return fixture.BindRequest(id, "alice", "wrong") }, Right: code(49)},
		{Name: "a device's bind", Request: func(id int) []byte { return fixture.BindRequest(id, "reception", "secret-of-reception") }, Right: code(0)},
	}
	for _, n := range []int{0, contacts / 2, contacts - 1} {
		name := fmt.Sprintf("Contact Number %06d", n)
		for _, filter := range []fixture.Filter{fixture.Equal("telephoneNumber", fmt.Sprintf("+49305%07d", n)), fixture.Equal("cn", name)} {
			search := fixture.Search{Base: fixture.DialtreeBase, Scope: 2, Filter: filter, Attributes: []string{"cn"}}
			all = append(all, traffic.Question{Name: "search " + filter.String(), Request: search.Request, Right: func(a fixture.Answer) error {
				if a.Result.Code != 0 || len(a.Entries) != 1 || a.Entries[0].Get("cn") != name {
					return fmt.Errorf("result %d %q with %d entries, want %s", a.Result.Code, a.Result.Diagnostic, len(a.Entries), name)
				}
				return nil
			}})
		}
	}
	return all
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	// Not over the file: a program that runs cannot be written to.
	check(t, os.WriteFile(to+".new", must[[]byte](t)(os.ReadFile(from)), 0o755))
	check(t, os.Rename(to+".new", to))
}

// Restart after restart under load: no connection is refused, no request is left without its answer, and no answer is wrong.
func TestTortureRestarts(t *testing.T) {
	for _, managed := range []bool{false, true} {
		name := map[bool]string{false: "own sockets", true: "sockets of a service manager"}[managed]
		t.Run(name, func(t *testing.T) {
			contacts := torture.Pick(5_000, 200_000)
			d, crowd := busyServer(t, contacts, managed)
			pid := d.PID()
			tally, stop := crowd.Start(t.Context())
			restarts := torture.Pick(10, 60)
			if managed {
				restarts = torture.Pick(4, 30)
			}
			var slowest, slowestConnection time.Duration
			for n := range restarts {
				next := tally.Answered.Load() + int64(3*crowd.Phones)
				eventually(t, "the phones are answered", func() bool { return tally.Answered.Load() >= next })
				tally.Slowest()
				command(t, d, 0, "", "restart")
				if n == restarts-1 {
					next = tally.Answered.Load() + int64(3*crowd.Phones)
					eventually(t, "the phones are answered after the last restart", func() bool { return tally.Answered.Load() >= next })
				}
				a, c := tally.Slowest()
				slowest, slowestConnection = max(slowest, a), max(slowestConnection, c)
			}
			stop()
			if d.PID() != pid {
				t.Errorf("process %d, which was %d", d.PID(), pid)
			}
			if got := strings.Count(d.Output(), `"msg":"ready"`); got != restarts+1 {
				t.Errorf("the log says %d times that the server is ready, want %d", got, restarts+1)
			}
			if failures := tally.Failures(); failures != "" {
				t.Errorf("%d restarts under load:\n%s", restarts, failures)
			}
			if asked, answered, late := tally.Asked.Load(), tally.Answered.Load(), tally.Late.Load(); asked != answered+late {
				t.Errorf("%d requests, %d answers, %d sent after the notice", asked, answered, late)
			}
			if tally.Notices.Load() < int64(restarts) {
				t.Errorf("%d notices in %d restarts", tally.Notices.Load(), restarts)
			}
			torture.Note(t, servicePart, fmt.Sprintf("restarts under load with %d phones and %s contacts, %s: requests, of them unanswered, wrong or refused a connection",
				crowd.Phones, thousands(contacts), name), torture.Dialtree, "%d restarts: %s, %d", restarts, thousands(int(tally.Asked.Load())), tally.Asked.Load()-tally.Answered.Load()-tally.Late.Load())
			torture.Note(t, servicePart, fmt.Sprintf("requests that crossed the notice on their way and were answered, %s", name), torture.Dialtree, "%d", tally.Crossed.Load())
			torture.Note(t, servicePart, fmt.Sprintf("the longest that a phone waited for an answer and for a connection in a restart, %s", name), torture.Dialtree,
				"%v and %v", slowest.Round(10*time.Millisecond), slowestConnection.Round(10*time.Millisecond))
		})
	}
}

// Idle clients are told, and a restart does not wait for those that do not care.
func TestRestartWithIdleClients(t *testing.T) {
	o := options(t)
	d := dialtree(t, o, "")
	var clients []*fixture.Client
	for range 200 {
		c := connect(t, d, plain)
		if r, err := c.WhoAmI(); err != nil || r.Code != 0 {
			t.Fatalf("%+v, %v", r, err)
		}
		clients = append(clients, c)
	}
	start := time.Now()
	command(t, d, 0, "", "restart")
	took := time.Since(start)
	for i, c := range clients {
		if r, err := c.ReadNotice(); err != nil || r.Code != 52 {
			t.Fatalf("client %d: %+v, %v", i, r, err)
		}
	}
	torture.Note(t, servicePart, "a restart with 200 idle clients, from the command to ready", torture.Dialtree, "%v", took.Round(10*time.Millisecond))
}

// A restart that cannot come to a good end does not begin.
func TestRestartRefused(t *testing.T) {
	o := options(t)
	o.Binary = filepath.Join(o.Dir, "dialtree")
	good := must[string](t)(binary())
	copyFile(t, good, o.Binary)
	d := dialtree(t, o, "")
	config := must[[]byte](t)(os.ReadFile(d.ConfigFile))
	taken := must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
	defer taken.Close()
	script := func(text string) func() {
		return func() {
			check(t, os.WriteFile(o.Binary+".new", []byte("#!/bin/sh\n"+text), 0o755))
			check(t, os.Rename(o.Binary+".new", o.Binary))
		}
	}
	for _, tc := range []struct {
		name   string
		broken func()
		want   string
	}{
		{"a program that does not start", script("echo no such library >&2; exit 127"), "no such library"},
		{"a program that says nothing", script("exit 0"), "does not answer as a dialtree does"},
		{"an older program", script(`echo '{"version": "v0.1.0", "schema": 1}'`), "knows stores up to schema version 1"},
		{"no program", func() { check(t, os.Remove(o.Binary)) }, "find the program to restart as"},
		{"a mistake in the configuration", func() {
			copyFile(t, good, o.Binary)
			check(t, os.WriteFile(d.ConfigFile, append(slices.Clone(config), "nonsense: 1\n"...), 0o600))
		}, "nonsense: unknown key"},
		{"an address that is taken", func() {
			text := strings.Replace(string(config), "  listen: "+d.Address, "  listen: ["+d.Address+", "+taken.Addr().String()+"]", 1)
			check(t, os.WriteFile(d.ConfigFile, []byte(text), 0o600))
		}, "address already in use"},
	} {
		tc.broken()
		out := must[fixture.Output](t)(fixture.RunDialtree(t.Context(), good, o.Dir, nil, "", "restart", "--data-dir", d.DataDir))
		if out.Code != 1 || !strings.Contains(out.Stderr, tc.want) || !strings.Contains(out.Stderr, "goes on serving") {
			t.Errorf("%s: code %d, %s", tc.name, out.Code, out.Stderr)
		}
		if r, err := connect(t, d, plain).WhoAmI(); err != nil || r.Code != 0 {
			t.Errorf("%s: afterwards %+v, %v", tc.name, r, err)
		}
	}
	// And when all is well again, a new address is listened on and an old one is given up.
	fresh := must[string](t)(fixture.FreeAddress())
	check(t, os.WriteFile(d.ConfigFile, []byte(strings.Replace(string(config), "  listen: "+d.Address, "  listen: "+fresh, 1)), 0o600))
	command(t, d, 0, "", "restart")
	if _, err := fixture.Dial(t.Context(), d.Address, nil); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("the old address: %v", err)
	}
	if r, err := must[*fixture.Client](t)(fixture.Dial(t.Context(), fresh, nil)).WhoAmI(); err != nil || r.Code != 0 {
		t.Errorf("the new address: %+v, %v", r, err)
	}
}

// The next program passes its trial and fails all the same: what it says is in the log, and with sockets of a service manager
// its next start serves whoever connected meanwhile.
func TestRestartThatFails(t *testing.T) {
	o := options(t)
	o.Binary = filepath.Join(o.Dir, "dialtree")
	good := must[string](t)(binary())
	copyFile(t, good, o.Binary)
	d := must[*fixture.Dialtree](t)(fixture.NewDialtree(o))
	socket := managedSocket(t, d.Address)
	d.Passed(asManager("ldap"), []*os.File{socket})
	check(t, d.Start(t.Context()))
	t.Cleanup(func() { d.Stop() })
	check(t, os.WriteFile(o.Binary+".new", []byte(fmt.Sprintf("#!/bin/sh\n[ $1 != serve ] && exec %s \"$@\"\necho the disk is gone >&2; exit 1\n", good)), 0o755))
	check(t, os.Rename(o.Binary+".new", o.Binary))
	out := must[fixture.Output](t)(fixture.RunDialtree(t.Context(), good, o.Dir, nil, "", "restart", "--data-dir", d.DataDir))
	if out.Code != 1 || !strings.Contains(out.Stderr, "has ended in its restart") {
		t.Errorf("the command: code %d, %s", out.Code, out.Stderr)
	}
	<-d.Done()
	if !strings.Contains(d.Output(), "the disk is gone") {
		t.Error("what the next program said is not in the log")
	}
	waiting := must[*fixture.Client](t)(fixture.Dial(t.Context(), d.Address, nil)) // it is not refused
	copyFile(t, good, o.Binary)
	check(t, d.Start(t.Context()))
	if r, err := waiting.WhoAmI(); err != nil || r.Code != 0 {
		t.Errorf("who connected in between: %+v, %v", r, err)
	}
}

// Told to end while it restarts, the server ends.
func TestEndDuringRestart(t *testing.T) {
	s := slapd(t, fixture.User{UID: "alice", Password: "right"})
	wire := tap(t, s.Address)
	d := dialtree(t, options(t), upstream(t, plain, wire.Address, "", template+"\nbind_timeout: 2s")+user("alice"))
	wire.Silence(true)
	c := connect(t, d, plain)
	answered := make(chan struct{})
	go func() { defer close(answered); _, _ = c.Bind("alice", "right") }()
	eventually(t, "the bind is under way", func() bool { return wire.Accepted() > 0 })
	check(t, d.Signal(syscall.SIGUSR2))
	eventually(t, "the restart has begun", func() bool { return strings.Contains(d.Output(), `"msg":"restarting`) })
	check(t, d.Signal(syscall.SIGTERM))
	select {
	case <-d.Done():
	case <-time.After(2 * grace):
		t.Fatal("it has not ended")
	}
	<-answered
	if d.ExitCode() != 0 || strings.Count(d.Output(), `"msg":"ready"`) != 1 {
		t.Errorf("exit code %d, log:\n%s", d.ExitCode(), d.Output())
	}
}

func thousands(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// eventually waits until something is so, for a minute.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after a minute it is not so that %s", what)
		}
	}
}
