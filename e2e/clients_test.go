//go:build e2e

package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
)

// clientsDir holds a program for each library or tool that searches Dialtree, and
// the objects that they find.
const clientsDir = "testdata/clients"

// customers are the contacts of testdata/clients/objects.yaml in the phonebook
// customers, in the order of their names.
var customers = []string{
	"#1 Taxi",
	"Åsa Ångström",
	`Back\Slash, Inc.`,
	`Carla "Lotta" Weiß`,
	"David=Roth; Partner",
	"Emil Example",
	"Fatma <Yılmaz>",
	"Jörg Müller (Berlin)",
	"Nora Example",
	"Star * Hotel",
	"Zoë O'Brien",
	"Ильина Ольга",
}

// The device that the clients are bound as.
const (
	receptionDN       = "cn=reception,ou=devices," + fixture.DialtreeBase
	receptionPassword = "key of the reception"
)

// clientChecks are what every client does. A program prints a line for each, so
// that one which checks nothing is not taken for content.
var clientChecks = []string{
	"root DSE", "schema", "bind by DN", "bind by name", "StartTLS", "LDAPS", "filters", "read again", "pages",
	"reverse sort", "list view", "compare", "types only", "size limit", "abandon", "who am I", "unknown control",
	"ManageDsaIT", "anonymous",
}

// A client is a program of testdata/clients.
type client struct {
	argv  []string
	probe []string // ends without an error where all that the program needs is installed
	needs string   // Debian's packages that have it
	// lacks are the checks that the library has no function for.
	lacks []string
}

// Debian's Python libraries are those of its own python3, whichever comes first
// in PATH.
const python = "/usr/bin/python3"

var clients = map[string]client{
	"ldap-utils": {
		argv:  []string{"sh", "openldap.sh"},
		probe: []string{"ldapsearch", "-VV"},
		needs: "ldap-utils",
		lacks: []string{"abandon"},
	},
	"python-ldap": {
		argv:  []string{python, "python_ldap.py"},
		probe: []string{python, "-c", "import ldap.controls.sss"},
		needs: "python3-ldap",
	},
	"ldap3": {
		argv:  []string{python, "python_ldap3.py"},
		probe: []string{python, "-c", "import ldap3"},
		needs: "python3-ldap3",
		lacks: []string{"list view"},
	},
	"JNDI": {
		argv:  []string{"java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Dfile.encoding=UTF-8", "-Dsun.jnu.encoding=UTF-8", "Jndi.java"},
		probe: []string{"javac", "-version"},
		needs: "default-jdk-headless",
		lacks: []string{"list view", "who am I"},
	},
	"php-ldap": {
		argv:  []string{"php", "client.php"},
		probe: []string{"php", "-r", "exit(function_exists('ldap_exop_whoami') ? 0 : 1);"},
		needs: "php-cli with php-ldap",
		lacks: []string{"abandon"},
	},
	"Net::LDAP": {
		argv:  []string{"perl", "client.pl"},
		probe: []string{"perl", "-MNet::LDAP", "-MIO::Socket::SSL", "-e", "1"},
		needs: "libnet-ldap-perl with libio-socket-ssl-perl",
	},
	"ldapjs": {
		argv:  []string{"node", "ldapjs.js"},
		probe: []string{"npm", "--version"},
		needs: "nodejs with npm",
		lacks: []string{"list view"}, // its control is not enabled
	},
}

// Libraries and tools of other houses work with the product unchanged.
func TestClients(t *testing.T) {
	d := phonebooks(t)
	for _, name := range slices.Sorted(maps.Keys(clients)) {
		c := clients[name]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if out, err := exec.CommandContext(t.Context(), c.probe[0], c.probe[1:]...).CombinedOutput(); err != nil {
				t.Logf("%s: %v\n%s", strings.Join(c.probe, " "), err, out)
				check(t, &fixture.MissingError{Program: name, Package: c.needs})
			}
			env := clientEnv(t, d)
			if name == "ldapjs" {
				env = append(env, "NODE_PATH="+must[string](t)(ldapjs()))
			}
			c.run(t, env)
		})
	}
}

// phonebooks starts the product with the objects that the clients find.
func phonebooks(t *testing.T) *fixture.Dialtree {
	t.Helper()
	o := options(t)
	o.LDAP = []string{"anonymous_from: [127.0.0.0/8]"}
	return dialtree(t, o, string(must[[]byte](t)(os.ReadFile(filepath.Join(clientsDir, "objects.yaml")))))
}

func clientEnv(t *testing.T, d *fixture.Dialtree) []string {
	t.Helper()
	a := must[*fixture.Authority](t)(authority())
	return append(os.Environ(),
		"TEST_URL=ldap://"+d.Address, "TEST_TLS_URL=ldaps://"+d.TLSAddress, "TEST_CA="+a.File,
		"TEST_DEVICE_DN="+receptionDN, "TEST_DEVICE=reception", "TEST_PASSWORD="+receptionPassword,
		"TEST_NAMES="+strings.Join(customers, "\n"))
}

// run runs the program and tells which of the checks it does not do, and which
// fail.
func (c client) run(t *testing.T, env []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.argv[0], c.argv[1:]...)
	cmd.Dir, cmd.Env = clientsDir, env
	// A program that hangs ends together with what it started.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var done []string
	for line := range strings.Lines(stdout.String()) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "ok "); ok {
			done = append(done, name)
		} else {
			t.Errorf("%s", strings.TrimSpace(line))
		}
	}
	for _, name := range clientChecks {
		if slices.Contains(done, name) == slices.Contains(c.lacks, name) {
			t.Errorf("check %q: done %t, want %t", name, slices.Contains(done, name), !slices.Contains(c.lacks, name))
		}
	}
	if err != nil || stderr.Len() > 0 {
		t.Errorf("%s: %v\n%s", strings.Join(c.argv, " "), err, stderr.String())
	}
}

// ldapjsVersion is fetched by npm: Debian does not ship it.
const ldapjsVersion = "ldapjs@3.0.7"

// ldapjs fetches the library and returns where node finds it.
var ldapjs = sync.OnceValues(func() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	dir := filepath.Join(scratch, "npm")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, "npm", "install", "--prefix", dir, "--prefer-offline", "--ignore-scripts",
		"--no-audit", "--no-fund", ldapjsVersion).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: npm install: %w\n%s", &fixture.MissingError{Program: ldapjsVersion}, err, out)
	}
	return filepath.Join(dir, "node_modules"), nil
})
