//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
)

// A directory is a server with contacts to search. Searches are those of a phone
// that has bound.
type directory struct {
	name      string
	contacts  int
	process   *fixture.Process
	address   string
	base      string // of the phonebook
	bindDN    string
	filling   time.Duration     // how long it took to fill it
	following time.Duration     // from the end of the last import until its contacts were found
	product   *fixture.Dialtree // nil for a slapd
	file      string            // where the product's contacts come from
}

const (
	phone          = "phone"
	phonePassword  = "phone-secret"
	slapdPhonebook = "ou=phonebook," + fixture.SlapdBase
	slapdCustomers = "ou=customers," + slapdPhonebook
	ldifPhonebook  = "dn: " + slapdPhonebook + "\nobjectClass: organizationalUnit\nou: phonebook\n\n" +
		"dn: " + slapdCustomers + "\nobjectClass: organizationalUnit\nou: customers\n"
)

// searchedAttributes have indices in slapd.
var searchedAttributes = []string{"cn", "sn", "givenName", "o", "mail", "telephoneNumber", "mobile", "homePhone"}

func (b *bench) slapdContacts(ctx context.Context, name string, contacts int) (*directory, error) {
	file := filepath.Join(b.dir, name+".ldif")
	if err := writeContacts(file, contacts, 0, ldifPhonebook, writeLDIF); err != nil {
		return nil, err
	}
	defer os.Remove(file)
	start := time.Now()
	s, err := fixture.StartSlapd(ctx, fixture.SlapdOptions{Dir: b.sub(name), LDIFFile: file, Indexed: searchedAttributes,
		Users: []fixture.User{{UID: phone, Password: phonePassword}}})
	if err != nil {
		return nil, err
	}
	return &directory{name: "slapd", contacts: contacts, process: s.Process, address: s.Address, base: slapdPhonebook,
		bindDN: fixture.SlapdDN(phone), filling: time.Since(start)}, nil
}

func (b *bench) dialtreeContacts(ctx context.Context, name string, contacts int) (*directory, error) {
	p, err := fixture.StartDialtree(ctx, fixture.DialtreeOptions{
		Binary: b.binary, Dir: b.sub(name),
		LDAP:      []string{"max_connections_per_address: 10000", "size_limit: 20000"},
		StartTime: startTime,
	})
	if err != nil {
		return nil, err
	}
	d := &directory{name: "Dialtree", contacts: contacts, process: p.Process, address: p.Address, base: "ou=phonebook," + fixture.DialtreeBase,
		bindDN: "cn=" + phone + ",ou=devices," + fixture.DialtreeBase, product: p, file: filepath.Join(b.dir, name+".csv")}
	if err := d.fill(ctx); err != nil {
		p.Stop()
		return nil, err
	}
	return d, nil
}

// fill imports the contacts.
func (d *directory) fill(ctx context.Context) error {
	if err := writeContacts(d.file, d.contacts, 0, csvHead, writeCSV); err != nil {
		return err
	}
	if err := d.product.Apply(ctx, fmt.Sprintf(`kind: device
name: %s
password: %s
---
kind: phonebook
name: customers
readers: [everyone]
---
kind: connector
name: customers
template: csv-phonebook
source: {csv: {path: %q}}
target: phonebook/customers
key: customernumber
limits: {removals: 100%%}
`, phone, phonePassword, d.file)); err != nil {
		return err
	}
	start := time.Now()
	if _, err := d.sync(ctx); err != nil {
		return err
	}
	d.filling = time.Since(start)
	return d.awaitEdition(ctx, 0)
}

// awaitEdition waits until searches find the first contact as it is in an edition:
// they follow the store with a delay.
func (d *directory) awaitEdition(ctx context.Context, edition int) error {
	c, err := d.dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	search := fixture.Search{Base: d.base, Scope: fixture.WholeSubtree, Filter: fixture.Equal("telephoneNumber", contactAt(0, edition).phone)}
	for start := time.Now(); ; time.Sleep(time.Millisecond) {
		c.SetDeadline(time.Now().Add(answerTime))
		entries, err := d.count(c, search)
		d.following = time.Since(start)
		switch {
		case err != nil:
			return err
		case entries > 0:
			return nil
		case d.following > followTime:
			return fmt.Errorf("what was imported is not found %v after the import", followTime)
		}
	}
}

const (
	answerTime = 30 * time.Second // for one search
	followTime = 5 * time.Minute  // for searches to see an import
	startTime  = 2 * time.Minute  // from a start to the first answer
)

// sync runs the connector and returns what the command says.
func (d *directory) sync(ctx context.Context) (string, error) {
	out, err := d.product.Command(ctx, "", "connector", "run", "customers")
	if err == nil && out.Code != 0 {
		err = fmt.Errorf("connector run: exit code %d\n%s%s", out.Code, out.Stdout, out.Stderr)
	}
	return out.Stdout, err
}

func (d *directory) stop() { d.process.Stop() }

// contender is the directory with n searches of a case.
func (d *directory) contender(c searchCase, n int) contender {
	return contender{name: d.name, process: d.process, address: d.address, searches: true,
		setup: fixture.BindRequest(firstID, d.bindDN, phonePassword), requests: encode(c.searches(d.base, d.contacts, n))}
}

// dial opens a connection and binds on it.
func (d *directory) dial(ctx context.Context) (*fixture.Client, error) {
	c, err := fixture.Dial(ctx, d.address, nil)
	if err != nil {
		return nil, err
	}
	r, err := c.Bind(d.bindDN, phonePassword)
	if err == nil && r.Code != 0 {
		err = fmt.Errorf("bind to %s: result %d %s", d.name, r.Code, r.Diagnostic)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// count searches and tells how many entries came.
func (d *directory) count(c *fixture.Client, s fixture.Search) (entries int, err error) {
	found, err := c.Search(s)
	if err == nil && found.Code != 0 && found.Code != sizeLimitExceeded {
		err = fmt.Errorf("%s answers %v with result %d %s", d.name, s.Filter, found.Code, found.Diagnostic)
	}
	return len(found.Entries), err
}

// A memoryTable is what resident memory was after what.
type memoryTable struct {
	lines []string
	err   error // the first one
}

// add reads the memory of a server now.
func (t *memoryTable) add(d *directory, after string, args ...any) {
	resident, err := d.process.RSS()
	if err != nil {
		t.err = err
		return
	}
	anonymous, err := d.process.AnonymousRSS()
	if err != nil {
		t.err = err
		return
	}
	t.lines = append(t.lines, fmt.Sprintf("| %s | %s | %.0f MiB | %.0f MiB |", d.name, fmt.Sprintf(after, args...), mebibytes(resident), mebibytes(anonymous)))
}

func (t *memoryTable) print(out io.Writer, contacts int) error {
	fmt.Fprintf(out, "\n**Memory with %d contacts**\n\n| | after | resident | of it not a mapped file |\n|---|---|---:|---:|\n", contacts)
	for _, line := range t.lines {
		fmt.Fprintln(out, line)
	}
	return t.err
}
