package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/terminal"
	"github.com/dialtree/dialtree/store"
)

func newCheckCommand(e *env) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "check",
		Short: "Check that the store keeps every rule it must keep",
		Long: `Check reads the whole store: owners exist, indexes agree, names are unique. It asks
the running server, or opens the store itself when none runs. Exit code 1: something
is wrong.`,
		Example: "  dialtree check\n  dialtree check --data-dir /var/lib/dialtree -o json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			dir, err := e.directory()
			if err != nil {
				return err
			}
			problems, err := admin.NewClient(socketPath(dir)).Check(c.Context())
			if notRunning(err) {
				problems, err = checkOffline(c.Context(), dir)
			}
			if err != nil {
				return err
			}
			if isData(output) {
				err = writeData(e.stdout, output, admin.CheckResult{Problems: problems})
			} else {
				writeProblems(e, dir, problems)
			}
			if err == nil && len(problems) > 0 {
				err = errFailed
			}
			return err
		},
	}
	outputFlag(c, &output, "text", "json", "yaml")
	return c
}

func checkOffline(ctx context.Context, dir string) ([]string, error) {
	st, err := store.Open(ctx, store.Options{Dir: dir, ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer st.Close()
	found, err := st.Check(ctx)
	problems := []string{}
	for _, p := range found {
		problems = append(problems, p.String())
	}
	return problems, err
}

func writeProblems(e *env, dir string, problems []string) {
	if len(problems) == 0 {
		fmt.Fprintf(e.stdout, "the store in %s is sound\n", dir)
		return
	}
	for _, p := range problems {
		fmt.Fprintln(e.stdout, terminal.Printable(p))
	}
	fmt.Fprintf(e.stdout, "%s found: restore a backup with `dialtree restore FILE`, and keep this store for whoever looks into it\n", count(len(problems), "problem"))
}

// refuseRunning is an error when a server runs for the data directory.
func refuseRunning(ctx context.Context, dir string) error {
	status, err := admin.NewClient(socketPath(dir)).Status(ctx)
	if notRunning(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("dialtree runs for data directory %s (process %d): stop it first", dir, status.PID)
}
