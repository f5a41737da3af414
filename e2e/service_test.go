//go:build e2e

package e2e_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	bigendian "encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
	"github.com/dialtree/dialtree/e2e/torture"
)

// A manager takes notifications as systemd does.
type manager struct {
	t    *testing.T
	conn *net.UnixConn
	path string
	seen []string
}

func newManager(t *testing.T) *manager {
	t.Helper()
	m := &manager{t: t, path: filepath.Join(t.TempDir(), "notify")}
	m.conn = must[*net.UnixConn](t)(net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.path, Net: "unixgram"}))
	t.Cleanup(func() { m.conn.Close() })
	return m
}

// await reads notifications up to one that holds an assignment, and returns it.
func (m *manager) await(assignment string) string {
	m.t.Helper()
	_ = m.conn.SetReadDeadline(time.Now().Add(30 * time.Second))
	for {
		b := make([]byte, 4096)
		n, err := m.conn.Read(b)
		if err != nil {
			m.t.Fatalf("no %s came: %v; before it %q", assignment, err, m.seen)
		}
		m.seen = append(m.seen, string(b[:n]))
		if slices.Contains(strings.Split(string(b[:n]), "\n"), assignment) {
			return string(b[:n])
		}
	}
}

// What systemd is told, from the start over reload and restart to the end, with a watchdog that is told of binds.
func TestServiceManagerIsTold(t *testing.T) {
	m := newManager(t)
	o := options(t)
	o.Env = []string{"NOTIFY_SOCKET=" + m.path, "WATCHDOG_USEC=1500000"}
	d := must[*fixture.Dialtree](t)(fixture.NewDialtree(o))
	d.Passed(asManager(), nil)
	check(t, d.Start(t.Context()))
	t.Cleanup(func() { d.Stop() })
	if got := m.await("READY=1"); !strings.Contains(got, "STATUS=Answers logins") {
		t.Errorf("ready: %q", got)
	}
	binds := func() float64 {
		n, err := d.Metric(t.Context(), `dialtree_ldap_requests_total{operation="bind",result="success"}`)
		if err != nil {
			return 0 // no bind yet
		}
		return n
	}
	before := binds()
	for range 3 {
		m.await("WATCHDOG=1")
	}
	if after := binds(); after < before+1 {
		t.Errorf("the watchdog was told three times, and binds went from %v to %v", before, after)
	}
	check(t, d.Signal(syscall.SIGHUP))
	if got := m.await("RELOADING=1"); !strings.Contains(got, "MONOTONIC_USEC=") {
		t.Errorf("reloading: %q", got)
	}
	m.await("READY=1")
	command(t, d, 0, "", "restart")
	m.await("RELOADING=1")
	m.await("READY=1")
	m.await("WATCHDOG=1") // also from the next program
	check(t, d.Signal(syscall.SIGTERM))
	m.await("STOPPING=1")
	<-d.Done()
}

// systemd's own tool passes the sockets, and the first client that connects starts the server.
func TestServiceSocketsOfSystemd(t *testing.T) {
	activate := tool(t, "systemd-socket-activate", "systemd")
	o := options(t)
	d := must[*fixture.Dialtree](t)(fixture.NewDialtree(o))
	d.Passed([]string{activate, "-l", d.Address, "-l", d.TLSAddress, "-l", d.AdminAddress, "--fdname=ldap:ldaps:admin"}, nil)
	check(t, d.Start(t.Context()))
	t.Cleanup(func() { d.Stop() })
	for _, transport := range transports {
		if r, err := connect(t, d, transport).WhoAmI(); err != nil || r.Code != 0 {
			t.Errorf("%s: %+v, %v", transport, r, err)
		}
	}
	const want = `"passed_by_service_manager":"ldap ldaps admin"`
	eventually(t, "the log says "+want, func() bool { return strings.Count(d.Output(), want) == 1 })
	command(t, d, 0, "", "restart")
	eventually(t, "the log says it again after a restart", func() bool { return strings.Count(d.Output(), want) == 2 })
}

// Started as root it takes a port below 1024, and is nobody from there on, also after a restart.
func TestServiceGivesUpRoot(t *testing.T) {
	if os.Getuid() != 0 {
		check(t, &fixture.MissingError{Program: "root's rights"})
	}
	const nobody = 65534
	low := ""
	for port := 1; port < 1024 && low == ""; port++ {
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			low = l.Addr().String()
			l.Close()
		}
	}
	o := options(t)
	o.Config = []string{"user: \"65534\""}
	o.TLS = nil // whose key root alone may read
	o.Dir = must[string](t)(os.MkdirTemp("", "dialtree-nobody-"))
	t.Cleanup(func() { os.RemoveAll(o.Dir) })
	d := must[*fixture.Dialtree](t)(fixture.NewDialtree(o))
	check(t, os.Chmod(o.Dir, 0o755))
	text := strings.Replace(string(must[[]byte](t)(os.ReadFile(d.ConfigFile))), "listen: "+d.Address, "listen: "+low, 1)
	check(t, os.WriteFile(d.ConfigFile, []byte(text), 0o644))
	check(t, os.Chmod(d.ConfigFile, 0o644))
	d.Address = low
	check(t, d.Start(t.Context()))
	t.Cleanup(func() { d.Stop() })
	bare := func(when string) {
		t.Helper()
		tasks := must[[]string](t)(filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", d.PID())))
		for _, task := range tasks {
			status, err := os.ReadFile(task)
			if err != nil {
				continue // the thread has ended
			}
			for _, want := range []string{"Uid:\t65534\t65534\t65534\t65534", "Gid:\t65534\t65534\t65534\t65534", "CapEff:\t0000000000000000", "CapPrm:\t0000000000000000", "NoNewPrivs:\t1"} {
				if !strings.Contains(string(status), want) {
					t.Errorf("%s: %s lacks %q", when, task, want)
				}
			}
		}
		if r, err := must[*fixture.Client](t)(fixture.Dial(t.Context(), low, nil)).WhoAmI(); err != nil || r.Code != 0 {
			t.Errorf("%s: %+v, %v", when, r, err)
		}
	}
	bare("started")
	command(t, d, 0, "", "restart")
	bare("restarted")
	d.Stop()

	// What somebody else's start left behind is told, not changed.
	key := filepath.Join(d.DataDir, "secret.key")
	check(t, os.Chown(key, 0, 0))
	out := must[fixture.Output](t)(d.Command(t.Context(), "", "serve"))
	if want := fmt.Sprintf("%s belongs to root, but the server runs as 65534: run chown -R %d:%d %s", key, nobody, nobody, d.DataDir); out.Code != 1 || !strings.Contains(out.Stderr, want) {
		t.Errorf("code %d, %s\nwant %s", out.Code, out.Stderr, want)
	}
}

// The static binary in a root directory that holds nothing else: no shell, no /etc, no /tmp, no time zones, no user for its number.
func TestServiceInAnEmptyRoot(t *testing.T) {
	if os.Getuid() != 0 {
		check(t, &fixture.MissingError{Program: "root's rights"})
	}
	chroot := tool(t, "chroot", "coreutils")
	root := must[string](t)(os.MkdirTemp("", "dialtree-root-"))
	t.Cleanup(func() { os.RemoveAll(root) })
	check(t, os.Chmod(root, 0o755))
	check(t, os.Mkdir(filepath.Join(root, "data"), 0o700))
	check(t, os.Chown(filepath.Join(root, "data"), 65532, 65532))
	copyFile(t, must[string](t)(binary()), filepath.Join(root, "dialtree"))
	file := must[string](t)(containerFile())
	d := must[*fixture.Dialtree](t)(fixture.NewDialtree(fixture.DialtreeOptions{Binary: "/dialtree", Dir: t.TempDir()}))
	env := []string{"DIALTREE_DATA_DIR=/data", "DIALTREE_LDAP_LISTEN=" + d.Address, "DIALTREE_ADMIN_LISTEN=" + d.AdminAddress}
	for _, line := range []string{"USER 65532:65532", `ENTRYPOINT ["/dialtree"]`, `CMD ["serve"]`, `"/dialtree", "health"`, "FROM scratch", "VOLUME /data"} {
		if !strings.Contains(file, line) {
			t.Errorf("the container file has no %s, which is what is tried here", line)
		}
	}
	inside := func(args ...string) *exec.Cmd {
		c := exec.CommandContext(t.Context(), chroot, append([]string{"--userspec=65532:65532", root, "/dialtree"}, args...)...)
		c.Env = env // nothing else: no PATH, no HOME
		return c
	}
	serve := inside("serve")
	var log bytes.Buffer
	serve.Stderr = &log
	check(t, serve.Start())
	ended := make(chan error, 1)
	go func() { ended <- serve.Wait() }()
	t.Cleanup(func() { _ = serve.Process.Kill() })
	var out []byte
	eventually(t, "it is healthy", func() bool {
		var err error
		out, err = inside("health").CombinedOutput()
		return err == nil
	})
	if string(out) != "ready\n" {
		t.Errorf("health: %s", out)
	}
	apply := inside("apply", "-f", "-")
	apply.Stdin = strings.NewReader(`kind: user
username: alice
displayname: Alice
auth: {method: internal}
password: right-alice-of-the-root
---
kind: connector
name: staff
template: csv-users
source: {csv: {path: /data/users.csv}}
schedule: "0 3 * * *"
timezone: America/New_York
`)
	if out, err := apply.CombinedOutput(); err != nil {
		t.Fatalf("apply: %v\n%s", err, out)
	}
	if r := bind(t, d, plain, "alice", "right-alice-of-the-root"); r.Code != 0 {
		t.Errorf("bind: %d %s", r.Code, r.Diagnostic)
	}
	if out, err := inside("restart").CombinedOutput(); err != nil {
		t.Errorf("restart: %v\n%s", err, out)
	}
	if out, err := inside("backup", "/data/backup").CombinedOutput(); err != nil {
		t.Errorf("backup: %v\n%s", err, out)
	}
	check(t, serve.Process.Signal(syscall.SIGTERM))
	if err := <-ended; err != nil {
		t.Errorf("it ended with %v\n%s", err, log.String())
	}
	size := must[os.FileInfo](t)(os.Stat(filepath.Join(root, "dialtree"))).Size()
	torture.Note(t, servicePart, "an empty root directory with the binary alone: start, login, schedule in a time zone, backup, restart, health check", torture.Dialtree, "works; %d MiB", size>>20)
}

func containerFile() (string, error) {
	b, err := os.ReadFile("../packaging/container/Containerfile")
	return string(b), err
}

// Whoever rotates the log loses no line, however often, under load.
func TestServiceLogRotation(t *testing.T) {
	o := options(t)
	file := filepath.Join(o.Dir, "rotated.log")
	o.Config = []string{"throttle: {user_failures: 1000, address_failures: 1000000}"}
	d := must[*fixture.Dialtree](t)(fixture.NewDialtree(o))
	text := string(must[[]byte](t)(os.ReadFile(d.ConfigFile)))
	check(t, os.WriteFile(d.ConfigFile, []byte(strings.Replace(text, "log: {format: json}", "log: {format: json, file: "+strconv.Quote(file)+"}", 1)), 0o600))
	check(t, d.Start(t.Context()))
	t.Cleanup(func() { d.Stop() })
	check(t, d.Apply(t.Context(), "kind: device\nname: reception\npassword: secret-of-reception\n"))
	rotations, perRotation := torture.Pick(10, 100), 200
	c := connect(t, d, plain)
	c.SetDeadline(time.Now().Add(10 * time.Minute))
	sent := 0
	for n := range rotations {
		for range perRotation {
			if r, err := c.Bind("reception", "secret-of-reception"); err != nil || r.Code != 0 {
				t.Fatalf("bind: %+v, %v", r, err)
			}
			sent++
			if sent%perRotation == perRotation/2 {
				check(t, os.Rename(file, fmt.Sprintf("%s.%d", file, n)))
				check(t, d.Signal(syscall.SIGHUP))
				eventually(t, "the log is opened anew", func() bool { _, err := os.Stat(file); return err == nil })
			}
		}
	}
	d.Stop()
	all := 0
	binds := 0
	for _, name := range must[[]string](t)(filepath.Glob(file + "*")) {
		for line := range strings.Lines(string(must[[]byte](t)(os.ReadFile(name)))) {
			var l struct{ Msg string }
			if err := json.Unmarshal([]byte(line), &l); err != nil {
				t.Fatalf("%s has a line that is none: %q", name, line)
			}
			if all++; l.Msg == "bind" {
				binds++
			}
		}
	}
	if binds != sent {
		t.Errorf("the logs have %d binds of %d", binds, sent)
	}
	torture.Note(t, servicePart, "log files rotated while logins go on: lines, of them lost or broken", torture.Dialtree, "%d rotations: %s, 0", rotations, thousands(all))
}

// schemaOf is the schema version of the program, as it tells it.
func schemaOf(t *testing.T, program string) int {
	t.Helper()
	out := must[fixture.Output](t)(fixture.RunDialtree(t.Context(), program, t.TempDir(), nil, "", "version", "-o", "json"))
	var v struct{ Schema int }
	check(t, json.Unmarshal([]byte(out.Stdout), &v))
	return v.Schema
}

// previousStore puts the store of an older program into a data directory.
func previousStore(t *testing.T, dir string) {
	t.Helper()
	check(t, os.MkdirAll(dir, 0o700))
	packed := must[*os.File](t)(os.Open("testdata/schema-3/dialtree.db.gz"))
	defer packed.Close()
	unpacked := must[*gzip.Reader](t)(gzip.NewReader(packed))
	check(t, os.WriteFile(filepath.Join(dir, "dialtree.db"), must[[]byte](t)(io.ReadAll(unpacked)), 0o600))
	check(t, os.WriteFile(filepath.Join(dir, "secret.key"), must[[]byte](t)(os.ReadFile("testdata/schema-3/secret.key")), 0o600))
}

// The store of the program before this one: brought up to date, sound, with everybody and everything in it, and the way back.
func TestServiceUpgradeAndDowngrade(t *testing.T) {
	const before = 3
	o := options(t)
	program := must[string](t)(binary())
	now := schemaOf(t, program)
	d := must[*fixture.Dialtree](t)(fixture.NewDialtree(o))
	previousStore(t, d.DataDir)
	database := filepath.Join(d.DataDir, "dialtree.db")
	old := must[[]byte](t)(os.ReadFile(database))

	// A program that is killed while it brings the store up to date has not done so, or has.
	random := rand.New(rand.NewPCG(6, 6))
	for range torture.Pick(5, 40) {
		d2 := must[*fixture.Dialtree](t)(fixture.NewDialtree(fixture.DialtreeOptions{Binary: program, Dir: t.TempDir()}))
		previousStore(t, d2.DataDir)
		c := exec.CommandContext(t.Context(), program, "serve", "--config", d2.ConfigFile)
		check(t, c.Start())
		time.Sleep(time.Duration(random.Int64N(int64(60 * time.Millisecond))))
		_ = c.Process.Kill()
		_ = c.Wait()
		check(t, d2.Start(t.Context()))
		command(t, d2, 0, "", "check")
		d2.Stop()
	}

	check(t, d.Start(t.Context()))
	t.Cleanup(func() { d.Stop() })
	command(t, d, 0, "", "check")
	for kind, want := range map[string][]string{
		"user":          {"alice", "bob", "clara", "dieter", "frank"},
		"contact":       {"By Hand", "Example Ltd", "Müller & Söhne"},
		"speeddial":     {"*10"},
		"device":        {"reception"},
		"upstream":      {"corp"},
		"connector":     {"crm", "staff"},
		"administrator": {"ada"},
		"token":         {"reports"},
	} {
		out := command(t, d, 0, "", "get", kind, "-o", "yaml")
		for _, name := range want {
			if !strings.Contains(out.Stdout, name) {
				t.Errorf("%s %s is missing", kind, name)
			}
		}
	}
	for _, login := range [][2]string{{"alice", "right-alice"}, {"reception", "device-secret-of-reception"}} {
		if r := bind(t, d, plain, login[0], login[1]); r.Code != 0 {
			t.Errorf("%s: result %d %s", login[0], r.Code, r.Diagnostic)
		}
	}
	if out := command(t, d, 0, "", "connector", "history", "staff"); strings.Count(out.Stdout, "staff-") < 2 {
		t.Errorf("the history of staff:\n%s", out.Stdout)
	}
	command(t, d, 0, "", "backup", filepath.Join(o.Dir, "after"))
	d.Stop()

	beside := filepath.Join(d.DataDir, fmt.Sprintf("dialtree.db.schema-%d", before))
	kept, err := os.ReadFile(beside)
	switch {
	case now == before && !os.IsNotExist(err):
		t.Errorf("nothing was to be migrated, and %s is there", beside)
	case now > before:
		check(t, err)
		// The way back: the copy takes the store's place, and is what it was.
		if !sameStore(kept, old) {
			t.Errorf("%s is not the store of before", beside)
		}
	}

	// An older program meets the store of a newer one.
	check(t, setSchema(database, 999))
	out := must[fixture.Output](t)(d.Command(t.Context(), "", "serve"))
	if want := "has schema version 999, but this dialtree knows versions up to " + strconv.Itoa(now); out.Code != 1 || !strings.Contains(out.Stderr, want) ||
		!strings.Contains(out.Stderr, "dialtree.db.schema-") {
		t.Errorf("code %d, %s\nwant %s, and the way back", out.Code, out.Stderr, want)
	}
	back := filepath.Join(d.DataDir, "dialtree.db.schema-"+strconv.Itoa(before))
	if now == before {
		check(t, os.WriteFile(back, old, 0o600))
	}
	check(t, os.Rename(back, database))
	check(t, d.Start(t.Context()))
	command(t, d, 0, "", "check")
	if r := bind(t, d, plain, "alice", "right-alice"); r.Code != 0 {
		t.Errorf("after going back: result %d %s", r.Code, r.Diagnostic)
	}
	torture.Note(t, servicePart, "the store of the schema before this one: brought up to date, killed while that went on, and put back", torture.Dialtree, "schema %d to %d, sound", before, now)
}

// sameStore compares two files of bbolt but for their two meta pages, in which a copy differs.
func sameStore(a, b []byte) bool {
	const meta = 2 * 4096
	n := min(len(a), len(b))
	return n > meta && bytes.Equal(a[meta:n], b[meta:n])
}

// setSchema makes a store one of another schema version: the key schema of the bucket meta holds it in eight bytes.
func setSchema(file string, version uint64) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	n := 0
	for at := 0; ; {
		i := bytes.Index(b[at:], []byte("schema\x00"))
		if i < 0 {
			break
		}
		at += i + len("schema")
		if bigendian.BigEndian.Uint64(b[at:]) < 100 {
			bigendian.BigEndian.PutUint64(b[at:], version)
			n++
		}
	}
	if n == 0 {
		return fmt.Errorf("%s has no schema version that could be found", file)
	}
	return os.WriteFile(file, b, 0o600)
}

// The units are without a mistake, and take away what the documentation says.
func TestServiceUnits(t *testing.T) {
	analyze := tool(t, "systemd-analyze", "systemd")
	dir := t.TempDir()
	units := must[[]string](t)(filepath.Glob("../packaging/systemd/*"))
	if len(units) != 4 {
		t.Fatalf("%d units", len(units))
	}
	var copies []string
	for _, unit := range units {
		text := strings.ReplaceAll(string(must[[]byte](t)(os.ReadFile(unit))), "/usr/bin/dialtree", must[string](t)(binary()))
		copies = append(copies, filepath.Join(dir, filepath.Base(unit)))
		check(t, os.WriteFile(copies[len(copies)-1], []byte(text), 0o644))
	}
	out, err := exec.CommandContext(t.Context(), analyze, append([]string{"verify", "--man=no"}, copies...)...).CombinedOutput()
	if err != nil || strings.Contains(string(out), dir) || strings.Contains(string(out), "dialtree") {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	security := exec.CommandContext(t.Context(), analyze, "security", "--offline=true", "--threshold=15", filepath.Join(dir, "dialtree.service"))
	out, err = security.CombinedOutput()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, out)
	}
	t.Log(lines[len(lines)-1])
	_, score, _ := strings.Cut(lines[len(lines)-1], ".service: ")
	torture.Note(t, servicePart, "what the service is exposed to, by systemd-analyze security: 0 nothing, 10 everything", torture.Dialtree, "%s", strings.Fields(score)[0])
}

// The same source gives the same bytes, wherever it lies, and the binary tells what is in it.
func TestServiceBuildIsReproducible(t *testing.T) {
	var sums []string
	for _, name := range []string{"here", "there/and/deeper"} {
		dir := filepath.Join(t.TempDir(), name)
		check(t, os.MkdirAll(dir, 0o755))
		copySource := exec.CommandContext(t.Context(), "sh", "-c", `cd .. && git ls-files -z | tar --null -T - -c --ignore-failed-read | tar -x -C "$1"`, "sh", dir)
		if out, err := copySource.CombinedOutput(); err != nil {
			t.Fatalf("copy the source: %v\n%s", err, out)
		}
		build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-o", "dialtree", "./cmd/dialtree")
		build.Dir, build.Env = dir, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("build: %v\n%s", err, out)
		}
		sums = append(sums, fmt.Sprintf("%x", sha256.Sum256(must[[]byte](t)(os.ReadFile(filepath.Join(dir, "dialtree"))))))
	}
	if sums[0] != sums[1] {
		t.Errorf("two builds differ: %v", sums)
	}
	out := must[fixture.Output](t)(fixture.RunDialtree(t.Context(), must[string](t)(binary()), t.TempDir(), nil, "", "version", "--sbom"))
	modules := must[[]byte](t)(exec.CommandContext(t.Context(), "go", "version", "-m", must[string](t)(binary())).Output())
	n := 0
	for line := range strings.Lines(string(modules)) {
		if f := strings.Fields(line); len(f) >= 3 && f[0] == "dep" {
			n++
			if want := fmt.Sprintf(`"pkg:golang/%s@%s"`, f[1], strings.ReplaceAll(f[2], "+", "%2B")); !strings.Contains(out.Stdout, want) {
				t.Errorf("the bill of materials lacks %s", want)
			}
		}
	}
	if n < 10 {
		t.Errorf("the binary tells of %d modules", n)
	}
}
