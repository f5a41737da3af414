//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
)

// sample is how many entries ldapadd adds: all of them would take minutes.
const sample = 20_000

// usualIndexes are what makes the searches of phones bearable.
const usualIndexes = "index cn,sn,givenName,o eq,sub\nindex mail,telephoneNumber,mobile eq\n"

// A slapdLoad is one way to fill a slapd, measured.
type slapdLoad struct {
	name      string
	entries   int
	took, cpu time.Duration
}

func (b *bench) slapdLoads(ctx context.Context, people []person) ([]slapdLoad, error) {
	online, err := b.ldapadd(ctx, people[:sample])
	if err != nil {
		return nil, fmt.Errorf("ldapadd: %w", err)
	}
	offline, err := b.slapadd(ctx, people)
	if err != nil {
		return nil, fmt.Errorf("slapadd: %w", err)
	}
	return []slapdLoad{online, offline}, nil
}

// ldapadd adds entries to a slapd that runs; the CPU time is slapd's.
func (b *bench) ldapadd(ctx context.Context, people []person) (l slapdLoad, err error) {
	slapd, err := fixture.StartSlapd(ctx, fixture.SlapdOptions{Dir: b.sub("ldapadd"), Database: usualIndexes})
	if err != nil {
		return l, err
	}
	defer slapd.Stop()
	file := filepath.Join(b.dir, "sample.ldif")
	if err := writeFile(file, ldifOf(people)); err != nil {
		return l, err
	}
	before, err := slapd.CPU()
	if err != nil {
		return l, err
	}
	cmd := exec.CommandContext(ctx, "ldapadd", "-x", "-H", "ldap://"+slapd.Address, "-D", fixture.SlapdAdmin, "-w", fixture.SlapdAdminPassword, "-f", file)
	l = slapdLoad{name: "ldapadd", entries: len(people)}
	if l.took, err = timed(cmd); err != nil {
		return l, err
	}
	after, err := slapd.CPU()
	l.cpu = after - before
	return l, err
}

// slapadd fills the files of a slapd that does not run.
func (b *bench) slapadd(ctx context.Context, people []person) (l slapdLoad, err error) {
	dir := b.sub("slapadd")
	slapd, err := fixture.StartSlapd(ctx, fixture.SlapdOptions{Dir: dir, Database: usualIndexes})
	if err != nil {
		return l, err
	}
	slapd.Stop() // it was started for its configuration and the entries above
	file := filepath.Join(b.dir, "all.ldif")
	if err := writeFile(file, ldifOf(people)); err != nil {
		return l, err
	}
	// slapd is slapadd too, by -T.
	cmd := exec.CommandContext(ctx, slapd.Program(), "-T", "add", "-q", "-f", filepath.Join(dir, "slapd.conf"), "-l", file)
	l = slapdLoad{name: "slapadd -q", entries: len(people)}
	if l.took, err = timed(cmd); err != nil {
		return l, err
	}
	l.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return l, nil
}

// timed runs a command and tells how long it took.
func timed(cmd *exec.Cmd) (time.Duration, error) {
	var errors strings.Builder
	cmd.Stderr = &errors
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("%w\n%s", err, lastLines(errors.String()))
	}
	return time.Since(start), nil
}

// A person is a record of the imports.
type person struct {
	number int
	notes  string
}

func makePeople(n int) []person {
	people := make([]person, n)
	for i := range people {
		people[i] = person{i, fmt.Sprintf("room %d", i%400)}
	}
	return people
}

// withChangedNotes changes one record in a hundred.
func withChangedNotes(people []person) []person {
	changed := append([]person(nil), people...)
	for i := 0; i < len(changed); i += 100 {
		changed[i].notes += ", moved"
	}
	return changed
}

// csvOf is the people as a CSV file, without a column that identifies them, as address books are.
func csvOf(people []person) string {
	var s strings.Builder
	s.WriteString("displayname,givenname,surname,organisation,email,phone,mobile,notes\n")
	for _, p := range people {
		fmt.Fprintf(&s, "\"Müller%d, Anna\",Anna,Müller%[1]d,Company %[2]d Ltd,anna%[1]d@example.com,+49 30 %[3]d,+49 171 %[3]d,\"%[4]s\"\n", p.number, p.number%5000, 1_000_000+p.number, p.notes)
	}
	return s.String()
}

// ldifOf is the people as entries of a slapd.
func ldifOf(people []person) string {
	var s strings.Builder
	for _, p := range people {
		uid := fmt.Sprintf("anna%d", p.number)
		fmt.Fprintf(&s, "dn: %s\nobjectClass: inetOrgPerson\nuid: %s\ncn: Mueller%[3]d, Anna\ngivenName: Anna\nsn: Mueller%[3]d\no: Company %[4]d Ltd\nmail: %[2]s@example.com\ntelephoneNumber: +49 30 %[5]d\nmobile: +49 171 %[5]d\ndescription: %[6]s\n\n",
			fixture.SlapdDN(uid), uid, p.number, p.number%5000, 1_000_000+p.number, p.notes)
	}
	return s.String()
}

func writeFile(name, text string) error { return os.WriteFile(name, []byte(text), 0o600) }
