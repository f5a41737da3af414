//go:build linux

package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
)

// imports measures runs of connectors through the whole product, the command's start included: contacts from CSV for the first time,
// unchanged, the file written anew and one in a hundred changed, beside slapd's own ways to take the same entries; then users from a slapd.
func (b *bench) imports(ctx context.Context) error {
	people := makePeople(imported)
	ours, err := b.importContacts(ctx, people)
	if err != nil {
		return err
	}
	fmt.Fprintf(b.out, "\n### Import of %d contacts from CSV\n\n%s", imported, runsHead)
	for _, r := range ours {
		b.printRun(r)
	}
	fmt.Fprintf(b.out, "\nThe source has %.0f bytes a record.\n", float64(len(csvOf(people)))/imported)
	theirs, err := b.slapdLoads(ctx, people)
	if err != nil {
		return err
	}
	fmt.Fprint(b.out, "\nThe same entries into slapd (back-mdb without fsync, the usual indexes); the ratio is to the first import.\n\n| | entries | time | for all | ratio | CPU |\n|---|---:|---:|---:|---:|---:|\n")
	for _, l := range theirs {
		all := time.Duration(float64(l.took) * imported / float64(l.entries))
		fmt.Fprintf(b.out, "| %s | %d | %.2f s | %.2f s | %.2f | %.2f s |\n",
			l.name, l.entries, l.took.Seconds(), all.Seconds(), all.Seconds()/ours[0].took.Seconds(), l.cpu.Seconds())
	}
	return b.importUsers(ctx, people[:searched])
}

const runsHead = "| | time | records/s | server's CPU | resident before | at most | more, per record | resident after |\n|---|---:|---:|---:|---:|---:|---:|---:|\n"

// A connectorRun is one run as it was measured.
type connectorRun struct {
	name                string
	records             int
	took, cpu           time.Duration
	before, peak, after int64 // resident bytes
}

func (b *bench) printRun(r connectorRun) {
	fmt.Fprintf(b.out, "| %s | %.2f s | %.0f | %.2f s | %.0f MiB | %.0f MiB | %.2f KiB | %.0f MiB |\n", r.name, r.took.Seconds(), float64(r.records)/r.took.Seconds(),
		r.cpu.Seconds(), mebibytes(r.before), mebibytes(r.peak), float64(r.peak-r.before)/1024/float64(r.records), mebibytes(r.after))
}

// importContacts runs a connector on several states of a file.
func (b *bench) importContacts(ctx context.Context, people []person) ([]connectorRun, error) {
	d, err := fixture.StartDialtree(ctx, fixture.DialtreeOptions{Binary: b.binary, Dir: b.sub("import-dialtree")})
	if err != nil {
		return nil, err
	}
	defer d.Stop()
	file := filepath.Join(b.dir, "import.csv")
	err = d.Apply(ctx, fmt.Sprintf("kind: phonebook\nname: customers\n---\nkind: connector\nname: crm\ntemplate: csv-phonebook\ntarget: phonebook/customers\nsource: {csv: {path: %q}}\n", file))
	if err != nil {
		return nil, err
	}
	changed := withChangedNotes(people)
	var runs []connectorRun
	for _, step := range []struct {
		name string
		text string
	}{
		{"first import", csvOf(people)},
		{"the same file again", csvOf(people)},
		{"the same records, one line added", csvOf(append(people[:len(people):len(people)], makePeople(len(people) + 1)[len(people)]))},
		{"1 % changed", csvOf(changed)},
	} {
		if err := writeFile(file, step.text); err != nil {
			return nil, err
		}
		r, err := b.measureRun(ctx, d, "crm")
		if err != nil {
			return nil, fmt.Errorf("%s: %w", step.name, err)
		}
		r.name, r.records = step.name, len(people)
		runs = append(runs, r)
	}
	return runs, nil
}

// importUsers runs the template ldap-users on a slapd.
func (b *bench) importUsers(ctx context.Context, people []person) error {
	slapd, err := fixture.StartSlapd(ctx, fixture.SlapdOptions{Dir: b.sub("import-source"), LDIF: ldifOf(people)})
	if err != nil {
		return err
	}
	defer slapd.Stop()
	d, err := fixture.StartDialtree(ctx, fixture.DialtreeOptions{Binary: b.binary, Dir: b.sub("import-users")})
	if err != nil {
		return err
	}
	defer d.Stop()
	err = d.Apply(ctx, fmt.Sprintf("kind: connector\nname: people\ntemplate: ldap-users\nauthentication: {method: none}\nsource:\n  ldap: {urls: [ldap://%s], base: %q, bind_dn: %q, password: %s}\n",
		slapd.Address, fixture.SlapdPeople, fixture.SlapdAdmin, fixture.SlapdAdminPassword))
	if err != nil {
		return err
	}
	fmt.Fprintf(b.out, "\n### Import of %d users over LDAP\n\n%s", len(people), runsHead)
	for _, name := range []string{"first import", "unchanged"} {
		r, err := b.measureRun(ctx, d, "people")
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		r.name, r.records = name, len(people)
		b.printRun(r)
	}
	return nil
}

// measureRun runs a connector once.
func (b *bench) measureRun(ctx context.Context, d *fixture.Dialtree, connector string) (r connectorRun, err error) {
	if err := d.ResetPeakRSS(); err != nil {
		return r, err
	}
	if r.before, err = d.RSS(); err != nil {
		return r, err
	}
	cpu, err := d.CPU()
	if err != nil {
		return r, err
	}
	start := time.Now()
	out, err := d.Command(ctx, "", "connector", "run", connector)
	if err != nil {
		return r, err
	}
	r.took = time.Since(start)
	if out.Code != 0 {
		return r, fmt.Errorf("exit code %d\n%s%s", out.Code, out.Stdout, out.Stderr)
	}
	if r.peak, err = d.PeakRSS(); err != nil {
		return r, err
	}
	after, err := d.CPU()
	if err != nil {
		return r, err
	}
	r.cpu = after - cpu
	time.Sleep(settle) // the directory is made anew beside the next request
	r.after, err = d.RSS()
	return r, err
}
