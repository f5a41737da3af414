//go:build e2e

package e2e_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
	"github.com/dialtree/dialtree/e2e/torture"
)

// A refusal is a record of the log of refusals.
type refusal struct {
	N                                 uint64
	First, Last                       time.Time
	Count, Code                       int
	Door, Name, From, Outcome, Reason string
	Others                            bool
}

// refused returns the records that flags select, the last first.
func refused(t *testing.T, d *fixture.Dialtree, flags ...string) []refusal {
	t.Helper()
	out := command(t, d, 0, "", append([]string{"audit", "export", "--refused", "--format", "json"}, flags...)...)
	var all []refusal
	for dec := json.NewDecoder(strings.NewReader(out.Stdout)); dec.More(); {
		var r refusal
		check(t, dec.Decode(&r))
		all = append(all, r)
	}
	return all
}

// total counts what records stand for.
func total(records []refusal, of func(refusal) bool) (n int) {
	for _, r := range records {
		if of(r) {
			n += r.Count
		}
	}
	return n
}

func anything(refusal) bool { return true }

// guessNames tries names that there are not, from an address, until ctx ends or there were enough.
func guessNames(ctx context.Context, d *fixture.Dialtree, source string, begin, names int) (tried int, err error) {
	c, err := fixture.DialFrom(ctx, source, d.Address, nil)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	for i := range names {
		if ctx.Err() != nil {
			return i, nil
		}
		c.SetDeadline(time.Now().Add(20 * time.Second))
		r, err := c.Bind(fmt.Sprintf("guess-%d", begin+i), planted+" of nobody")
		if err != nil || r.Code != 49 && r.Code != 51 {
			return i, fmt.Errorf("guess %d from %s: result %d, %w", i, source, r.Code, err)
		}
	}
	return names, nil
}

// logins logs in with the right password until ctx ends, and returns how long each took.
func logins(ctx context.Context, d *fixture.Dialtree, source string) ([]time.Duration, error) {
	c, err := fixture.DialFrom(context.WithoutCancel(ctx), source, d.Address, nil) // the last login ends, too
	if err != nil {
		return nil, err
	}
	defer c.Close()
	var took []time.Duration
	for ctx.Err() == nil {
		begun := time.Now()
		c.SetDeadline(begun.Add(20 * time.Second))
		r, err := c.Bind("alice", "right")
		if err != nil || r.Code != 0 {
			return took, fmt.Errorf("a right password: result %d %q, %w", r.Code, r.Diagnostic, err)
		}
		took = append(took, time.Since(begun))
		time.Sleep(2 * time.Millisecond)
	}
	return took, nil
}

func quantile(all []time.Duration, share float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(len(sorted)-1, int(share*float64(len(sorted))))]
}

// Whoever makes a flood of failed logins is counted to the last one, on little disk; he drives no record of a change out, keeps no right
// password waiting, and what was refused is there after restarts, in a backup, and but for the last seconds after a kill.
func TestTortureRefusals(t *testing.T) {
	s := slapd(t, fixture.User{UID: "alice", Password: "right"})
	d := dialtree(t, options(t), upstream(t, plain, s.Address, "", template)+user("alice"))
	attackers, names := torture.Pick(40, 200), torture.Pick(50, 1000)
	before := must[torture.Footprint](t)(torture.FootprintOf(t.Context(), d))
	sizeBefore := storeSize(t, d)

	// The right password, alone at first.
	alone, stop := context.WithTimeout(t.Context(), torture.Pick(2*time.Second, 10*time.Second))
	quiet := must[[]time.Duration](t)(logins(alone, d, "127.0.0.77"))
	stop()

	var attack sync.WaitGroup
	var mu sync.Mutex
	var failed []error
	tried := 0
	during, stop := context.WithCancel(t.Context())
	var loud []time.Duration
	var honest sync.WaitGroup
	honest.Go(func() {
		took, err := logins(during, d, "127.0.0.77")
		mu.Lock()
		defer mu.Unlock()
		loud, failed = took, append(failed, err)
	})
	begun := time.Now()
	for i := range attackers {
		attack.Go(func() {
			n, err := guessNames(t.Context(), d, fmt.Sprintf("127.1.%d.%d", i/100, i%100+1), i*names, names)
			mu.Lock()
			defer mu.Unlock()
			tried, failed = tried+n, append(failed, err)
		})
	}
	attack.Wait()
	lasted := time.Since(begun)
	stop()
	honest.Wait()
	check(t, errors.Join(failed...))

	// One login is refused for a reason of its own. A clean end writes what is not written yet.
	bind(t, d, plain, "alice", "wrong")
	d.Stop()
	check(t, d.Start(t.Context()))
	records := refused(t, d)
	ofGuesses := func(r refusal) bool { return r.Name != "alice" } // others, too
	if n := total(records, ofGuesses); n != tried {
		t.Errorf("%d refusals are counted, %d were made", n, tried)
	}
	most := (int(lasted/(10*time.Second)) + 3) * 1002
	if len(records) > most {
		t.Errorf("%d records in %v, want %d at most", len(records), lasted, most)
	}
	own := refused(t, d, "--user", "alice")
	if len(own) != 1 || own[0].Outcome != "refused" || own[0].Code != 49 || !strings.Contains(own[0].Reason, "invalidCredentials") || own[0].From != "127.0.0.1" {
		t.Errorf("alice's wrong password: %+v", own)
	}
	if n := total(refused(t, d, "--address", "127.1.0.0/16"), anything); n < min(tried, 900) || n > tried {
		t.Errorf("%d of %d refusals are told apart by the attackers' addresses", n, tried)
	}
	if changes := command(t, d, 0, "", "audit", "--query", "alice", "-o", "csv").Stdout; !strings.Contains(changes, "created,user,alice") {
		t.Errorf("the record of the change is gone: %s", changes)
	}
	// The file of the store grows in large steps; what is in it is what the records say.
	written := len(command(t, d, 0, "", "audit", "export", "--refused", "--format", "json").Stdout)
	if grown := storeSize(t, d) - sizeBefore; grown > 32<<20 || written/len(records) > 1000 {
		t.Errorf("%d records of %d bytes, and the store grew by %d", len(records), written, grown)
	}
	slow := quantile(loud, .99)
	if len(loud) < 10 || slow > 5*quantile(quiet, .99)+2*time.Second {
		t.Errorf("%d right passwords meanwhile, 99%% in %v; before in %v", len(loud), slow, quantile(quiet, .99))
	}
	after := must[torture.Footprint](t)(torture.FootprintOf(t.Context(), d))
	if after.Goroutines > before.Goroutines+10 {
		t.Errorf("before %+v, after %+v", before, after)
	}

	// A backup has it, too; a kill costs the last seconds and nothing else.
	archive := filepath.Join(t.TempDir(), "backup")
	command(t, d, 0, "", "backup", archive)
	d.Kill()
	check(t, d.Start(t.Context()))
	if n := total(refused(t, d), ofGuesses); n != tried {
		t.Errorf("after a kill %d of %d are left", n, tried)
	}
	command(t, d, 0, "", "check")
	d.Stop()
	check(t, os.RemoveAll(d.DataDir))
	command(t, d, 0, "", "restore", archive)
	check(t, d.Start(t.Context()))
	if n := total(refused(t, d), ofGuesses); n != tried {
		t.Errorf("after a restore %d of %d are left", n, tried)
	}
	const part = "service"
	torture.Note(t, part, fmt.Sprintf("refused logins from %d addresses in %v: counted, of those made", attackers, lasted.Round(time.Second)), torture.Dialtree, "%d of %d", tried, tried)
	torture.Note(t, part, "records that they take in the log of refusals", torture.Dialtree, "%d, %d KiB", len(records), written>>10)
	torture.Note(t, part, "a right password before and during it, 99 of 100 within", torture.Dialtree, "%v and %v", quantile(quiet, .99).Round(10*time.Microsecond), slow.Round(10*time.Microsecond))
}

// storeSize is what the file of the store takes.
func storeSize(t *testing.T, d *fixture.Dialtree) int64 {
	t.Helper()
	return must[os.FileInfo](t)(os.Stat(filepath.Join(d.DataDir, "dialtree.db"))).Size()
}

// A traced is an event of dialtree trace -o json.
type traced struct {
	Conn       uint64
	Client     string
	Kind, What string
	Attrs      []struct{ Key, Value string }
}

func (e *traced) attr(key string) string {
	for _, a := range e.Attrs {
		if a.Key == key {
			return a.Value
		}
	}
	return ""
}

// following starts dialtree trace; the function that it returns ends it and returns what it told.
func following(t *testing.T, d *fixture.Dialtree, what string) (end func() (events []traced, text string)) {
	t.Helper()
	var out, errs bytes.Buffer
	c := exec.CommandContext(t.Context(), must[string](t)(binary()), "--data-dir", d.DataDir, "trace", what, "-o", "json", "--for", "10m")
	c.Stdout, c.Stderr = &out, &errs
	check(t, c.Start())
	followed := func() bool {
		records := command(t, d, 0, "", "audit", "--limit", "20", "-o", "csv").Stdout
		return strings.Contains(records, "followed requests,,"+what)
	}
	for !followed() {
		if t.Context().Err() != nil {
			t.Fatal("nobody follows")
		}
		time.Sleep(20 * time.Millisecond)
	}
	return func() ([]traced, string) {
		t.Helper()
		time.Sleep(500 * time.Millisecond) // what was told last is on its way for a tenth of a second
		check(t, c.Process.Signal(os.Interrupt))
		if err := c.Wait(); err != nil {
			t.Errorf("dialtree trace: %v %s", err, errs.String())
		}
		var events []traced
		text := out.String()
		for dec := json.NewDecoder(&out); dec.More(); {
			var e traced
			check(t, dec.Decode(&e))
			events = append(events, e)
		}
		return events, text + errs.String()
	}
}

// An administrator sees what a user's phone asks, in words and over TLS, and not one password in any form; following all keeps no login
// waiting.
func TestTortureTrace(t *testing.T) {
	s := slapd(t, fixture.User{UID: "alice", Password: "right"})
	d := dialtree(t, options(t), upstream(t, plain, s.Address, "", template)+user("alice")+"---\nkind: user\nusername: inge\ndisplayname: Inge\nauth: {method: internal}\npassword: "+planted+" of inge\n")
	end := following(t, d, "alice")
	for _, transport := range transports {
		c := connect(t, d, transport)
		check(t, resultError(c.Bind("alice", "right")))
		_, _ = c.WhoAmI()
		c.Close()
	}
	check(t, resultError(connect(t, d, ldaps).BindPlain("alice", "right")))
	bind(t, d, plain, `EXAMPLE\alice`, planted+" that is wrong")
	bind(t, d, plain, "inge", planted+" of inge")
	events, text := end()
	seen := map[string]bool{}
	for _, e := range events {
		seen[strings.TrimSpace(e.Kind+" "+e.What)] = true
		seen["tls "+e.attr("tls")] = true
		seen["method "+e.attr("method")] = true
		seen["code "+e.attr("code")] = true
	}
	for _, want := range []string{"connection open", "tls TLS 1.3", "request bind", "step account", "step upstream bind", "result bind", "request whoami", "ended connection",
		"method simple", "method SASL PLAIN", "code 0 success", "code 49 invalidCredentials"} {
		if !seen[want] {
			t.Errorf("nothing tells %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, planted) || strings.Contains(text, "inge") {
		t.Errorf("a password, or somebody else: %s", text)
	}

	// All requests are followed while many log in, by somebody who reads and by somebody who does not.
	measure := func() []time.Duration {
		ctx, cancel := context.WithTimeout(t.Context(), torture.Pick(3*time.Second, 30*time.Second))
		defer cancel()
		var all []time.Duration
		var mu sync.Mutex
		var each sync.WaitGroup
		for i := range 8 {
			each.Go(func() {
				took, err := logins(ctx, d, fmt.Sprintf("127.0.2.%d", i+1))
				mu.Lock()
				defer mu.Unlock()
				if all = append(all, took...); err != nil {
					t.Error(err)
				}
			})
		}
		each.Wait()
		return all
	}
	off := measure()
	end = following(t, d, "all")
	on := measure()
	events, _ = end()
	if len(events) < len(on) {
		t.Errorf("%d events of %d logins", len(events), len(on))
	}
	if a, b := quantile(off, .5), quantile(on, .5); b > 3*a+5*time.Millisecond {
		t.Errorf("a login takes %v, while all is followed %v", a, b)
	}
	const part = "service"
	torture.Note(t, part, "a login, and one while every request of everybody is followed: half within", torture.Dialtree, "%v and %v", quantile(off, .5).Round(10*time.Microsecond), quantile(on, .5).Round(10*time.Microsecond))
	torture.Note(t, part, "logins and events that were told of them", torture.Dialtree, "%d and %d", len(on), len(events))
}

func resultError(r fixture.Result, err error) error {
	if err == nil && r.Code != 0 {
		err = fmt.Errorf("result %d %q", r.Code, r.Diagnostic)
	}
	return err
}

// The commands for a bad day do what they say, and tell no secret.
func TestBadDayCommands(t *testing.T) {
	s := slapd(t, fixture.User{UID: "alice", Password: "right"})
	d := dialtree(t, options(t), upstream(t, plain, s.Address, "", template)+user("alice"))
	bind(t, d, plain, "alice", "right")
	bind(t, d, plain, "mallory-the-attacker", planted+" of nobody")

	frame := command(t, d, 0, "", "top", "--once", "--interval", "100ms").Stdout
	for _, want := range []string{"connections", "directory", "mallory-the-attacker", "Upstreams"} {
		if !strings.Contains(frame, want) {
			t.Errorf("top says nothing of %s:\n%s", want, frame)
		}
	}
	var live struct {
		Seconds   float64
		Upstreams []struct{ Name string }
		Memory    struct {
			Resident int64 `json:"resident_bytes"`
		}
	}
	check(t, json.Unmarshal([]byte(command(t, d, 0, "", "top", "--once", "--interval", "100ms", "-o", "json").Stdout), &live))
	if live.Seconds > 60 || len(live.Upstreams) != 1 || live.Memory.Resident == 0 {
		t.Errorf("%+v", live)
	}

	profile := filepath.Join(t.TempDir(), "heap.pprof")
	command(t, d, 0, "", "pprof", "heap", "-f", profile)
	if out, err := exec.CommandContext(t.Context(), "go", "tool", "pprof", "-raw", profile).CombinedOutput(); err != nil || !bytes.Contains(out, []byte("inuse_space")) {
		t.Errorf("go tool pprof: %v %.300s", err, out)
	}
	ada := signedIn(t, d, adminName, adminPassword, "admin")
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/goroutine", "/debug/vars"} {
		if a := ada.ask(t, http.MethodGet, path, nil); a.status == http.StatusOK && !strings.Contains(a.body, "<html") {
			t.Errorf("%s is served over the network: %d", path, a.status)
		}
	}

	for _, names := range []bool{false, true} {
		archive := filepath.Join(t.TempDir(), "support.tar.gz")
		args := []string{"support", archive}
		if names {
			args = append(args, "--with-names")
		}
		command(t, d, 0, "", args...)
		files := archived(t, archive)
		for _, want := range []string{"version.json", "overview.json", "configuration.json", "log.json", "metrics.txt", "refused.json", "check.json", "goroutine.pprof"} {
			if len(files[want]) == 0 {
				t.Errorf("%s is missing", want)
			}
		}
		if missing := files["missing.json"]; missing != "" {
			t.Errorf("could not be had: %s", missing)
		}
		all := fmt.Sprint(files)
		if strings.Contains(all, planted) || strings.Contains(all, "mallory") != names {
			t.Errorf("with names %t: a secret, or a name that should be masked, or not", names)
		}
	}
}

func archived(t *testing.T, path string) map[string]string {
	t.Helper()
	f := must[*os.File](t)(os.Open(path))
	defer f.Close()
	if info := must[os.FileInfo](t)(f.Stat()); info.Mode().Perm() != 0o600 {
		t.Errorf("others may read the archive: %v", info.Mode())
	}
	files := map[string]string{}
	for r := tar.NewReader(must[*gzip.Reader](t)(gzip.NewReader(f))); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		check(t, err)
		content := must[[]byte](t)(io.ReadAll(r))
		if strings.HasSuffix(h.Name, ".pprof") {
			content = must[[]byte](t)(io.ReadAll(must[*gzip.Reader](t)(gzip.NewReader(bytes.NewReader(content)))))
		}
		files[filepath.Base(h.Name)] = string(content)
	}
}
