//go:build e2e

package e2e_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
)

// A user whose password is kept here changes it with OpenLDAP's own tool; the old
// one ends at once.
func TestInternalUserChangesPassword(t *testing.T) {
	d := dialtree(t, options(t), "kind: user\nusername: alice\ndisplayname: Alice\n")
	const old, fresh = "correct horse battery", "staple of another kind"
	command(t, d, 0, old+"\n", "user", "passwd", "alice", "--password-stdin")
	a := must[*fixture.Authority](t)(authority())
	passwd := exec.CommandContext(t.Context(), tool(t, "ldappasswd", "ldap-utils"), "-x", "-ZZ", "-H", "ldap://"+d.Address,
		"-D", fixture.DialtreeDN("alice"), "-w", old, "-a", old, "-s", fresh)
	passwd.Env = append(os.Environ(), "LDAPTLS_CACERT="+a.File)
	if out, err := passwd.CombinedOutput(); err != nil {
		t.Fatalf("ldappasswd: %v\n%s", err, out)
	}
	for password, want := range map[string]int{old: 49, fresh: 0} {
		if r := bind(t, d, plain, "alice", password); r.Code != want {
			t.Errorf("bind with %q: result %d %q, want %d", password, r.Code, r.Diagnostic, want)
		}
	}
	d.Stop() // writes what is left of the log
	database := string(must[[]byte](t)(os.ReadFile(filepath.Join(d.DataDir, "dialtree.db"))))
	for _, password := range []string{old, fresh} {
		if strings.Contains(database, password) || strings.Contains(d.Output(), password) {
			t.Errorf("the password %q is readable in the store or in the log", password)
		}
	}
}

// With require_tls a password in clear text is not even looked at.
func TestRequireTLS(t *testing.T) {
	s := slapd(t, fixture.User{UID: "alice", Password: "right"})
	o := options(t)
	o.LDAP = []string{"require_tls: true"}
	d := dialtree(t, o, upstream(t, plain, s.Address, "", template)+user("alice"))
	for transport, want := range map[string]int{plain: 13, startTLS: 0, ldaps: 0} {
		before := s.Binds()
		if r := bind(t, d, transport, "alice", "right"); r.Code != want {
			t.Errorf("%s: result %d %q, want %d", transport, r.Code, r.Diagnostic, want)
		}
		if sent := s.Binds() - before; (want == 0) != (sent == 1) {
			t.Errorf("%s: %d binds reached the upstream", transport, sent)
		}
	}
}

// SIGHUP brings a new certificate to new connections; those that exist go on.
func TestCertificateReload(t *testing.T) {
	o := options(t)
	d := dialtree(t, o, "kind: device\nname: reception\npassword: a-secret-of-a-device\n")
	existing := connect(t, d, ldaps)
	before := serial(t, d)
	a := must[*fixture.Authority](t)(authority())
	fresh := must[fixture.Certificate](t)(a.Issue("fresh", "127.0.0.1"))
	for from, to := range map[string]string{fresh.CertFile: o.TLS.CertFile, fresh.KeyFile: o.TLS.KeyFile} {
		check(t, os.Rename(from, to))
	}
	check(t, d.Signal(syscall.SIGHUP))
	deadline := time.Now().Add(5 * time.Second)
	for serial(t, d) == before {
		if time.Now().After(deadline) {
			t.Fatal("new connections still get the old certificate")
		}
		time.Sleep(20 * time.Millisecond)
	}
	if r, err := existing.Bind("reception", "a-secret-of-a-device"); err != nil || r.Code != 0 {
		t.Errorf("bind on the connection from before: result %d %q, %v", r.Code, r.Diagnostic, err)
	}

	// A certificate that cannot be used leaves the one in use alone.
	inUse := serial(t, d)
	check(t, os.WriteFile(o.TLS.CertFile, []byte("no certificate"), 0o600))
	check(t, d.Signal(syscall.SIGHUP))
	time.Sleep(200 * time.Millisecond)
	if got := serial(t, d); got != inUse {
		t.Errorf("after a broken certificate the server shows %s, want still %s", got, inUse)
	}
	d.Stop() // writes what is left of the log
	if !strings.Contains(d.Output(), o.TLS.CertFile) {
		t.Errorf("the log does not name the broken certificate %s", o.TLS.CertFile)
	}
}

// serial is the serial number of the certificate that a new connection gets.
func serial(t *testing.T, d *fixture.Dialtree) string {
	t.Helper()
	a := must[*fixture.Authority](t)(authority())
	c := must[*tls.Conn](t)(tls.Dial("tcp", d.TLSAddress, a.ClientConfig("127.0.0.1")))
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0].SerialNumber.String()
}

// The address behind a trusted load balancer is the client's; anybody else's
// PROXY header is no LDAP.
func TestProxyProtocol(t *testing.T) {
	s := slapd(t, fixture.User{UID: "alice", Password: "right"})
	o := options(t)
	o.LDAP = []string{"proxy_protocol_from: [127.0.0.50/32]"}
	d := dialtree(t, o, upstream(t, plain, s.Address, "", template)+user("alice"))
	bindBehind := func(source string) (answered bool) {
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}}
		c := must[net.Conn](t)(dialer.DialContext(t.Context(), "tcp", d.Address))
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		fmt.Fprintf(c, "PROXY TCP4 192.0.2.7 127.0.0.1 40000 389\r\n%s", fixture.BindRequest(1, "alice", "right"))
		answer := make([]byte, 64)
		n, _ := c.Read(answer)
		return n > 9 && answer[5] == 0x61 && answer[9] == 0 // a BindResponse with success
	}
	if !bindBehind("127.0.0.50") {
		t.Error("a bind behind the trusted load balancer was not accepted")
	}
	if bindBehind("127.0.0.51") {
		t.Error("a PROXY header was taken from an address that is not trusted")
	}
	d.Stop() // writes what is left of the log
	if !strings.Contains(d.Output(), "192.0.2.7") {
		t.Error("the log does not have the client's own address")
	}
}

// An import of what is there already counts everything as unchanged.
func TestUnchangedImport(t *testing.T) {
	o := options(t)
	file := filepath.Join(o.Dir, "staff.csv")
	check(t, os.WriteFile(file, []byte("username,displayname,phone\nalice,Alice,100\nbob,Bob,101\n"), 0o600))
	d := dialtree(t, o, fmt.Sprintf("kind: connector\nname: staff\ntemplate: csv-users\nsource: {csv: {path: %q}}\nauthentication: {method: none}\n", file), "staff")
	before := command(t, d, 0, "", "get", "user", "-o", "yaml").Stdout
	out := command(t, d, 0, "", "connector", "run", "staff", "-o", "json").Stdout
	for _, want := range []string{`"unchanged": 2`, `"created": 0`, `"updated": 0`, `"removed": 0`} {
		if !strings.Contains(out, want) {
			t.Errorf("the second run has no %s:\n%s", want, out)
		}
	}
	if after := command(t, d, 0, "", "get", "user", "-o", "yaml").Stdout; after != before {
		t.Errorf("an unchanged import changed the users from\n%s\nto\n%s", before, after)
	}
}

// A backup, restored elsewhere, is a node that serves the same users.
func TestBackupMovesANode(t *testing.T) {
	s := slapd(t, fixture.User{UID: "alice", Password: "right"})
	d := dialtree(t, options(t), upstream(t, plain, s.Address, "", template)+user("alice"))
	backup := filepath.Join(t.TempDir(), "dialtree.backup")
	command(t, d, 0, "", "backup", backup)

	o := options(t)
	other := must[*fixture.Dialtree](t)(fixture.NewDialtree(o))
	command(t, other, 0, "", "restore", backup)
	check(t, other.Start(t.Context()))
	t.Cleanup(other.Stop)
	command(t, other, 0, "", "check")
	if r := bind(t, other, plain, "alice", "right"); r.Code != 0 {
		t.Errorf("bind at the restored node: result %d %q, want 0", r.Code, r.Diagnostic)
	}
}
