//go:build linux

package main

import (
	"context"
	"fmt"
)

const millionContacts = 1_000_000

// million measures what a million contacts cost the product alone: slapd would
// take many minutes to be filled.
func (b *bench) million(ctx context.Context) error {
	b = b.short()
	d, err := b.dialtreeContacts(ctx, "million-dialtree", millionContacts)
	if err != nil {
		return err
	}
	defer d.stop()
	var table memoryTable
	table.add(d, "import, %.1f s; found %.2f s later", d.filling.Seconds(), d.following.Seconds())
	if err := b.restart(ctx, d, &table); err != nil {
		return err
	}
	fmt.Fprintf(b.out, "\n### A million contacts\n\nMedians of %d rounds of %v.\n\n| search | connections | searches/s | p50 ms | p99 ms | CPU ms | entries each | wrong |\n|---|---|---:|---:|---:|---:|---:|---:|\n", b.rounds, b.round)
	for _, c := range searchCases() {
		for _, s := range searchShapes[:2] {
			rows, err := b.compare(ctx, []contender{d.contender(c, searchesPerCase)}, s)
			if err != nil {
				return fmt.Errorf("%s: %w", c.title, err)
			}
			r := rows[0]
			fmt.Fprintf(b.out, "| %s | %s | %.0f | %.3f | %.3f | %.4f | %.1f | %d |\n", c.title, s.title, r.rate,
				milliseconds(r.p50), milliseconds(r.p99), milliseconds(r.cpu), r.entries, r.wrong)
		}
	}
	table.add(d, "these searches")
	return table.print(b.out, millionContacts)
}
