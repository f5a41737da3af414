package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin"
)

// expiresSoon is when a certificate should be renewed.
const expiresSoon = 30 * 24 * time.Hour

func newCertificatesCommand(e *env) *cobra.Command {
	return newListCommand(e, lister[admin.Certificate]{
		command: cobra.Command{
			Use:     "certificates",
			Short:   "List the certificates that the server shows and trusts, and when they expire",
			Example: "  dialtree certificates\n  dialtree certificates -o json",
			Args:    cobra.NoArgs,
		},
		header: []string{"USE", "STATE", "EXPIRES", "NAMES", "SUBJECT", "FILE"},
		row: func(c admin.Certificate) []any {
			return []any{c.Use, certificateState(&c, time.Now()), c.NotAfter, strings.Join(c.Names, ", "), c.Subject, c.File}
		},
		fetch: func(ctx context.Context, client *admin.Client, _ []string) ([]admin.Certificate, error) {
			return client.Certificates(ctx)
		},
	})
}

// certificateState says whether a certificate can be used, or what is wrong with its file.
func certificateState(c *admin.Certificate, now time.Time) string {
	switch left := c.NotAfter.Sub(now); {
	case c.Error != "":
		return c.Error
	case left <= 0:
		return "expired"
	case now.Before(c.NotBefore):
		return "not valid yet"
	case left < expiresSoon:
		return "expires in " + span(left)
	}
	return "ok"
}
