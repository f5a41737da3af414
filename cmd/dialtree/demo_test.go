package main

import (
	"bytes"
	"context"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A shared buffer is written by a command and read by a test.
type sharedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *sharedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *sharedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// startCommand runs a command line until stop is called, which returns its exit code.
func startCommand(t *testing.T, args ...string) (stdout, stderr *sharedBuffer, stop func() int) {
	t.Helper()
	stdout, stderr = &sharedBuffer{}, &sharedBuffer{}
	ctx, cancel := context.WithCancel(context.Background())
	code := make(chan int, 1)
	go func() { code <- run(ctx, &env{stdin: strings.NewReader(""), stdout: stdout, stderr: stderr}, args) }()
	stop = sync.OnceValue(func() int {
		cancel()
		select {
		case c := <-code:
			return c
		case <-time.After(20 * time.Second):
			t.Error("the command does not end")
			return -1
		}
	})
	t.Cleanup(func() { stop() })
	return stdout, stderr, stop
}

func waitFor(t *testing.T, what string, b *sharedBuffer, expr string) []string {
	t.Helper()
	re := regexp.MustCompile(expr)
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if m := re.FindStringSubmatch(b.String()); m != nil {
			return m
		}
	}
	t.Fatalf("%s: nothing matches %s in:\n%s", what, expr, b)
	return nil
}

// runCommand runs a command line to its end.
func runCommand(t *testing.T, stdin string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), &env{stdin: strings.NewReader(stdin), stdout: &out, stderr: &errs}, args)
	return out.String(), errs.String(), code
}

func TestDemo(t *testing.T) {
	stdout, stderr, stop := startCommand(t, "demo", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")
	dir := waitFor(t, "demo", stdout, `--data-dir (\S+) connector history staff`)[1]

	for _, tt := range []struct {
		name, stdin string
		args        []string
		code        int
		says        string
	}{
		{"right password", "alice-secret\n", []string{"auth", "test", "alice", "--password-stdin"}, exitDone, "accepted"},
		{"wrong password", "wrong\n", []string{"auth", "test", "bjoern", "--password-stdin"}, exitFailed, "refused"},
		{"unknown", "wrong\n", []string{"auth", "test", "mallory", "--password-stdin"}, exitFailed, "unknown_user"},
		{"its directory", "", []string{"upstream", "test", "corp"}, exitDone, "Dialtree demo"},
		{"users", "", []string{"get", "user"}, exitDone, "Alice Ångström"},
		{"history", "", []string{"connector", "history", "staff"}, exitDone, "staff-1"},
		{"import again", "", []string{"connector", "run", "staff"}, exitDone, "8 unchanged"},
		{"phone", "", []string{"phone", "yealink", "--device", "reception"}, exitDone, "cn=reception,ou=devices,dc=example,dc=com"},
		{"a caller", "", []string{"lookup", "0305550100"}, exitDone, "Jürgen Müller"},
		{"a name without its umlaut", "", []string{"lookup", "muller"}, exitDone, "+49 30 5550100"},
		{"a restart", "", []string{"restart"}, exitFailed, "the demo does not restart"},
		{"check", "", []string{"check"}, exitDone, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, errs, code := runCommand(t, tt.stdin, append([]string{"--data-dir", dir}, tt.args...)...)
			if code != tt.code || !strings.Contains(out+errs, tt.says) {
				t.Errorf("exit code %d, want %d; output should say %q:\n%s%s", code, tt.code, tt.says, out, errs)
			}
			if strings.Contains(out+errs, "alice-secret") {
				t.Errorf("the password is printed:\n%s%s", out, errs)
			}
		})
	}
	begin := time.Now()
	if code := stop(); code != exitDone {
		t.Errorf("exit code %d:\n%s", code, stderr)
	}
	if d := time.Since(begin); d > 5*time.Second {
		t.Errorf("ending took %v", d)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("%s is left behind: %v", dir, err)
	}
}

// Who closes the terminal of a demo has ended it, and nothing is left behind.
func TestDemoEndsWithItsTerminal(t *testing.T) {
	heard := make(chan os.Signal, 1)
	signal.Notify(heard, syscall.SIGHUP) // below nohup it would be ignored, by the demo too
	t.Cleanup(func() { signal.Stop(heard) })
	stdout, _, stop := startCommand(t, "demo", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")
	dir := waitFor(t, "demo", stdout, `--data-dir (\S+) connector history staff`)[1]
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(dir); os.IsNotExist(err) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is left behind", dir)
		}
	}
	if code := stop(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
}

func TestDemoStaysOnLoopback(t *testing.T) {
	_, errs, code := runCommand(t, "", "demo", "--listen", "0.0.0.0:0")
	if code != exitFailed || !strings.Contains(errs, "this machine only") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}
