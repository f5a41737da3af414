//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/dialtree/dialtree/e2e/fixture"
)

// forward measures binds that the directory behind judges, on every shape.
func (b *bench) forward(ctx context.Context) error {
	slapd, err := fixture.StartSlapd(ctx, fixture.SlapdOptions{Dir: b.sub("slapd"), Users: b.users})
	if err != nil {
		return err
	}
	defer slapd.Stop()
	contenders := []contender{{name: "no proxy (slapd)", process: slapd.Process, address: slapd.Address, requests: b.binds(fixture.SlapdDN)}}
	defer func() {
		for _, c := range contenders[1:] {
			c.process.Stop()
		}
	}()
	var missing []string
	for _, p := range b.proxies(ctx, slapd.Address) {
		process, address, err := p.start()
		if err != nil {
			if p.optional {
				missing = append(missing, fmt.Sprintf("%s: not at hand (%v)", p.name, err))
				continue
			}
			return err
		}
		contenders = append(contenders, contender{name: p.name, process: process, address: address, requests: b.binds(p.dn)})
	}
	fmt.Fprintf(b.out, "\n### Forwarded binds\n\nThe ratio is to no proxy in the same round; CPU is that of the server process alone, per bind.\n")
	for _, line := range missing {
		fmt.Fprintln(b.out, line)
	}
	for _, s := range shapes {
		rows, err := b.compare(ctx, contenders, s)
		if err != nil {
			return err
		}
		b.print(strings.ToUpper(s.title[:1])+s.title[1:], "binds", rows)
	}
	return nil
}

// A proxy is a contender that is yet to be started in front of the directory.
type proxy struct {
	name     string
	optional bool // the benchmark goes on without it
	dn       func(uid string) string
	start    func() (*fixture.Process, string, error)
}

func (b *bench) proxies(ctx context.Context, target string) []proxy {
	slapdAs := func(s *fixture.Slapd, err error) (*fixture.Process, string, error) {
		if err != nil {
			return nil, "", err
		}
		return s.Process, s.Address, nil
	}
	return []proxy{
		{"Dialtree", false, fixture.DialtreeDN, func() (*fixture.Process, string, error) {
			// As many connections upstream as lloadd is given: it has to answer 64
			// clients, too.
			d, err := b.dialtree(ctx, "dialtree", target, "max_connections: 64")
			if err != nil {
				return nil, "", err
			}
			return d.Process, d.Address, nil
		}},
		{"HAProxy, TCP mode", true, fixture.SlapdDN, func() (*fixture.Process, string, error) {
			return fixture.StartHAProxy(ctx, b.sub("haproxy"), target)
		}},
		{"byte pipe in Go", false, fixture.SlapdDN, func() (*fixture.Process, string, error) {
			return b.startPipe(ctx, target)
		}},
		{"lloadd", true, fixture.SlapdDN, func() (*fixture.Process, string, error) {
			return fixture.StartLloadd(ctx, os.Getenv("LLOADD"), b.sub("lloadd"), target)
		}},
		{"slapd, back-ldap", false, fixture.SlapdDN, func() (*fixture.Process, string, error) {
			return slapdAs(fixture.StartBackLDAP(ctx, b.sub("back-ldap"), target))
		}},
		{"slapd, slapo-remoteauth", false, fixture.SlapdDN, func() (*fixture.Process, string, error) {
			return slapdAs(fixture.StartRemoteAuth(ctx, b.sub("remoteauth"), target, b.users))
		}},
	}
}

func (b *bench) startPipe(ctx context.Context, target string) (*fixture.Process, string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	address, err := fixture.FreeAddress()
	if err != nil {
		return nil, "", err
	}
	p, err := fixture.StartServer(ctx, b.dir, "pipe", address, self, "pipe", address, target)
	return p, address, err
}

// dialtree starts the product with every user of the directory imported from a
// CSV file. cache is the upstream's, in YAML.
func (b *bench) dialtree(ctx context.Context, name, target, cache string) (*fixture.Dialtree, error) {
	d, err := fixture.StartDialtree(ctx, fixture.DialtreeOptions{
		Binary: b.binary, Dir: b.sub(name),
		LDAP: []string{"max_connections_per_address: 10000"},
	})
	if err != nil {
		return nil, err
	}
	file := filepath.Join(b.dir, name+".csv")
	if err := writeUsers(file, b.users); err != nil {
		d.Stop()
		return nil, err
	}
	if err := d.Apply(ctx, fmt.Sprintf(`kind: upstream
name: slapd
urls: ["ldap://%s"]
bind_dn: "uid=%%,%s"
%s
---
kind: connector
name: staff
template: csv-users
source: {csv: {path: %q}}
authentication: {method: upstream, upstream: slapd}
`, target, fixture.SlapdPeople, cache, file), "staff"); err != nil {
		d.Stop()
		return nil, err
	}
	return d, nil
}

func (b *bench) sub(name string) string { return filepath.Join(b.dir, name) }

// binds are bind requests of every user, by the name that dn makes.
func (b *bench) binds(dn func(uid string) string) [][]byte {
	requests := make([][]byte, len(b.users))
	for i, u := range b.users {
		requests[i] = fixture.BindRequest(firstID, dn(u.UID), u.Password)
	}
	return requests
}

// writeUsers writes a CSV file with a column for most fields of a user.
func writeUsers(file string, users []fixture.User) error {
	var s strings.Builder
	s.WriteString("username,displayname,givenname,surname,organisation,email,phone,mobile,notes\n")
	for i, u := range users {
		fmt.Fprintf(&s, "%s,Given%d Surname%[2]d,Given%[2]d,Surname%[2]d,Example,%[1]s@example.com,+49 30 %[3]d,+49 170 %[3]d,room %[2]d\n",
			u.UID, i, 1_000_000+i)
	}
	return os.WriteFile(file, []byte(s.String()), 0o600)
}
