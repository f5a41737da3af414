//go:build e2e

package e2e_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
	"github.com/dialtree/dialtree/e2e/torture"
)

// A thousand connections a second: each is opened, binds, searches, unbinds and ends. Not one fails; the same
// for slapd, in the same minute.
func TestTortureConnectionRate(t *testing.T) {
	a := must[*fixture.Authority](t)(authority())
	cert := must[fixture.Certificate](t)(a.Issue("slapd", "127.0.0.1"))
	s := must[*fixture.Slapd](t)(fixture.StartSlapd(t.Context(), fixture.SlapdOptions{Dir: t.TempDir(), Users: herdAccounts(), TLS: &cert, Authority: a,
		LDIF: "dn: cn=Taxi," + fixture.SlapdPeople + "\nobjectClass: inetOrgPerson\ncn: Taxi\nsn: Taxi\n\n", Indexed: []string{"cn"}}))
	t.Cleanup(s.Stop)
	d := dialtree(t, options(t), herdObjects(t, s.Address))
	length := torture.Pick(4*time.Second, time.Minute)
	for _, target := range []struct {
		server, plain, secured, base string
		name                         func(int) string
	}{
		{torture.Dialtree, d.Address, d.TLSAddress, fixture.DialtreeBase, func(i int) string { return fmt.Sprintf("user%02d", i) }},
		{torture.Slapd, s.Address, s.TLSAddress, fixture.SlapdBase, func(i int) string { return fixture.SlapdDN(fmt.Sprintf("user%02d", i)) }},
	} {
		r := &rate{}
		r.run(t, length, func(ctx context.Context, i int) error {
			address, config := target.plain, (*tls.Config)(nil)
			if i%4 == 0 { // a quarter by TLS
				address, config = target.secured, a.ClientConfig("127.0.0.1")
			}
			c, err := fixture.DialFrom(ctx, fmt.Sprintf("127.40.%d.%d", i%8, 1+i/8%250), address, config)
			if err != nil {
				return err
			}
			defer c.Close()
			u := i % herdUsers
			if a, err := c.Bind(target.name(u), fmt.Sprintf("right-%02d", u)); err != nil || a.Code != 0 {
				return fmt.Errorf("bind: %d %s %w", a.Code, a.Diagnostic, err)
			}
			f, err := c.Search(fixture.Search{Base: target.base, Scope: fixture.WholeSubtree, Filter: fixture.Prefix("cn", "Tax"), Attributes: []string{"cn"}, SizeLimit: 50})
			if err != nil || f.Code != 0 || len(f.Entries) != 1 {
				return fmt.Errorf("search: %d with %d entries, %w", f.Code, len(f.Entries), err)
			}
			return c.Unbind()
		})
		if len(r.failed) > 0 && target.server == torture.Dialtree {
			t.Errorf("%d connections failed, such as: %v", len(r.failed), r.failed[0])
		}
		title := fmt.Sprintf("connections a second for %v, a quarter of them TLS: ", length)
		torture.Note(t, "limits", title+"made, failed", target.server, "%.0f a second, %d", float64(len(r.took))/r.lasted.Seconds(), len(r.failed))
		slices.Sort(r.took)
		at := func(share float64) time.Duration {
			return r.took[int(float64(len(r.took)-1)*share)].Round(100 * time.Microsecond)
		}
		torture.Note(t, "limits", "… time for connect, bind, search: the middle one, one in a hundred, the slowest", target.server, "%v, %v, %v", at(.5), at(.99), at(1))
		torture.Note(t, "limits", "… connections in TIME_WAIT afterwards", target.server, "%d", timeWait(t, target.plain))
	}
}

// A rate starts a thousand things a second, whether or not those before are done.
type rate struct {
	mu     sync.Mutex // guards what follows while it runs
	took   []time.Duration
	failed []error
	lasted time.Duration
}

func (r *rate) run(t *testing.T, length time.Duration, f func(context.Context, int) error) {
	ctx, cancel := context.WithTimeout(t.Context(), length+30*time.Second)
	defer cancel()
	begin := time.Now()
	var all sync.WaitGroup
	for i := 0; time.Since(begin) < length; i++ {
		time.Sleep(time.Until(begin.Add(time.Duration(i) * time.Millisecond)))
		all.Go(func() {
			start := time.Now()
			err := f(ctx, i)
			took := time.Since(start)
			r.mu.Lock()
			defer r.mu.Unlock()
			if err != nil {
				r.failed = append(r.failed, err)
				return
			}
			r.took = append(r.took, took)
		})
	}
	r.lasted = time.Since(begin)
	all.Wait()
	if len(r.took) == 0 {
		t.Fatalf("nothing worked: %v", r.failed)
	}
}

// timeWait counts the connections of a server's port that wait for stray segments (tcp(7), /proc/net/tcp).
func timeWait(t *testing.T, address string) int {
	t.Helper()
	_, port, _ := strings.Cut(address, ":")
	number := must[int](t)(strconv.Atoi(port))
	hex, n := fmt.Sprintf(":%04X", number), 0
	for line := range strings.Lines(string(must[[]byte](t)(os.ReadFile("/proc/net/tcp")))) {
		f := strings.Fields(line)
		if len(f) > 3 && f[3] == "06" && (strings.HasSuffix(f[1], hex) || strings.HasSuffix(f[2], hex)) {
			n++
		}
	}
	return n
}

// With few descriptors, clients are turned away before upstreams, the store and the administrator are short, and no right
// password is refused.
func TestTortureFewDescriptors(t *testing.T) {
	for _, limit := range torture.Pick([]int{64, 256}, []int{64, 128, 256, 1024}) {
		t.Run(strconv.Itoa(limit), func(t *testing.T) {
			s := slapd(t, herdAccounts()...)
			o := options(t)
			o.Binary = must[string](t)(fixture.Wrapped(t.TempDir(), o.Binary, "ulimit -n "+strconv.Itoa(limit)))
			file := filepath.Join(o.Dir, "staff.csv")
			check(t, os.WriteFile(file, []byte("displayname,phone\nTaxi,030 1234\nBakery,030 1235\n"), 0o600))
			d := dialtree(t, o, herdObjects(t, s.Address)+fmt.Sprintf("---\nkind: connector\nname: list\ntemplate: csv-phonebook\ntarget: phonebook/town\nsource: {csv: {path: %q}}\n", file))
			if !strings.Contains(d.Output(), "clients only") || !strings.Contains(d.Output(), "LimitNOFILE") {
				t.Error("the log does not say that there are few descriptors and what to do")
			}
			most := int(must[float64](t)(d.Metric(t.Context(), "dialtree_ldap_connections_max")))
			before := must[torture.Footprint](t)(torture.FootprintOf(t.Context(), d))
			var held []*fixture.Client
			told, closed := 0, 0
			crowd := func(n int) {
				for i := range n {
					c, err := fixture.DialFrom(t.Context(), fmt.Sprintf("127.50.%d.1", i%200), d.Address, nil)
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { c.Close() })
					c.SetDeadline(time.Now().Add(20 * time.Second))
					r, err := c.Bind(fmt.Sprintf("user%02d", i%herdUsers), fmt.Sprintf("right-%02d", i%herdUsers))
					switch {
					case err == nil && r.Code == 0:
						held = append(held, c)
					case err == nil:
						t.Errorf("a right password: %+v", r)
					case strings.Contains(err.Error(), "is not the"): // the notice of disconnection came in place of an answer
						told++
					default:
						closed++
					}
				}
			}
			crowd(2*limit + 50)
			if len(held) != most {
				t.Errorf("%d clients are bound, want %d", len(held), most)
			}
			// With as many as there may be, everything else works.
			for i, c := range held {
				password, want := fmt.Sprintf("right-%02d", i%herdUsers), 0
				if i%16 == 3 {
					password, want = "wrong", 49
				}
				if r, err := c.Bind(fmt.Sprintf("user%02d", i%herdUsers), password); err != nil || r.Code != want {
					t.Errorf("bind with %q: %+v, %v, want %d", password, r, err, want)
				}
			}
			if run := runConnector(t, d, "list"); run.Result != "done" || run.Created+run.Unchanged+run.Updated != 2 {
				t.Errorf("the import: %+v", run)
			}
			for _, path := range []string{"/readyz", "/metrics"} {
				network(d).done(t, http.MethodGet, path, nil, nil)
			}
			if a := owner(d).done(t, http.MethodGet, "/api/v1/overview", nil, nil); !strings.Contains(a.body, "few_descriptors") {
				t.Errorf("the overview does not tell of few descriptors: %s", a.body)
			}
			command(t, d, 0, "", "backup", filepath.Join(o.Dir, "full.backup"))
			peak := must[torture.Footprint](t)(torture.FootprintOf(t.Context(), d)).Descriptors
			for _, c := range held {
				c.Close()
			}
			// A crowd at the other door leaves the phones alone, and the owner's socket.
			var crowded []net.Conn
			for range limit + 50 {
				crowded = append(crowded, must[net.Conn](t)(net.Dial("tcp", d.AdminAddress)))
			}
			comes(t, 5*time.Second, "a login while the admin listener is crowded", func() bool { return bindOnce(d, "user91", "right-91") == 0 })
			command(t, d, 0, "", "get", "phonebook")
			for _, c := range crowded {
				c.Close()
			}
			back := comes(t, 5*time.Second, "a new client after the crowd", func() bool { return bindOnce(d, "user90", "right-90") == 0 })
			torture.Returns(t, d, before, 10*time.Second)
			for _, bad := range []string{"too many open files", "quarantined"} {
				if strings.Contains(d.Output(), bad) {
					t.Errorf("the log tells of %q", bad)
				}
			}
			torture.Note(t, "limits", fmt.Sprintf("ulimit -n %d and %d clients: served, told why, closed", limit, 2*limit+50), torture.Dialtree, "%d, %d, %d", most, told, closed)
			torture.Note(t, "limits", "… meanwhile logins, an import, a backup, the page; descriptors at most; next client after", torture.Dialtree, "all worked; %d; %.1f s", peak, back.Seconds())
		})
	}
}

// dialled counts what bindOnce has dialled: thousands of ports that wait for stray segments are not those of 127.0.0.1,
// where servers listen.
var dialled atomic.Int64

// bindOnce binds on a connection of its own; -1 is no answer.
func bindOnce(d *fixture.Dialtree, name, password string) int {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	n := dialled.Add(1)
	c, err := fixture.DialFrom(ctx, fmt.Sprintf("127.60.%d.%d", n/200%200, 1+n%200), d.Address, nil)
	if err != nil {
		return -1
	}
	defer c.Close()
	r, err := c.Bind(name, password)
	if err != nil {
		return -1
	}
	return r.Code
}

// A process that was stopped and goes on, as a virtual machine that was paused: what was under way may be lost, nothing is refused
// that is right, and a moment later everything is as before.
func TestTorturePause(t *testing.T) {
	pause := torture.Pick(4*time.Second, 30*time.Second)
	s := slapd(t, herdAccounts()...)
	o := options(t)
	file := filepath.Join(o.Dir, "list.csv")
	check(t, os.WriteFile(file, []byte("displayname,phone\nTaxi,030 1234\n"), 0o600))
	d := dialtree(t, o, herdObjects(t, s.Address)+fmt.Sprintf("---\nkind: connector\nname: list\ntemplate: csv-phonebook\ntarget: phonebook/town\nsource: {csv: {path: %q}}\nschedule: '@every 10s'\n", file))
	ctx, stop := context.WithCancel(t.Context())
	var right, unknown, wrong atomic.Int64
	var load sync.WaitGroup
	for i := range 8 {
		load.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				u := (i*13 + n) % herdUsers
				switch code := bindOnce(d, fmt.Sprintf("user%02d", u), fmt.Sprintf("right-%02d", u)); code {
				case 0:
					right.Add(1)
				case 51, 52, -1:
					unknown.Add(1)
				default:
					wrong.Add(1)
				}
			}
		})
	}
	comes(t, 10*time.Second, "load", func() bool { return right.Load() > 50 })
	before := must[torture.Footprint](t)(torture.FootprintOf(t.Context(), d))
	check(t, d.Signal(syscall.SIGSTOP))
	time.Sleep(pause)
	check(t, d.Signal(syscall.SIGCONT))
	resumed, had := time.Now(), right.Load()
	comes(t, 10*time.Second, "logins again", func() bool { return right.Load() > had+50 })
	took := time.Since(resumed)
	comes(t, 30*time.Second, "the schedule", func() bool {
		runs := runTimes(t, d)
		return len(runs) > 0 && runs[0].Started.After(resumed)
	})
	stop()
	load.Wait()
	if n := wrong.Load(); n > 0 {
		t.Errorf("%d right passwords were refused", n)
	}
	torture.Returns(t, d, before, 10*time.Second)
	torture.Note(t, "limits", fmt.Sprintf("stopped for %v under load (SIGSTOP) and continued: logins, refused wrongly, lost", pause), torture.Dialtree,
		"%d, %d, %d", right.Load(), wrong.Load(), unknown.Load())
	torture.Note(t, "limits", "… fifty logins were through after", torture.Dialtree, "%.2f s", took.Seconds())
}

// A machine that has been up for years, and one with half of a processor: logins are right.
func TestTortureUptimeAndHalfACore(t *testing.T) {
	for _, tc := range []struct {
		name string
		wrap func(t *testing.T) string
	}{
		{"up for ten years", func(t *testing.T) string {
			if err := exec.Command("unshare", "-T", "--monotonic", "315360000", "--boottime", "315360000", "true").Run(); err != nil {
				check(t, &fixture.MissingError{Program: "unshare -T", Package: "util-linux"})
			}
			return "unshare -T --monotonic 315360000 --boottime 315360000"
		}},
		{"half a core", func(t *testing.T) string {
			cage := must[*fixture.Cage](t)(fixture.NewCage("cpu", fmt.Sprintf("dialtree-e2e-%d", os.Getpid()),
				map[string]string{"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "50000"}))
			t.Cleanup(cage.Close)
			return cage.Enter()
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := slapd(t, herdAccounts()...)
			o := options(t)
			how := tc.wrap(t)
			if strings.HasPrefix(how, "unshare") {
				o.Binary = must[string](t)(fixture.Wrapped(t.TempDir(), o.Binary, "[ -n \"$DIALTREE_SHIFTED\" ] || DIALTREE_SHIFTED=1 exec "+how+" \"$0\" \"$@\""))
			} else {
				o.Binary = must[string](t)(fixture.Wrapped(t.TempDir(), o.Binary, how))
			}
			o.Config = []string{"throttle: {user_failures: 3, address_failures: 50, window: 2s, delay: 2s}"}
			d := dialtree(t, o, strings.Replace(herdObjects(t, s.Address), "max_connections: 32", "max_connections: 32\ncache: {refused: 1s}", 1))
			begin, n := time.Now(), torture.Pick(300, 3000)
			var wrong atomic.Int64
			var load sync.WaitGroup
			for i := range 10 {
				load.Go(func() {
					for j := range n / 10 {
						u := (i + 10*j) % 90
						if bindOnce(d, fmt.Sprintf("user%02d", u), fmt.Sprintf("right-%02d", u)) != 0 {
							wrong.Add(1)
						}
					}
				})
			}
			load.Wait()
			took := time.Since(begin)
			for i := range 3 {
				if code := bindOnce(d, "user95", fmt.Sprintf("wrong-%d", i)); code != 49 && code != 51 {
					t.Errorf("a wrong password: %d", code)
				}
			}
			comes(t, 8*time.Second, "the end of the throttle", func() bool { return bindOnce(d, "user95", "right-95") == 0 })
			if wrong.Load() > 0 {
				t.Errorf("%d of %d logins failed", wrong.Load(), n)
			}
			procs := must[float64](t)(d.Metric(t.Context(), "go_sched_gomaxprocs_threads"))
			torture.Note(t, "limits", tc.name+": logins, failed; a second; GOMAXPROCS", torture.Dialtree, "%d, %d; %.0f; %.0f", n, wrong.Load(), float64(n)/took.Seconds(), procs)
		})
	}
}

// Two hundred thousand contacts are imported and five thousand phones connected within a control group's memory; the least that is
// enough is looked for in the long form. Where it is not enough, the kernel ends the server, and the store is as it was.
func TestTortureLittleMemory(t *testing.T) {
	contacts := torture.Pick(40_000, 200_000)
	phones := torture.Pick(500, 5_000)
	binary := filepath.Join(t.TempDir(), "herd")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./herd").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s := must[*fixture.Slapd](t)(fixture.StartSlapd(t.Context(), fixture.SlapdOptions{Dir: t.TempDir(), Users: herdAccounts()}))
	t.Cleanup(s.Stop)
	for _, tc := range []struct {
		what    string
		changed int // of the contacts, in the second import
		mib     []int
		enough  int // this much must be
	}{
		{"a hundredth of them changed", contacts / 100, torture.Pick([]int{256}, []int{256, 224, 192, 176, 160}), 256},
		{"all of them changed", contacts, torture.Pick([]int{96}, []int{512, 448, 384, 320, 256}), torture.Pick(1024, 512)},
	} {
		for _, mib := range tc.mib {
			survived, told := surviveIn(t, mib, contacts, tc.changed, phones, s.Address, binary)
			if !survived && mib >= tc.enough {
				t.Errorf("%s: %d MiB are not enough: %s", tc.what, mib, told)
			}
			torture.Note(t, "limits", fmt.Sprintf("%d contacts imported, %s, %d phones, within a control group of %d MiB", contacts, tc.what, phones, mib), torture.Dialtree, "%s", told)
			if !survived {
				break
			}
		}
	}
}

// surviveIn tries it with so much memory, and says how it went.
func surviveIn(t *testing.T, mib, contacts, changed, phones int, directory, herd string) (ok bool, told string) {
	t.Helper()
	cage := must[*fixture.Cage](t)(fixture.NewCage("memory", fmt.Sprintf("dialtree-e2e-%d-%d", os.Getpid(), mib),
		map[string]string{"memory.limit_in_bytes": strconv.Itoa(mib << 20)}))
	defer cage.Close()
	o := options(t)
	o.Binary = must[string](t)(fixture.Wrapped(t.TempDir(), o.Binary, `[ "$1" != serve ] || [ -n "$DIALTREE_UNCAGED" ] || `+cage.Enter()))
	o.LDAP = []string{"max_connections_per_address: 2000"}
	file := filepath.Join(o.Dir, "contacts.csv")
	d := must[*fixture.Dialtree](t)(fixture.StartDialtree(t.Context(), o))
	defer func() { d.Stop() }()
	check(t, d.Apply(t.Context(), herdObjects(t, directory)+fmt.Sprintf(
		"---\nkind: phonebook\nname: many\nreaders: [everyone]\n---\nkind: connector\nname: many\ntemplate: csv-phonebook\ntarget: phonebook/many\nkey: customernumber\nvariables: {customernumber: customernumber}\nsource: {csv: {path: %q}}\n", file)))
	comes(t, 5*time.Second, "the log of the limit", func() bool { return strings.Contains(d.Output(), `"limit_mib":`+strconv.Itoa(mib)) })
	began := time.Now()
	for generation, n := range []int{0, changed} {
		writeContacts(t, file, contacts, n)
		if out := must[fixture.Output](t)(d.Command(t.Context(), "", "connector", "run", "many")); out.Code != 0 {
			select {
			case <-d.Done():
			case <-time.After(2 * time.Second):
				t.Errorf("with %d MiB import %d failed: %s%s", mib, generation+1, out.Stdout, out.Stderr)
				return false, "an import failed"
			}
			// What the kernel ended in the middle of an import left the store as it was.
			t.Setenv("DIALTREE_UNCAGED", "1")
			defer os.Unsetenv("DIALTREE_UNCAGED")
			check(t, d.Start(t.Context()))
			command(t, d, 0, "", "check")
			if run := runConnector(t, d, "many"); run.Created+run.Updated != []int{contacts, changed}[generation] {
				t.Errorf("after the end in import %d the next one did %+v", generation+1, run)
			}
			return false, fmt.Sprintf("ended by the kernel during the %s import; the store was as before it", []string{"first", "second"}[generation])
		}
	}
	imported := time.Since(began)
	h := startHerd(t, herd, d.Address, phones, "-limit", "30s")
	h.tolerant = true
	a := h.do("bind")
	select {
	case <-d.Done():
		// What phones need comes little by little: they are refused before it comes to that.
		t.Errorf("with %d MiB the kernel ended the server while phones connected", mib)
		return false, "ended by the kernel while phones connected"
	default:
	}
	peak := must[int64](t)(strconv.ParseInt(must[string](t)(cage.Read("memory.max_usage_in_bytes")), 10, 64))
	anonymous := must[int64](t)(d.AnonymousRSS())
	if a.Done != phones {
		if !strings.Contains(d.Output(), "the server is short of memory") {
			t.Errorf("with %d MiB %d of %d phones are bound, and the log does not say why", mib, a.Done, phones)
		}
		return false, fmt.Sprintf("%d of %d phones bound, the others told that memory is short", a.Done, phones)
	}
	return true, fmt.Sprintf("imports %.0f s, phones bound in %.1f s; %d MiB anonymous memory then, %d MiB at most with pages of files", imported.Seconds(), a.Seconds, anonymous>>20, peak>>20)
}

// writeContacts writes contacts with their numbers as keys, the first of them changed.
func writeContacts(t *testing.T, file string, n, changed int) {
	t.Helper()
	var b strings.Builder
	b.WriteString("customernumber,displayname,surname,givenname,organisation,phone,mobile,email\n")
	for i := range n {
		company := fmt.Sprintf("Company %d", i%5000)
		if i < changed {
			company += " of today"
		}
		fmt.Fprintf(&b, "%d,Given%d Surname%d,Surname%d,Given%d,%s,+49 89 %d,+49 171 %d,p%d@example.com\n",
			i, i%977, i, i, i%977, company, 1_000_000+i, 2_000_000+i, i)
	}
	check(t, os.WriteFile(file, []byte(b.String()), 0o600))
}
