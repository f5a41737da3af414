//go:build e2e

package e2e_test

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
	"github.com/dialtree/dialtree/e2e/torture"
)

// secrets are one of each kind, all different, each with the mark in it.
type secrets struct {
	bind, wrongBind, sasl, internal, device, searchAccount, connector, webhook, token, cookie, environment string
}

func (s *secrets) all() map[string]string {
	return map[string]string{"bind password": s.bind, "wrong password": s.wrongBind, "SASL password": s.sasl, "internal password": s.internal,
		"device secret": s.device, "upstream's search account": s.searchAccount, "connector's password": s.connector,
		"webhook's secret": s.webhook, "token": s.token, "session cookie": s.cookie, "secret in the environment": s.environment, "administrator's password": adminPassword}
}

// shownIn are the kinds of secret that a text has, in any of the forms that they are likely to be in.
func (s *secrets) shownIn(text []byte) []string {
	var kinds []string
	for kind, secret := range s.all() {
		for _, form := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret)), hex.EncodeToString([]byte(secret)), strings.ReplaceAll(secret, " ", "%20"), strings.ReplaceAll(secret, " ", "+")} {
			if bytes.Contains(text, []byte(form)) {
				kinds = append(kinds, kind)
				break
			}
		}
	}
	return kinds
}

// Nothing that the product writes, answers or leaves behind holds a secret in the clear, at the most talkative level of the log.
func TestTortureSecretsAreNowhere(t *testing.T) {
	s := secrets{bind: planted + " bind", wrongBind: planted + " wrong", sasl: planted + " sasl", internal: planted + " internal", device: planted + " device",
		searchAccount: planted + " search", connector: planted + " connector", webhook: planted + " webhook", environment: planted + " environment"}
	directory := slapd(t, fixture.User{UID: "alice", Password: s.bind}, fixture.User{UID: "bob", Password: s.sasl}, fixture.User{UID: "proxy", Password: s.searchAccount})
	o := options(t)
	o.Config = append(o.Config, "log: {level: debug, format: json}")
	o.Env = append(o.Env, "DEVICE_SECRET="+s.environment)
	// Files are as private as they should be whatever the mask of whoever starts it.
	mask := syscall.Umask(0)
	d, err := startedWithLog(t, o)
	syscall.Umask(mask)
	check(t, err)
	owner(d).apply(t, strings.Join([]string{
		"kind: upstream\nname: directory\nurls: ['ldap://" + directory.Address + "']\nsearch: {base: '" + fixture.SlapdBase + "', filter: '(uid=%)', bind_dn: '" + fixture.SlapdDN("proxy") + "', password: '" + s.searchAccount + "'}",
		strings.TrimPrefix(user("alice"), "---\n"), strings.TrimPrefix(user("bob"), "---\n"),
		"kind: user\nusername: inge\ndisplayname: Inge\nauth: {method: internal}\npassword: '" + s.internal + "'",
		"kind: device\nname: reception\npassword: '" + s.device + "'",
		"kind: device\nname: kitchen\npassword: {env: DEVICE_SECRET}",
		"kind: phonebook\nname: customers\nreaders: [everyone]",
		"kind: connector\nname: pbx\ntemplate: pbx-phonebook\ntarget: phonebook/customers\nsource: {rest: {url: 'http://127.0.0.1:1/list', username: proxy, password: '" + s.connector + "'}}\nwebhook: {url: 'http://127.0.0.1:1/hook', secret: '" + s.webhook + "'}",
	}, "\n---\n"))
	ada := signedIn(t, d, adminName, adminPassword, "admin")
	_, s.cookie, _ = strings.Cut(ada.header.Get("Cookie"), "=")
	token := withToken(t, d, "read")
	s.token = strings.TrimPrefix(token.header.Get("Authorization"), "Bearer ")

	// Everything that handles a secret does so, rightly and wrongly.
	for _, l := range []struct {
		name, password string
		code           int
	}{
		{"alice", s.bind, 0}, {"alice", s.wrongBind, 49}, {"nobody", s.bind, 49}, {"nobody\n", s.bind, 49}, {"inge", s.internal, 0}, {"inge", s.wrongBind, 49},
		{"reception", s.device, 0}, {"kitchen", s.environment, 0}, {"kitchen", s.device, 49},
	} {
		if r := bind(t, d, startTLS, l.name, l.password); r.Code != l.code {
			t.Errorf("%s: %d %q, want %d", l.name, r.Code, r.Diagnostic, l.code)
		}
	}
	c := connect(t, d, ldaps)
	if r := must[fixture.Result](t)(c.BindPlain("bob", s.sasl)); r.Code != 0 {
		t.Errorf("SASL: %+v", r)
	}
	if r := must[fixture.Result](t)(c.PasswordModify(s.sasl, s.wrongBind)); r.Code == 0 || strings.Contains(r.Diagnostic, planted) {
		t.Errorf("password modify: %+v", r)
	}
	owner(d).ask(t, http.MethodPost, "/api/v1/connectors/pbx/runs", map[string]any{})
	command(t, d, 1, s.wrongBind+"\n", "auth", "test", "alice", "--password-stdin")
	d.Command(t.Context(), "", "connector", "run", "pbx")
	network(d).with("Authorization", "Bearer "+s.token+"x").ask(t, http.MethodGet, "/api/v1/users", nil)
	network(d).with("Cookie", "dialtree_session="+s.cookie+"x").ask(t, http.MethodGet, "/", nil)
	network(d).browser().ask(t, http.MethodPost, "/api/v1/session", map[string]string{"login": adminName, "password": s.wrongBind})

	places := 0
	look := func(place string, content []byte) {
		t.Helper()
		places++
		for _, kind := range s.shownIn(content) {
			t.Errorf("%s: the %s", place, kind)
		}
	}
	// Answers and pages.
	_, all := operations(t, d)
	for _, operation := range all {
		if operation.Method == http.MethodGet {
			for _, name := range []string{"alice", "inge", "reception", "kitchen", "directory", "pbx", "customers", adminName, "nobody"} {
				path := parameter.ReplaceAllString(operation.Path, name)
				look("GET "+path, []byte(owner(d).ask(t, http.MethodGet, path, nil).body))
			}
		}
	}
	for _, page := range crawl(t, ada) {
		look("the page "+page.path, []byte(page.body))
	}
	look("/metrics", []byte(network(d).ask(t, http.MethodGet, "/metrics", nil).body))
	// What is of the process: its arguments; its environment holds what the administrator put there, and nothing more.
	arguments := must[[]byte](t)(os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", d.PID())))
	look("the arguments", arguments)
	for _, kind := range s.shownIn(must[[]byte](t)(os.ReadFile(fmt.Sprintf("/proc/%d/environ", d.PID())))) {
		if kind != "secret in the environment" {
			t.Errorf("the environment: the %s", kind)
		}
	}
	// Backups and every file.
	backup := filepath.Join(t.TempDir(), "backup.tar.gz")
	command(t, d, 0, "", "backup", backup)
	for name, content := range unpacked(t, backup) {
		look("the backup's "+name, content)
	}
	modesOf(t, d.DataDir, backup)
	d.Stop()
	check(t, filepath.WalkDir(filepath.Dir(d.ConfigFile), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			look(path, must[[]byte](t)(os.ReadFile(path)))
		}
		return err
	}))
	check(t, leftovers(look))
	torture.Note(t, attackers, "secrets of 12 kinds, at the log's level debug: places looked at, and secrets found", torture.Dialtree, "%d, %d", places, 0)
}

func startedWithLog(t *testing.T, o fixture.DialtreeOptions) (*fixture.Dialtree, error) {
	d, err := fixture.NewDialtree(o)
	if err != nil {
		return nil, err
	}
	// The fixture's own key log comes first, and there may be one only.
	config, err := os.ReadFile(d.ConfigFile)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(d.ConfigFile, bytes.Replace(config, []byte("log: {format: json}\n"), nil, 1), 0o600); err != nil {
		return nil, err
	}
	err = d.Start(t.Context())
	t.Cleanup(d.Stop)
	return d, err
}

// modesOf looks that only the owner can read what is kept.
func modesOf(t *testing.T, dir string, files ...string) {
	t.Helper()
	check(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		files = append(files, path)
		return err
	}))
	socket := false
	for _, path := range files {
		info := must[fs.FileInfo](t)(os.Lstat(path))
		socket = socket || info.Mode().Type() == fs.ModeSocket
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is %v", path, info.Mode())
		}
	}
	if !socket {
		t.Error("no socket among the files")
	}
}

// leftovers looks at the temporary files of the last minutes that are the product's.
func leftovers(look func(string, []byte)) error {
	paths, err := filepath.Glob(filepath.Join(os.TempDir(), "dialtree*"))
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && time.Since(info.ModTime()) < 5*time.Minute {
			if content, err := os.ReadFile(path); err == nil {
				look(path, content)
			}
		}
	}
	return err
}

// unpacked are the files of a backup, and the whole.
func unpacked(t *testing.T, path string) map[string][]byte {
	t.Helper()
	raw := must[[]byte](t)(os.ReadFile(path))
	files := map[string][]byte{"file": raw}
	var in io.Reader = bytes.NewReader(raw)
	if zipped, err := gzip.NewReader(bytes.NewReader(raw)); err == nil {
		in = zipped
	}
	archive := tar.NewReader(in)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		check(t, err)
		files[header.Name] = must[[]byte](t)(io.ReadAll(archive))
	}
	if len(files) < 2 {
		t.Fatalf("a backup of %d files", len(files))
	}
	return files
}

// No command takes a secret as an argument, where every user of the machine can read it.
func TestNoCommandTakesASecretAsAnArgument(t *testing.T) {
	text := string(must[[]byte](t)(os.ReadFile("../docs/commands.md")))
	flag := regexp.MustCompile(`--[a-z-]*(password|secret|token|passphrase|credential)[a-z-]*`)
	for _, name := range flag.FindAllString(text, -1) {
		switch name {
		case "--password-stdin", "--forget-secrets", "--show-secret":
		default:
			t.Errorf("the flag %s", name)
		}
	}
	if !strings.Contains(text, "--password-stdin") {
		t.Error("the document of the commands names no flag for passwords on standard input")
	}
}

// A crash leaves no core, and the passwords of those who logged in do not stay in memory; where they do, it is few.
func TestTorturePasswordsDoNotStayInMemory(t *testing.T) {
	const logins = 100
	password := func(kind string, i int) string { return fmt.Sprintf("stays-%s-%05d-in-memory", kind, i) }
	var people []fixture.User
	var objects strings.Builder
	for i := range logins {
		people = append(people, fixture.User{UID: fmt.Sprint("user", i), Password: password("clear", i)}, fixture.User{UID: fmt.Sprint("tls", i), Password: password("TLS", i)})
		objects.WriteString(user(fmt.Sprint("user", i)) + user(fmt.Sprint("tls", i)))
	}
	s := slapd(t, people...)
	o := options(t)
	o.Config = append(o.Config, "throttle: {address_failures: 10000}")
	d := dialtree(t, o, upstream(t, startTLS, s.Address, s.TLSAddress, template)+objects.String())
	limits := string(must[[]byte](t)(os.ReadFile(fmt.Sprintf("/proc/%d/limits", d.PID()))))
	if !regexp.MustCompile(`Max core file size +0 +0 `).MatchString(limits) {
		t.Errorf("a core may be written:\n%s", limits)
	}
	var open []*fixture.Client
	for i := range logins {
		for _, kind := range []struct{ kind, user, transport string }{{"clear", "user", plain}, {"TLS", "tls", ldaps}} {
			c := connect(t, d, kind.transport)
			open = append(open, c)
			name := fmt.Sprint(kind.user, i)
			if r, err := c.Bind(name, password(kind.kind, i)); err != nil || r.Code != 0 {
				t.Fatalf("%s: %+v %v", name, r, err)
			}
			if i%10 == 0 {
				if r, err := connect(t, d, kind.transport).Bind(name, password("wrong-"+kind.kind, i)); err != nil || r.Code != 49 {
					t.Fatalf("%s: %+v %v", name, r, err)
				}
			}
		}
	}
	time.Sleep(2 * time.Second)
	found, err := passwordsInMemory(d.PID())
	if errors.Is(err, fs.ErrPermission) && os.Getenv("CI") != "true" {
		t.Skipf("left out: another process's memory may not be read here: %v", err)
	}
	check(t, err)
	for _, kind := range []string{"clear", "wrong-clear", "TLS", "wrong-TLS"} {
		n := 0
		for password := range found {
			if strings.HasPrefix(password, "stays-"+kind+"-0") {
				n++
			}
		}
		of := logins
		if strings.HasPrefix(kind, "wrong") {
			of /= 10
		}
		t.Logf("%s: %d of %d passwords are in memory", kind, n, of)
		torture.Note(t, attackers, "passwords still in memory 2 s after the login, connections open: "+kind, torture.Dialtree, "%d of %d", n, of)
		if n > of/10 {
			t.Errorf("%s: %d of %d passwords are in memory", kind, n, of)
		}
	}
	for _, c := range open {
		c.Close()
	}
}

var stays = regexp.MustCompile(`stays-(wrong-)?[a-zA-Z]+-[0-9]{5}-in-memory`)

// passwordsInMemory are the passwords in a process's memory, with how often each is there.
func passwordsInMemory(pid int) (map[string]int, error) {
	maps, err := os.Open(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return nil, err
	}
	defer maps.Close()
	memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return nil, err
	}
	defer memory.Close()
	found := make(map[string]int)
	lines := bufio.NewScanner(maps)
	for lines.Scan() {
		var from, to int64
		var mode string
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x %s", &from, &to, &mode); err != nil || !strings.HasPrefix(mode, "rw") {
			continue
		}
		content := make([]byte, to-from)
		n, _ := memory.ReadAt(content, from) // what is not there cannot be read
		for _, password := range stays.FindAll(content[:n], -1) {
			found[string(password)]++
		}
	}
	return found, lines.Err()
}
