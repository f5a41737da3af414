package ldapserver_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dialtree/dialtree/authproxy/ldapserver"
	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// fewDescriptors makes the test binary a server in a process of its own; its
// value is how many descriptors that may have.
const fewDescriptors = "LDAPSERVER_TEST_DESCRIPTORS"

// oidMemory asks the server in a process of its own for its resident memory,
// after a garbage collection.
const oidMemory = "1.2.3.4"

func serveWithFewDescriptors() int {
	n, err := strconv.ParseUint(os.Getenv(fewDescriptors), 10, 64)
	if err == nil {
		err = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: n, Max: n})
	}
	var l net.Listener
	if err == nil {
		l, err = net.Listen("tcp", "127.0.0.1:0")
	}
	var s *ldapserver.Server
	if err == nil {
		s, err = ldapserver.New(ldapserver.Options{
			Limits: ldapserver.Limits{MaxConnectionsPerAddress: 20000},
			Handler: handlerFunc(func(w *ldapserver.ResponseWriter, r *ldapserver.Request) {
				if string(r.Message.Extended.Name) == oidMemory {
					debug.FreeOSMemory()
					w.Extended(ldapwire.Success, "", "", []byte(strconv.Itoa(residentMemory())))
					return
				}
				w.Result(ldapwire.Success, "", "")
			}),
		})
	}
	if err == nil {
		fmt.Println(l.Addr())
		ctx, cancel := context.WithCancel(context.Background())
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin) // until the test ends
			cancel()
		}()
		err = s.Run(ctx, ldapserver.Listener{Listener: l})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// residentMemory is the process's, in bytes.
func residentMemory() int {
	status, _ := os.ReadFile("/proc/self/status")
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	kilobytes, _ := strconv.Atoi(strings.Fields(after)[0])
	return kilobytes << 10
}

// process starts a server in a process of its own.
func process(t *testing.T, descriptors int) *running {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", fewDescriptors, descriptors))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the server's address: %v", err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the server: %v", err)
		}
	})
	return &running{addr: strings.TrimSpace(addr)}
}

func TestDescriptorsRunOut(t *testing.T) {
	s := process(t, 40)
	first := s.dial(t)
	var open []*peer
	for range 80 { // the kernel accepts them; the server cannot
		open = append(open, s.dial(t))
	}
	time.Sleep(50 * time.Millisecond)
	first.send(bind(1))
	first.expect(1, ldapwire.OpBindResponse, ldapwire.Success)
	for _, p := range open {
		p.Close()
	}
	p := s.dial(t)
	p.send(bind(1))
	p.expect(1, ldapwire.OpBindResponse, ldapwire.Success)
}
