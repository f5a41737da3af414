//go:build e2e

package e2e_test

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/clock"
	"github.com/dialtree/dialtree/e2e/fixture"
	"github.com/dialtree/dialtree/e2e/torture"
)

const (
	hour = time.Hour
	year = 365 * 24 * time.Hour
)

// A clocked is a product whose clock can be set, with a directory behind it that is reached in the clear, and one by TLS.
type clocked struct {
	t     *testing.T
	d     *fixture.Dialtree
	slapd *fixture.Slapd
	clock *clock.Clock
}

// startClocked starts one with a certificate of its own, since these tests mostly wait, and do so beside each other.
func startClocked(t *testing.T, name string) *clocked {
	t.Parallel()
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		check(t, &fixture.MissingError{Program: "a way to set the clock of one process"})
	}
	s := slapdToRestart(t, name, fixture.User{UID: "alice", Password: "right"}, fixture.User{UID: "bob", Password: "right"}, fixture.User{UID: "carol", Password: "right"})
	o := options(t)
	cert := must[fixture.Certificate](t)(must[*fixture.Authority](t)(authority()).Issue(name, "127.0.0.1"))
	o.TLS = &cert
	o.Config = []string{"throttle: {user_failures: 3, address_failures: 50, window: 2s, delay: 2s}"}
	file := filepath.Join(o.Dir, "list.csv")
	check(t, os.WriteFile(file, []byte("displayname,phone\nTaxi,030 1234\n"), 0o600))
	d := dialtree(t, o, upstream(t, plain, s.Address, s.TLSAddress, template+"\ncache: {refused: 1s}")+user("alice")+user("bob")+
		"---\n"+strings.Replace(upstream(t, ldaps, s.Address, s.TLSAddress, template), "name: directory", "name: secure", 1)+
		strings.Replace(user("carol"), "upstream: directory", "upstream: secure", 1)+
		fmt.Sprintf("---\nkind: phonebook\nname: list\nreaders: [everyone]\n---\nkind: connector\nname: list\ntemplate: csv-phonebook\ntarget: phonebook/list\nsource: {csv: {path: %q}}\nschedule: '@every 10s'\n", file))
	return &clocked{t, d, s, must[*clock.Clock](t)(clock.Of(d.PID()))}
}

// slapdToRestart is a directory that Restart is called of: the process that is stopped at the end is the last one.
func slapdToRestart(t *testing.T, name string, users ...fixture.User) *fixture.Slapd {
	t.Helper()
	a := must[*fixture.Authority](t)(authority())
	cert := must[fixture.Certificate](t)(a.Issue(name+"-slapd", "127.0.0.1"))
	s := must[*fixture.Slapd](t)(fixture.StartSlapd(t.Context(), fixture.SlapdOptions{Dir: t.TempDir(), Users: users, TLS: &cert, Authority: a}))
	t.Cleanup(func() { s.Stop() })
	return s
}

// comes waits for what has to come, and tells how long that took.
func comes(t *testing.T, limit time.Duration, what string, f func() bool) time.Duration {
	t.Helper()
	begin := time.Now()
	for !f() {
		if time.Since(begin) > limit {
			t.Fatalf("%s: not within %v", what, limit)
		}
		time.Sleep(50 * time.Millisecond)
	}
	return time.Since(begin)
}

// runs are how often the connector has run so far.
func (c *clocked) runs() int {
	c.t.Helper()
	out := command(c.t, c.d, 0, "", "connector", "history", "list", "-o", "json")
	var runs []json.RawMessage
	check(c.t, json.Unmarshal([]byte(out.Stdout), &runs))
	return len(runs)
}

// Whatever a clock is set to, right passwords are accepted and wrong ones refused, throttles end, schedules go on and do
// not run a thousand times, sessions and tokens end, and directories whose certificates cannot be right are no wrong password.
func TestTortureClockJumps(t *testing.T) {
	c := startClocked(t, "jumps")
	idle := connect(t, c.d, plain)
	bound := func(when, name, password string, codes ...int) int {
		t.Helper()
		r := bind(t, c.d, plain, name, password)
		for _, code := range codes {
			if r.Code == code {
				return r.Code
			}
		}
		t.Errorf("%s: bind of %s with %q: %d %s, want one of %v", when, name, password, r.Code, r.Diagnostic, codes)
		return r.Code
	}
	if r, err := idle.Bind("alice", "right"); err != nil || r.Code != 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	slowest := time.Duration(0)
	jumps := torture.Pick([]time.Duration{hour, year, -year, 0}, []time.Duration{time.Minute, hour, 0, year, 0, -hour, -year, 10 * year, 0})
	runs := c.runs()
	begin := time.Now()
	for _, to := range jumps {
		when := fmt.Sprintf("with the clock off by %v", to)
		// Bob is throttled just before the clock is set, and may not stay so.
		for i := range 3 {
			bound(when, "bob", fmt.Sprintf("wrong-%d-%v", i, to), 49, 51)
		}
		check(t, c.clock.Set(to))
		if r, err := idle.Bind("alice", "right"); err != nil || r.Code != 0 {
			t.Errorf("%s: a connection from before: %+v, %v", when, r, err)
		}
		bound(when, "alice", "right", 0)
		bound(when, "alice", "wrong", 49)
		bound(when, "carol", "right", 0, 52)
		bound(when, "carol", "wrong-"+to.String(), 49, 52)
		took := comes(t, 6*time.Second, when+": bob's throttle", func() bool { return bind(t, c.d, plain, "bob", "right").Code == 0 })
		slowest = max(slowest, took)
		owner(c.d).done(t, http.MethodGet, "/api/v1/overview", nil, nil)
	}
	// A directory whose certificate is out of date by this clock cannot be asked, which is no wrong password. It is back when
	// the clock is right.
	check(t, c.clock.Set(year))
	check(t, c.slapd.Restart(t.Context())) // so that connections from before do not help
	comes(t, 10*time.Second, "the end of what was connected", func() bool { return bound("a year ahead", "carol", "right", 0, 52) == 52 })
	bound("a year ahead", "carol", "wrong", 52)
	check(t, c.clock.Set(0))
	back := comes(t, 30*time.Second, "carol's directory", func() bool { return bind(t, c.d, plain, "carol", "right").Code == 0 })
	// Set back by a year while nothing else happens, the schedule goes on.
	check(t, c.clock.Set(-year))
	before := c.runs()
	next := comes(t, 25*time.Second, "a run by schedule after the clock was set back by a year", func() bool { return c.runs() > before })
	made, most := c.runs()-runs, int(time.Since(begin)/(10*time.Second))+len(jumps)+2
	if made > most {
		t.Errorf("%d runs by schedule within %v, want at most %d", made, time.Since(begin), most)
	}
	check(t, c.clock.Set(0))
	for _, run := range runTimes(t, c.d) {
		if run.Finished.Before(run.Started) {
			t.Errorf("a run began at %v and ended at %v", run.Started, run.Finished)
		}
	}
	const part = "limits"
	torture.Note(t, part, "clock set by minutes, hours and a year, ahead and back: times set, wrong answers", torture.Dialtree, "%d, 0", len(jumps)+1)
	torture.Note(t, part, "… a throttled user may log in again after (2 s are set)", torture.Dialtree, "%.1f s at most", slowest.Seconds())
	torture.Note(t, part, "… a directory whose certificate was out of date is used again after", torture.Dialtree, "%.1f s", back.Seconds())
	torture.Note(t, part, "… the next run of a schedule of 10 s, after a year back", torture.Dialtree, "%.1f s", next.Seconds())
}

type runTime struct{ Started, Finished time.Time }

func runTimes(t *testing.T, d *fixture.Dialtree) []runTime {
	t.Helper()
	var runs []runTime
	check(t, json.Unmarshal([]byte(command(t, d, 0, "", "connector", "history", "list", "-o", "json").Stdout), &runs))
	return runs
}

// Sessions and tokens end when the clock says so, and none is saved by a clock that is set back.
func TestTortureClockOfSessions(t *testing.T) {
	c := startClocked(t, "sessions")
	may := func(who caller) bool {
		return who.ask(t, http.MethodGet, "/api/v1/overview", nil).status == http.StatusOK
	}
	token := withToken(t, c.d, "read") // for an hour
	ada := signedIn(t, c.d, adminName, adminPassword, "admin")
	if !may(token) || !may(ada) {
		t.Fatal("neither the token nor the session lets anybody in")
	}
	for _, step := range []struct {
		to             time.Duration
		token, session bool
	}{{time.Minute, true, true}, {2 * hour, false, false}, {year, false, false}} {
		check(t, c.clock.Set(step.to))
		if may(token) != step.token || may(ada) != step.session {
			t.Errorf("with the clock off by %v the token lets in: %t, want %t; the session: %t, want %t", step.to, !step.token, step.token, may(ada), step.session)
		}
	}
	future := signIn(t, c.d, adminName, adminPassword)
	if !may(future) {
		t.Fatal("a session of next year does not hold next year")
	}
	check(t, c.clock.Set(0))
	if may(future) {
		t.Error("a session of next year holds now, and would until next year has come")
	}
	if !may(signIn(t, c.d, adminName, adminPassword)) {
		t.Error("nobody can sign in any more")
	}
}

// What clients and the administrator see when certificates expire, are not valid yet, are replaced with and without a signal, or
// by something that cannot be used.
func TestTortureCertificates(t *testing.T) {
	c := startClocked(t, "certificates")
	a := must[*fixture.Authority](t)(authority())
	attention := func() string {
		return owner(c.d).done(t, http.MethodGet, "/api/v1/overview", nil, nil).body
	}
	told := func(when, code string) {
		t.Helper()
		if text := attention(); !strings.Contains(text, `"`+code+`"`) {
			t.Errorf("%s: the overview does not tell of %s: %s", when, code, text)
		}
	}
	serial := func() string {
		conn := must[*tls.Conn](t)(tls.Dial("tcp", c.d.TLSAddress, a.ClientConfig("127.0.0.1")))
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	// A client whose own clock is right still gets through: the server's does not decide.
	check(t, c.clock.Set(30*24*hour))
	told("a month ahead", "certificate_expires")
	if r := bind(t, c.d, ldaps, "alice", "right"); r.Code != 0 {
		t.Errorf("by LDAPS: %+v", r)
	}
	check(t, c.clock.Set(-30*24*hour))
	told("a month back", "certificate_not_yet_valid")
	if r := bind(t, c.d, startTLS, "alice", "right"); r.Code != 0 {
		t.Errorf("by StartTLS: %+v", r)
	}
	check(t, c.clock.Set(0))

	old := serial()
	cert := must[fixture.Certificate](t)(a.Issue("certificates", "127.0.0.1"))
	took := comes(t, 25*time.Second, "the new certificate, without a signal", func() bool { return serial() != old })
	torture.Note(t, "limits", "a certificate's file that was replaced is in force, without a signal, after", torture.Dialtree, "%.1f s", took.Seconds())
	old = serial()
	check(t, os.WriteFile(cert.CertFile, []byte("no certificate"), 0o600))
	comes(t, 25*time.Second, "that it cannot be used", func() bool { return strings.Contains(attention(), "certificate_not_taken_over") })
	if got := serial(); got != old {
		t.Errorf("%s is shown, want the one before, %s", got, old)
	}
	if _, err := c.d.Metric(t.Context(), `dialtree_certificate_expiry_timestamp_seconds{use="ldap"}`); err == nil {
		t.Error("the metric tells of a certificate that cannot be read")
	}
	must[fixture.Certificate](t)(a.Issue("certificates", "127.0.0.1"))
	comes(t, 25*time.Second, "a good one again", func() bool { return serial() != old })
	if strings.Contains(attention(), "certificate_not_taken_over") {
		t.Error("the overview still tells of the bad one")
	}
}
