package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/terminal"
)

func newThrottleCommand(e *env) *cobra.Command {
	reset := group("reset", "Forget the failed logins of a user or an address",
		newThrottleResetCommand(e, "user", "users", "NAME", "alice"), newThrottleResetCommand(e, "address", "addresses", "ADDRESS", "192.0.2.7"))
	return group("throttle", "See who is shut out after failed logins, and let him in again", newThrottleListCommand(e), reset)
}

// A throttled is a user or an address whose failed logins count.
type throttled struct {
	Kind string `json:"kind"`
	admin.ThrottledName
}

func newThrottleListCommand(e *env) *cobra.Command {
	return newListCommand(e, lister[throttled]{
		command: cobra.Command{
			Use:     "list",
			Short:   "List the users and addresses whose failed logins count",
			Example: "  dialtree throttle list\n  dialtree throttle list -o json",
			Args:    cobra.NoArgs,
		},
		header: []string{"KIND", "NAME", "FAILURES", "LAST", "SHUT OUT UNTIL"},
		row:    func(t throttled) []any { return []any{t.Kind, t.Name, t.Failures, t.Last, t.Until} },
		fetch: func(ctx context.Context, client *admin.Client, _ []string) ([]throttled, error) {
			found, err := client.Throttled(ctx)
			var list []throttled
			for _, n := range found.Users {
				list = append(list, throttled{"user", n})
			}
			for _, n := range found.Addresses {
				list = append(list, throttled{"address", n})
			}
			return list, err
		},
	})
}

func newThrottleResetCommand(e *env, kind, path, argument, example string) *cobra.Command {
	names := func(ctx context.Context, client *admin.Client, _ []string, _ string) ([]string, error) {
		found, err := client.Throttled(ctx)
		list := found.Users
		if kind == "address" {
			list = found.Addresses
		}
		var out []string
		for _, n := range list {
			out = append(out, n.Name)
		}
		return out, err
	}
	return &cobra.Command{
		Use:               kind + " " + argument,
		Short:             "Forget the failed logins of this " + kind,
		Example:           "  dialtree throttle reset " + kind + " " + example,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeFirst(e, names),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := e.client()
			if err != nil {
				return err
			}
			if err := client.ResetThrottle(c.Context(), path, args[0]); err != nil {
				return err
			}
			fmt.Fprintf(e.stdout, "forgot the failed logins of %s %s\n", kind, terminal.Printable(args[0]))
			return nil
		},
	}
}
