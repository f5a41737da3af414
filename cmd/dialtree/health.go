package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/cmd/dialtree/internal/terminal"
)

func newHealthCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "health",
		Short: "Say by the exit code whether the running server is ready",
		Long: `Health asks the running server, over its socket, what /readyz tells. Exit code 0: it
answers logins and searches. 1: it does not, or not within five seconds. This is for the
health checks of containers, which have no other program to ask with. Upstreams that are
down do not count: starting the server again would not bring them back. Nor does it count
that nothing can be changed at a node while etcd is away: it says so and goes on serving.`,
		Example: "  dialtree health\n  HEALTHCHECK CMD [\"/dialtree\", \"health\"]",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(c.Context(), 5*time.Second)
			defer cancel()
			client, err := e.client()
			if err != nil {
				return err
			}
			status, err := client.Status(ctx)
			if err != nil {
				return err
			}
			if r := status.Ready; !r.Ready {
				return fmt.Errorf("not ready: store: %s; listeners: %s", terminal.Printable(r.Store), terminal.Printable(r.Listeners))
			}
			text := "ready"
			if changes := status.Ready.Changes; changes != "ok" && changes != "" {
				text += ": " + terminal.Printable(changes)
			}
			_, err = fmt.Fprintln(e.stdout, text)
			return err
		},
	}
}
