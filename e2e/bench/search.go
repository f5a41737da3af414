//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
)

const (
	fewContacts  = 10_000
	manyContacts = 200_000
	// searchesPerCase are different ones; they go round.
	searchesPerCase = 500
)

var searchShapes = []shape{
	{title: "1", connections: 1},
	{title: "8", connections: 8},
	{title: "64", connections: 64},
	{title: "1, 8 pipelined", connections: 1, pipelined: 8},
}

// search measures searches side by side with slapd, on the same contacts.
func (b *bench) search(ctx context.Context) error {
	b = b.short()
	fmt.Fprintf(b.out, "\n### Searches\n\nMedians of %d rounds of %v. Where there are two figures, the first is slapd's and the second Dialtree's; "+
		"CPU is that of the server process alone, per search.\n", b.rounds, b.round)
	if err := b.searchFew(ctx); err != nil {
		return err
	}
	return b.searchMany(ctx)
}

// short has the rounds of searches: there are many kinds, and all are to be
// measured within minutes.
func (b *bench) short() *bench {
	s := *b
	s.round, s.warmup, s.rounds = max(b.round/5, 100*time.Millisecond), 0, 3
	return &s
}

func (b *bench) searchFew(ctx context.Context) error {
	slapd, err := b.slapdContacts(ctx, "few-slapd", fewContacts)
	if err != nil {
		return err
	}
	defer slapd.stop()
	d, err := b.dialtreeContacts(ctx, "few-dialtree", fewContacts)
	if err != nil {
		return err
	}
	defer d.stop()
	return b.compareSearches(ctx, slapd, d)
}

func (b *bench) searchMany(ctx context.Context) error {
	d, err := b.dialtreeContacts(ctx, "many-dialtree", manyContacts)
	if err != nil {
		return err
	}
	defer d.stop()
	var table memoryTable
	table.add(d, "import, %.1f s; found %.2f s later", d.filling.Seconds(), d.following.Seconds())
	if err := b.restart(ctx, d, &table); err != nil {
		return err
	}
	// The import into slapd takes a minute: a look does without.
	if !b.quick {
		slapd, err := b.slapdContacts(ctx, "many-slapd", manyContacts)
		if err != nil {
			return err
		}
		defer slapd.stop()
		table.add(slapd, "slapadd -q, %.1f s, and start", slapd.filling.Seconds())
		if err := b.compareSearches(ctx, slapd, d); err != nil {
			return err
		}
		table.add(slapd, "these searches")
	}
	table.add(d, "these searches")
	if err := b.searchDuringSync(ctx, d); err != nil {
		return err
	}
	table.add(d, "the sync")
	return table.print(b.out, manyContacts)
}

// compareSearches measures every case on every shape, and reading everything where
// that is not too much.
func (b *bench) compareSearches(ctx context.Context, slapd, d *directory) error {
	fmt.Fprintf(b.out, "\n**%d contacts**\n\n", d.contacts)
	fmt.Fprint(b.out, "| search | connections | slapd, searches/s | Dialtree, searches/s | ratio | p50 ms | p99 ms | CPU ms | entries each | wrong |\n"+
		"|---|---|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	var warnings []string
	measure := func(c searchCase, n int, shapes []shape) error {
		difference, err := compareEntries(ctx, c, n, slapd, d)
		if err != nil {
			return err
		}
		if difference != "" {
			warnings = append(warnings, difference)
		}
		for _, s := range shapes {
			rows, err := b.compare(ctx, []contender{slapd.contender(c, n), d.contender(c, n)}, s)
			if err != nil {
				return fmt.Errorf("%s: %w", c.title, err)
			}
			printSearches(b.out, c.title, s, rows[0], rows[1])
		}
		return nil
	}
	for _, c := range searchCases() {
		if err := measure(c, searchesPerCase, searchShapes); err != nil {
			return err
		}
	}
	if d.contacts == fewContacts {
		if err := measure(bulk(), 1, searchShapes[:1]); err != nil {
			return err
		}
	}
	fmt.Fprintln(b.out)
	for _, w := range warnings {
		fmt.Fprintf(b.out, "Warning: %s\n\n", w)
	}
	return nil
}

// restart starts the server again on what it has and measures the time until a
// phone that has logged in gets its first answer.
func (b *bench) restart(ctx context.Context, d *directory, table *memoryTable) error {
	d.product.Stop()
	search := searchCases()[0].searches(d.base, d.contacts, 1)[0]
	start := time.Now()
	started := make(chan error, 1)
	go func() { started <- d.product.Start(ctx) }()
	first, err := d.firstAnswer(ctx, search, start)
	if err := errors.Join(<-started, err); err != nil {
		return err
	}
	d.process = d.product.Process
	time.Sleep(settle)
	table.add(d, "a start; first answer after %.2f s", first.Seconds())
	return nil
}

// firstAnswer tries until a search finds something, and tells how long after the
// start that was.
func (d *directory) firstAnswer(ctx context.Context, s fixture.Search, start time.Time) (time.Duration, error) {
	for {
		found, err := d.once(ctx, s)
		after := time.Since(start)
		if found {
			return after, nil
		}
		if after > startTime {
			return 0, errors.Join(fmt.Errorf("nothing was found within %v of the start", startTime), err)
		}
		time.Sleep(time.Millisecond)
	}
}

// once binds on a connection of its own and tells whether a search finds
// something.
func (d *directory) once(ctx context.Context, s fixture.Search) (found bool, err error) {
	c, err := d.dial(ctx)
	if err != nil {
		return false, err
	}
	defer c.Close()
	entries, err := d.count(c, s)
	return entries > 0, err
}
