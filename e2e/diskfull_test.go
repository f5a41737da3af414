//go:build e2e

package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/diskfault"
	"github.com/dialtree/dialtree/e2e/fixture"
	"github.com/dialtree/dialtree/e2e/torture"
)

const insider = "---\nkind: user\nusername: insider\ndisplayname: In House\nphone: [\"30001\"]\npassword: right-insider\nauth: {method: internal}\n"

// loginsWork checks that somebody logs in with the right password, nobody with a wrong one, and that phones find numbers.
func loginsWork(t *testing.T, d *fixture.Dialtree) {
	t.Helper()
	c := must[*fixture.Client](t)(fixture.Dial(t.Context(), d.Address, nil))
	defer c.Close()
	name := fixture.DialtreeDN("insider")
	if r := must[fixture.Result](t)(c.Bind(name, "right-insider")); r.Code != 0 {
		t.Errorf("a right password is answered with %d %s", r.Code, r.Diagnostic)
	}
	found := must[fixture.Found](t)(c.Search(fixture.Search{Base: fixture.DialtreeBase, Scope: 2, Filter: fixture.Equal("cn", "In House")}))
	if len(found.Entries) != 1 {
		t.Errorf("a search finds %d entries", len(found.Entries))
	}
}

// readiness is what /readyz says.
func readiness(t *testing.T, d *fixture.Dialtree) (status int, store, changes string) {
	t.Helper()
	r := must[*http.Response](t)(http.Get(d.AdminURL() + "/readyz"))
	defer r.Body.Close()
	var answer struct{ Store, Changes string }
	check(t, json.NewDecoder(r.Body).Decode(&answer))
	return r.StatusCode, answer.Store, answer.Changes
}

// overSocket asks the API as a command does.
func overSocket(t *testing.T, d *fixture.Dialtree, method, path, body string) (status int, answer string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(d.DataDir, "dialtree.sock"))
	}}}
	request := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), method, "http://socket"+path, strings.NewReader(body)))
	request.Header.Set("Content-Type", "application/json")
	r := must[*http.Response](t)(client.Do(request))
	defer r.Body.Close()
	return r.StatusCode, string(must[[]byte](t)(io.ReadAll(r.Body)))
}

// largeUsers are two megabytes of users who are not there yet.
func largeUsers(round int) string {
	var b strings.Builder
	for i := range 33 {
		fmt.Fprintf(&b, "---\nkind: user\nusername: u%d-%d\ndisplayname: U\nnotes: %s\n", round, i, strings.Repeat("y", 60_000))
	}
	return b.String()[4:]
}

func applyBody(text string) string {
	b, err := json.Marshal(map[string]any{"files": []map[string]string{{"name": "a.yaml", "text": text}}})
	if err != nil {
		panic(err)
	}
	return string(b)
}

var diskErrors = []struct {
	errno syscall.Errno
	says  string
	code  int // of the API
}{
	{syscall.ENOSPC, "no space left on device", http.StatusInsufficientStorage},
	{syscall.EDQUOT, "disk quota exceeded", http.StatusInsufficientStorage},
	{syscall.EIO, "input/output error", http.StatusServiceUnavailable},
	{syscall.EROFS, "read-only file system", http.StatusServiceUnavailable},
}

// Writing fails from one system call on, with each error, in each kind of change. Meanwhile logins and searches go on and the change is refused
// with a sentence that says where and why; as soon as writing works again, so do changes, in the same process. Where the last wait for the disk
// failed, nobody knows what the disk has: no change is taken until a restart, and that is said.
func TestTortureFailingDisk(t *testing.T) {
	w := newDiskWorld(t)
	w.start()
	w.do("apply", "-f", w.write("insider.yaml", insider[4:]))
	withConnector(w)
	held := "0"
	faults, refused, doubts := 0, 0, 0
	generation := 0
	for _, change := range []struct {
		name    string
		prepare func(g int)
		args    func(g int) []string
		undoes  bool
	}{
		{"run", func(g int) { w.write("staff.csv", generationCSV(g, 300)) }, func(int) []string { return []string{"connector", "run", "staff"} }, false},
		{"undo", func(g int) {
			w.write("staff.csv", generationCSV(g, 300))
			w.do("connector", "run", "staff")
			held = fmt.Sprint(g)
		}, func(int) []string { return []string{"connector", "undo", lastRunOf(w)} }, true},
	} {
		before := held
		step := func(f diskfault.Fault) (fixture.Output, string, string) {
			generation++
			before = held
			change.prepare(generation)
			args := change.args(generation)
			w.strike(f)
			if change.undoes {
				return w.try(args...), held, before
			}
			return w.try(args...), held, fmt.Sprint(generation)
		}
		out, _, after := step(diskfault.Fault{})
		if out.Code != 0 {
			t.Fatalf("%s fails by itself: %s", change.name, out.Stderr)
		}
		held = after
		calls := w.strike(diskfault.Fault{}).Calls
		for _, e := range diskErrors {
			for _, point := range points(calls) {
				where := fmt.Sprintf("%s, %v from call %d of %d on", change.name, e.errno, point, calls)
				out, old, after := step(diskfault.Fault{First: point, Errno: e.errno})
				faults++
				loginsWork(t, w.Dialtree)
				if out.Code == 0 { // the call was behind what counts
					w.strike(diskfault.Fault{})
					held = after
					continue
				}
				refused++
				held = old
				if !strings.Contains(out.Stderr, e.says) || !strings.Contains(out.Stderr, filepath.Join(w.DataDir, "dialtree.db")) {
					t.Errorf("%s: the command says %q", where, out.Stderr)
				}
				status, _, changes := readiness(t, w.Dialtree)
				if status != http.StatusOK || !strings.Contains(changes, e.says) {
					t.Errorf("%s: readiness is %d, changes: %s", where, status, changes)
				}
				if status, answer := overSocket(t, w.Dialtree, "POST", "/api/v1/apply", applyBody(insider[4:]+"notes: "+fmt.Sprint(generation)+"\n")); status != e.code &&
					!(status == http.StatusServiceUnavailable && strings.Contains(changes, "not known")) || !strings.Contains(answer, e.says) {
					t.Errorf("%s: the API answers %d %s", where, status, answer)
				}
				if text := w.try("overview").Stdout; !strings.Contains(text, "No change can be written") {
					t.Errorf("%s: the overview does not say it: %s", where, text)
				}
				w.strike(diskfault.Fault{})
				if strings.Contains(changes, "not known") {
					doubts++
					w.stop()
					held = generationsIn(generationMark, sound(t, w.DataDir))[0]
					if held != old && held != after {
						t.Fatalf("%s: the store holds generation %s", where, held)
					}
					w.start()
				}
				if t.Failed() {
					return
				}
			}
		}
		w.do("apply", "-f", w.write("insider.yaml", insider[4:]+"notes: well again\n"))
		becomesReady(t, w.Dialtree)
		if found := generationsIn(generationMark, w.do("get", "users", "-o", "json").Stdout); len(found) != 1 || found[0] != held {
			t.Fatalf("%s: the store holds the generations %v, want %s", change.name, found, held)
		}
	}
	// A wait for the disk that fails only once, after the page that makes the change count.
	for _, e := range diskErrors[:1] {
		w.strike(diskfault.Fault{Calls: []string{"fdatasync"}, First: 2, Only: 1, Errno: e.errno})
		out := w.try("apply", "-f", w.write("insider.yaml", insider[4:]+"notes: in doubt\n"))
		faults++
		if out.Code == 0 || !strings.Contains(out.Stderr, "start dialtree again") {
			t.Errorf("a change in doubt ends with %d: %s", out.Code, out.Stderr)
		}
		doubts++
		w.strike(diskfault.Fault{})
		if out := w.try("apply", "-f", w.path("insider.yaml")); out.Code == 0 || !strings.Contains(out.Stderr, "no other is taken") {
			t.Errorf("the change after one in doubt ends with %d: %s", out.Code, out.Stderr)
		}
		loginsWork(t, w.Dialtree)
		w.stop()
		w.start()
		w.do("apply", "-f", w.path("insider.yaml"))
	}
	// No descriptor is left.
	w.strike(diskfault.Fault{Calls: []string{"openat"}, First: 1, Errno: syscall.EMFILE})
	faults++
	if out := w.try("backup", filepath.Join(w.DataDir, "last.backup")); out.Code == 0 || !strings.Contains(out.Stderr, "too many open files") {
		t.Errorf("without descriptors a backup ends with %d: %s", out.Code, out.Stderr)
	}
	refused++
	loginsWork(t, w.Dialtree)
	w.strike(diskfault.Fault{})
	w.do("backup", filepath.Join(w.DataDir, "last.backup"))
	w.do("check")
	w.stop()
	sound(t, w.DataDir)
	torture.Note(t, disk, "Writing fails (no room, quota, I/O error, read-only): faults, changes refused, of them in doubt until a restart, lost or half", torture.Dialtree,
		"%d, %d, %d, none", faults, refused, doubts)
}

// becomesReady waits until changes are told to be fine again: the server finds out by itself.
func becomesReady(t *testing.T, d *fixture.Dialtree) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		status, store, changes := readiness(t, d)
		if status == http.StatusOK && store == "ok" && changes == "ok" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("readiness stays %d, store: %s, changes: %s", status, store, changes)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// A disk that really is full: a small file system, filled under the server. With room again the same process takes changes.
func TestTortureFullDisk(t *testing.T) {
	o := fixture.DialtreeOptions{Binary: must[string](t)(binary()), Dir: t.TempDir()}
	data := filepath.Join(o.Dir, "data")
	check(t, os.Mkdir(data, 0o700))
	if err := syscall.Mount("tmpfs", data, "tmpfs", 0, "size=64m,mode=700"); err != nil {
		check(t, &fixture.MissingError{Program: "the right to mount a file system"})
	}
	t.Cleanup(func() { _ = syscall.Unmount(data, syscall.MNT_DETACH) })
	d := dialtree(t, o, insider[4:])
	fill := filepath.Join(data, "fill")
	for round := range torture.Pick(3, 20) {
		if _, err := fillUp(fill); err == nil {
			t.Fatal("the file system does not fill")
		}
		text := largeUsers(round)
		status, answer := overSocket(t, d, "POST", "/api/v1/apply", applyBody(text))
		if status != http.StatusInsufficientStorage || !strings.Contains(answer, "no space left on device") || !strings.Contains(answer, "make room") {
			t.Errorf("with a full disk a change is answered with %d %s", status, answer)
		}
		loginsWork(t, d)
		out := must[fixture.Output](t)(d.Command(t.Context(), "", "backup", filepath.Join(data, "full.backup")))
		if out.Code == 0 || !strings.Contains(out.Stderr, "no space left on device") {
			t.Errorf("with a full disk a backup ends with %d %s", out.Code, out.Stderr)
		}
		if _, err := os.Stat(filepath.Join(data, "full.backup")); err == nil {
			t.Error("half a backup has its name")
		}
		if round == 0 { // a restart must not make it worse
			d.Stop()
			check(t, d.Start(t.Context()))
			loginsWork(t, d)
		}
		check(t, os.Remove(fill))
		if status, answer := overSocket(t, d, "POST", "/api/v1/apply", applyBody(text)); status != http.StatusOK {
			t.Errorf("with room again a change is answered with %d %s", status, answer)
		}
		becomesReady(t, d)
	}
	// What is read-only from the start.
	d.Stop()
	check(t, syscall.Mount("", data, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	if err := d.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "read-only file system") || !strings.Contains(err.Error(), "data directory "+data) {
		t.Errorf("on a read-only file system the start ends with %v", err)
	}
	if out := must[fixture.Output](t)(d.Command(t.Context(), "", "check")); out.Code != 0 {
		t.Errorf("check of a read-only directory: %s%s", out.Stdout, out.Stderr)
	}
}

func fillUp(path string) (written int64, err error) {
	f, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for size := 64 << 10; size > 0; {
		n, werr := f.Write(bytes.Repeat([]byte("x"), size))
		written += int64(n)
		if werr != nil {
			size /= 2
			err = werr
		}
	}
	return written, err
}

// Nobody reads the log, there is no room for it, or who read it has gone; files may not grow; descriptors run out; the data directory is
// gone. None of it stops logins.
func TestTortureSurroundings(t *testing.T) {
	run := func(t *testing.T, script string, more func(d *fixture.Dialtree)) {
		t.Parallel()
		plain := must[string](t)(binary())
		var d *fixture.Dialtree
		for try := 0; ; try++ {
			dir := t.TempDir()
			d = must[*fixture.Dialtree](t)(fixture.NewDialtree(fixture.DialtreeOptions{Binary: filepath.Join(dir, "wrapped"), Dir: dir}))
			check(t, os.WriteFile(filepath.Join(dir, "wrapped"), []byte("#!/bin/sh\nif [ \"$1\" != serve ]; then exec '"+plain+"' \"$@\"; fi\n"+strings.ReplaceAll(script, "DIALTREE", "'"+plain+"' \"$@\"")+"\n"), 0o700))
			err := d.Start(t.Context())
			if err == nil {
				break
			}
			if try == 3 { // another has the port: this one cannot say so, without a log
				t.Fatal(err)
			}
		}
		t.Cleanup(d.Stop)
		check(t, d.Apply(t.Context(), insider[4:]))
		loginsWork(t, d)
		for range torture.Pick(300, 3000) { // more than a pipe holds of lines
			c := must[*fixture.Client](t)(fixture.Dial(t.Context(), d.Address, nil))
			for range 20 {
				_ = must[fixture.Result](t)(c.Bind("nobody-"+strings.Repeat("x", 100), ""))
			}
			c.Close()
		}
		loginsWork(t, d)
		if more != nil {
			more(d)
		}
		loginsWork(t, d)
	}
	t.Run("nobody reads the log", func(t *testing.T) { run(t, "mkfifo fifo; sleep 1000 <fifo & exec DIALTREE 2>fifo", nil) })
	t.Run("the log is on a full disk", func(t *testing.T) { run(t, "exec DIALTREE >/dev/full 2>/dev/full", nil) })
	t.Run("who read the log has gone", func(t *testing.T) { run(t, "mkfifo fifo; head -c 1 <fifo >/dev/null & exec DIALTREE 2>fifo", nil) })
	t.Run("files may not grow", func(t *testing.T) {
		run(t, "ulimit -f 40000; exec DIALTREE 2>/dev/null", func(d *fixture.Dialtree) {
			for round := range 20 {
				status, answer := overSocket(t, d, "POST", "/api/v1/apply", applyBody(largeUsers(round)))
				if status == http.StatusOK {
					continue
				}
				if status != http.StatusInsufficientStorage || !strings.Contains(answer, "file too large") {
					t.Errorf("a change is answered with %d %s", status, answer)
				}
				return
			}
			t.Error("the limit was not reached")
		})
	})
	t.Run("the data directory is gone", func(t *testing.T) {
		run(t, "exec DIALTREE 2>/dev/null", func(d *fixture.Dialtree) {
			check(t, os.RemoveAll(d.DataDir))
			loginsWork(t, d)
			if status, _, changes := readiness(t, d); status != http.StatusOK || !strings.Contains(changes, "removed or replaced") {
				t.Errorf("readiness is %d, changes: %s", status, changes)
			}
		})
	})
	t.Run("the database is taken away and put back", func(t *testing.T) {
		run(t, "exec DIALTREE 2>/dev/null", func(d *fixture.Dialtree) {
			file := filepath.Join(d.DataDir, "dialtree.db")
			check(t, os.Rename(file, file+".away"))
			status, answer := overSocket(t, d, "POST", "/api/v1/apply", applyBody(insider[4:]+"notes: lost\n"))
			if status != http.StatusServiceUnavailable || !strings.Contains(answer, "removed or replaced") {
				t.Errorf("a change is answered with %d %s", status, answer)
			}
			check(t, os.Rename(file+".away", file))
			if status, answer := overSocket(t, d, "POST", "/api/v1/apply", applyBody(insider[4:]+"notes: kept\n")); status != http.StatusOK {
				t.Errorf("a change is answered with %d %s", status, answer)
			}
		})
	})
}
