//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// phonePause is the time between the searches of a phone while the contacts are
// synchronised, so that the machine is not saturated by the searches alone.
const phonePause = time.Millisecond

// searchDuringSync searches on eight connections, at rest and while half of the
// contacts are replaced.
func (b *bench) searchDuringSync(ctx context.Context, d *directory) error {
	if err := writeContacts(d.file, d.contacts, 2, csvHead, writeCSV); err != nil {
		return err
	}
	l := load{address: d.address, connections: 8, pause: phonePause, searches: true, source: "127.0.0.1"}
	var cases [][][]byte
	for _, c := range searchCases() {
		one := d.contender(c, searchesPerCase)
		l.setup, cases = one.setup, append(cases, one.requests)
	}
	for i := range searchesPerCase {
		for _, requests := range cases {
			l.requests = append(l.requests, requests[i])
		}
	}
	rest, err := l.run(10 * b.round)
	if err != nil {
		return err
	}
	done := make(chan struct{})
	var said string
	var failed error
	go func() {
		defer close(done)
		if said, failed = d.sync(ctx); failed == nil {
			failed = d.awaitEdition(ctx, 1)
		}
	}()
	l.stop = done
	during, err := l.run(untilDone)
	<-done
	if err := errors.Join(err, failed); err != nil {
		return err
	}
	fmt.Fprintf(b.out, "\n**Half of %d contacts replaced while phones search**\n\n8 connections, all kinds of searches, %v between an answer and the next search. %s\n\n"+
		"| | time | searches/s | p50 ms | p99 ms | longest ms | failed |\n|---|---:|---:|---:|---:|---:|---:|\n", d.contacts, phonePause, strings.TrimSpace(said))
	for _, r := range []struct {
		title string
		m     measurement
	}{{"at rest", rest}, {"during the sync", during}} {
		fmt.Fprintf(b.out, "| %s | %.1f s | %.0f | %.3f | %.3f | %.3f | %d |\n", r.title, r.m.elapsed.Seconds(), r.m.rate(),
			milliseconds(r.m.p50), milliseconds(r.m.p99), milliseconds(r.m.max), r.m.wrong)
	}
	fmt.Fprintf(b.out, "\np99 during the sync is %.2f times that at rest. What was changed was found %.2f s after the end of the sync.\n",
		during.p99.Seconds()/rest.p99.Seconds(), d.following.Seconds())
	return nil
}
