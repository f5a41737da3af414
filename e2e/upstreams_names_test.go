//go:build e2e

package e2e_test

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/chaos"
	"github.com/dialtree/dialtree/e2e/fixture"
	"github.com/dialtree/dialtree/e2e/torture"
)

// names are what the product's host names are resolved by: a name server of the test, or a file of hosts.
type names struct {
	server *chaos.NameServer // nil: the file
	hosts  string
	host   string
}

// point gives the name another address; "" takes it away.
func (n *names) point(t *testing.T, address string) {
	t.Helper()
	if n.server != nil {
		var to netip.Addr
		if address != "" {
			to = netip.MustParseAddr(address)
		}
		n.server.Point(to)
		return
	}
	line := ""
	if address != "" {
		line = address + " " + n.host + "\n"
	}
	check(t, os.WriteFile(n.hosts, []byte("127.0.0.1 localhost\n"+line), 0o644)) // in place: it is mounted
	time.Sleep(6 * time.Second)                                                  // as long as Go keeps a file of hosts
}

// namesOfItsOwn makes a wrapper of the product that resolves names in a way of the test's: the binary is static, so that it asks what
// /etc/resolv.conf or /etc/hosts says in its mount namespace.
func namesOfItsOwn(t *testing.T, host, binary string) (n *names, wrapper string) {
	t.Helper()
	dir := t.TempDir()
	n = &names{host: host, hosts: filepath.Join(dir, "hosts")}
	file, place := filepath.Join(dir, "resolv.conf"), "/etc/resolv.conf"
	server, err := chaos.StartNameServer("127.0.0.153:53")
	if err == nil {
		n.server = server
		t.Cleanup(server.Close)
		check(t, os.WriteFile(file, []byte("nameserver 127.0.0.153\n"), 0o644))
	} else {
		t.Logf("no name server (%v): the file of hosts does for it", err)
		file, place = n.hosts, "/etc/hosts"
		check(t, os.WriteFile(file, []byte("127.0.0.1 localhost\n"), 0o644))
	}
	unshare := ""
	for _, how := range []string{"unshare -m", "unshare -rm"} {
		words := append(strings.Fields(how), "mount", "--bind", file, place)
		if exec.CommandContext(t.Context(), words[0], words[1:]...).Run() == nil {
			unshare = how
			break
		}
	}
	if unshare == "" {
		check(t, &fixture.MissingError{Program: "a mount namespace (unshare -m)"})
	}
	wrapper = filepath.Join(dir, "dialtree")
	check(t, os.WriteFile(wrapper, fmt.Appendf(nil, "#!/bin/sh\nexec %s sh -c 'mount --bind %s %s && exec \"$0\" \"$@\"' %s \"$@\"\n", unshare, file, place, binary), 0o755))
	return n, wrapper
}

// The name of a directory moves to another address, vanishes, and is asked of a name server that is silent: binds follow it as soon
// as their connections end, and nobody waits longer than connect_timeout.
func TestTortureUpstreamsNames(t *testing.T) {
	const host, oldHome, newHome = "directory.example.com", "127.0.0.81", "127.0.0.82"
	o := options(t)
	n, wrapper := namesOfItsOwn(t, host, o.Binary)
	o.Binary = wrapper
	users := chaosUsers(1)
	s := slapd(t, users...)
	first := must[*chaos.Proxy](t)(chaos.NewProxy(chaos.Options{Target: s.Address, Listen: net.JoinHostPort(oldHome, "0"), Patience: chaosBindTimeout}))
	t.Cleanup(first.Close)
	_, port, _ := net.SplitHostPort(first.Address)
	second := must[*chaos.Proxy](t)(chaos.NewProxy(chaos.Options{Target: s.Address, Listen: net.JoinHostPort(newHome, port), Patience: chaosBindTimeout}))
	t.Cleanup(second.Close)

	n.point(t, oldHome)
	d := dialtree(t, o, upstream(t, plain, net.JoinHostPort(host, port), "", template+"\nbind_timeout: 2s\nconnect_timeout: 1s")+user(users[0].UID))
	login := func() (code int, took time.Duration) {
		t.Helper()
		begin := time.Now()
		code = bind(t, d, plain, users[0].UID, users[0].Password).Code
		return code, time.Since(begin)
	}
	back := func(when string) time.Duration {
		t.Helper()
		begin := time.Now()
		for {
			code, took := login()
			if code == 0 {
				return time.Since(begin)
			}
			if code != 52 || took > 3*time.Second || time.Since(begin) > 20*time.Second {
				t.Fatalf("%s: result %d after %v, %v after the change", when, code, took, time.Since(begin))
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	back("at the old address")
	if first.Accepted() == 0 {
		t.Fatal("the name does not lead to the old address")
	}
	n.point(t, newHome)
	if code, _ := login(); code != 0 {
		t.Errorf("while the old address still serves: result %d", code)
	}
	first.Down()
	moved := back("moved to the new address")
	if second.Accepted() == 0 {
		t.Error("the name does not lead to the new address")
	}

	n.point(t, "")
	second.Cut()
	var worst time.Duration
	for range 5 {
		code, took := login()
		if worst = max(worst, took); code != 52 {
			t.Errorf("a name that does not exist: result %d, want 52", code)
		}
	}
	n.point(t, newHome)
	found := back("the name is back")
	silent := time.Duration(0)
	if n.server != nil {
		n.server.Silence()
		second.Cut()
		for range 5 {
			code, took := login()
			if silent = max(silent, took); code != 52 {
				t.Errorf("a silent name server: result %d, want 52", code)
			}
		}
		n.point(t, newHome)
		back("the name server speaks again")
	}
	if limit := 3 * time.Second; worst > limit || silent > limit {
		t.Errorf("logins took up to %v and %v while the name could not be resolved", worst, silent)
	}
	torture.Note(t, upstreamsPart, "the directory's name moves, vanishes, or is not answered for", torture.Dialtree,
		"followed %.1f s after the old address died, found %.1f s after it is back; meanwhile 52 within %.1f s", moved.Seconds(), found.Seconds(), max(worst, silent).Seconds())
}
