//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
	"github.com/dialtree/dialtree/e2e/hostile"
	"github.com/dialtree/dialtree/e2e/torture"
)

// clientsPart is the table of docs/reliability.md that the figures here are for.
const clientsPart = "clients"

const (
	alicePassword    = "right-alice-4711"
	attackerPassword = "right-attacker-0815"
	// classified is in a phonebook that nobody here may read, and in a directory's other password.
	classified = "Zebediah-Classified"
)

// A prey is a server under attack: the product, or one to compare it with.
type prey struct {
	server  string
	target  *hostile.Target
	process *fixture.Process
	product *fixture.Dialtree // nil for the others
	wire    *fixture.Tap      // before the product's upstream
	base    string            // where a fresh client searches
	revive  func()            // starts another in its place; nil for the product, which does not end
	deaths  int               // how often that was needed
}

// hostileOptions are those of a product with throttling out of the way: what it does to a flood of failures is
// measured elsewhere, and here it would hide what a message is answered with.
func hostileOptions(t *testing.T, ldap ...string) fixture.DialtreeOptions {
	t.Helper()
	o := options(t)
	o.LDAP = ldap
	o.Config = append(o.Config, "throttle: {user_failures: 1000, address_failures: 100000, window: 1s, delay: 1s}")
	return o
}

// preyProduct starts the product before a slapd, with an attacker who has the account of a phone, and so many
// contacts to search. ofUpstream are further lines of the upstream object.
func preyProduct(t *testing.T, o fixture.DialtreeOptions, contacts int, ofUpstream ...string) *prey {
	t.Helper()
	s := must[*fixture.Slapd](t)(fixture.StartSlapd(t.Context(), fixture.SlapdOptions{
		Dir: t.TempDir(), Users: []fixture.User{{UID: "alice", Password: alicePassword}, {UID: "bob", Password: classified}}}))
	t.Cleanup(s.Stop)
	wire := tap(t, s.Address)
	objects := upstream(t, plain, wire.Address, "", strings.Join(append(ofUpstream, template), "\n")) + user("alice") + user("bob") +
		"---\nkind: device\nname: attacker\npassword: " + attackerPassword + "\n---\nkind: device\nname: other\npassword: " + classified + "\n" +
		"---\nkind: phonebook\nname: secret\nreaders: ['device:other']\n---\nkind: contact\nphonebook: secret\ndisplayname: " + classified + "\nphone: ['1']\n"
	if contacts == 0 {
		return preyOf(t, dialtree(t, o, objects), wire)
	}
	file := filepath.Join(o.Dir, "contacts.csv")
	check(t, os.WriteFile(file, hostile.Contacts(contacts), 0o600))
	objects += fmt.Sprintf("---\nkind: phonebook\nname: many\nreaders: [authenticated]\n---\nkind: connector\nname: many\ntemplate: csv-phonebook\nsource: {csv: {path: %q}}\ntarget: phonebook/many\n", file)
	p := preyOf(t, dialtree(t, o, objects, "many"), wire)
	p.awaitContacts(t, contacts)
	return p
}

// awaitContacts waits until searches find what was imported.
func (p *prey) awaitContacts(t *testing.T, contacts int) {
	t.Helper()
	last := fixture.Search{Base: p.base, Scope: fixture.WholeSubtree, Filter: fixture.Equal("sn", fmt.Sprintf("Surname%d", contacts-1))}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		c := connect(t, p.product, plain)
		check(t, func() error { _, err := c.Bind("attacker", attackerPassword); return err }())
		found := must[fixture.Found](t)(c.Search(last))
		c.Close()
		if len(found.Entries) == 1 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the contacts are not found")
		}
	}
}

func preyOf(t *testing.T, d *fixture.Dialtree, wire *fixture.Tap) *prey {
	t.Helper()
	a := must[*fixture.Authority](t)(authority())
	p := &prey{server: torture.Dialtree, process: d.Process, product: d, wire: wire, base: fixture.DialtreeBase}
	p.target = &hostile.Target{
		Address: d.Address, TLSAddress: d.TLSAddress, TLS: a.ClientConfig("127.0.0.1"),
		Subject: &hostile.Subject{
			Base: fixture.DialtreeBase, Name: fixture.DialtreeDN("alice"), Password: alicePassword, Other: fixture.DialtreeDN("bob"),
			Cheap: "cn=attacker,ou=devices," + fixture.DialtreeBase, CheapPassword: attackerPassword,
		},
		Private: []string{classified, alicePassword}, Closed: true,
		Patience: 10 * time.Second, Wait: 60 * time.Millisecond, Parallel: 96,
	}
	p.fresh(t) // the pools are open before anything is measured
	return p
}

// preySlapd starts a slapd with the same accounts.
func preySlapd(t *testing.T) *prey {
	t.Helper()
	p := &prey{server: torture.Slapd}
	p.revive = func() {
		s := comparedSlapd(t)
		p.attack(t, s.Process, s.Address, s.TLSAddress)
	}
	p.revive()
	return p
}

func comparedSlapd(t *testing.T) *fixture.Slapd {
	t.Helper()
	a := must[*fixture.Authority](t)(authority())
	cert := must[fixture.Certificate](t)(a.Issue("slapd", "127.0.0.1"))
	s := must[*fixture.Slapd](t)(fixture.StartSlapd(t.Context(), fixture.SlapdOptions{Dir: t.TempDir(), TLS: &cert, Authority: a,
		Users: []fixture.User{{UID: "alice", Password: alicePassword}, {UID: "bob", Password: classified}, {UID: "attacker", Password: attackerPassword}}}))
	t.Cleanup(s.Stop)
	return s
}

// preyLloadd starts an lloadd before a slapd, where LLOADD names one; nil where it does not.
func preyLloadd(t *testing.T) *prey {
	t.Helper()
	program := os.Getenv("LLOADD")
	if program == "" {
		return nil
	}
	p := &prey{server: torture.Lloadd}
	behind := comparedSlapd(t)
	p.revive = func() {
		process, address, err := fixture.StartLloadd(t.Context(), program, t.TempDir(), behind.Address)
		check(t, err)
		t.Cleanup(process.Stop)
		p.attack(t, process, address, "")
	}
	p.revive()
	return p
}

// attack makes a server to compare with the target.
func (p *prey) attack(t *testing.T, process *fixture.Process, address, tlsAddress string) {
	t.Helper()
	a := must[*fixture.Authority](t)(authority())
	p.process, p.base = process, fixture.SlapdBase
	p.target = &hostile.Target{
		Address: address, TLSAddress: tlsAddress, TLS: a.ClientConfig("127.0.0.1"),
		Subject: &hostile.Subject{
			Base: fixture.SlapdBase, Name: fixture.SlapdDN("alice"), Password: alicePassword, Other: fixture.SlapdDN("bob"),
			Cheap: fixture.SlapdDN("attacker"), CheapPassword: attackerPassword,
		},
		Private: []string{classified, alicePassword},
		// What it must answer it may never answer: there are no seconds for each.
		Patience: 300 * time.Millisecond, Wait: 60 * time.Millisecond, Parallel: 192,
	}
}

// footprint is what the server holds.
func (p *prey) footprint(t *testing.T) torture.Footprint {
	t.Helper()
	if p.product != nil {
		return must[torture.Footprint](t)(torture.FootprintOf(t.Context(), p.product))
	}
	return must[torture.Footprint](t)(torture.FootprintOfProcess(p.process))
}

// rightBinds is how many binds with the one right password the upstream has heard of: those that it accepted.
func (p *prey) rightBinds() int {
	n := 0
	for _, b := range p.wire.Binds() {
		if b.Password == alicePassword {
			n++
		}
	}
	return n
}

// login binds as a user of the upstream and searches, on a fresh connection.
func (p *prey) login(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	start := time.Now()
	c, err := fixture.Dial(ctx, p.target.Address, nil)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	r, err := c.Bind(p.target.Subject.Name, alicePassword)
	if err == nil && r.Code != 0 {
		err = fmt.Errorf("bind: result %d %s", r.Code, r.Diagnostic)
	}
	if err != nil {
		return 0, err
	}
	found, err := c.Search(fixture.Search{Base: p.base, Scope: fixture.WholeSubtree, Filter: fixture.Equal("uid", "alice")})
	if err == nil && (found.Code != 0 || len(found.Entries) != 1) {
		err = fmt.Errorf("search: result %d %s, %d entries", found.Code, found.Diagnostic, len(found.Entries))
	}
	return time.Since(start), err
}

// fresh has somebody log in and search, which takes less than a second: on a shared machine at the third try.
func (p *prey) fresh(t *testing.T) time.Duration {
	t.Helper()
	var took time.Duration
	var err error
	for range 3 {
		if took, err = p.login(t.Context()); err == nil && took < time.Second {
			return took
		}
	}
	if p.product != nil {
		t.Errorf("after an attack a fresh connection binds and searches in %v: %v", took, err)
	} else if err != nil {
		t.Logf("%s: a fresh connection fails: %v", p.server, err)
	}
	return took
}

// stands fails the test unless the process is the one that was started, and never panicked.
func (p *prey) stands(t *testing.T) {
	t.Helper()
	select {
	case <-p.process.Done():
		if p.product != nil {
			t.Fatalf("%s has ended", p.server)
		}
		t.Logf("%s has ended (%d):\n%s", p.server, p.process.ExitCode(), p.process.Output())
		p.deaths++
		p.revive()
	default:
	}
	if p.product != nil {
		if _, panicked, ok := strings.Cut(p.product.Output(), "panic"); ok {
			t.Fatalf("a handler panicked: %s", panicked[:min(len(panicked), 3000)])
		}
	}
}

// settled checks what has to be so after every attack, and returns how long a fresh client took.
func (p *prey) settled(t *testing.T, before torture.Footprint, limit time.Duration) time.Duration {
	t.Helper()
	p.stands(t)
	took := p.fresh(t)
	if p.product != nil {
		torture.Returns(t, p.product, before, limit)
	}
	return took
}

// judge fails the test where the product did what RFC 4511 does not say, and anyone where it did harm.
func (p *prey) judge(t *testing.T, class string, tally *hostile.Tally) {
	t.Helper()
	for _, f := range []struct {
		what   string
		faults hostile.Faults
	}{{"harm", tally.Harm}, {"odd", tally.Odd}} {
		if f.faults.Count == 0 {
			continue
		}
		text := fmt.Sprintf("%s, %s: %d cases: %s\n%s", p.server, class, f.faults.Count, f.what, strings.Join(f.faults.First, "\n"))
		if p.product != nil {
			t.Error(text)
		} else {
			t.Log(text)
		}
	}
}

// open waits until the product has so many connections.
func (p *prey) open(t *testing.T, want func(float64) bool, limit time.Duration) float64 {
	t.Helper()
	deadline := time.Now().Add(limit)
	for {
		n := must[float64](t)(p.product.Metric(t.Context(), "dialtree_ldap_connections"))
		if want(n) || time.Now().After(deadline) {
			return n
		}
		time.Sleep(20 * time.Millisecond)
	}
}
