//go:build e2e

package e2e_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
	"github.com/dialtree/dialtree/e2e/torture"
)

const herdUsers = 100

func herdAccounts() []fixture.User {
	users := make([]fixture.User, herdUsers)
	for i := range users {
		users[i] = fixture.User{UID: fmt.Sprintf("user%02d", i), Password: fmt.Sprintf("right-%02d", i)}
	}
	return users
}

// herdObjects are an upstream for a directory with the herd's accounts, users for them and a contact to find.
func herdObjects(t *testing.T, address string) string {
	var b strings.Builder
	b.WriteString(upstream(t, plain, address, "", template+"\nmax_connections: 32"))
	for _, u := range herdAccounts() {
		b.WriteString(user(u.UID))
	}
	b.WriteString("---\nkind: phonebook\nname: town\nreaders: [everyone]\n---\nkind: contact\nphonebook: town\ndisplayname: Taxi\nphone: ['030 1234']\n")
	return b.String()
}

// A herd is phones in processes of their own, since one may have no more descriptors than the server.
type phoneHerd struct {
	t         *testing.T
	tolerant  bool // some may not get in
	processes []*herdProcess
}

type herdProcess struct {
	in  io.Writer
	out *bufio.Reader
}

type herdAnswer struct {
	Done, Retries    int
	Seconds, Slowest float64
	Wrong            string
}

func startHerd(t *testing.T, binary, address string, phones int, options ...string) *phoneHerd {
	h := &phoneHerd{t: t}
	const each = 7000
	for i := 0; phones > 0; i++ {
		n := min(phones, each)
		phones -= n
		cmd := exec.CommandContext(t.Context(), binary, append([]string{"-address", address, "-base", fixture.DialtreeBase,
			"-network", strconv.Itoa(10 + i), "-phones", strconv.Itoa(n), "-users", strconv.Itoa(herdUsers)}, options...)...)
		in := must[io.WriteCloser](t)(cmd.StdinPipe())
		out := must[io.ReadCloser](t)(cmd.StdoutPipe())
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		check(t, cmd.Start())
		t.Cleanup(func() { in.Close(); _ = cmd.Wait() })
		h.processes = append(h.processes, &herdProcess{in, bufio.NewReader(out)})
	}
	return h
}

// begin has all phones do something; what is returned waits for the end.
func (h *phoneHerd) begin(command string) func() herdAnswer {
	h.t.Helper()
	for _, p := range h.processes {
		if _, err := io.WriteString(p.in, command+"\n"); err != nil {
			h.t.Fatal(err)
		}
	}
	return func() (sum herdAnswer) {
		h.t.Helper()
		for _, p := range h.processes {
			line, err := p.out.ReadString('\n')
			if err != nil {
				h.t.Fatalf("a herd does not answer: %v", err)
			}
			var a herdAnswer
			check(h.t, json.Unmarshal([]byte(line), &a))
			if a.Wrong != "" && !h.tolerant {
				h.t.Errorf("%s: %s", command, a.Wrong)
			}
			sum.Done += a.Done
			sum.Retries += a.Retries
			sum.Seconds, sum.Slowest = max(sum.Seconds, a.Seconds), max(sum.Slowest, a.Slowest)
		}
		return sum
	}
}

func (h *phoneHerd) do(command string) herdAnswer { h.t.Helper(); return h.begin(command)() }

// As many phones as one process may have connections: each bound, idle, then all active at once, and all back after a restart of
// the server, as on Monday at eight. Who comes beyond is told so.
func TestTortureHerd(t *testing.T) {
	var limit syscall.Rlimit
	check(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	phones := torture.Pick(2500, 20000)
	o := options(t)
	o.LDAP = []string{fmt.Sprintf("max_connections: %d", torture.Pick(2500, 20000)), "idle_timeout: 30m"}
	s := must[*fixture.Slapd](t)(fixture.StartSlapd(t.Context(), fixture.SlapdOptions{Dir: t.TempDir(), Users: herdAccounts()}))
	t.Cleanup(s.Stop)
	d := dialtree(t, o, herdObjects(t, s.Address))
	most := int(must[float64](t)(d.Metric(t.Context(), "dialtree_ldap_connections_max")))
	if most < phones {
		eventually(t, "the log says that fewer can be connected", func() bool {
			return strings.Contains(d.Output(), fmt.Sprintf("of %d clients only %d can be connected at a time", phones, most))
		})
	}
	phones = min(phones, most)
	binary := filepath.Join(t.TempDir(), "herd")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./herd").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// A fresh process, without what the import left behind.
	d.Stop()
	check(t, d.Start(t.Context()))
	herd := startHerd(t, binary, d.Address, phones)
	before := must[torture.Footprint](t)(torture.FootprintOf(t.Context(), d))
	everybody := func(what string, a herdAnswer) {
		t.Helper()
		if a.Done != phones {
			t.Errorf("%s: %d of %d phones", what, a.Done, phones)
		}
	}
	bound := herd.do("bind")
	everybody("bind", bound)
	tellsTooMany(t, d, "127.0.0.1", "too many connections")
	time.Sleep(3 * time.Second) // the collector's, to give back what binding took
	idle := must[torture.Footprint](t)(torture.FootprintOf(t.Context(), d))
	active := herd.do("active")
	everybody("active", active)
	// The administrator gets in beside them, and a command does.
	command(t, d, 0, "", "get", "phonebook")
	ended := herd.begin("drop")
	stopping := time.Now()
	d.Stop()
	stopped := time.Since(stopping)
	everybody("told of the end", ended())
	back := herd.begin("bind")
	restarted := time.Now()
	check(t, d.Start(t.Context()))
	everybody("back", back())
	all := time.Since(restarted)
	note := func(what, format string, args ...any) {
		torture.Note(t, "limits", what, torture.Dialtree, format, args...)
	}
	title := fmt.Sprintf("%d phones, each with a connection that has bound (%d descriptors per process are allowed): ", phones, limit.Cur)
	note(title+"until all are bound", "%.1f s", bound.Seconds)
	note("… memory of each while idle", "%.1f KiB", float64(idle.Resident-before.Resident)/1024/float64(phones))
	note("… all bind again and search at once", "%.1f s; told to wait (51) and tried again: %d times", active.Seconds, active.Retries)
	note("… the server ends, all told so", "%.1f s", stopped.Seconds())
	note("… from the start of the server until all are bound again, each having tried again after up to 3 s", "%.1f s", all.Seconds())
	note("… one more than may be connected", "told why and closed")
}

// tellsTooMany connects once more than is allowed.
func tellsTooMany(t *testing.T, d *fixture.Dialtree, source, why string) {
	t.Helper()
	c := must[*fixture.Client](t)(fixture.DialFrom(t.Context(), source, d.Address, nil))
	defer c.Close()
	if r, err := c.ReadNotice(); err != nil || r.Code != 51 || !strings.Contains(r.Diagnostic, why) {
		t.Errorf("one more connection: %+v, %v, want a notice of disconnection with 51 and %q", r, err, why)
	}
}

// One address has no more connections than it may, whoever else is connected.
func TestTortureConnectionsOfOneAddress(t *testing.T) {
	o := options(t)
	o.LDAP = []string{"max_connections_per_address: 50"}
	d := dialtree(t, o, "")
	for i := range 50 {
		c := must[*fixture.Client](t)(fixture.DialFrom(t.Context(), "127.30.0.1", d.Address, nil))
		defer c.Close()
		if r, err := c.WhoAmI(); err != nil || r.Code != 0 {
			t.Fatalf("connection %d: %+v, %v", i+1, r, err)
		}
	}
	tellsTooMany(t, d, "127.30.0.1", "too many connections from this address")
	c := must[*fixture.Client](t)(fixture.DialFrom(t.Context(), "127.30.0.2", d.Address, nil))
	defer c.Close()
	if r, err := c.WhoAmI(); err != nil || r.Code != 0 {
		t.Errorf("another address: %+v, %v", r, err)
	}
}
