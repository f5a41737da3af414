package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin"
)

func newConfigShowCommand(e *env) *cobra.Command {
	return newListCommand(e, lister[admin.Setting]{
		command: cobra.Command{
			Use:   "show",
			Short: "Print the configuration in force and where each value comes from",
			Long: `Show prints every key of the running server's configuration with its value, and which
line of the file, variable or flag set it. RELOAD: SIGHUP takes a change over; the
others want a restart.`,
			Example: "  dialtree config show\n  dialtree config show -o json",
			Args:    cobra.NoArgs,
		},
		header: []string{"KEY", "VALUE", "FROM", "WHERE", "RELOAD"},
		row:    func(s admin.Setting) []any { return []any{s.Key, s.Value, s.From, s.Where, s.Reload} },
		fetch: func(ctx context.Context, client *admin.Client, _ []string) ([]admin.Setting, error) {
			return client.Settings(ctx)
		},
	})
}
