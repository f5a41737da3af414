package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/terminal"
)

func newSessionCommand(e *env) *cobra.Command {
	return group("session", "See who is signed in to the page, and sign him out", newSessionListCommand(e), newSessionEndCommand(e))
}

func newSessionListCommand(e *env) *cobra.Command {
	return newListCommand(e, lister[admin.Session]{
		command: cobra.Command{
			Use:     "list",
			Short:   "List who is signed in, the last seen first",
			Example: "  dialtree session list",
			Args:    cobra.NoArgs,
		},
		header: []string{"SESSION", "NAME", "ROLE", "FROM", "SEEN", "EXPIRES", "BROWSER"},
		row: func(s admin.Session) []any {
			return []any{s.ID, s.Name, s.Role, s.From, s.Seen, s.Expires, s.Agent}
		},
		fetch: func(ctx context.Context, client *admin.Client, _ []string) ([]admin.Session, error) {
			return client.Sessions(ctx)
		},
	})
}

func newSessionEndCommand(e *env) *cobra.Command {
	names := func(ctx context.Context, client *admin.Client, _ []string, _ string) ([]string, error) {
		sessions, err := client.Sessions(ctx)
		var ids []string
		for _, s := range sessions {
			ids = append(ids, s.ID)
		}
		return ids, err
	}
	return &cobra.Command{
		Use:               "end SESSION",
		Short:             "Sign somebody out",
		Example:           "  dialtree session list\n  dialtree session end k7w2",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeFirst(e, names),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := e.client()
			if err != nil {
				return err
			}
			if err := client.EndSession(c.Context(), args[0]); err != nil {
				return err
			}
			fmt.Fprintf(e.stdout, "ended session %s\n", terminal.Printable(args[0]))
			return nil
		},
	}
}
