//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"time"
)

// compareEntries sends the searches of a case to both servers, for a second or two, and says
// where they do not find as much; that warms both up, too.
func compareEntries(ctx context.Context, c searchCase, n int, slapd, d *directory) (difference string, err error) {
	var sums [2]int
	var compared, different int
	var example string
	left, right := c.searches(slapd.base, slapd.contacts, n), c.searches(d.base, d.contacts, n)
	reference, err := slapd.dial(ctx)
	if err != nil {
		return "", err
	}
	defer reference.Close()
	product, err := d.dial(ctx)
	if err != nil {
		return "", err
	}
	defer product.Close()
	for until := time.Now().Add(time.Second); compared < n && (compared == 0 || time.Now().Before(until)); compared++ {
		a, r, err := reference.Search(left[compared])
		if err != nil || r.Code != 0 && r.Code != 4 {
			return "", fmt.Errorf("%s: slapd answers %d %s: %w", c.title, r.Code, r.Diagnostic, err)
		}
		z, r, err := product.Search(right[compared])
		if err != nil || r.Code != 0 && r.Code != 4 {
			return "", fmt.Errorf("%s: Dialtree answers %d %s: %w", c.title, r.Code, r.Diagnostic, err)
		}
		sums[0], sums[1] = sums[0]+a, sums[1]+z
		if a != z {
			different++
			example = fmt.Sprintf("%q: %d and %d", left[compared].Filter, a, z)
		}
	}
	if different == 0 {
		return "", nil
	}
	return fmt.Sprintf("%s: slapd and Dialtree found different numbers of entries in %d of %d searches, %d and %d in all; such as %s\n",
		c.title, different, compared, sums[0], sums[1], example), nil
}

func printSearches(out io.Writer, title string, s shape, slapd, dialtree row) {
	fmt.Fprintf(out, "| %s | %s | %.0f | %.0f | %.2f | %.3f / %.3f | %.3f / %.3f | %.4f / %.4f | %.1f / %.1f | %d / %d |\n",
		title, s.title, slapd.rate, dialtree.rate, dialtree.ratio,
		milliseconds(slapd.p50), milliseconds(dialtree.p50), milliseconds(slapd.p99), milliseconds(dialtree.p99),
		milliseconds(slapd.cpu), milliseconds(dialtree.cpu), slapd.entries, dialtree.entries, slapd.wrong, dialtree.wrong)
}
