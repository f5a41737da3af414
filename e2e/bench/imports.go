//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
)

// imports measures an import of users from CSV through the whole product, the
// command's start included: a first one, and the same file again.
func (b *bench) imports(ctx context.Context) error {
	d, err := fixture.StartDialtree(ctx, fixture.DialtreeOptions{Binary: b.binary, Dir: b.sub("import-dialtree")})
	if err != nil {
		return err
	}
	defer d.Stop()
	many := make([]fixture.User, imported)
	for i := range many {
		many[i].UID = fmt.Sprintf("user%06d", i)
	}
	file := filepath.Join(b.dir, "import.csv")
	if err := writeUsers(file, many); err != nil {
		return err
	}
	if err := d.Apply(ctx, fmt.Sprintf(`kind: connector
name: staff
template: csv-users
source: {csv: {path: %q}}
authentication: {method: none}
`, file)); err != nil {
		return err
	}
	fmt.Fprintf(b.out, "\n### Import of %d users from CSV\n\n| | time | server's CPU | largest resident memory so far | store |\n|---|---:|---:|---:|---:|\n", imported)
	for _, title := range []string{"first import", "the same file again"} {
		cpu, err := d.CPU()
		if err != nil {
			return err
		}
		start := time.Now()
		out, err := d.Command(ctx, "", "connector", "run", "staff")
		if err != nil {
			return err
		}
		elapsed := time.Since(start)
		if out.Code != 0 {
			return fmt.Errorf("%s: exit code %d\n%s%s", title, out.Code, out.Stdout, out.Stderr)
		}
		after, err := d.CPU()
		if err != nil {
			return err
		}
		peak, err := d.PeakRSS()
		if err != nil {
			return err
		}
		store, err := os.Stat(filepath.Join(d.DataDir, "dialtree.db"))
		if err != nil {
			return err
		}
		fmt.Fprintf(b.out, "| %s | %.2f s | %.2f s | %.0f MiB | %.0f MiB |\n",
			title, elapsed.Seconds(), (after - cpu).Seconds(), mebibytes(peak), mebibytes(store.Size()))
	}
	return nil
}
