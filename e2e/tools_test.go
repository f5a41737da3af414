//go:build e2e

package e2e_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
)

// OpenLDAP's own tool is content with the server, in each way to reach it.
func TestLDAPWhoAmI(t *testing.T) {
	s := slapd(t, fixture.User{UID: "alice", Password: "right"})
	d := dialtree(t, options(t), upstream(t, plain, s.Address, "", template)+user("alice"))
	a := must[*fixture.Authority](t)(authority())
	for transport, args := range map[string][]string{
		plain:    {"-H", "ldap://" + d.Address},
		startTLS: {"-H", "ldap://" + d.Address, "-ZZ"},
		ldaps:    {"-H", "ldaps://" + d.TLSAddress},
	} {
		for password, want := range map[string]int{"right": 0, "wrong": 49} {
			cmd := exec.CommandContext(t.Context(), tool(t, "ldapwhoami", "ldap-utils"),
				append(args, "-x", "-D", fixture.DialtreeDN("alice"), "-w", password)...)
			cmd.Env = append(os.Environ(), "LDAPTLS_CACERT="+a.File)
			out, err := cmd.CombinedOutput()
			if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != want {
				t.Errorf("%s, %s password: %v, want exit code %d\n%s", transport, password, err, want, out)
			}
			if want == 0 && !strings.Contains(string(out), "dn:"+fixture.DialtreeDN("alice")) {
				t.Errorf("%s: ldapwhoami says %q", transport, out)
			}
		}
	}
}

// promtool has nothing to say about the metrics, after each kind of outcome was
// counted.
func TestMetrics(t *testing.T) {
	s := slapd(t, fixture.User{UID: "alice", Password: "right"})
	d := dialtree(t, options(t), upstream(t, plain, s.Address, "", template)+user("alice"))
	for name, password := range map[string]string{"alice": "right", "ALICE": "wrong", "nobody": "x"} {
		bind(t, d, plain, name, password)
	}
	body := get(t, d, "/metrics", http.StatusOK)
	cmd := exec.CommandContext(t.Context(), tool(t, "promtool", "prometheus"), "check", "metrics")
	cmd.Stdin = strings.NewReader(body)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
	for _, want := range []string{
		`dialtree_bind_total{method="upstream",outcome="accepted",upstream="directory"} 1`,
		`dialtree_bind_total{method="upstream",outcome="refused",upstream="directory"} 1`,
		`outcome="unknown_user"`,
		`dialtree_upstream_up{server=`,
		`dialtree_ldap_requests_total{operation="bind",result="success"} 1`,
		`dialtree_entries{kind="user"} 1`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("/metrics has no %s", want)
		}
	}
	for _, secret := range []string{"alice", "nobody"} {
		if strings.Contains(body, secret) {
			t.Errorf("/metrics names the user %s", secret)
		}
	}
}

// An upstream's outage is told, and takes the node away from nobody.
func TestHealth(t *testing.T) {
	nowhere := must[string](t)(fixture.FreeAddress())
	d := dialtree(t, options(t), upstream(t, plain, nowhere, "", template)+user("alice"))
	bind(t, d, plain, "alice", "right")
	if body := get(t, d, "/readyz", http.StatusOK); !strings.Contains(body, "directory") {
		t.Errorf("/readyz does not tell how the upstream is: %s", body)
	}
	get(t, d, "/healthz", http.StatusOK)
	if body := get(t, d, "/metrics", http.StatusOK); !strings.Contains(body, "dialtree_upstream_up{server=") || !strings.Contains(body, "} 0") {
		t.Errorf("/metrics does not tell that the upstream is down")
	}
}

// auth test tells each step of a login.
func TestAuthTest(t *testing.T) {
	s := slapd(t, fixture.User{UID: "alice", Password: "right"})
	d := dialtree(t, options(t), upstream(t, plain, s.Address, "", template)+user("alice"))
	for _, c := range []struct {
		title, login, password string
		code                   int
		says                   []string
	}{
		{"accepted", "alice", "right", 0, []string{"uid=alice," + fixture.SlapdPeople, s.Address, "accepted"}},
		{"refused", "alice", "wrong", 1, []string{"uid=alice," + fixture.SlapdPeople, s.Address, "refused"}},
		{"unknown", "nobody", "right", 1, []string{"nobody"}},
	} {
		t.Run(c.title, func(t *testing.T) {
			out := command(t, d, c.code, c.password+"\n", "auth", "test", c.login, "--password-stdin")
			for _, want := range c.says {
				if !strings.Contains(out.Stdout+out.Stderr, want) {
					t.Errorf("no %q in\n%s%s", want, out.Stdout, out.Stderr)
				}
			}
		})
	}
}

// What Active Directory says beside a refusal is told to the administrator.
func TestAuthTestExplainsActiveDirectory(t *testing.T) {
	s := samba(t)
	objects := upstream(t, ldaps, s.Address, s.TLSAddress, `bind_dn: "%@`+fixture.SambaRealm+`"`)
	for _, login := range []string{"gone", "new", "past"} {
		objects += user(login)
	}
	d := dialtree(t, options(t), objects)
	for login, want := range map[string]string{"gone": "disabled", "new": "must change", "past": "expired"} {
		out := command(t, d, 1, "right-"+login+"\n", "auth", "test", login, "--password-stdin")
		if !strings.Contains(out.Stdout, want) {
			t.Errorf("auth test %s does not say %q:\n%s", login, want, out.Stdout)
		}
	}
}

// Every line that the demo proposes works, and Ctrl-C ends it.
func TestDemo(t *testing.T) {
	program := must[string](t)(binary())
	dir := t.TempDir()
	address, admin := must[string](t)(fixture.FreeAddress()), must[string](t)(fixture.FreeAddress())
	p := must[*fixture.Process](t)(fixture.StartServer(t.Context(), dir, "demo", address,
		program, "demo", "--listen", address, "--admin-listen", admin))
	t.Cleanup(p.Stop)
	proposed := proposals(t, p)
	if len(proposed) < 3 {
		t.Fatalf("the demo proposes %q; want ldapwhoami, ldapsearch and dialtree auth test\n%s", proposed, p.Output())
	}
	for _, line := range proposed {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
		cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(program)+":"+os.Getenv("PATH"))
		want := 0
		if strings.Contains(line, "-w wrong") { // the demo also shows what a refusal looks like
			want = 49
		}
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != want {
			t.Errorf("%s: %v, want exit code %d\n%s", line, err, want, out)
		}
	}
	check(t, p.Signal(os.Interrupt))
	if code := p.ExitCode(); code != 0 {
		t.Errorf("the demo ended with exit code %d\n%s", code, p.Output())
	}
}

// proposals are the commands that the demo prints, once it has printed all it
// has to say.
func proposals(t *testing.T, p *fixture.Process) []string {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !strings.Contains(p.Output(), "Ctrl-C") && time.Now().Before(deadline) {
		time.Sleep(20 * time.Millisecond)
	}
	var commands []string
	for line := range strings.Lines(p.Output()) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "$ ")
		for _, start := range []string{"ldapwhoami ", "ldapsearch ", "echo ", "printf ", "dialtree ", filepath.Dir(p.Program())} {
			if strings.HasPrefix(line, start) {
				commands = append(commands, line)
				break
			}
		}
	}
	return commands
}

// tool is where a program of a Debian package is.
func tool(t *testing.T, program, debianPackage string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		check(t, &fixture.MissingError{Program: program, Package: debianPackage})
	}
	return path
}

func get(t *testing.T, d *fixture.Dialtree, path string, status int) string {
	t.Helper()
	request := must[*http.Request](t)(http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodGet, "http://"+d.AdminAddress+path, nil))
	response := must[*http.Response](t)(http.DefaultClient.Do(request))
	defer response.Body.Close()
	body := must[[]byte](t)(io.ReadAll(response.Body))
	if response.StatusCode != status {
		t.Errorf("%s: %s, want %d\n%s", path, response.Status, status, body)
	}
	return string(body)
}
