package service

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// nobody is a user that every system has; its number needs no entry.
const nobody = "65534"

// becomeAndTell becomes nobody, with threads that were there before, and says what is left of root.
func becomeAndTell() string {
	for range 20 { // each blocks in a system call, and so has a thread
		r, _, err := os.Pipe()
		if err != nil {
			return err.Error()
		}
		go func() { var b [1]byte; _, _ = syscall.Read(int(r.Fd()), b[:]) }()
	}
	for threads := 0; threads < 20; time.Sleep(time.Millisecond) {
		tasks, _ := os.ReadDir("/proc/self/task")
		threads = len(tasks)
	}
	id, err := LookUp(nobody, "")
	if err == nil {
		err = id.Become()
	}
	if err != nil {
		return err.Error()
	}
	files, err := filepath.Glob("/proc/self/task/*/status")
	if err != nil || len(files) < 20 {
		return "not enough threads"
	}
	for _, f := range files {
		status, err := os.ReadFile(f)
		if err != nil {
			return err.Error()
		}
		for _, want := range []string{"Uid:\t65534\t65534\t65534\t65534", "Gid:\t65534\t65534\t65534\t65534", "CapEff:\t0000000000000000", "CapPrm:\t0000000000000000"} {
			if !strings.Contains(string(status), want) {
				return f + " lacks " + want
			}
		}
	}
	if _, err := os.ReadFile("/etc/shadow"); err == nil {
		return "it reads /etc/shadow"
	}
	return "nobody"
}

func TestBecome(t *testing.T) {
	needsRoot(t)
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), asChild+"=become")
	out, err := c.CombinedOutput()
	if got := strings.TrimSpace(string(out)); err != nil || got != "nobody" {
		t.Errorf("%v: %s", err, got)
	}
	if err := (Identity{User: "root"}).Become(); err == nil {
		t.Error("it became root")
	}
}

func TestLookUp(t *testing.T) {
	for _, tc := range []struct{ user, group, want string }{
		{"no-such-user", "", `there is no user "no-such-user" on this system: make one, such as by useradd --system --no-create-home no-such-user`},
		{"nobody", "no-such-group", `there is no group "no-such-group" on this system`},
	} {
		if _, err := LookUp(tc.user, tc.group); err == nil || err.Error() != tc.want {
			t.Errorf("%s, %s: %v", tc.user, tc.group, err)
		}
	}
	if id, err := LookUp("4711", "4712"); err != nil || id.UID != 4711 || id.GID != 4712 {
		t.Errorf("numbers without entries: %+v, %v", id, err)
	}
}

func TestOwnDirectory(t *testing.T) {
	needsRoot(t)
	id, err := LookUp(nobody, "")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "made")
	for range 2 {
		if err := id.OwnDirectory(dir); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "dialtree.db")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	want := file + " belongs to root, but the server runs as 65534: run chown -R 65534:65534 " + dir
	if err := id.OwnDirectory(dir); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// needsRoot leaves a test out on a developer's machine where it may not become somebody else.
func needsRoot(t *testing.T) {
	t.Helper()
	switch {
	case os.Getuid() == 0:
	case os.Getenv("CI") == "true":
		t.Fatal("needs root")
	default:
		t.Skip("needs root")
	}
}
