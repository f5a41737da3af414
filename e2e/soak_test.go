//go:build e2e

package e2e_test

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
	"github.com/dialtree/dialtree/e2e/torture"
)

const (
	soakUsers  = 60  // log in with their right passwords
	soakGuests = 120 // with wrong ones
	// soakSlope is how much anonymous memory may grow after the warm-up in the long form. In the short form a
	// slope says nothing: what it may grow there is torture's slack.
	soakSlope = 24.0 // MiB an hour
	soakStore = 96 << 20
)

// A soak is everything at once, for long: what workers share.
type soak struct {
	t         *testing.T
	d         *fixture.Dialtree
	slapd     *fixture.Slapd
	authority *fixture.Authority
	dir       string
	ctx       context.Context
	workers   sync.WaitGroup
	changing  sync.Mutex // held while the directory is changed or restarted

	accepted, refused, throttled, unavailable, searches, edits, views, events, reloads, backups, restarts atomic.Int64

	mu    sync.Mutex
	wrong []string // answers that must not be
}

// Under everything that a server gets in a day at once, no answer is wrong, and memory, descriptors, goroutines and
// the store stay as large as they are.
func TestTortureSoak(t *testing.T) {
	length := torture.Pick(15*time.Second, 30*time.Minute)
	if s := os.Getenv("DIALTREE_SOAK"); s != "" {
		length = must[time.Duration](t)(time.ParseDuration(s))
	}
	s := startSoak(t)
	ctx, stop := lasting(t.Context(), length)
	defer stop()
	s.ctx = ctx
	for i := range 6 {
		s.every(30*time.Millisecond, i, s.logIn)
	}
	for i := range 2 {
		s.every(30*time.Millisecond, 10+i, s.guess)
	}
	searches := s.phoneSearches()
	for i := range 3 {
		s.every(30*time.Millisecond, 20+i, func(r *rand.Rand) { s.search(r, searches) })
	}
	browser := signedIn(t, s.d, adminName, adminPassword, "admin")
	s.every(300*time.Millisecond, 30, s.edit)
	s.every(200*time.Millisecond, 31, func(r *rand.Rand) { s.view(r, browser) })
	for i := range 3 {
		s.every(time.Second, 40+i, s.follow)
	}
	s.every(4*time.Second, 50, s.rewrite)
	s.every(5*time.Second, 51, s.reload)
	s.every(torture.Pick(6*time.Second, 30*time.Second), 52, s.backUp)
	s.every(torture.Pick(8*time.Second, 45*time.Second), 53, s.restart)
	samples := s.sample(length)
	s.workers.Wait()
	s.judge(samples, length)
}

func startSoak(t *testing.T) *soak {
	s := &soak{t: t, dir: t.TempDir(), authority: must[*fixture.Authority](t)(authority())}
	var users []fixture.User
	for i := range soakUsers {
		users = append(users, fixture.User{UID: fmt.Sprintf("user%02d", i), Password: fmt.Sprintf("right-%02d", i)})
	}
	for i := range soakGuests {
		users = append(users, fixture.User{UID: fmt.Sprintf("guest%03d", i), Password: fmt.Sprintf("never-guessed-%03d", i)})
	}
	s.slapd = must[*fixture.Slapd](t)(fixture.StartSlapd(t.Context(), fixture.SlapdOptions{Dir: filepath.Join(s.dir, "slapd"), Users: users}))
	t.Cleanup(func() { s.slapd.Stop() })
	s.generation(0)
	corpus := must[string](t)(filepath.Abs("../authproxy/testdata/phone_contacts.csv"))
	o := options(t)
	o.Env = []string{"DIALTREE_BASE_DN=dc=example,dc=com"}
	o.LDAP = []string{"max_connections_per_address: 2000"}
	s.d = dialtree(t, o, fmt.Sprintf(`kind: upstream
name: directory
urls: ["ldap://%[1]s"]
bind_dn: %[2]q
---
kind: device
name: reception
password: phone-secret
---
kind: phonebook
name: corpus
readers: [everyone]
---
kind: phonebook
name: changing
readers: ["user:user00"]
---
kind: connector
name: corpus
template: csv-phonebook
target: phonebook/corpus
source: {csv: {path: %[3]q}}
---
kind: connector
name: changing
template: csv-phonebook
target: phonebook/changing
key: customernumber
variables: {customernumber: customernumber}
source: {csv: {path: %[4]q}}
schedule: "@every 10s"
---
kind: connector
name: people
template: ldap-users
authentication: {method: upstream, upstream: directory}
source: {ldap: {urls: ["ldap://%[1]s"], base: %[5]q, bind_dn: %[6]q, password: %[7]q}}
schedule: "@every 11s"
`, s.slapd.Address, "uid=%,"+fixture.SlapdPeople, corpus, s.file(), fixture.SlapdPeople, fixture.SlapdAdmin, fixture.SlapdAdminPassword),
		"corpus", "changing", "people")
	return s
}

// every calls f with a random source of its own until the soak ends, and waits in between.
func (s *soak) every(pause time.Duration, seed int, f func(*rand.Rand)) {
	r := rand.New(rand.NewPCG(uint64(seed), 6))
	s.workers.Go(func() {
		for s.ctx.Err() == nil {
			f(r)
			select {
			case <-s.ctx.Done():
			case <-time.After(pause):
			}
		}
	})
}

// lasting ends after some time and has no deadline: a dialer would give a deadline to its socket, whose timer may go off
// before that of the context, and what ends with the context would look like a fault.
func lasting(ctx context.Context, length time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	end := time.AfterFunc(length, cancel)
	return ctx, func() { end.Stop(); cancel() }
}

// fault notes what must not be; what ends with the soak is none.
func (s *soak) fault(format string, args ...any) {
	if s.ctx.Err() != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wrong = append(s.wrong, fmt.Sprintf(format, args...)); len(s.wrong) <= 20 {
		s.t.Error(s.wrong[len(s.wrong)-1])
	}
}

// open is a new connection, by any of the transports and from any of some addresses.
func (s *soak) open(r *rand.Rand) *fixture.Client {
	transport := transports[r.IntN(len(transports))]
	source, config := fmt.Sprintf("127.0.%d.%d", 1+r.IntN(4), 1+r.IntN(250)), s.authority.ClientConfig("127.0.0.1")
	dial := func(address string) (*fixture.Client, error) {
		if transport == ldaps {
			return fixture.DialFrom(s.ctx, source, address, config)
		}
		return fixture.DialFrom(s.ctx, source, address, nil)
	}
	address := s.d.Address
	if transport == ldaps {
		address = s.d.TLSAddress
	}
	c, err := dial(address)
	if err == nil && transport == startTLS {
		if err = c.StartTLS(config); err != nil {
			c.Close()
		}
	}
	if err != nil {
		s.fault("connect by %s: %v", transport, err)
		return nil
	}
	c.SetDeadline(time.Now().Add(30 * time.Second))
	return c
}

// logIn binds a few times on a connection, always with the right password: accepted, or nobody found out.
func (s *soak) logIn(r *rand.Rand) {
	c := s.open(r)
	if c == nil {
		return
	}
	defer c.Close()
	for range 1 + r.IntN(8) {
		i := r.IntN(soakUsers)
		name := fmt.Sprintf("user%02d", i)
		if r.IntN(2) == 0 {
			name = "uid=" + name + ",ou=users,dc=example,dc=com"
		}
		a, err := c.Bind(name, fmt.Sprintf("right-%02d", i))
		switch {
		case err != nil:
			s.fault("bind as %s: %v", name, err)
			return
		case a.Code == 0:
			s.accepted.Add(1)
		case a.Code == 52 || a.Code == 51:
			s.unavailable.Add(1)
			time.Sleep(20 * time.Millisecond) // an outage is not made longer by more of the same
		default:
			s.fault("bind as %s with the right password: %d %s", name, a.Code, a.Diagnostic)
		}
	}
}

// guess binds with a wrong password, or as somebody who is not there: never accepted.
func (s *soak) guess(r *rand.Rand) {
	c := s.open(r)
	if c == nil {
		return
	}
	defer c.Close()
	name := fmt.Sprintf("guest%03d", r.IntN(soakGuests))
	if r.IntN(4) == 0 {
		name = fmt.Sprintf("nobody%03d", r.IntN(500))
	}
	a, err := c.Bind(name, fmt.Sprintf("wrong-%d", r.IntN(50)))
	switch {
	case err != nil:
		s.fault("bind as %s: %v", name, err)
	case a.Code == 49:
		s.refused.Add(1)
	case a.Code == 51:
		s.throttled.Add(1)
	case a.Code == 52:
		s.unavailable.Add(1)
	default:
		s.fault("bind as %s with a wrong password: %d %s", name, a.Code, a.Diagnostic)
	}
	time.Sleep(10 * time.Millisecond)
}

// A soakSearch is what a phone sends, and the names that it must get.
type soakSearch struct {
	id      string
	message []byte
	names   []string
}

// phoneSearches are those of the corpus that need no control; what they find is asked once, and its number compared
// with what the corpus says.
func (s *soak) phoneSearches() []soakSearch {
	data := must[[]byte](s.t)(os.ReadFile("../authproxy/testdata/phone_searches.jsonl"))
	c := must[*fixture.Client](s.t)(fixture.Dial(s.t.Context(), s.d.Address, nil))
	defer c.Close()
	s.bindPhone(c)
	var list []soakSearch
	for line := range strings.Lines(string(data)) {
		var q struct {
			ID, BER, Bind string
			Controls      []any
			TypesOnly     bool
			ResultCode    int   `json:"result_code"`
			Version       int   `json:"ldap_version"`
			Expect        []int `json:"expect_phone"`
			MaxEntries    int   `json:"max_entries"`
		}
		if json.Unmarshal([]byte(line), &q) != nil || len(q.Controls) > 0 || q.ResultCode != 0 || q.MaxEntries != 0 ||
			q.TypesOnly || q.Version != 3 || !strings.HasPrefix(q.Bind, "simple") || len(q.Expect) == 0 {
			continue
		}
		message := must[[]byte](s.t)(hex.DecodeString(q.BER))
		found, err := c.Ask(message)
		if err != nil || found.Code != 0 || len(found.Entries) != len(q.Expect) {
			continue // encoded as only some do, another base, or a limit: what it finds is tested elsewhere
		}
		list = append(list, soakSearch{q.ID, message, namesOf(found)})
	}
	if len(list) < 25 {
		s.t.Fatalf("only %d searches of the corpus can be repeated", len(list))
	}
	return list
}

func (s *soak) bindPhone(c *fixture.Client) bool {
	a, err := c.Bind("cn=reception,ou=devices,dc=example,dc=com", "phone-secret")
	if err != nil || a.Code != 0 {
		s.fault("bind of the device: %d %s, %v", a.Code, a.Diagnostic, err)
	}
	return err == nil && a.Code == 0
}

func namesOf(f fixture.Found) []string {
	var names []string
	for _, e := range f.Entries {
		names = append(names, e.DN)
	}
	slices.Sort(names)
	return names
}

// search asks as phones do, and now and then for all of what changes, which is of one generation.
func (s *soak) search(r *rand.Rand, list []soakSearch) {
	c := s.open(r)
	if c == nil {
		return
	}
	defer c.Close()
	if r.IntN(4) == 0 {
		s.readChanging(c)
		return
	}
	if !s.bindPhone(c) {
		return
	}
	for range 1 + r.IntN(40) {
		q := list[r.IntN(len(list))]
		found, err := c.Ask(q.message)
		if err != nil {
			s.fault("search %s: %v", q.id, err)
			return
		}
		if found.Code != 0 || !slices.Equal(namesOf(found), q.names) {
			s.fault("search %s: %d %s, found %v, want %v", q.id, found.Code, found.Diagnostic, namesOf(found), q.names)
		}
		s.searches.Add(1)
	}
}

// changingRows is how many contacts the file that changes has.
const changingRows = 300

func (s *soak) readChanging(c *fixture.Client) {
	if a, err := c.Bind("user00", "right-00"); err != nil || a.Code != 0 {
		return // logIn looks at that
	}
	found, err := c.Search(fixture.Search{Base: "ou=changing,ou=phonebook,dc=example,dc=com", Scope: fixture.SingleLevel, Attributes: []string{"o"}})
	if err != nil {
		s.fault("read what changes: %v", err)
		return
	}
	generations := map[string]bool{}
	for _, e := range found.Entries {
		generations[e.Get("o")] = true
	}
	if found.Code != 0 || len(found.Entries) != changingRows || len(generations) != 1 {
		s.fault("read what changes: %d %s, %d entries of the generations %v", found.Code, found.Diagnostic, len(found.Entries), generations)
	}
	s.searches.Add(1)
}

func (s *soak) file() string { return filepath.Join(s.dir, "changing.csv") }

// generation writes the file that changes; every row has the number of the generation.
func (s *soak) generation(n int) {
	var b strings.Builder
	b.WriteString("customernumber,displayname,organisation,phone\n")
	for i := range changingRows {
		fmt.Fprintf(&b, "%d,Changing %d,Generation %d,+49 89 %d\n", i, i, n, 700000+i)
	}
	next := s.file() + ".next"
	if err := os.WriteFile(next, []byte(b.String()), 0o600); err != nil {
		s.t.Error(err)
	}
	if err := os.Rename(next, s.file()); err != nil {
		s.t.Error(err)
	}
}

// rewrite changes both sources.
func (s *soak) rewrite(r *rand.Rand) {
	s.generation(1 + r.IntN(1_000_000))
	ldif := fmt.Sprintf("dn: %s\nchangetype: modify\nreplace: telephoneNumber\ntelephoneNumber: +49 30 %d\n",
		fixture.SlapdDN(fmt.Sprintf("user%02d", r.IntN(soakUsers))), 100000+r.IntN(899999))
	s.changing.Lock()
	defer s.changing.Unlock()
	_ = s.slapd.Modify(s.ctx, ldif) // it may be down at the moment
}

// edit puts a contact by the API.
func (s *soak) edit(r *rand.Rand) {
	// The phonebook is the one that the phone searches are not made in.
	body, err := json.Marshal(map[string]any{"files": []map[string]string{{"name": "edit.yaml", "text": fmt.Sprintf(
		"kind: user\nusername: edited%02d\ndisplayname: Edited %d\nphone: ['%d']\nauth: {method: none}\n", r.IntN(40), r.IntN(1000), 1000+r.IntN(9000))}}})
	if err != nil {
		s.fault("%v", err)
		return
	}
	if _, err := s.ask(owner(s.d), http.MethodPost, "/api/v1/apply", string(body)); err != nil {
		s.fault("edit: %v", err)
	}
	s.edits.Add(1)
}

func (s *soak) ask(c caller, method, path, body string) (string, error) {
	ctx, cancel := context.WithTimeout(s.ctx, 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	request.Header = c.header.Clone()
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	// A client of its own leaves no connection behind.
	defer c.http.CloseIdleConnections()
	response, err := c.http.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s %.300s", method, path, response.Status, text)
	}
	return string(text), err
}

func (s *soak) view(r *rand.Rand, browser caller) {
	paths := []string{"/", "/users", "/connectors", "/phonebooks", "/authentication", "/system", "/api/v1/overview", "/api/v1/trends", "/metrics"}
	if _, err := s.ask(browser, http.MethodGet, paths[r.IntN(len(paths))], ""); err != nil {
		s.fault("view: %v", err)
	}
	s.views.Add(1)
}

// follow reads the log as it comes for a few seconds, and leaves without a word; some do not read at all.
func (s *soak) follow(r *rand.Rand) {
	ctx, cancel := lasting(s.ctx, time.Duration(1+r.IntN(8))*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://dialtree/api/v1/log/events", nil)
	if err != nil {
		s.fault("%v", err)
		return
	}
	c := socketClient(s.d)
	defer c.CloseIdleConnections()
	response, err := c.Do(request)
	if err != nil {
		if ctx.Err() == nil {
			s.fault("follow: %v", err)
		}
		return
	}
	defer response.Body.Close()
	if r.IntN(3) == 0 {
		<-ctx.Done()
		return
	}
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		s.events.Add(1)
	}
}

// reload gives the server a new certificate for the same name.
func (s *soak) reload(*rand.Rand) {
	if _, err := s.authority.Issue("dialtree", "127.0.0.1"); err != nil {
		s.fault("issue: %v", err)
	}
	if err := s.d.Signal(syscall.SIGHUP); err != nil {
		s.fault("%v", err)
	}
	s.reloads.Add(1)
}

func (s *soak) backUp(*rand.Rand) {
	out, err := s.ask(owner(s.d), http.MethodGet, "/api/v1/backup", "")
	if err != nil || len(out) < 10_000 {
		s.fault("backup: %d bytes, %v", len(out), err)
	}
	s.backups.Add(1)
}

func (s *soak) restart(*rand.Rand) {
	s.changing.Lock()
	defer s.changing.Unlock()
	if err := s.slapd.Restart(s.t.Context()); err != nil {
		s.fault("restart the directory: %v", err)
	}
	s.restarts.Add(1)
}

// A soakSample is what the server held at a time.
type soakSample struct {
	at time.Duration
	torture.Footprint
}

// sample looks at the server until the soak ends.
func (s *soak) sample(length time.Duration) []soakSample {
	begin := time.Now()
	pause := min(max(length/180, 250*time.Millisecond), 10*time.Second)
	var list []soakSample
	for s.ctx.Err() == nil {
		f, err := torture.FootprintOf(s.ctx, s.d)
		if err == nil {
			list = append(list, soakSample{time.Since(begin), f})
		} else {
			s.fault("look at the server: %v", err)
		}
		select {
		case <-s.ctx.Done():
		case <-time.After(pause):
		}
	}
	return list
}

// judge compares what was held after the warm-up, the first quarter, and says what was done.
func (s *soak) judge(samples []soakSample, length time.Duration) {
	t := s.t
	if len(samples) < 20 {
		t.Fatalf("only %d samples", len(samples))
	}
	warm := samples[len(samples)/4:]
	at, memory := make([]time.Duration, len(warm)), make([]float64, len(warm))
	for i, x := range warm {
		at[i], memory[i] = x.at, float64(x.Resident)/(1<<20)
	}
	trend := torture.TrendOf(at, memory)
	// The middle of the first and of the last third: single samples catch an import or a backup.
	third := len(warm) / 3
	middle := func(list []soakSample, value func(soakSample) int) int {
		values := make([]int, len(list))
		for i := range list {
			values[i] = value(list[i])
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	compare := func(what string, value func(soakSample) int, slack int) (first, last int) {
		first, last = middle(warm[:third], value), middle(warm[len(warm)-third:], value)
		if last > first+slack {
			t.Errorf("%s grew from %d to %d", what, first, last)
		}
		return first, last
	}
	mib := func(x soakSample) int { return int(x.Resident >> 20) }
	m1, m2 := compare("memory in MiB", mib, 48)
	d1, d2 := compare("descriptors", func(x soakSample) int { return x.Descriptors }, 20)
	g1, g2 := compare("goroutines", func(x soakSample) int { return x.Goroutines }, 24)
	if length >= 10*time.Minute && trend.PerHour > soakSlope {
		t.Errorf("memory grows by %.1f ± %.1f MiB an hour, and may by %.0f", trend.PerHour, trend.Error, soakSlope)
	}
	info, err := os.Stat(filepath.Join(s.d.DataDir, "dialtree.db"))
	check(t, err)
	if info.Size() > soakStore {
		t.Errorf("the store's file has %d MiB", info.Size()>>20)
	}
	command(t, s.d, 0, "", "check")
	binds := s.accepted.Load() + s.refused.Load() + s.throttled.Load() + s.unavailable.Load()
	for what, n := range map[string]int64{"logins": s.accepted.Load(), "refusals": s.refused.Load(), "searches": s.searches.Load(), "edits": s.edits.Load(),
		"page views": s.views.Load(), "events": s.events.Load(), "reloads": s.reloads.Load(), "backups": s.backups.Load(), "restarts": s.restarts.Load()} {
		if n == 0 {
			t.Errorf("there were no %s", what)
		}
	}
	const part = "limits"
	note := func(what, format string, args ...any) { torture.Note(t, part, what, torture.Dialtree, format, args...) }
	title := fmt.Sprintf("soak of %v: ", length.Round(time.Second))
	note(title+"binds, right and wrong, by plain, StartTLS and LDAPS", "%d: %d accepted, %d refused, %d throttled, %d could not find out during %d restarts of the directory",
		binds, s.accepted.Load(), s.refused.Load(), s.throttled.Load(), s.unavailable.Load(), s.restarts.Load())
	note(title+"searches, edits, page views, certificate reloads, backups", "%d, %d, %d, %d, %d", s.searches.Load(), s.edits.Load(), s.views.Load(), s.reloads.Load(), s.backups.Load())
	note(title+"wrong answers, broken connections", "%d", len(s.wrong))
	note(title+"memory after the warm-up and at the end", "%d and %d MiB", m1, m2)
	note(title+"growth of memory by least squares", "%.1f ± %.1f MiB an hour", trend.PerHour, trend.Error)
	note(title+"descriptors, goroutines after the warm-up and at the end", "%d and %d, %d and %d", d1, d2, g1, g2)
	note(title+"the store's file", "%.1f MiB", float64(info.Size())/(1<<20))
}
