//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
)

// tolerated is how much more or less one of two servers may find before the
// comparison is doubtful. It is not nothing: Dialtree also finds ö where somebody
// typed o.
const tolerated = 0.03

// compareEntries sends the searches of a case to both servers, for about a second,
// and says so when they do not find about as much. It warms both up, too.
func compareEntries(ctx context.Context, c searchCase, n int, slapd, d *directory) (warning string, err error) {
	var found [2]int // by slapd, by Dialtree
	var sent, different int
	var example string
	servers := []*directory{slapd, d}
	clients, searches := make([]*fixture.Client, len(servers)), make([][]fixture.Search, len(servers))
	for i, server := range servers {
		if clients[i], err = server.dial(ctx); err != nil {
			return "", err
		}
		defer clients[i].Close()
		searches[i] = c.searches(server.base, server.contacts, n)
	}
	for until := time.Now().Add(time.Second); sent < n && (sent == 0 || time.Now().Before(until)); sent++ {
		var entries [2]int
		for i, server := range servers {
			if entries[i], err = server.count(clients[i], searches[i][sent]); err != nil {
				return "", err
			}
			found[i] += entries[i]
		}
		if entries[0] != entries[1] {
			different++
			example = fmt.Sprintf("%v: %d and %d", searches[0][sent].Filter, entries[0], entries[1])
		}
	}
	if math.Abs(float64(found[1]-found[0])) <= tolerated*float64(found[0]) {
		return "", nil
	}
	return fmt.Sprintf("%s: slapd and Dialtree found %d and %d entries with the same %d searches; %d differ, such as %s",
		c.title, found[0], found[1], sent, different, example), nil
}

func printSearches(out io.Writer, title string, s shape, slapd, dialtree row) {
	fmt.Fprintf(out, "| %s | %s | %.0f | %.0f | %.2f | %.3f / %.3f | %.3f / %.3f | %.4f / %.4f | %.1f / %.1f | %d / %d |\n",
		title, s.title, slapd.rate, dialtree.rate, dialtree.ratio,
		milliseconds(slapd.p50), milliseconds(dialtree.p50), milliseconds(slapd.p99), milliseconds(dialtree.p99),
		milliseconds(slapd.cpu), milliseconds(dialtree.cpu), slapd.entries, dialtree.entries, slapd.wrong, dialtree.wrong)
}
