//go:build e2e

package e2e_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
	"github.com/dialtree/dialtree/e2e/torture"
)

// crowd starts a directory with users who all log in with "right", and the product before it.
func crowd(t *testing.T, n int) (*fixture.Slapd, *fixture.Dialtree) {
	t.Helper()
	var people []fixture.User
	var objects strings.Builder
	for i := range n {
		people = append(people, fixture.User{UID: fmt.Sprint("user", i), Password: "right"})
		objects.WriteString(user(fmt.Sprint("user", i)))
	}
	s := slapd(t, people...)
	return s, dialtree(t, options(t), upstream(t, plain, s.Address, "", template+"\nmax_connections: 32")+objects.String())
}

// from binds from an address; an answer that is no refusal of an attacker fails.
func from(t *testing.T, source, address, name, password string) (fixture.Result, error) {
	c, err := fixture.DialFrom(t.Context(), source, address, nil)
	if err != nil {
		return fixture.Result{}, err
	}
	defer c.Close()
	return c.Bind(name, password)
}

type guess struct{ source, name, password string }

// attack makes guesses, sixteen at once, and returns how many of them the directory heard of.
func attack(t *testing.T, s *fixture.Slapd, address string, guesses []guess) int {
	t.Helper()
	before := s.Binds()
	inParallel(t, 16, guesses, func(g guess) error {
		r, err := from(t, g.source, address, g.name, g.password)
		if err != nil || r.Code != 49 && r.Code != 51 {
			return fmt.Errorf("%v: result %d %q, %v; want a refusal", g, r.Code, r.Diagnostic, err)
		}
		return nil
	})
	return s.Binds() - before
}

func guesses(n int, make func(i int) guess) []guess {
	var all []guess
	for i := range n {
		all = append(all, make(i))
	}
	return all
}

// However the guesses are spread over users and addresses, the directory hears of few.
func TestTorturePasswordSpraying(t *testing.T) {
	const users = 500
	s, d := crowd(t, users)
	attempts := torture.Pick(1500, 20_000)
	random := rand.New(rand.NewPCG(1, 1))
	const addresses, botnetUsers = 300, 60
	for _, tt := range []struct {
		what    string
		guesses []guess
		most    int // that the directory may hear of
		asSlapd bool
	}{
		{"one password for 500 users, from one address", guesses(users, func(i int) guess {
			return guess{"127.9.0.1", fmt.Sprint("user", i), "Summer2026"}
		}), 50 + 16, false}, // sixteen are on their way when the limit is met
		{"500 passwords for one user, from 500 addresses", guesses(500, func(i int) guess {
			return guess{strangersAddress(), "user0", fmt.Sprint("guess ", i)}
		}), 4, true},
		{"the same in 10 spellings of the name", guesses(500, func(i int) guess {
			return guess{strangersAddress(), spellings("user1")[i%10], fmt.Sprint("guess ", i)}
		}), 4, false},
		{fmt.Sprintf("%d guesses at %d users, from %d addresses", attempts, botnetUsers, addresses), guesses(attempts, func(int) guess {
			return guess{fmt.Sprintf("127.10.1.%d", random.IntN(addresses)%250+1), fmt.Sprint("user", 100+random.IntN(botnetUsers)), fmt.Sprint("guess ", random.IntN(50))}
		}), 4 * botnetUsers, false},
	} {
		heard := attack(t, s, d.Address, tt.guesses)
		torture.Note(t, attackers, "guesses that the directory heard of: "+tt.what, torture.Dialtree, "%d of %d", heard, len(tt.guesses))
		if heard > tt.most || heard == 0 {
			t.Errorf("%s: the directory heard of %d, want at most %d", tt.what, heard, tt.most)
		}
		if tt.asSlapd {
			direct := guesses(len(tt.guesses), func(i int) guess {
				g := tt.guesses[i]
				return guess{g.source, fixture.SlapdDN(g.name), g.password}
			})
			torture.Note(t, attackers, "guesses that the directory heard of: "+tt.what, torture.Slapd, "%d of %d", attack(t, s, s.Address, direct), len(direct))
		}
	}
	// Nobody else notices: another user anywhere, and another address.
	for i := range 100 {
		if r, err := from(t, strangersAddress(), d.Address, fmt.Sprint("user", 300+i), "right"); err != nil || r.Code != 0 {
			t.Fatalf("user%d, whom one password was tried on: %d %q, %v", 300+i, r.Code, r.Diagnostic, err)
		}
	}
}

// spellings are ten ways to write one login, which all mean one account.
func spellings(login string) []string {
	wide := strings.Map(func(r rune) rune { return r - 0x20 + 0xff00 }, login)
	return []string{login, strings.ToUpper(login), " " + login, login + "  ", login + "@example.com", `EXAMPLE\` + login, wide,
		fixture.DialtreeDN(login), strings.ToUpper(fixture.DialtreeDN(login)), "uid = " + login + " , ou=users,dc=dialtree"}
}

// The tool that attackers use gets no further.
func TestTortureHydra(t *testing.T) {
	program, err := exec.LookPath("hydra")
	if err != nil {
		check(t, &fixture.MissingError{Program: "hydra", Package: "hydra"})
	}
	s, d := crowd(t, 120)
	dir := t.TempDir()
	var names strings.Builder
	for i := range 120 {
		fmt.Fprintln(&names, fixture.DialtreeDN(fmt.Sprint("user", i)))
	}
	check(t, os.WriteFile(filepath.Join(dir, "names"), []byte(names.String()), 0o600))
	host, port, err := net.SplitHostPort(d.Address)
	check(t, err)
	before := s.Binds()
	hydra := exec.CommandContext(t.Context(), program, "-I", "-t", "4", "-L", filepath.Join(dir, "names"), "-p", "Summer2026", "-s", port, host, "ldap3")
	hydra.Dir = dir
	out, err := hydra.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	heard := s.Binds() - before
	torture.Note(t, attackers, "guesses that the directory heard of: hydra -t 4, one password for 120 users", torture.Dialtree, "%d of 120", heard)
	if heard < 4 || heard > 50+16 {
		t.Errorf("the directory heard of %d, want 4 to 66\n%s", heard, out)
	}
	if bytes.Contains(out, []byte("login:")) {
		t.Errorf("hydra found a password\n%s", out)
	}
}

// A PBX logs everybody in from one address, just after a restart. Some phones there have an old password and try it on and on.
func TestTorturePBX(t *testing.T) {
	users := torture.Pick(600, 5000)
	const old = 60
	s, d := crowd(t, users)
	const pbx = "127.9.0.2"
	random := rand.New(rand.NewPCG(2, 2))
	var refused atomic.Int64
	rounds := torture.Pick(2, 4)
	for range rounds {
		inParallel(t, 16, random.Perm(users), func(i int) error {
			password, want := "right", 0
			if i < old {
				password, want = "old", 49
			}
			r, err := from(t, pbx, d.Address, fmt.Sprint("user", i), password)
			if err == nil && r.Code != want && i >= old {
				refused.Add(1)
			}
			return err
		})
	}
	torture.Note(t, attackers, fmt.Sprintf("a PBX with %d users, %d of them with an old password, %d rounds: right passwords that were refused", users, old, rounds), torture.Dialtree, "%d", refused.Load())
	if n := refused.Load(); n > 0 {
		t.Errorf("%d right passwords were refused, of %d", n, rounds*(users-old))
	}
	t.Logf("the directory heard of %d binds", s.Binds())
}

// Somebody behind the address that all share guesses until it is shut: those who are known there go on, those elsewhere do not
// notice, and the administrator opens it.
func TestAnAddressIsShutForStrangersAlone(t *testing.T) {
	_, d := crowd(t, 3)
	const shared = "127.9.0.3"
	login := func(why, source, name string, want int) {
		t.Helper()
		if r, err := from(t, source, d.Address, name, "right"); err != nil || r.Code != want {
			t.Errorf("%s: %d %q, %v; want %d", why, r.Code, r.Diagnostic, err, want)
		}
	}
	login("before", shared, "user0", 0)
	inParallel(t, 16, guesses(80, func(i int) guess { return guess{shared, fmt.Sprint("nobody", i), "guess"} }), func(g guess) error {
		_, err := from(t, g.source, d.Address, g.name, g.password)
		return err
	})
	login("who is known there", shared, "user0", 0)
	login("who is not", shared, "user1", 51)
	login("from elsewhere", "127.9.0.4", "user1", 0)
	if out := command(t, d, 0, "", "throttle", "list"); !strings.Contains(out.Stdout, shared) {
		t.Errorf("the list of who is shut out:\n%s", out.Stdout)
	}
	command(t, d, 0, "", "throttle", "reset", "address", shared)
	login("after the administrator opened it", shared, "user2", 0)
}

// Names that look or sort alike are one account or two, and nothing in between: what is one logs in as that one and is counted as
// that one, and what is two never is the other.
func TestHomographs(t *testing.T) {
	people := []string{"alice", "аlice" /* Cyrillic а */, "strasse", "kelvin", "müller", "ısı" /* Turkish dotless i */}
	var users []fixture.User
	var objects strings.Builder
	for i, name := range people {
		users = append(users, fixture.User{UID: name, Password: fmt.Sprint("right-", i)})
		objects.WriteString(user(name))
	}
	s := slapd(t, users...)
	wire := tap(t, s.Address)
	d := dialtree(t, options(t), upstream(t, plain, wire.Address, "", template)+objects.String())
	one := func(typed string, who int) {
		t.Helper()
		c := connect(t, d, plain)
		defer c.Close()
		r := must[fixture.Result](t)(c.Bind(typed, fmt.Sprint("right-", who)))
		identity := must[fixture.Result](t)(c.WhoAmI()).Value
		if r.Code != 0 || !strings.Contains(identity, "="+people[who]+",") {
			t.Errorf("%+q: result %d as %q, want to be %q", typed, r.Code, identity, people[who])
		}
	}
	none := func(typed string, who int) {
		t.Helper()
		wire.Reset()
		r := bind(t, d, plain, typed, fmt.Sprint("right-", who))
		if r.Code == 0 {
			t.Errorf("%+q logs in with the password of %q", typed, people[who])
		}
		for _, sent := range wire.Binds() {
			if sent.Name == fixture.SlapdDN(people[who]) {
				t.Errorf("%+q reached the directory as %q", typed, sent.Name)
			}
		}
	}
	for typed, who := range map[string]int{"ＡＬＩＣＥ": 0, "Alice": 0, "alice\u00a0": 0, "\u0410LICE" /* the capital */ : 1, "STRASSE": 2, "straße": 2, "STRAẞE": 2,
		"\u212aelvin" /* the sign of the unit */ : 3, "mu\u0308ller" /* a combining mark */ : 4, "MÜLLER": 4} {
		one(typed, who)
	}
	for typed, who := range map[string]int{"аlice": 0, "ali\u200bce": 0, "\ufeffalice": 0, "alice\u0301": 0, "al\u0131ce": 0, "ALİCE": 0, "a\u2113ice\u200d": 0, "a\u00adlice": 0, "alicе": 0, "alice\x00": 0, "alice\x00x": 0,
		"uid=alice\\00,ou=users,dc=dialtree": 0, "alice,ou=users": 0, "muller": 4, "mueller": 4, "isi": 5, "strase": 2, "al*": 0, "alice)(uid=*": 0, "uid=alice+uid=x,ou=users,dc=dialtree": 0} {
		none(typed, who)
	}
	none("alice", 1)
	none("аlice", 0)
	// All spellings of one account are counted together.
	wire.Reset()
	for i, typed := range []string{"straße", "STRASSE", "ＳＴＲＡＳＳＥ", "STRAẞE", "strasse", " straſſe ", "Straße@example.com"} {
		if r := bind(t, d, plain, typed, fmt.Sprint("wrong ", i)); i < 4 && r.Code != 49 || i >= 4 && r.Code != 51 {
			t.Errorf("wrong password %d, as %q: %d", i+1, typed, r.Code)
		}
	}
	if n := len(wire.Binds()); n != 4 {
		t.Errorf("the directory heard of %d wrong passwords, want 4", n)
	}
}

// Logins that would be something else to an Active Directory are refused, in each form of name and in a filter.
func TestInjectionAtActiveDirectory(t *testing.T) {
	s := samba(t)
	logins := []string{"*", "al*", "alice)(objectClass=*", "alice)(|(cn=*", `alice\2a`, "alice@" + fixture.SambaRealm, fixture.SambaDomain + `\alice`, "alice,CN=Users", "alice+cn=bob", "CN=alice",
		"(alice)", "alice&", "a\u0301lice", "alice\u00ad", "ali\u200bce", "#alice", `"alice"`, "alice;x"}
	templates := map[string]string{
		"UPN":     `bind_dn: "%@` + fixture.SambaRealm + `"`,
		"NetBIOS": `bind_dn: '` + fixture.SambaDomain + `\%'`,
		"DN":      `bind_dn: "CN=%,` + fixture.SambaPeople + `"`,
		"search": `search: {base: "` + fixture.SambaBase + `", filter: "(&(objectClass=user)(sAMAccountName=%))", bind_dn: "bob@` +
			fixture.SambaRealm + `", password: right-bob}`,
	}
	for form, template := range templates {
		t.Run(form, func(t *testing.T) {
			objects := upstream(t, ldaps, s.Address, s.TLSAddress, template) + user("alice")
			for _, login := range logins {
				objects += user(login)
			}
			d := dialtree(t, options(t), objects)
			if r := bind(t, d, plain, "alice", "right-alice"); r.Code != 0 {
				t.Fatalf("alice: %d %q", r.Code, r.Diagnostic)
			}
			for _, login := range logins {
				if r := bind(t, d, plain, fixture.DialtreeDN(login), "right-alice"); r.Code == 0 {
					t.Errorf("%q logs in as alice", login)
				}
			}
		})
	}
}

// A network that takes StartTLS away from the upstream's connection gets no password.
func TestStrippedStartTLS(t *testing.T) {
	s := slapd(t, fixture.User{UID: "alice", Password: "right-alice"})
	for title, answer := range map[string][]byte{
		"not known":     {0x30, 0x0c, 0x02, 0x01, 0x01, 0x78, 0x07, 0x0a, 0x01, 0x02, 0x04, 0x00, 0x04, 0x00},
		"unavailable":   {0x30, 0x0c, 0x02, 0x01, 0x01, 0x78, 0x07, 0x0a, 0x01, 0x34, 0x04, 0x00, 0x04, 0x00},
		"yes, and none": {0x30, 0x0c, 0x02, 0x01, 0x01, 0x78, 0x07, 0x0a, 0x01, 0x00, 0x04, 0x00, 0x04, 0x00},
	} {
		t.Run(title, func(t *testing.T) {
			l := must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
			defer l.Close()
			var mu sync.Mutex
			var seen []byte
			go strip(l, s.Address, answer, func(b []byte) {
				mu.Lock()
				defer mu.Unlock()
				seen = append(seen, b...)
			})
			d := dialtree(t, options(t), upstream(t, startTLS, l.Addr().String(), "", template)+user("alice"))
			if r := bind(t, d, plain, "alice", "right-alice"); r.Code != 52 {
				t.Errorf("result %d %q, want 52", r.Code, r.Diagnostic)
			}
			mu.Lock()
			defer mu.Unlock()
			if len(seen) == 0 || bytes.Contains(seen, []byte("right-alice")) {
				t.Errorf("the network saw %q", seen)
			}
		})
	}
}

// strip answers the first message of each connection itself and forwards the rest, as it is, to a server.
func strip(l net.Listener, target string, answer []byte, see func([]byte)) {
	for {
		client, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer client.Close()
			first := make([]byte, 512)
			_ = client.SetDeadline(time.Now().Add(5 * time.Second))
			n, err := client.Read(first)
			see(first[:n])
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", target)
			if err != nil {
				return
			}
			defer server.Close()
			_, _ = client.Write(answer)
			go func() { _, _ = io.Copy(client, server) }()
			_, _ = io.Copy(io.MultiWriter(server, writerFunc(see)), client)
		}()
	}
}

type writerFunc func([]byte)

func (f writerFunc) Write(b []byte) (int, error) {
	f(b)
	return len(b), nil
}

// A cookie of who has signed out stays what it is, also in a store that is put back from before.
func TestCookiesDoNotComeBack(t *testing.T) {
	d := guarded(t)
	ada := signedIn(t, d, adminName, adminPassword, "admin")
	in := func(c caller) bool { return c.ask(t, http.MethodGet, "/api/v1/me", nil).status == http.StatusOK }
	if !in(ada) {
		t.Fatal("not signed in")
	}
	backup := filepath.Join(t.TempDir(), "before")
	command(t, d, 0, "", "backup", backup)
	ada.done(t, http.MethodDelete, "/api/v1/session", nil, nil)
	if in(ada) {
		t.Error("after signing out")
	}
	d.Stop()
	command(t, d, 0, "", "restore", backup)
	check(t, d.Start(t.Context()))
	if in(ada) {
		t.Error("after a backup from before was put back")
	}
	if again := signIn(t, d, adminName, adminPassword); !in(again) {
		t.Error("nobody can sign in after a restore")
	}
}

// What a client says of its own address in HTTP headers changes nothing.
func TestForgedAddresses(t *testing.T) {
	d := guarded(t)
	signedIn(t, d, adminName, adminPassword, "admin")
	last := 0
	for i := range 8 {
		forged := fmt.Sprintf("198.51.100.%d", i)
		c := network(d)
		for _, header := range []string{"X-Forwarded-For", "X-Real-IP", "Forwarded", "True-Client-IP", "CF-Connecting-IP"} {
			value := forged
			if header == "Forwarded" {
				value = "for=" + forged
			}
			c = c.with(header, value)
		}
		last = c.ask(t, http.MethodPost, "/api/v1/session", map[string]string{"login": fmt.Sprint("nobody", i), "password": "x"}).status
	}
	if last != http.StatusUnauthorized {
		t.Errorf("the last attempt: %d", last)
	}
	list := command(t, d, 0, "", "throttle", "list").Stdout
	if strings.Contains(list, "198.51.100.") || !strings.Contains(list, "127.0.0.1") {
		t.Errorf("whose failures are counted:\n%s", list)
	}
	d.Stop()
	if strings.Contains(d.Output(), "198.51.100.") {
		t.Error("the log takes the client's word for its address")
	}
}

// Guesses are counted together whichever way they come in: a plain bind, SASL, a password that is to be changed, the page.
func TestEveryDoorCountsAlike(t *testing.T) {
	s := slapd(t, fixture.User{UID: "alice", Password: "right"})
	d := dialtree(t, options(t), upstream(t, plain, s.Address, "", template)+user("alice")+
		"---\nkind: role\nname: viewer\nusers: [alice, inge]\n---\nkind: user\nusername: inge\ndisplayname: Inge\nauth: {method: internal}\npassword: right-password\n")
	page := func(login, password string) int {
		return network(d).browser().ask(t, http.MethodPost, "/api/v1/session", map[string]string{"login": login, "password": password}).status
	}
	sasl := func(login, password string) int {
		return must[fixture.Result](t)(connect(t, d, ldaps).BindPlain(login, password)).Code
	}
	if code := page("alice", "right"); code != http.StatusOK {
		t.Fatalf("at the page: %d", code)
	}
	for _, login := range []string{"alice", "inge"} {
		if code := bind(t, d, plain, login, "guess 1").Code; code != 49 {
			t.Errorf("%s, by bind: %d", login, code)
		}
		if code := sasl(login, "guess 2"); code != 49 {
			t.Errorf("%s, by SASL: %d", login, code)
		}
		if code := page(login, "guess 3"); code != http.StatusUnauthorized {
			t.Errorf("%s, at the page: %d", login, code)
		}
	}
	c := connect(t, d, ldaps)
	if r := must[fixture.Result](t)(c.Bind("inge", "right-password")); r.Code != 0 {
		t.Fatalf("inge: %+v", r)
	}
	// Her own login has forgotten what came from this address: once more.
	for i := range 4 {
		if r := must[fixture.Result](t)(c.PasswordModify(fmt.Sprint("guess ", 10+i), "a new password")); r.Code != 49 {
			t.Errorf("password change %d: %+v", i, r)
		}
	}
	bind(t, d, plain, "alice", "guess 4")
	for _, login := range []string{"alice", "inge"} {
		if code := bind(t, d, plain, login, "guess 5").Code; code != 51 {
			t.Errorf("%s, by bind, after four: %d", login, code)
		}
		if code := sasl(login, "guess 6"); code != 51 {
			t.Errorf("%s, by SASL, after four: %d", login, code)
		}
		if code := page(login, "guess 7"); code != http.StatusTooManyRequests {
			t.Errorf("%s, at the page, after four: %d", login, code)
		}
	}
}
