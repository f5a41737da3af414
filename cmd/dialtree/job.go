package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/terminal"
)

func newJobCommand(e *env) *cobra.Command {
	return group("job", "See and end runs in the background of the server", newJobListCommand(e), newJobCancelCommand(e))
}

func newJobListCommand(e *env) *cobra.Command {
	return newListCommand(e, lister[admin.Job]{
		command: cobra.Command{
			Use:     "list",
			Short:   "List the runs that are under way or ended lately",
			Example: "  dialtree job list\n  dialtree job list -o json",
			Args:    cobra.NoArgs,
		},
		header: []string{"JOB", "CONNECTOR", "STATE", "STARTED", "BY", "PROGRESS"},
		row: func(j admin.Job) []any {
			return []any{j.ID, j.Connector, jobState(&j), j.Started, j.By, jobProgress(&j)}
		},
		fetch: func(ctx context.Context, client *admin.Client, _ []string) ([]admin.Job, error) {
			return client.Jobs(ctx)
		},
	})
}

// jobState is the result of a job's run, or that it is under way.
func jobState(j *admin.Job) string {
	switch {
	case !j.Done && j.Node != "":
		return "running on node " + j.Node
	case !j.Done:
		return "running"
	case j.Report != nil:
		return string(j.Report.Run.Result)
	}
	return "failed"
}

func jobProgress(j *admin.Job) string {
	switch {
	case j.Problem != nil:
		return j.Problem.Error()
	case j.Report != nil:
		r := &j.Report.Run
		return fmt.Sprintf("%d created, %d updated, %d removed, %d rejected", r.Created, r.Updated, r.Removed, r.Rejected)
	}
	return j.Progress.Phase + " " + counts(j.Progress, 0)
}

func newJobCancelCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use:               "cancel JOB",
		Short:             "End a run: nothing of it is applied, unless that was done already",
		Example:           "  dialtree job list\n  dialtree job cancel staff-1",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeFirst(e, jobNames),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := e.client()
			if err != nil {
				return err
			}
			if err := client.CancelJob(c.Context(), args[0]); err != nil {
				return err
			}
			fmt.Fprintf(e.stdout, "cancelled job %s\n", terminal.Printable(args[0]))
			return nil
		},
	}
}
