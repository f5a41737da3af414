package main

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Several nodes are one: what is told to one is known by the other. Of what the demo started, and wrote, nothing is left.
func TestDemoOfNodes(t *testing.T) {
	stdout, stderr, stop := startCommand(t, "demo", "--nodes", "2", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")
	found := waitFor(t, "demo", stdout, `(?s)node1  process (\d+) .*node2  process (\d+) .*--data-dir (\S+)/node1 cluster status\n.*Ctrl-C ends`)
	dir := found[3]
	var pids []int
	for _, text := range found[1:3] {
		pid, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	for _, tt := range []struct {
		name, stdin string
		args        []string
		says        string
	}{
		{"change one", "kind: speeddial\nshortcode: \"55\"\ndisplayname: Taxi 55\nphone: \"030 202020\"\n", []string{"--data-dir", dir + "/node1", "apply", "-f", "-"}, "created speeddial 55"},
		{"status", "", []string{"--data-dir", dir + "/node1", "cluster", "status"}, "this node:   node1"},
		{"a login at the other", "alice-secret\n", []string{"--data-dir", dir + "/node2", "auth", "test", "alice", "--password-stdin"}, "accepted"},
		{"no second start", "", []string{"--data-dir", dir + "/node2", "--config", dir + "/node2.yaml", "cluster", "join"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, errs, code := runCommand(t, tt.stdin, tt.args...)
			if (code != exitDone) != (tt.says == "") || !strings.Contains(out, tt.says) {
				t.Errorf("exit code %d:\n%s%s", code, out, errs)
			}
		})
	}
	t.Run("seen at the other", func(t *testing.T) {
		out := ""
		for deadline := time.Now().Add(10 * time.Second); !strings.Contains(out, "030 202020") && time.Now().Before(deadline); {
			out, _, _ = runCommand(t, "", "--data-dir", dir+"/node2", "lookup", "Taxi 55")
		}
		if !strings.Contains(out, "030 202020") {
			t.Errorf("%s", out)
		}
	})
	t.Run("same content", func(t *testing.T) {
		one, _, _ := runCommand(t, "", "--data-dir", dir+"/node1", "cluster", "status", "--digest")
		two, _, _ := runCommand(t, "", "--data-dir", dir+"/node2", "cluster", "status", "--digest")
		if len(one) < 64 || strings.TrimSuffix(one, "node1\n") != strings.TrimSuffix(two, "node2\n") {
			t.Errorf("%s%s", one, two)
		}
	})
	if err := syscall.Kill(pids[1], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "a node that was killed", stdout, `node2 ended \(signal: killed\): it is started again`)
	if err := syscall.Kill(pids[0], syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if code := stop(); code != exitDone {
		t.Errorf("exit code %d:\n%s", code, stderr)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("%s is left behind: %v", dir, err)
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, 0); err == nil {
			t.Errorf("process %d is left behind", pid)
		}
	}
}

// Why a node does not start is told while its log is still there.
func TestDemoOfANodeThatDoesNotStart(t *testing.T) {
	dir, err := os.MkdirTemp("", "dialtree") // a test's own directory may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "node2"), 0o700), os.WriteFile(filepath.Join(dir, "node2", "dialtree.db"), []byte("no store"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "node2.log"), []byte("its last words\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs sharedBuffer // which the nodes write to, too
	code := run(t.Context(), &env{stdin: strings.NewReader(""), stdout: &out, stderr: &errs}, []string{"demo", "--nodes", "2", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data-dir", dir})
	if code != exitFailed || !strings.Contains(errs.String(), "dialtree: node2 ended at its start (exit status 1); the end of its log:\nits last words\n") {
		t.Errorf("exit code %d:\n%s", code, errs.String())
	}
}

func TestDemoNodesAreCounted(t *testing.T) {
	for _, n := range []string{"0", "10", "-1"} {
		if _, errs, code := runCommand(t, "", "demo", "--nodes", n); code != exitUsage || !strings.Contains(errs, "from 1 to 9") {
			t.Errorf("--nodes %s: exit code %d: %s", n, code, errs)
		}
	}
}

func TestFreeFrom(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	used := l.Addr().String()
	if got, err := freeFrom(used, true, map[string]bool{}); err == nil || !strings.Contains(err.Error(), "another program listens there") {
		t.Errorf("an address in use gave %s, %v", got, err)
	}
	taken := map[string]bool{}
	first, err := freeFrom(used, false, taken)
	if err != nil || first == used {
		t.Fatalf("%s, %v", first, err)
	}
	if second, err := freeFrom(used, false, taken); err != nil || second == first || second == used {
		t.Errorf("%s after %s, %v", second, first, err)
	}
	if got, err := freeFrom("127.0.0.1:0", true, taken); err != nil || strings.HasSuffix(got, ":0") {
		t.Errorf("any port gave %s, %v", got, err)
	}
}
