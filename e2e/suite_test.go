//go:build e2e

package e2e_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/dialtree/dialtree/e2e/diskfault"
	"github.com/dialtree/dialtree/e2e/fixture"
)

// scratch holds what tests share: the binary, the authority, the domain.
var scratch string

func TestMain(m *testing.M) {
	diskfault.Main() // when this process is a tracer
	os.Exit(func() int {
		var err error
		if scratch, err = os.MkdirTemp("", "dialtree-e2e-"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(scratch)
		// A child also dies with this process; here it is waited for, so that
		// nothing writes into the directory that is removed.
		defer func() {
			if s := startedSamba; s != nil {
				s.Stop()
			}
			if b := startedChromium; b != nil {
				b.Close()
			}
			if e := startedEtcd; e != nil {
				e.Close()
			}
		}()
		return m.Run()
	}())
}

var binary = sync.OnceValues(func() (string, error) {
	return fixture.BuildDialtree(context.Background(), scratch)
})

var authority = sync.OnceValues(func() (*fixture.Authority, error) {
	return fixture.NewAuthority(scratch)
})

// sambaUsers are the accounts of the one domain that all tests share. A test
// that leaves marks on an account (wrong passwords, a lockout) has its own.
var sambaUsers = []fixture.SambaUser{
	{Login: "alice", Password: "right-alice"},
	{Login: "bob", Password: "right-bob"},
	{Login: "gone", Password: "right-gone", State: fixture.Disabled},
	{Login: "new", Password: "right-new", State: fixture.MustChange},
	{Login: "past", Password: "right-past", State: fixture.Expired},
	{Login: "victim", Password: "right-victim"},
	{Login: "target", Password: "right-target"},
}

var startedSamba *fixture.Samba

var provisionedSamba = sync.OnceValues(func() (*fixture.Samba, error) {
	a, err := authority()
	if err != nil {
		return nil, err
	}
	startedSamba, err = fixture.ProvisionSamba(context.Background(), filepath.Join(scratch, "samba"), a, sambaUsers)
	return startedSamba, err
})

// must ends the test on an error. A server that is not installed leaves the test
// out on a developer's machine, and is a failure where CI=true.
func must[T any](t *testing.T) func(T, error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		check(t, err)
		return v
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if missing := (*fixture.MissingError)(nil); errors.As(err, &missing) && os.Getenv("CI") != "true" {
		t.Skipf("left out: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// samba is the shared domain controller, which takes simple binds in clear text.
func samba(t *testing.T) *fixture.Samba {
	t.Helper()
	return must[*fixture.Samba](t)(provisionedSamba())
}

var issued atomic.Int64

// anotherName is a name for the files of a certificate that no other test has: tests may run side by side.
func anotherName(name string) string { return fmt.Sprintf("%s-%d", name, issued.Add(1)) }

// slapd starts a directory with TLS that counts binds.
func slapd(t *testing.T, users ...fixture.User) *fixture.Slapd {
	t.Helper()
	a := must[*fixture.Authority](t)(authority())
	cert := must[fixture.Certificate](t)(a.Issue(anotherName("slapd"), "127.0.0.1"))
	s := must[*fixture.Slapd](t)(fixture.StartSlapd(t.Context(), fixture.SlapdOptions{
		Dir: t.TempDir(), Users: users, TLS: &cert, Authority: a, CountBinds: true}))
	t.Cleanup(s.Stop)
	return s
}

func tap(t *testing.T, target string) *fixture.Tap {
	t.Helper()
	p := must[*fixture.Tap](t)(fixture.NewTap(target))
	t.Cleanup(p.Close)
	return p
}

// options are those of a product that serves plain, StartTLS and LDAPS.
func options(t *testing.T) fixture.DialtreeOptions {
	t.Helper()
	a := must[*fixture.Authority](t)(authority())
	cert := must[fixture.Certificate](t)(a.Issue(anotherName("dialtree"), "127.0.0.1"))
	return fixture.DialtreeOptions{Binary: must[string](t)(binary()), Dir: t.TempDir(), TLS: &cert}
}

// dialtree starts the product and applies objects; a nil error of the connectors
// named is awaited too. When the test fails, the product's log is shown.
func dialtree(t *testing.T, o fixture.DialtreeOptions, objects string, connectors ...string) *fixture.Dialtree {
	t.Helper()
	d := must[*fixture.Dialtree](t)(fixture.StartDialtree(t.Context(), o))
	t.Cleanup(func() {
		d.Stop()
		if t.Failed() {
			log := d.Output()
			t.Logf("the log of dialtree:\n%s", log[max(0, len(log)-6000):])
		}
	})
	if objects != "" {
		check(t, d.Apply(t.Context(), objects, connectors...))
	}
	return d
}

// command runs a command of the product and expects an exit code.
func command(t *testing.T, d *fixture.Dialtree, code int, stdin string, args ...string) fixture.Output {
	t.Helper()
	out := must[fixture.Output](t)(d.Command(t.Context(), stdin, args...))
	if out.Code != code {
		t.Fatalf("dialtree %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), out.Code, code, out.Stdout, out.Stderr)
	}
	return out
}

// The ways to reach a directory.
const (
	plain    = "plain"
	startTLS = "StartTLS"
	ldaps    = "LDAPS"
)

var transports = []string{plain, startTLS, ldaps}

// upstream is an upstream object for a server that is reached in one way.
func upstream(t *testing.T, transport, address, tlsAddress, rest string) string {
	t.Helper()
	a := must[*fixture.Authority](t)(authority())
	url := "ldap://" + address
	if transport == ldaps {
		url = "ldaps://" + tlsAddress
	}
	return fmt.Sprintf("kind: upstream\nname: directory\nurls: [%q]\ntls: {start_tls: %t, ca_file: %q}\n%s\n",
		url, transport == startTLS, a.File, rest)
}

// user is a user object who logs in at the upstream.
func user(login string) string {
	return fmt.Sprintf("---\nkind: user\nusername: %q\ndisplayname: Somebody\nauth: {method: upstream, upstream: directory}\n", login)
}

// connect opens a connection to the product.
func connect(t *testing.T, d *fixture.Dialtree, transport string) *fixture.Client {
	t.Helper()
	a := must[*fixture.Authority](t)(authority())
	var config *tls.Config
	address := d.Address
	if transport == ldaps {
		address, config = d.TLSAddress, a.ClientConfig("127.0.0.1")
	}
	c := must[*fixture.Client](t)(fixture.Dial(t.Context(), address, config))
	t.Cleanup(func() { c.Close() })
	if transport == startTLS {
		check(t, c.StartTLS(a.ClientConfig("127.0.0.1")))
	}
	return c
}

// bind binds once, on a connection of its own.
func bind(t *testing.T, d *fixture.Dialtree, transport, name, password string) fixture.Result {
	t.Helper()
	c := connect(t, d, transport)
	defer c.Close()
	r, err := c.Bind(name, password)
	if err != nil {
		t.Fatalf("bind as %q: %v", name, err)
	}
	return r
}
