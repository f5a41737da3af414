//go:build e2e

package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/dialtree/dialtree/e2e/fixture"
)

// The demo of several nodes starts, does what it says can be tried, and leaves nothing behind.
func clusterDemo(t *testing.T) {
	program := must[string](t)(binary())
	dir := t.TempDir()
	output := filepath.Join(t.TempDir(), "output")
	out := must[*os.File](t)(os.Create(output))
	defer out.Close()
	cmd := exec.Command(program, "demo", "--nodes", "3", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), "TMPDIR="+dir)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	check(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	said := func() string { return string(must[[]byte](t)(os.ReadFile(output))) }
	eventually(t, "the demo is ready", func() bool {
		select {
		case err := <-ended:
			t.Fatalf("it ended: %v\n%s", err, said())
		default:
		}
		return strings.Contains(said(), "Ctrl-C ends the demo")
	})
	found := regexp.MustCompile(`(?m)^ +(node\d) +process (\d+) +ldap://(\S+)`).FindAllStringSubmatch(said(), -1)
	if len(found) != 3 {
		t.Fatalf("it names %d nodes:\n%s", len(found), said())
	}
	var pids []int
	for _, node := range found {
		pids = append(pids, must[int](t)(strconv.Atoi(node[2])))
		c := must[*fixture.Client](t)(fixture.Dial(t.Context(), node[3], nil))
		if r, err := c.Bind("alice", "alice-secret"); err != nil || r.Code != 0 {
			t.Errorf("%s: alice logs in: %+v, %v", node[1], r, err)
		}
		c.Close()
	}
	// What it says can be tried: every command that is not hard on it.
	for line := range strings.Lines(said()) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "ldapsearch ") && !strings.HasPrefix(line, "printf ") && !strings.Contains(line, "--data-dir") {
			continue
		}
		shell := exec.CommandContext(t.Context(), "sh", "-c", line)
		shell.Env = append(os.Environ(), "PATH="+filepath.Dir(program)+":"+os.Getenv("PATH"))
		if text, err := shell.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", line, err, text)
		}
	}
	check(t, cmd.Process.Signal(syscall.SIGINT))
	if err := <-ended; err != nil {
		t.Errorf("it ended with %v\n%s", err, said())
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, 0); err == nil {
			t.Errorf("process %d of a node is left", pid)
		}
	}
	if left := must[[]os.DirEntry](t)(os.ReadDir(dir)); len(left) != 0 {
		t.Errorf("it left %v", left)
	}
}
