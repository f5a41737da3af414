package etcd_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/dialtree/dialtree/cluster/etcd"
)

// servers are members of one etcd: processes of Debian's package.
type servers struct {
	endpoints []string
	processes []*exec.Cmd
	commands  [][]string
}

func start(t testing.TB, n int, more ...string) *servers {
	t.Helper()
	scheme := "http://"
	if len(more) > 0 {
		scheme = "https://"
	}
	path, err := exec.LookPath("etcd")
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatal("needs etcd: apt-get install etcd-server")
	default:
		t.Skip("needs etcd: apt-get install etcd-server")
	}
	dir := t.TempDir()
	s := &servers{}
	var peers, all []string
	for i := range n {
		s.endpoints = append(s.endpoints, scheme+free(t))
		peers = append(peers, "http://"+free(t))
		all = append(all, fmt.Sprintf("m%d=%s", i, peers[i]))
	}
	for i := range n {
		s.commands = append(s.commands, []string{path, "--name", fmt.Sprintf("m%d", i), "--data-dir", filepath.Join(dir, fmt.Sprint(i)), "--listen-client-urls", s.endpoints[i], "--advertise-client-urls", s.endpoints[i],
			"--listen-peer-urls", peers[i], "--initial-advertise-peer-urls", peers[i], "--initial-cluster", strings.Join(all, ","), "--initial-cluster-state", "new", "--logger", "zap", "--log-level", "error"})
		s.commands[i] = append(s.commands[i], more...)
		s.processes = append(s.processes, nil)
		s.run(t, i)
	}
	t.Cleanup(func() {
		for i := range s.processes {
			s.kill(i)
		}
	})
	if len(more) > 0 {
		return s // the test has the certificates
	}
	c := s.client(t, nil)
	for began := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		if _, _, err = c.Get(t.Context(), "x"); err == nil {
			return s
		}
		if time.Since(began) > 20*time.Second {
			t.Fatal(err)
		}
	}
}

// free is an address that nobody listens on. Its port is below those that the kernel gives to clients: one of them could have it while a member is away.
func free(t testing.TB) string {
	for {
		l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", 12000+rand.IntN(20000)))
		if err == nil {
			defer l.Close()
			return l.Addr().String()
		}
		if t.Context().Err() != nil {
			t.Fatal(err)
		}
	}
}

func (s *servers) run(t testing.TB, i int) {
	c := exec.Command(s.commands[i][0], s.commands[i][1:]...)
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	s.processes[i] = c
}

func (s *servers) signal(i int, sig os.Signal) { s.processes[i].Process.Signal(sig) }

func (s *servers) kill(i int) {
	if p := s.processes[i]; p != nil {
		p.Process.Kill()
		p.Wait()
		s.processes[i] = nil
	}
}

var prefixes atomic.Int64

// client is one with an own prefix, unless one is given. Its endpoints are the members, then those of more.
func (s *servers) client(t testing.TB, more []string, prefix ...string) *etcd.Client {
	t.Helper()
	p := fmt.Sprintf("/test%d/", prefixes.Add(1))
	if len(prefix) > 0 {
		p = prefix[0]
	}
	c, err := etcd.New(etcd.Options{Endpoints: append(append([]string{}, s.endpoints...), more...), Prefix: p, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// leader is the number of the member that leads.
func (s *servers) leader(t testing.TB) int {
	t.Helper()
	all, err := s.client(t, nil).Members(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if m.Leader {
			for i, e := range s.endpoints {
				if e == m.Endpoint {
					return i
				}
			}
		}
	}
	t.Fatalf("nobody leads: %+v", all)
	return 0
}

const (
	pause  = syscall.SIGSTOP
	resume = syscall.SIGCONT
)
