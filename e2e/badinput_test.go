//go:build e2e

package e2e_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/e2e/fixture"
)

// Every key of the configuration, wrong in turn: config check and serve both name
// the file and the key, and end with 1.
func TestBadConfiguration(t *testing.T) {
	program := must[string](t)(binary())
	for _, c := range []struct{ title, yaml, says string }{
		{"no YAML", "ldap: [", ":1:"},
		{"unknown key", "ldap:\n  lisen: 127.0.0.1:0", ":2: ldap.lisen"},
		{"unknown key at the top", "base_nd: dc=x", "base_nd"},
		{"key twice", "base_dn: dc=x\nbase_dn: dc=y", "base_dn"},
		{"base_dn", "base_dn: example", "base_dn"},
		{"data_dir of a wrong kind", "data_dir: [a]", "data_dir"},
		{"ldap.listen", "ldap: {listen: everywhere}", "ldap.listen"},
		{"ldap.listen, port", "ldap: {listen: '127.0.0.1:99999'}", "ldap.listen"},
		{"ldap.listen_tls without a certificate", "ldap: {listen_tls: '127.0.0.1:0'}", "cert_file"},
		{"ldap.cert_file without a key", "ldap: {cert_file: /nowhere/cert.pem}", "key_file"},
		{"ldap.cert_file that is not there", "ldap: {cert_file: /nowhere/cert.pem, key_file: /nowhere/key.pem}", "/nowhere/"},
		{"ldap.require_tls", "ldap: {require_tls: perhaps}", "require_tls"},
		{"ldap.require_tls without a certificate", "ldap: {require_tls: true}", "require_tls"},
		{"ldap.anonymous_from", "ldap: {anonymous_from: [10.0.0.0/33]}", "ldap.anonymous_from"},
		{"ldap.proxy_protocol_from", "ldap: {proxy_protocol_from: [balancer]}", "ldap.proxy_protocol_from"},
		{"ldap.max_connections", "ldap: {max_connections: -1}", "ldap.max_connections"},
		{"ldap.max_connections_per_address", "ldap: {max_connections_per_address: many}", "max_connections_per_address"},
		{"ldap.max_pending_per_connection", "ldap: {max_pending_per_connection: -5}", "ldap.max_pending_per_connection"},
		{"ldap.max_message_bytes.before_bind", "ldap: {max_message_bytes: {before_bind: 3}}", "before_bind"},
		{"ldap.max_message_bytes.after_bind", "ldap: {max_message_bytes: {after_bind: -3}}", "after_bind"},
		{"ldap.idle_timeout", "ldap: {idle_timeout: 5}", "idle_timeout"},
		{"ldap.idle_timeout, negative", "ldap: {idle_timeout: -5m}", "ldap.idle_timeout"},
		{"ldap.size_limit", "ldap: {size_limit: -1}", "ldap.size_limit"},
		{"ldap.time_limit", "ldap: {time_limit: soon}", "time_limit"},
		{"throttle.user_failures", "throttle: {user_failures: -1}", "throttle.user_failures"},
		{"throttle.address_failures", "throttle: {address_failures: -1}", "throttle.address_failures"},
		{"throttle.window", "throttle: {window: -1m}", "throttle.window"},
		{"throttle.delay", "throttle: {delay: never}", "delay"},
		{"admin.listen", "admin: {listen: here}", "admin.listen"},
		{"admin.metrics_from", "admin: {metrics_from: [everyone]}", "admin.metrics_from"},
		{"numbers.country", "numbers: {country: Germany}", "numbers.country"},
		{"numbers.trunk", "numbers: {trunk: zero}", "numbers.trunk"},
		{"numbers.international", "numbers: {international: plus}", "numbers.international"},
		{"numbers.output", "numbers: {output: pretty}", "numbers.output"},
		{"log.level", "log: {level: loud}", "log.level"},
		{"log.format", "log: {format: html}", "log.format"},
		{"log.file", "log: {file: /nowhere/dialtree.log}", "log.file"},
		{"backup.keep", "backup: {dir: /tmp, keep: -1}", "backup.keep"},
		{"backup.schedule", "backup: {dir: /tmp, schedule: nightly}", "backup.schedule"},
	} {
		t.Run(c.title, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "dialtree.yaml")
			check(t, os.WriteFile(file, []byte(c.yaml+"\n"), 0o600))
			for _, args := range [][]string{{"config", "check", file}, {"serve", "--config", file, "--data-dir", filepath.Join(dir, "data")}} {
				out := must[fixture.Output](t)(fixture.RunDialtree(t.Context(), program, dir, nil, "", args...))
				complains(t, args, out, file, c.says)
			}
			if _, err := os.Stat(filepath.Join(dir, "data")); !os.IsNotExist(err) {
				t.Errorf("serve made a data directory under a wrong configuration")
			}
		})
	}
}

// complains expects a command to have failed with a sentence.
func complains(t *testing.T, args []string, out fixture.Output, says ...string) {
	t.Helper()
	command := "dialtree " + args[0]
	if out.Code != 1 {
		t.Errorf("%s: exit code %d, want 1\n%s%s", command, out.Code, out.Stdout, out.Stderr)
	}
	for _, want := range says {
		if !strings.Contains(out.Stdout+out.Stderr, want) {
			t.Errorf("%s does not say %q:\n%s%s", command, want, out.Stdout, out.Stderr)
		}
	}
	if strings.Contains(out.Stderr, "goroutine ") || strings.Contains(out.Stderr, "Usage:") {
		t.Errorf("%s says too much:\n%s", command, out.Stderr)
	}
}

// Wrong usage is told from failure by the exit code.
func TestWrongUsage(t *testing.T) {
	program := must[string](t)(binary())
	for _, args := range [][]string{
		{"nonsense"}, {"serve", "--nonsense"}, {"get"}, {"get", "nonsense"}, {"delete", "user"}, {"apply"},
		{"connector", "nonsense"}, {"connector", "run"}, {"get", "user", "-o", "nonsense"}, {"backup"}, {"user", "passwd"},
	} {
		out := must[fixture.Output](t)(fixture.RunDialtree(t.Context(), program, t.TempDir(), nil, "", args...))
		if out.Code != 2 || out.Stderr == "" {
			t.Errorf("dialtree %s: exit code %d, %q; want 2 and a sentence", strings.Join(args, " "), out.Code, out.Stderr)
		}
	}
}

// What stands in the way of a start is told in a sentence.
func TestCannotStart(t *testing.T) {
	a := must[*fixture.Authority](t)(authority())
	one, other := must[fixture.Certificate](t)(a.Issue("one", "127.0.0.1")), must[fixture.Certificate](t)(a.Issue("other", "127.0.0.1"))
	taken := must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
	t.Cleanup(func() { taken.Close() })
	running := dialtree(t, options(t), "")

	for _, c := range []struct {
		title string
		spoil func(t *testing.T, o *fixture.DialtreeOptions, d *fixture.Dialtree)
		says  []string
	}{
		{"a port in use", func(t *testing.T, o *fixture.DialtreeOptions, d *fixture.Dialtree) {
			replace(t, d.ConfigFile, d.Address, taken.Addr().String())
		}, []string{taken.Addr().String()}},
		{"the admin port in use", func(t *testing.T, o *fixture.DialtreeOptions, d *fixture.Dialtree) {
			replace(t, d.ConfigFile, d.AdminAddress, taken.Addr().String())
		}, []string{taken.Addr().String()}},
		{"a data directory that is a file", func(t *testing.T, o *fixture.DialtreeOptions, d *fixture.Dialtree) {
			check(t, os.WriteFile(d.DataDir, nil, 0o600))
		}, []string{"data"}},
		{"a data directory that cannot be made", func(t *testing.T, o *fixture.DialtreeOptions, d *fixture.Dialtree) {
			replace(t, d.ConfigFile, d.DataDir, "/proc/nowhere")
		}, []string{"/proc/nowhere"}},
		{"a data directory of a running server", func(t *testing.T, o *fixture.DialtreeOptions, d *fixture.Dialtree) {
			replace(t, d.ConfigFile, d.DataDir, running.DataDir)
		}, []string{running.DataDir}},
		{"a store that is no store", func(t *testing.T, o *fixture.DialtreeOptions, d *fixture.Dialtree) {
			check(t, os.MkdirAll(d.DataDir, 0o700))
			check(t, os.WriteFile(filepath.Join(d.DataDir, "dialtree.db"), []byte(strings.Repeat("no store\n", 4096)), 0o600))
		}, []string{"dialtree.db"}},
		{"a store of a newer version", func(t *testing.T, o *fixture.DialtreeOptions, d *fixture.Dialtree) {
			check(t, d.Start(t.Context()))
			d.Stop()
			newerSchema(t, filepath.Join(d.DataDir, "dialtree.db"))
		}, []string{"dialtree.db", "99"}},
		{"a certificate that does not match its key", func(t *testing.T, o *fixture.DialtreeOptions, d *fixture.Dialtree) {
			replace(t, d.ConfigFile, o.TLS.KeyFile, other.KeyFile)
		}, []string{other.KeyFile}},
		{"a certificate that is none", func(t *testing.T, o *fixture.DialtreeOptions, d *fixture.Dialtree) {
			replace(t, d.ConfigFile, o.TLS.CertFile, d.ConfigFile)
		}, []string{"dialtree.yaml"}},
	} {
		t.Run(c.title, func(t *testing.T) {
			o := options(t)
			o.TLS = &one
			d := must[*fixture.Dialtree](t)(fixture.NewDialtree(o))
			c.spoil(t, &o, d)
			out := must[fixture.Output](t)(fixture.RunDialtree(t.Context(), o.Binary, o.Dir, nil, "", "serve", "--config", d.ConfigFile))
			complains(t, []string{"serve"}, out, c.says...)
		})
	}
}

// newerSchema writes schema version 99 into a store. In a leaf page of bbolt a
// value stands right behind its key, and pages of data have no checksum.
func newerSchema(t *testing.T, file string) {
	t.Helper()
	const known, newer = "schema\x00\x00\x00\x00\x00\x00\x00\x05", "schema\x00\x00\x00\x00\x00\x00\x00\x63"
	replace(t, file, known, newer)
}

func replace(t *testing.T, file, old, new string) {
	t.Helper()
	text := string(must[[]byte](t)(os.ReadFile(file)))
	if !strings.Contains(text, old) {
		t.Fatalf("%s has no %q to replace", file, old)
	}
	check(t, os.WriteFile(file, []byte(strings.ReplaceAll(text, old, new)), 0o600))
}

// A command without a server says so.
func TestNoServer(t *testing.T) {
	d := must[*fixture.Dialtree](t)(fixture.NewDialtree(options(t)))
	for _, args := range [][]string{{"get", "user"}, {"connector", "run", "staff"}, {"auth", "test", "alice", "--password-stdin"}} {
		out := must[fixture.Output](t)(d.Command(t.Context(), "x\n", args...))
		complains(t, args, out, "dialtree serve")
	}
}

// Every key of the objects, wrong in turn: nothing is applied, not even what is
// right beside it.
func TestBadObjects(t *testing.T) {
	d := dialtree(t, options(t), "kind: upstream\nname: directory\nurls: [\"ldap://127.0.0.1:389\"]\n"+template+"\n")
	const csv = "\ntemplate: csv-users\nsource: {csv: {path: /tmp/users.csv}}"
	for _, c := range []struct{ title, yaml, says string }{
		{"no YAML", "kind: [", ":4:"},
		{"unknown kind", "kind: upstraem\nname: x", "upstraem"},
		{"no kind", "name: x", "kind"},
		{"unknown key", "kind: phonebook\nname: x\ntilte: X", "tilte"},
		{"upstream without urls", "kind: upstream\nname: x\nbind_dn: uid=%", "urls"},
		{"upstream url", "kind: upstream\nname: x\nurls: [http://x]\nbind_dn: uid=%", "urls"},
		{"upstream bind_dn without %", "kind: upstream\nname: x\nurls: [ldap://x]\nbind_dn: uid=x", "bind_dn"},
		{"upstream bind_dn with two %", "kind: upstream\nname: x\nurls: [ldap://x]\nbind_dn: uid=%,cn=%", "bind_dn"},
		{"upstream with neither bind_dn nor search", "kind: upstream\nname: x\nurls: [ldap://x]", "bind_dn"},
		{"upstream search.filter", "kind: upstream\nname: x\nurls: [ldap://x]\nsearch: {base: dc=x, filter: '(uid=%'}", "search.filter"},
		{"upstream connect_timeout", "kind: upstream\nname: x\nurls: [ldap://x]\nbind_dn: uid=%\nconnect_timeout: -2s", "connect_timeout"},
		{"upstream bind_timeout", "kind: upstream\nname: x\nurls: [ldap://x]\nbind_dn: uid=%\nbind_timeout: soon", "bind_timeout"},
		{"upstream max_connections", "kind: upstream\nname: x\nurls: [ldap://x]\nbind_dn: uid=%\nmax_connections: -1", "max_connections"},
		{"upstream tls.ca_file", "kind: upstream\nname: x\nurls: [ldaps://x]\nbind_dn: uid=%\ntls: {ca_file: /nowhere/ca.pem}", "tls.ca_file"},
		{"upstream tls.start_tls with ldaps", "kind: upstream\nname: x\nurls: [ldaps://x]\nbind_dn: uid=%\ntls: {start_tls: true}", "start_tls"},
		{"upstream cache", "kind: upstream\nname: x\nurls: [ldap://x]\nbind_dn: uid=%\ncache: {success: -1s}", "cache.success"},
		{"connector template", "kind: connector\nname: x\ntemplate: cvs-users", "template"},
		{"connector without a source", "kind: connector\nname: x\ntemplate: csv-users", "source"},
		{"connector target", "kind: connector\nname: x\ntarget: nobody" + csv, "target"},
		{"connector mode", "kind: connector\nname: x\nmode: mirrow" + csv, "mode"},
		{"connector filter", "kind: connector\nname: x\nfilter: 'username =='" + csv, "filter"},
		{"connector variables, unknown field", "kind: connector\nname: x\nvariables: {nickname: username}" + csv, "variables"},
		{"connector variables, expression", "kind: connector\nname: x\nvariables: {displayname: 'nonsense('}" + csv, "variables.displayname"},
		{"connector schedule", "kind: connector\nname: x\nschedule: sometimes" + csv, "schedule"},
		{"connector limits", "kind: connector\nname: x\nlimits: {removals: lots}" + csv, "limits.removals"},
		{"connector authentication", "kind: connector\nname: x\nauthentication: {method: magic}" + csv, "authentication.method"},
		{"connector upstream that is not there", "kind: connector\nname: x\nauthentication: {method: upstream, upstream: nowhere}" + csv, "nowhere"},
		{"connector source.csv.encoding", "kind: connector\nname: x\ntemplate: csv-users\nsource: {csv: {path: /x.csv, encoding: ebcdic}}", "source.csv.encoding"},
		{"connector source.csv.delimiter", "kind: connector\nname: x\ntemplate: csv-users\nsource: {csv: {path: /x.csv, delimiter: ',,'}}", "source.csv.delimiter"},
		{"connector source.csv.line_separator", "kind: connector\nname: x\ntemplate: csv-users\nsource: {csv: {path: /x.csv, line_separator: vt}}", "source.csv.line_separator"},
		{"connector source.csv.path", "kind: connector\nname: x\ntemplate: csv-users\nsource: {csv: {path: ''}}", "source.csv.path"},
		{"phonebook readers", "kind: phonebook\nname: x\nreaders: [anybody]", "readers"},
		{"user without username", "kind: user\ndisplayname: X", "username"},
		{"user auth", "kind: user\nusername: x\ndisplayname: X\nauth: {method: upstream, upstream: nowhere}", "nowhere"},
		{"device without a name", "kind: device", "name"},
		{"a name with a blank", "kind: phonebook\nname: 'a b/c'", "name"},
	} {
		t.Run(c.title, func(t *testing.T) {
			before := everything(t, d)
			file := filepath.Join(t.TempDir(), "objects.yaml")
			check(t, os.WriteFile(file, []byte("kind: phonebook\nname: fine\n---\n"+c.yaml+"\n"), 0o600))
			args := []string{"apply", "-f", file}
			complains(t, args, must[fixture.Output](t)(d.Command(t.Context(), "", args...)), "objects.yaml", c.says)
			if after := everything(t, d); after != before {
				t.Errorf("a refused apply changed the store from\n%s\nto\n%s", before, after)
			}
		})
	}
}

// everything is all that can be listed.
func everything(t *testing.T, d *fixture.Dialtree) string {
	t.Helper()
	var all strings.Builder
	for _, kind := range []string{"upstream", "connector", "phonebook", "device", "user"} {
		fmt.Fprintf(&all, "%s: %s\n", kind, command(t, d, 0, "", "get", kind, "-o", "json").Stdout)
	}
	return all.String()
}

// A CSV file that cannot be trusted changes nothing, and says why.
func TestBadCSV(t *testing.T) {
	const header = "username,displayname,phone\n"
	good := header + "alice,Alice,100\nbob,Bob,101\ncarol,Carol,102\n"
	long := header
	for i := range 100 {
		long += fmt.Sprintf("user%02d,User %d,%d\n", i, i, 200+i)
	}
	for _, c := range []struct {
		title, before, csv string // csv "-": the file is removed
		code               int
		says               string
	}{
		{"missing", good, "-", 1, "staff.csv"},
		{"empty", good, "", 1, "staff.csv"},
		{"only a header", good, header, 1, "no rows"},
		{"cut off in a quoted field", good, header + "alice,Alice,100\nbob,\"Bo", 1, "3"},
		{"wrong encoding", good, header + "alice,\xc4lice,100\nbob,Bob,101\ncarol,Carol,102\n", 1, "encoding"},
		{"no column for the key", good, "login,displayname\nalice,Alice\n", 1, "username"},
		{"too many removals", long, header + "user00,User 0,200\n", 3, "--confirm"},
		{"a directory", good, "/", 1, "staff.csv"},
		{"binary", good, "\x00\x01\x02\x03\x7fELF\x00\x00", 1, "staff.csv"},
	} {
		t.Run(c.title, func(t *testing.T) {
			o := options(t)
			file := filepath.Join(o.Dir, "staff.csv")
			check(t, os.WriteFile(file, []byte(c.before), 0o600))
			d := dialtree(t, o, fmt.Sprintf("kind: connector\nname: staff\ntemplate: csv-users\nsource: {csv: {path: %q}}\nauthentication: {method: none}\n", file), "staff")
			before := command(t, d, 0, "", "get", "user", "-o", "json").Stdout
			check(t, os.Remove(file))
			switch c.csv {
			case "-":
			case "/":
				check(t, os.Mkdir(file, 0o700))
			default:
				check(t, os.WriteFile(file, []byte(c.csv), 0o600))
			}
			out := command(t, d, c.code, "", "connector", "run", "staff")
			if !strings.Contains(out.Stdout+out.Stderr, c.says) {
				t.Errorf("the run does not say %q:\n%s%s", c.says, out.Stdout, out.Stderr)
			}
			if after := command(t, d, 0, "", "get", "user", "-o", "json").Stdout; after != before {
				t.Errorf("the run changed the users from\n%s\nto\n%s", before, after)
			}
		})
	}
}

// Of two columns with one name the first keeps it, the second gets a number, and
// the run says so: what other imports drop silently is not lost here.
func TestDuplicateHeaders(t *testing.T) {
	o := options(t)
	file := filepath.Join(o.Dir, "staff.csv")
	check(t, os.WriteFile(file, []byte("username,displayname,displayname\nalice,Alice,A\n"), 0o600))
	d := dialtree(t, o, fmt.Sprintf("kind: connector\nname: staff\ntemplate: csv-users\nsource: {csv: {path: %q}}\nauthentication: {method: none}\n", file))
	out := command(t, d, 0, "", "connector", "run", "staff")
	if said := out.Stdout + out.Stderr; !strings.Contains(said, `"displayname 2"`) {
		t.Errorf("the run does not tell of the second column:\n%s", said)
	}
	if users := command(t, d, 0, "", "get", "user", "-o", "csv").Stdout; !strings.Contains(users, "Alice") {
		t.Errorf("the first column is not the one that is used:\n%s", users)
	}
}

// A few bad records are skipped and told with their rows; the others go in.
func TestBadRecords(t *testing.T) {
	o := options(t)
	file := filepath.Join(o.Dir, "staff.csv")
	csv := "username,displayname,phone\n"
	for i := range 20 {
		csv += fmt.Sprintf("user%02d,User %d,%d\n", i, i, 200+i)
	}
	csv += "user03,Somebody else,300\n" + ",Nobody,301\n"
	check(t, os.WriteFile(file, []byte(csv), 0o600))
	d := dialtree(t, o, fmt.Sprintf("kind: connector\nname: staff\ntemplate: csv-users\nsource: {csv: {path: %q}}\nauthentication: {method: none}\n", file))
	out := command(t, d, 0, "", "connector", "run", "staff")
	for _, row := range []string{"22", "23"} {
		if !strings.Contains(out.Stdout+out.Stderr, row) {
			t.Errorf("the run does not tell of row %s:\n%s%s", row, out.Stdout, out.Stderr)
		}
	}
	if n := strings.Count(command(t, d, 0, "", "get", "user", "-o", "csv").Stdout, "User "); n != 20 && n != 19 {
		t.Errorf("%d users were imported, want the 20 sound records, or 19 when both of a pair are refused", n)
	}
}
