package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin"
)

func newUserLoginsCommand(e *env) *cobra.Command {
	var limit int
	c := newListCommand(e, lister[admin.Login]{
		command: cobra.Command{
			Use:   "logins [NAME]",
			Short: "List the latest logins, of everybody or of one user",
			Long:  "Logins lists logins that were tried lately, the last one first. A restart of the server forgets them.",
			Example: `  dialtree user logins
  dialtree user logins alice --limit 10`,
			Args:              cobra.MaximumNArgs(1),
			ValidArgsFunction: completeFirst(e, namesOf("user")),
		},
		header: []string{"AT", "USER", "OUTCOME", "ADDRESS", "METHOD", "UPSTREAM", "TOOK", "DETAIL"},
		row: func(l admin.Login) []any {
			return []any{l.At, l.User, l.Outcome, l.Address, l.Method, l.Upstream, milliseconds(l.Milliseconds), l.Detail}
		},
		fetch: func(ctx context.Context, client *admin.Client, args []string) ([]admin.Login, error) {
			user := ""
			if len(args) == 1 {
				user = args[0]
			}
			return client.Logins(ctx, user, limit)
		},
	})
	countFlag(c, &limit, "limit", "logins", 50, 1000)
	return c
}
