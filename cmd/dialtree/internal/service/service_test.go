package service

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// This test binary is also the program that sockets are passed to.
const asChild = "SERVICE_TEST_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(asChild) {
	case "":
		os.Exit(m.Run())
	case "take":
		fmt.Println(takeAndTell())
	case "exec":
		g, err := Take()
		if err == nil {
			var h *Handover
			if h, err = Hold(g.Sockets); err == nil {
				for _, s := range g.Sockets {
					s.Close()
				}
				os.Setenv(asChild, "take")
				err = g.Exec("/proc/self/exe", os.Args, os.Environ(), h)
			}
		}
		fmt.Println(err)
	case "become":
		fmt.Println(becomeAndTell())
	}
}

// takeAndTell takes what was passed and says what that is, in one line.
func takeAndTell() string {
	g, err := Take()
	if err != nil {
		return err.Error()
	}
	var all []string
	for _, s := range g.Sockets {
		all = append(all, s.label()+"@"+s.Addr().String())
	}
	for _, e := range os.Environ() {
		if strings.HasPrefix(e, "LISTEN_") || strings.HasPrefix(e, "NOTIFY_") || strings.HasPrefix(e, "WATCHDOG_") {
			all = append(all, "left: "+e)
		}
	}
	// A child has nothing but its standard descriptors, and the directory that is read.
	out, err := exec.Command("ls", "-l", "/proc/self/fd").CombinedOutput()
	if n := strings.Count(string(out), "socket:"); err != nil || n != 0 {
		all = append(all, fmt.Sprintf("a child inherits %d sockets, %v", n, err))
	}
	if g.Watchdog != 0 {
		all = append(all, "watchdog "+g.Watchdog.String())
	}
	return strings.Join(all, " ")
}

// pass runs this binary with sockets as a service manager passes them, under a shell that knows its own process number.
func pass(t *testing.T, as string, files []*os.File, variables ...string) string {
	t.Helper()
	c := exec.Command("sh", "-c", `export LISTEN_PID=${OTHER_PID:-$$} WATCHDOG_PID=$$; exec "$0"`, os.Args[0])
	c.Env = append(os.Environ(), append(variables, asChild+"="+as)...)
	c.ExtraFiles = files
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.TrimSpace(string(out))
}

func listener(t *testing.T) (*os.File, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close(); l.Close() })
	return f, l.Addr().String()
}

func TestSocketsThatAreFine(t *testing.T) {
	a, aa := listener(t)
	b, ba := listener(t)
	c, ca := listener(t)
	for _, tc := range []struct {
		name, as  string
		files     []*os.File
		variables []string
		want      string
	}{
		{"none", "take", nil, nil, ""},
		{"each", "take", []*os.File{a, b, c}, []string{"LISTEN_FDS=3", "LISTEN_FDNAMES=ldap:ldaps:admin"}, "ldap@" + aa + " ldaps@" + ba + " admin@" + ca},
		{"two addresses of one name", "take", []*os.File{a, b}, []string{"LISTEN_FDS=2", "LISTEN_FDNAMES=ldap:ldap"}, "ldap@" + aa + " ldap@" + ba},
		{"for another process", "take", []*os.File{a}, []string{"LISTEN_FDS=1", "LISTEN_FDNAMES=ldap", "OTHER_PID=1"}, "a child inherits 1 sockets, <nil>"},
		{"watchdog", "take", nil, []string{"WATCHDOG_USEC=3000000", "NOTIFY_SOCKET=/nowhere"}, "watchdog 3s"},
		{"handed on by exec", "exec", []*os.File{a, b}, []string{"LISTEN_FDS=2", "LISTEN_FDNAMES=admin:ldap", "WATCHDOG_USEC=3000000"}, "admin@" + aa + " ldap@" + ba + " watchdog 3s"},
		{"own names", "exec", []*os.File{a}, []string{"LISTEN_FDS=1", "LISTEN_FDNAMES=ldap.listen=127.0.0.1%3A0"}, "ldap.listen=127.0.0.1%3A0@" + aa},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := pass(t, tc.as, tc.files, tc.variables...); got != tc.want {
				t.Errorf("got  %q\nwant %q", got, tc.want)
			}
		})
	}
}

func TestSocketsThatAreNot(t *testing.T) {
	a, aa := listener(t)
	b, ba := listener(t)
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	connected := os.NewFile(uintptr(pair[0]), "pair")
	defer connected.Close()
	defer syscall.Close(pair[1])
	local, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "s"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	unix, err := local.File()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close()
	for _, tc := range []struct {
		name      string
		files     []*os.File
		variables []string
		want      string
	}{
		{"no number", nil, []string{"LISTEN_FDS=many"}, `LISTEN_FDS is "many"; it must be the number of sockets that are passed`},
		{"name missing", []*os.File{a, b}, []string{"LISTEN_FDS=2", "LISTEN_FDNAMES=ldap"}, "2 sockets were passed with 1 names (LISTEN_FDNAMES): give each a FileDescriptorName= of ldap, ldaps, admin"},
		{"no names", []*os.File{a}, []string{"LISTEN_FDS=1"}, "1 sockets were passed with 0 names (LISTEN_FDNAMES): give each a FileDescriptorName= of ldap, ldaps, admin"},
		{"name unknown", []*os.File{a}, []string{"LISTEN_FDS=1", "LISTEN_FDNAMES=dialtree.socket"}, `a socket was passed with the name "dialtree.socket", which is not known: FileDescriptorName= must be one of ldap, ldaps, admin`},
		{"one that may be there once", []*os.File{a, b}, []string{"LISTEN_FDS=2", "LISTEN_FDNAMES=admin:admin"}, "the socket admin was passed twice, at " + aa + " and " + ba + ": there is one address of the page"},
		{"the same twice", []*os.File{a, a}, []string{"LISTEN_FDS=2", "LISTEN_FDNAMES=ldap:ldaps"}, "the sockets ldap and ldaps that were passed are both at " + aa + ": give each its own ListenStream="},
		{"not there", nil, []string{"LISTEN_FDS=1", "LISTEN_FDNAMES=ldap", "LISTEN_FDNUMBERS=99"}, "the socket ldap (descriptor 99) that was passed is not open: its unit needs ListenStream= and Accept=no"},
		{"a file", []*os.File{file}, []string{"LISTEN_FDS=1", "LISTEN_FDNAMES=ldap"}, "the socket ldap (descriptor 3) that was passed is not a socket: its unit needs ListenStream= and Accept=no"},
		{"a connection", []*os.File{connected}, []string{"LISTEN_FDS=1", "LISTEN_FDNAMES=ldap"}, "the socket ldap (descriptor 3) that was passed does not listen: its unit needs ListenStream= and Accept=no"},
		{"a path", []*os.File{unix}, []string{"LISTEN_FDS=1", "LISTEN_FDNAMES=ldap"}, "the socket ldap that was passed is not a TCP socket: ListenStream= must be a port, or an address with a port"},
		{"watchdog", nil, []string{"WATCHDOG_USEC=soon"}, `WATCHDOG_USEC is "soon"; it must be a number of microseconds`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := pass(t, "take", tc.files, tc.variables...); got != tc.want {
				t.Errorf("got  %q\nwant %q", got, tc.want)
			}
		})
	}
}

func TestExecThatFails(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h, err := Hold([]Socket{{Name: "ldap.listen", Address: "127.0.0.1:0", Listener: l}})
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	waiting, err := net.Dial("tcp", l.Addr().String()) // while nobody accepts
	if err != nil {
		t.Fatalf("a held socket refuses connections: %v", err)
	}
	defer waiting.Close()
	g := &Given{Notifier: &Notifier{}}
	if err := g.Exec(filepath.Join(t.TempDir(), "missing"), nil, nil, h); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("Exec: %v", err)
	}
	sockets, err := h.Take()
	if err != nil || len(sockets) != 1 {
		t.Fatalf("Take: %v, %v", sockets, err)
	}
	defer sockets[0].Close()
	c, err := sockets[0].Accept()
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

func TestNotifications(t *testing.T) {
	for _, name := range []string{filepath.Join(t.TempDir(), "notify"), "@dialtree-test-" + strconv.Itoa(os.Getpid())} {
		manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		defer manager.Close()
		n := &Notifier{path: name}
		before := monotonic()
		for _, tc := range []struct {
			send func() error
			want string
		}{
			{func() error { return n.Ready("Serves\nREADY=0") }, "READY=1\nSTATUS=Serves READY=0\n"},
			{func() error { return n.Stopping("Ends") }, "STOPPING=1\nSTATUS=Ends\n"},
			{func() error { return n.Status("So so") }, "STATUS=So so\n"},
			{n.WatchdogPing, "WATCHDOG=1\n"},
			{func() error { return n.Reloading("Reads") }, "RELOADING=1\nMONOTONIC_USEC=%d\nSTATUS=Reads\n"},
		} {
			if err := tc.send(); err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 1000)
			_ = manager.SetReadDeadline(time.Now().Add(5 * time.Second))
			size, err := manager.Read(b)
			if err != nil {
				t.Fatal(err)
			}
			var us int64
			if got := string(b[:size]); got != tc.want {
				if _, err := fmt.Sscanf(got, tc.want, &us); err != nil {
					t.Errorf("sent %q, want %q", got, tc.want)
				} else if us < before.Microseconds() || us > monotonic().Microseconds() {
					t.Errorf("MONOTONIC_USEC=%d is not between %d and now", us, before.Microseconds())
				}
			}
		}
	}
	if err := (&Notifier{}).Ready("to nobody"); err != nil {
		t.Errorf("without a manager: %v", err)
	}
	if err := (&Notifier{path: filepath.Join(t.TempDir(), "gone")}).Ready(""); err == nil {
		t.Error("nobody listens, and that is no error")
	}
}
