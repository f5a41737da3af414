package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin"
)

func newTrendsCommand(e *env) *cobra.Command {
	var hours int
	c := newListCommand(e, lister[admin.TrendPoint]{
		command: cobra.Command{
			Use:     "trends",
			Short:   "Print logins and searches of the last hours, step by step",
			Long:    "Trends prints what the charts of the page show. A restart of the server begins anew.",
			Example: "  dialtree trends --hours 2\n  dialtree trends -o csv > day.csv",
			Args:    cobra.NoArgs,
		},
		header: []string{"AT", "ACCEPTED", "REFUSED", "THROTTLED", "NOT FOUND OUT", "BIND P95", "SEARCHES", "SEARCH P95", "CONNECTIONS"},
		row: func(p admin.TrendPoint) []any {
			return []any{p.At, p.Accepted, p.Refused, p.Throttled, p.NotFoundOut, milliseconds(p.BindP95), p.Searches, milliseconds(p.SearchP95), p.Connections}
		},
		fetch: func(ctx context.Context, client *admin.Client, _ []string) ([]admin.TrendPoint, error) {
			trends, err := client.Trends(ctx, hours)
			return trends.Points, err
		},
	})
	countFlag(c, &hours, "hours", "hours", 24, 24)
	return c
}
